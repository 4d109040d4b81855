"""Whole sales racing on real connections: codes, cards, stamps and returns, to the last unit."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import stamps, vouchers
from loyalty.db import Database
from loyalty.errors import DatabaseBusy, DomainError
from loyalty.events import event
from loyalty.program import AmountOff, LocalText
from loyalty.purchases import Line, Receipt
from loyalty.receipts import customer_day, customer_stats, purchase
from tests.world import START, World

NAME = LocalText(ru="Код", en="Code")


@pytest.fixture
async def tills(world: World) -> AsyncIterator[list[World]]:
    """Five tills, each with connections of its own."""
    opened = [replace(world, db=Database(world.db.url)) for _ in range(5)]
    yield opened
    for till in opened:
        await till.db.close()


def coffee(n: int = 1) -> Receipt:
    """A receipt of ``n`` coffees for 200.00 each."""
    cup = Line(category="coffee", amount=n * 200_00, price=200_00, quantity_milli=n * 1000)
    return Receipt(sold_at=START, lines=(cup,))


async def promo_code(world: World, code: str, **limits: int) -> int:
    """A shared code that takes 10.00 off; its id."""

    def unit(session: Session) -> int:
        made = vouchers.create(
            session,
            kind="promo_code",
            code=code,
            name=NAME,
            effect=AmountOff(amount=10_00),
            source_kind="staff",
            created_by="staff:1",
            now=world.now,
            combines=True,
            **limits,
        )
        return made.id

    return await world.db.transact(unit)


async def outcome(sale: Awaitable[object]) -> str:
    """``sold``, or the code of the refusal."""
    try:
        await sale
    except DomainError as refusal:
        return refusal.code
    return "sold"


async def test_the_last_use_of_a_code_goes_into_one_of_fifty_sales(
    world: World, tills: list[World]
) -> None:
    await promo_code(world, "LASTONE", total_limit=1)
    people = [await world.customer() for _ in range(50)]
    found = await asyncio.gather(
        *(
            outcome(tills[n % 5].sell(who, coffee(), vouchers=["last one"]))
            for n, who in enumerate(people)
        )
    )
    assert Counter(found) == {"sold": 1, "voucher_used_up": 49}
    sold = sa.select(sa.func.count()).select_from(purchase)
    assert await world.db.read(lambda s: s.execute(sold).scalar_one()) == 1
    assert await world.db.read(vouchers.reconcile) == []


async def test_forty_sales_of_one_customer_give_every_stamp_and_every_point_once(
    world: World, tills: list[World]
) -> None:
    who = await world.customer()
    found = await asyncio.gather(*(tills[n % 5].sell(who, coffee()) for n in range(40)))
    assert sum(sold.earned for sold in found) == 400
    standing = (await world.db.read(lambda s: stamps.standings(s, customer_id=who)))["coffee"]
    assert (standing.cards, standing.stamps) == (10, 0)
    assert sum(len(sold.issued) for sold in found) == 10
    sums = sa.select(customer_stats.c.orders, customer_stats.c.window_spent, customer_day.c.spent)
    query = sums.join(customer_day, customer_day.c.customer_id == customer_stats.c.customer_id)
    assert await world.db.read(lambda s: tuple(s.execute(query).one())) == (40, 8000_00, 8000_00)
    assert await world.faults() == []
    assert await world.db.read(stamps.reconcile) == []


async def test_a_tier_reached_among_racing_sales_is_reached_once_and_counts_at_once(
    world: World, tills: list[World]
) -> None:
    """A sale that waited for the one that reached Silver earns as Silver, and says nothing."""
    who = await world.customer()
    await world.sell(who, coffee(49))  # 200.00 short of Silver
    found = await asyncio.gather(*(tills[n % 5].sell(who, coffee()) for n in range(20)))
    assert sorted(sold.earned for sold in found) == [10] + [14] * 19
    changed = sa.select(sa.func.count()).where(event.c.type == "tier.changed")
    assert await world.db.read(lambda s: s.execute(changed).scalar_one()) == 1
    assert await world.faults() == []


async def test_two_codes_in_either_order_beside_returns_never_lock_each_other_out(
    world: World, tills: list[World]
) -> None:
    """Sales lock an account, then codes by id; returns the same: no circle, no lost sale."""
    await promo_code(world, "FIRST")
    await promo_code(world, "SECOND")
    people = [await world.customer(points=50) for _ in range(4)]
    draw = random.Random(7)

    async def story(till: World) -> Counter[str]:
        told: Counter[str] = Counter()
        for _ in range(8):
            codes = draw.sample(["FIRST", "SECOND"], 2)
            sold = await till.sell(draw.choice(people), coffee(2), vouchers=codes)
            told["sold"] += 1
            if draw.random() < 0.5:
                await till.take_back(sold.purchase_id)
                told["returned"] += 1
        return told

    told = sum(await asyncio.gather(*(story(till) for till in tills)), Counter())
    assert told["sold"] == 40
    codes = vouchers.voucher.c.kind == "promo_code"
    uses = sa.select(vouchers.voucher.c.used).where(codes).order_by(vouchers.voucher.c.id)
    used = await world.db.read(lambda s: list(s.execute(uses).scalars()))
    assert used == [40 - told["returned"]] * 2
    assert await world.faults() == []
    assert await world.db.read(vouchers.reconcile) == []
    assert await world.db.read(stamps.reconcile) == []


async def test_a_refused_sale_is_never_taken_for_a_busy_database(
    world: World, tills: list[World]
) -> None:
    """Retries are for collisions only: a refusal comes at once, and nothing is written."""
    who = await world.customer()
    await promo_code(world, "GONE", total_limit=1)
    await world.sell(who, coffee(), vouchers=["GONE"])
    found = await asyncio.gather(
        *(outcome(till.sell(who, coffee(), vouchers=["GONE"])) for till in tills)
    )
    assert DatabaseBusy.code not in found
    assert set(found) == {"voucher_used_up"}
