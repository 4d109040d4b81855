"""One guest's card in many hands at once: claimed, undone, returned and sold to, it adds up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import enrolment, staff
from loyalty.customers import Identified, customer
from loyalty.errors import DomainError
from loyalty.purchases import PurchaseResult, drafts, undoing
from loyalty.receipts import purchase
from tests.loyalty.test_enrolment import KEYS, claim, is_whole
from tests.world import World, open_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """A small business, on each database."""
    async with open_world(database_url) as opened:
        yield opened


async def ring_up(world: World, customer_id: int, amount: int, key: str) -> PurchaseResult:
    """A sale of the bot's till."""

    def unit(session: Any) -> PurchaseResult:
        person = staff.get(session, world.staff_id)
        who = Identified(customer_id, False, None, "presence")
        draft = drafts.open_draft(
            session, identified=who, staff=person, now=world.now, update_key=key
        )
        drafts.set_amount(session, draft_id=draft.id, staff=person, amount=amount, now=world.now)
        return drafts.confirm(session, draft_id=draft.id, staff=person, now=world.now)

    return await world.db.transact(unit)


async def undo(world: World, purchase_id: int) -> Any:
    """The cashier takes the sale back."""
    return await world.db.transact(
        lambda s: undoing.undo(
            s, purchase_id=purchase_id, staff=staff.get(s, world.staff_id), now=world.now
        )
    )


@pytest.mark.parametrize("seed", range(6))
async def test_whoever_comes_first(world: World, seed: int) -> None:
    one, two = [await world.customer(chat=number, points=10) for number in (1, 2)]
    guest = await world.db.transact(
        lambda s: enrolment.enrol(
            s, pseudonym=None, outlet_id=world.outlet_id, actor="system", now=world.now
        )
    )
    first = (await ring_up(world, guest, 1000_00, "first")).purchase_id
    token = await world.db.read(
        lambda s: enrolment.screen_token(s, keys=KEYS, customer_id=guest, now=world.now)
    )
    assert token is not None
    at_once: list[Awaitable[Any]] = [
        claim(world, token, one),
        claim(world, token, two),
        claim(world, token, one),
        undo(world, first),
        undo(world, first),
        world.take_back(first),
        ring_up(world, guest, 400_00, "second"),
    ]
    random.Random(seed).shuffle(at_once)
    done = await asyncio.gather(*at_once, return_exceptions=True)
    unkind = [one for one in done if isinstance(one, BaseException)]
    assert all(isinstance(one, DomainError) for one in unkind), unkind
    claimed = [one.customer_id for one in done if isinstance(one, enrolment.Claimed)]
    assert len(set(claimed)) == 1, "exactly one of them has it"
    owners = sa.select(purchase.c.customer_id).distinct()
    found = set(await world.db.read(lambda s: s.execute(owners).scalars().all()))
    merged = sa.select(customer.c.merged_into).where(customer.c.id == guest)
    assert await world.db.read(lambda s: s.execute(merged).scalar_one()) == claimed[0]
    assert found == {claimed[0]}, "every sale is its owner's"
    await is_whole(world)
