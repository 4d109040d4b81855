"""Joining through a friend's link and through a receipt; the same links for members."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.app import RunningBot
from loyalty import clock, purchases, referrals, wallet
from loyalty.db import Database
from loyalty.ids import new_id
from loyalty.purchases import Receipt, claims
from loyalty.receipts import purchase
from loyalty.referrals import referral
from loyalty.staff import outlet
from tests.bot.phone import KEYS, Phone, Telegram, running_bot, until
from tests.bot.test_offers import id_of


@pytest.fixture(autouse=True)
def _clock_goes_back() -> object:
    yield
    clock.set_offset(timedelta())


async def joins_by(phone: Phone, payload: str) -> str:
    """Go through joining from that link; the words of the welcome."""
    await phone.send(f"/start {payload}")
    await phone.tap("Agree and join ✅")
    await phone.reads("One last step")
    await phone.share()
    text: str = (await phone.reads("Welcome, "))["text"]
    await phone.tap("ads_no")
    await phone.with_button("card")
    return text.replace("\u00a0", " ")


async def code_of(db: Database, telegram_id: int) -> str:
    """The referral code of the customer in that chat."""
    me = await id_of(db, telegram_id)
    return await db.transact(lambda s: referrals.code_of(s, customer_id=me))


async def sold(
    db: Database, amount: int = 450_00, *, customer_id: int | None = None
) -> tuple[int, str]:
    """A sale, without a card as a rule; its id and the link's payload on the receipt."""
    outlet_id = new_id()

    def unit(session: Session) -> tuple[int, str]:
        now = clock.now()
        place = {"id": outlet_id, "name": f"Shop {outlet_id}", "time_zone": "Europe/Moscow"}
        session.execute(sa.insert(outlet).values(**place, created_at=now))
        result = purchases.record(
            session,
            customer_id=customer_id,
            receipt=Receipt.of_sum(amount, sold_at=now),
            redeem=0,
            may_redeem=False,
            actor="key:1",
            outlet_id=outlet_id,
            staff_id=None,
            source="pos",
            now=now,
            time_zone="Europe/Moscow",
        )
        token, _until = claims.issue(KEYS, purchase_id=result.purchase_id, now=now)
        return result.purchase_id, token

    return await db.transact(unit)


async def owner_of(db: Database, purchase_id: int) -> int | None:
    """Whose purchase it is."""
    query = sa.select(purchase.c.customer_id).where(purchase.c.id == purchase_id)
    return await db.read(lambda s: s.execute(query).scalar_one())


async def brought(db: Database) -> list[tuple[int, int]]:
    """(friend, who brought them) so far."""
    query = sa.select(referral.c.friend_id, referral.c.referrer_id)
    return [tuple(row) for row in await db.read(lambda s: s.execute(query).all())]


async def test_a_friend_joins_by_the_link(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann, bob = await telegram.person(1, first_name="Ann"), await telegram.person(2)
    await ann.joins()
    words = await joins_by(bob, f"r_{await code_of(db, 1)}")
    assert "your first purchase of ₽500 or more brings you 100 points" in words
    assert await brought(db) == [(await id_of(db, 2), await id_of(db, 1))]
    await ann.send("/invite")
    text = (await ann.reads("1 friend came by your link"))["text"]
    assert "no purchase from ₽500 yet" in text
    assert "Guest2" not in text, "a name is its owner's to tell"
    # The friend's own receipt begins the wait.
    bobs = await id_of(db, 2)
    await sold(db, 600_00, customer_id=bobs)
    await ann.send("/invite")
    assert "100 points on" in (await ann.reads("⏳ came on"))["text"]


async def test_codes_that_do_not_count_are_explained(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann, bob = await telegram.person(1, first_name="Ann"), await telegram.person(2)
    carl = await telegram.person(3)
    for phone in (ann, bob, carl):
        await phone.joins()
    await ann.send(f"/start r_{await code_of(db, 1)}")
    await ann.reads("This is your own invitation")
    await bob.send(f"/start r_{await code_of(db, 1)}")
    await bob.reads("You came by a friend's invitation")
    await bob.send(f"/start r_{await code_of(db, 3)}")
    await bob.reads("the first invitation counts")
    await ann.send(f"/start r_{await code_of(db, 2)}")
    await ann.reads("cannot go the other way round")
    await sold(db, customer_id=await id_of(db, 3))
    await carl.send(f"/start r_{await code_of(db, 2)}")
    await carl.reads("we know each other already")
    assert len(await brought(db)) == 1
    assert running.intake.failed == 0


async def test_joining_by_a_receipt_brings_its_points_once(
    telegram: Telegram, db: Database
) -> None:
    dan, eve = await telegram.person(4), await telegram.person(5)
    async with running_bot(db, telegram):
        purchase_id, token = await sold(db)
        await dan.send(f"/start {token}")
        await dan.tap("Agree and join ✅")
        await dan.reads("One last step")
    async with running_bot(db, telegram):
        await dan.share()
        words = (await dan.reads("Welcome, Guest4!"))["text"].replace("\u00a0", " ")
        assert "Your purchase of ₽450 is on the card: 22 points!" in words
        await dan.tap("ads_no")
        await dan.with_button("card")
        assert await owner_of(db, purchase_id) == await id_of(db, 4)
        await dan.send(f"/start {token}")
        await dan.reads("This purchase is on your card already")
        assert "on a card already" in await joins_by(eve, token)
    dans = await id_of(db, 4)
    balance = await db.read(lambda s: wallet.balance(s, customer_id=dans, now=clock.now()))
    assert (balance.available, balance.pending) == (100, 22)
    assert not await db.read(wallet.reconcile)


async def test_a_receipt_too_old_and_one_of_a_member(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann, bob = await telegram.person(1, first_name="Ann"), await telegram.person(2)
    await ann.joins()
    purchase_id, token = await sold(db)
    await ann.send(f"/start {token}")
    await ann.reads("A receipt's link is for new guests")
    clock.set_offset(timedelta(hours=73))
    assert "within three days only" in await joins_by(bob, token)
    assert await owner_of(db, purchase_id) is None


async def test_forged_links_of_members_are_a_plain_start(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann = await telegram.person(1, first_name="Ann")
    await ann.joins()
    await running.idle()
    for payload in ("k_" + "A" * 32, "k_", "r_", "r_NOBODY22", "x_1", "r_" + "z" * 60):
        before = running.handled
        await ann.send(f"/start {payload}")
        await until(lambda n=before: running.handled > n, f"an answer to {payload}")
        assert (await ann.from_bot())[-1]["text"].startswith("You have 100 points")
    await ann.send("/start v_ABCDEF")
    await ann.reads("show it to the cashier")
    assert running.intake.failed == 0
