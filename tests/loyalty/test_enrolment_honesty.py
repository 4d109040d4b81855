"""Claiming a guest's card: it is not for who sold to it, and it counts towards the level."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from loyalty import customers, enrolment
from loyalty.errors import OwnCard
from loyalty.staff import staff
from tests.loyalty.test_enrolment import KEYS, claim, is_whole, join
from tests.world import World, open_world

CASHIER = 555


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """A small business whose cashier has a Telegram account, on each database."""
    async with open_world(database_url) as opened:
        theirs = sa.update(staff).where(staff.c.id == opened.staff_id).values(telegram_id=CASHIER)
        await opened.db.transact(lambda s: s.execute(theirs))
        yield opened


async def guest(world: World, amount: int) -> tuple[int, str]:
    """Somebody new has bought for ``amount``: who, and the token on the till's screen."""
    who = await world.db.transact(
        lambda s: enrolment.enrol(
            s, pseudonym=None, outlet_id=world.outlet_id, actor="system", now=world.now
        )
    )
    await world.sell(who, amount, may_redeem=False)
    token = await world.db.read(
        lambda s: enrolment.screen_token(s, keys=KEYS, customer_id=who, now=world.now)
    )
    assert token is not None
    return who, token


async def test_who_rang_it_up_does_not_collect_it(world: World) -> None:
    who, token = await guest(world, 1000000)
    cashier, other = await world.customer(chat=CASHIER), await world.customer(chat=7)
    with pytest.raises(OwnCard):
        await claim(world, token, cashier)
    assert (await world.balance(cashier)).pending == 0
    assert (await claim(world, token, other)).points == 500
    assert (await world.balance(who)).pending == 0
    await is_whole(world)


async def test_nor_does_a_cashier_join_by_it(world: World) -> None:
    who, _token = await guest(world, 100000)
    joined = await join(world, CASHIER, who)
    assert (joined.by_card, joined.created) == (False, True)
    assert joined.customer_id != who
    stranger = await join(world, 8, who)
    assert (stranger.by_card, stranger.customer_id) == (True, who)


async def test_what_was_bought_lifts_the_member_at_once(world: World) -> None:
    _who, token = await guest(world, 1500000)
    member = await world.customer(chat=7)
    await world.sell(member, 600000)
    await claim(world, token, member)
    person = await world.db.read(lambda s: customers.get(s, member))
    assert person.tier == "gold", "15 000 of the card and 6 000 of their own"
    assert (await claim(world, token, member)).already
    await is_whole(world)
