"""Guests without personal data: enrolled at a till, claimed later, once, whoever is first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import (
    checkup,
    consent,
    customers,
    enrolment,
    joining,
    stamps,
    tokens,
    vouchers,
    wallet,
)
from loyalty.customers import customer
from loyalty.errors import CardBlank, CardTaken, ClaimExpired, CodeInvalid
from loyalty.program import FreeDelivery, LocalText
from loyalty.purchases import Line, Receipt
from loyalty.tokens import Keys
from tests.world import ZONE, World, open_world

KEYS = Keys("a secret for tests that is long enough")


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """A small business, on each database."""
    async with open_world(database_url) as opened:
        yield opened


async def scan(world: World, token: str) -> customers.Identified:
    """A till reads a card's link."""
    return await world.db.transact(
        lambda s: enrolment.identify(
            s,
            keys=KEYS,
            token=f"https://t.me/bot?start=c_{token}",
            outlet_id=world.outlet_id,
            actor="system",
            now=world.now,
        )
    )


async def claim(world: World, token: str, customer_id: int) -> enrolment.Claimed:
    """A member takes the card with their own phone."""
    return await world.db.transact(
        lambda s: enrolment.claim(
            s, keys=KEYS, token=token, customer_id=customer_id, time_zone=ZONE, now=world.now
        )
    )


async def look(world: World, token: str) -> enrolment.Waiting | None:
    """What a stranger's phone is told about the card."""
    return await world.db.read(lambda s: enrolment.look(s, keys=KEYS, token=token, now=world.now))


async def join(world: World, telegram_id: int, card_of: int | None) -> joining.Joined:
    """Somebody new joins, by a paper card."""

    def unit(session: Session) -> joining.Joined:
        consent.ensure_texts(session, now=world.now)
        customers.open_chat(session, telegram_id=telegram_id, language="en", now=world.now)
        return joining.join(
            session,
            keys=KEYS,
            telegram_id=telegram_id,
            phone=f"+7900{telegram_id:07d}",
            name="Ivan",
            agreement=joining.Agreement(version=1, language="en", at=world.now, evidence="test"),
            source=None,
            time_zone=ZONE,
            now=world.now,
            card_of=card_of,
        )

    return await world.db.transact(unit)


async def is_whole(world: World) -> None:
    """Everything adds up."""
    found = await world.db.read(checkup.check)
    assert not found.faults


def blank(world: World) -> str:
    """A printed card."""
    return enrolment.blank(KEYS, now=world.now)[0]


def coffee(world: World, pieces: int) -> Receipt:
    """A receipt of so many coffees for 100 each."""
    line = Line(amount=pieces * 10000, price=10000, quantity_milli=pieces * 1000, category="coffee")
    return Receipt(sold_at=world.now, lines=(line,))


async def test_a_blank_is_unknown_until_a_till_scans_it(world: World):
    token = blank(world)
    with pytest.raises(CardBlank):
        await world.db.read(
            lambda s: customers.identify_token(s, keys=KEYS, token=token, now=world.now)
        )
    first = await scan(world, token)
    assert (first.may_redeem, first.reason) == (False, "stale")
    again = await scan(world, token)
    assert again == first, "the same guest from now on"
    person = await world.db.read(lambda s: customers.get(s, first.customer_id))
    assert (person.status, person.phone, person.name) == ("anonymous", None, None)
    assert person.home_outlet_id == world.outlet_id
    sold = await world.sell(first.customer_id, 100000, may_redeem=False)
    assert sold.earned == 50
    await is_whole(world)


async def test_two_tills_scan_one_blank_at_once(world: World):
    token = blank(world)
    found = await asyncio.gather(*(scan(world, token) for _ in range(6)))
    assert len({one.customer_id for one in found}) == 1
    count = sa.select(sa.func.count()).select_from(customer)
    assert await world.db.read(lambda s: s.execute(count).scalar_one()) == 1


