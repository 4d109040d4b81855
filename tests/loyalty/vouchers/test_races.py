"""Many tills at once, on real connections: exactly as many uses as there are, no more, no less."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import vouchers
from loyalty.db import Database
from loyalty.errors import DomainError
from tests.loyalty.vouchers.helpers import come_back, faults, make, spend, state
from tests.world import World


@pytest.fixture
async def tills(world: World) -> AsyncIterator[list[World]]:
    """Five tills of their own: pools of ten connections (PostgreSQL), writers (SQLite)."""
    opened = [replace(world, db=Database(world.db.url)) for _ in range(5)]
    yield opened
    for till in opened:
        await till.db.close()


async def _tried(till: World, code: str, **how: int) -> str:
    try:
        await spend(till, code, **how)
    except DomainError as refusal:
        return refusal.code
    return "used"


async def test_the_last_use_of_a_promo_code_goes_to_one_of_fifty_tills(
    world: World, tills: list[World]
) -> None:
    made = await make(world, code="LASTONE", total_limit=4)
    for _ in range(3):
        await spend(world, made.code)
    outcomes = await asyncio.gather(*(_tried(tills[n % 5], "lastone") for n in range(50)))
    assert Counter(outcomes) == {"used": 1, "voucher_used_up": 49}
    now = await state(world, made.id)
    assert (now.used, now.status) == (4, "redeemed")
    assert await faults(world) == []


async def test_twenty_tills_spend_a_gift_card_no_further_than_it_goes(
    world: World, tills: list[World]
) -> None:
    made = await make(world, "gift_card", amount=500_00)
    outcomes = await asyncio.gather(
        *(_tried(tills[n % 5], made.code, amount=100_00) for n in range(20))
    )
    assert Counter(outcomes) == {"used": 5, "voucher_empty": 15}
    now = await state(world, made.id)
    assert (now.balance, now.used, now.status) == (0, 5, "redeemed")
    paid = sa.select(sa.func.sum(vouchers.voucher_use.c.amount))
    assert await world.db.read(lambda s: s.execute(paid).scalar_one()) == 500_00
    assert await faults(world) == []


async def test_one_customer_cannot_use_a_code_twice_from_two_tills(
    world: World, tills: list[World]
) -> None:
    ann = await world.customer()
    made = await make(world, customer_limit=1)
    outcomes = await asyncio.gather(
        *(_tried(tills[n % 5], made.code, customer_id=ann) for n in range(10))
    )
    assert Counter(outcomes) == {"used": 1, "voucher_customer_limit": 9}
    assert await faults(world) == []


async def test_uses_and_returns_at_once_lose_nothing(world: World, tills: list[World]) -> None:
    made = await make(world, "gift_card", amount=500_00)
    sold = [await spend(world, made.code, amount=100_00) for _ in range(5)]
    outcomes, _ = await asyncio.gather(
        asyncio.gather(*(_tried(tills[n % 5], made.code, amount=50_00) for n in range(20))),
        asyncio.gather(*(come_back(tills[n], purchase) for n, purchase in enumerate(sold))),
    )
    used = Counter(outcomes)["used"]
    now = await state(world, made.id)
    assert now.balance == 500_00 - used * 50_00
    assert now.used == used
    assert set(outcomes) <= {"used", "voucher_empty"}
    assert await faults(world) == []


async def test_the_database_itself_refuses_a_use_too_many(world: World) -> None:
    made = await make(world, total_limit=1)

    def without_asking(session: Session) -> None:
        session.execute(
            sa.update(vouchers.voucher).where(vouchers.voucher.c.id == made.id).values(used=2)
        )

    with pytest.raises(sa.exc.IntegrityError):
        await world.db.transact(without_asking)
    card = await make(world, "gift_card", amount=100)

    def overspent(session: Session) -> None:
        session.execute(
            sa.update(vouchers.voucher).where(vouchers.voucher.c.id == card.id).values(balance=-1)
        )

    with pytest.raises(sa.exc.IntegrityError):
        await world.db.transact(overspent)