async def test_a_forged_or_revoked_card_is_no_blank(world: World):
    token = blank(world)
    other = tokens.sign_card(
        Keys("somebody else's secret"),
        pseudonym=tokens.new_pseudonym(),
        nonce=tokens.new_nonce(),
        now=world.now,
        kind=tokens.PAPER,
    )
    shown = tokens.sign_card(
        KEYS, pseudonym=tokens.new_pseudonym(), nonce=tokens.new_nonce(), now=world.now
    )
    for bad in (other, shown, token[:-1], "x"):
        with pytest.raises(CodeInvalid):
            await scan(world, bad)
    await scan(world, token)
    close = sa.update(customers.card).values(revoked_at=world.now)
    await world.db.transact(lambda s: s.execute(close) and None)
    with pytest.raises(CodeInvalid):
        await scan(world, token)


async def test_paper_never_spends_not_even_fresh_or_claimed(world: World):
    token = blank(world)
    guest = (await scan(world, token)).customer_id
    joined = await join(world, 11, guest)
    assert (joined.customer_id, joined.by_card, joined.created) == (guest, True, False)
    assert not (await scan(world, token)).may_redeem
    shown = await world.db.transact(
        lambda s: customers.show_card(s, keys=KEYS, customer_id=guest, now=world.now)
    )
    assert (await scan(world, shown.token)).may_redeem, "the bot's card spends"


async def test_a_stranger_becomes_the_cards_customer(world: World):
    token = blank(world)
    guest = (await scan(world, token)).customer_id
    await world.sell(guest, 240000, may_redeem=False)
    assert await look(world, token) == enrolment.Waiting(customer_id=guest, points=120)
    joined = await join(world, 11, guest)
    assert joined.customer_id == guest
    person = await world.db.read(lambda s: customers.get(s, guest))
    assert (person.status, person.phone, person.language) == ("active", "+79000000011", "en")
    assert await look(world, token) is None, "says nothing about its owner"
    owned = await world.balance(guest)
    assert owned.available + owned.pending == 220, "with the welcome"
    await is_whole(world)


async def test_a_member_takes_everything_once(world: World):
    await world.set_program(pending_days=1)
    token = blank(world)
    guest = (await scan(world, token)).customer_id
    sold = await world.sell(guest, coffee(world, 3), may_redeem=False)
    coupon = await world.db.transact(
        lambda s: vouchers.create(
            s,
            kind="coupon",
            name=LocalText(ru="Подарок", en="Gift"),
            effect=FreeDelivery(),
            customer_id=guest,
            source_kind="staff",
            created_by="system",
            now=world.now,
        )
    )
    member = await world.customer(chat=21, points=7)
    before = await world.balance(guest)
    taken = await claim(world, token, member)
    assert (taken.points, taken.stamps, taken.vouchers) == (15, 3, 1)
    assert before.pending == 15
    owned = await world.balance(member)
    assert (owned.available, owned.pending) == (7, 15), "pending stays pending"
    stand = await world.db.read(lambda s: stamps.standings(s, customer_id=member))
    assert stand["coffee"].stamps == 3
    mine = await world.db.read(lambda s: vouchers.mine(s, customer_id=member, now=world.now))
    assert [one.id for one in mine] == [coupon.id]
    assert (await claim(world, token, member)).already
    assert (await scan(world, token)).customer_id == member, "it earns to the member"
    with pytest.raises(CardTaken):
        await claim(world, token, await world.customer(chat=22))
    await is_whole(world)
    back = await world.take_back(sold.purchase_id)
    assert (back.customer_id, back.earned_reversed, back.debt_added) == (member, 15, 0)
    stand = await world.db.read(lambda s: stamps.standings(s, customer_id=member))
    assert stand["coffee"].stamps == 0
    await is_whole(world)


async def test_a_begun_stamp_card_is_filled_by_the_papers(world: World):
    token = blank(world)
    guest, member = (await scan(world, token)).customer_id, await world.customer(chat=21)
    await world.sell(guest, coffee(world, 3), may_redeem=False)
    await world.sell(member, coffee(world, 2))
    await claim(world, token, member)
    stand = await world.db.read(lambda s: stamps.standings(s, customer_id=member))
    assert (stand["coffee"].stamps, stand["coffee"].cards) == (1, 1)
    mine = await world.db.read(lambda s: vouchers.mine(s, customer_id=member, now=world.now))
    assert [one.name.en for one in mine] == ["Free coffee"]
    await is_whole(world)


async def test_debt_comes_along(world: World):
    await world.set_program(pending_days=0)
    token = blank(world)
    guest, member = (await scan(world, token)).customer_id, await world.customer(points=30)
    sold = await world.sell(guest, 100000, may_redeem=False)

    def spend(session: Session) -> None:
        wallet.adjust(
            session, customer_id=guest, points=-40, reason="t", actor="system", key="k",
            now=world.now,
        )  # fmt: skip

    await world.db.transact(spend)
    back = await world.take_back(sold.purchase_id)
    assert back.debt_added == 40
    await claim(world, token, member)
    owned = await world.balance(member)
    assert (owned.available, owned.debt) == (0, 10)
    assert (await world.balance(guest)).debt == 0
    await is_whole(world)


async def test_two_claim_at_once_and_the_first_wins(world: World):
    token = blank(world)
    guest = (await scan(world, token)).customer_id
    await world.sell(guest, 240000, may_redeem=False)
    members = [await world.customer(chat=30 + n) for n in range(4)]
    found = await asyncio.gather(
        *(claim(world, token, one) for one in members), return_exceptions=True
    )
    won = [one for one in found if isinstance(one, enrolment.Claimed)]
    assert [one.points for one in won] == [120]
    assert sum(isinstance(one, CardTaken) for one in found) == 3
    owned = [await world.balance(one) for one in members]
    assert sorted(one.pending for one in owned) == [0, 0, 0, 120]
    await is_whole(world)


async def test_joining_and_claiming_at_once(world: World):
    token = blank(world)
    guest = (await scan(world, token)).customer_id
    await world.sell(guest, 240000, may_redeem=False)
    member = await world.customer(chat=40)
    joined, taken = await asyncio.gather(
        join(world, 41, guest), claim(world, token, member), return_exceptions=True
    )
    assert isinstance(joined, joining.Joined)
    if joined.by_card:
        assert isinstance(taken, CardTaken)
        assert (await world.balance(guest)).pending == 120
    else:
        assert isinstance(taken, enrolment.Claimed)
        assert (await world.balance(member)).pending == 120
        assert joined.customer_id not in (guest, member)
    await is_whole(world)


async def test_sales_while_the_card_is_claimed_lose_nothing(world: World):
    token = blank(world)
    guest, member = (await scan(world, token)).customer_id, await world.customer(chat=50)

    async def sell() -> None:
        from loyalty import purchases

        def unit(session: Session) -> None:
            who = customers.identify_token(session, keys=KEYS, token=token, now=world.now)
            purchases.record(
                session,
                customer_id=who.customer_id,
                receipt=Receipt.of_sum(20000, sold_at=world.now),
                redeem=0,
                may_redeem=False,
                actor="system",
                outlet_id=world.outlet_id,
                staff_id=None,
                source="pos",
                now=world.now,
                time_zone=ZONE,
            )

        await world.db.transact(unit)

    await asyncio.gather(*(sell() for _ in range(4)), claim(world, token, member),
                         *(sell() for _ in range(4)))  # fmt: skip
    assert (await world.balance(member)).pending == 80
    assert (await world.balance(guest)).pending == 0
    await is_whole(world)


async def test_a_card_on_the_tills_screen_waits_three_days(world: World):
    guest = await world.db.transact(
        lambda s: enrolment.enrol(
            s, pseudonym=None, outlet_id=world.outlet_id, actor="system", now=world.now
        )
    )
    await world.sell(guest, 240000, may_redeem=False)
    token = await world.db.read(
        lambda s: enrolment.screen_token(s, keys=KEYS, customer_id=guest, now=world.now)
    )
    assert token is not None
    assert not (await scan(world, token)).may_redeem
    member = await world.customer(chat=60)
    world.now += timedelta(hours=72)
    assert await look(world, token) is None
    with pytest.raises(ClaimExpired):
        await claim(world, token, member)
    world.now -= timedelta(seconds=1)
    assert (await claim(world, token, member)).points == 120
    await is_whole(world)


async def test_a_blank_from_the_stack_becomes_the_members(world: World):
    token = blank(world)
    assert await look(world, token) == enrolment.Waiting(customer_id=None)
    member = await world.customer(chat=70)
    assert (await claim(world, token, member)).points == 0
    assert (await scan(world, token)).customer_id == member
