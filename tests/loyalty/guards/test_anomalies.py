"""What looks odd is flagged once a day, with opaque ids, and never refuses anything."""

from __future__ import annotations

import asyncio
import re
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import errors, guards, purchases
from loyalty.events import event
from loyalty.guards import Anomaly
from loyalty.ids import new_id
from loyalty.purchases import Receipt
from loyalty.staff import staff
from tests.world import ZONE, World

TODAY = date(2026, 3, 2)


async def sweep(world: World) -> int:
    return await world.db.transact(lambda s: guards.sweep(s, now=world.now, time_zone=ZONE))


async def flags(world: World, **options: Any) -> list[Anomaly]:
    return await world.db.read(lambda s: guards.listing(s, **options))


async def kinds(world: World) -> dict[str, tuple[str, int]]:
    return {flag.kind: (flag.subject, flag.count) for flag in await flags(world)}


async def cashier(world: World) -> int:
    """Another cashier."""
    staff_id = new_id()
    row = {
        "id": staff_id,
        "name": f"C{staff_id}",
        "role": "cashier",
        "outlet_id": world.outlet_id,
        "created_at": world.now,
    }
    await world.db.transact(lambda s: s.execute(sa.insert(staff).values(row)) and None)
    return staff_id


async def sales(world: World, who: int | None, count: int, **options: Any) -> None:
    for _ in range(count):
        await world.sell(who, 100_00, **options)


async def test_many_sales_of_one_card(world: World) -> None:
    anna, boris = await world.customer(), await world.customer()
    for n in range(10):
        by = await cashier(world) if n % 3 == 0 else world.staff_id
        await sales(world, anna, 1, staff_id=by)
        by = await cashier(world)
        await sales(world, boris, int(n < 9), staff_id=by)
    found = [flag for flag in await _swept(world) if flag.kind == "card_sales"]
    assert [(flag.subject, flag.count, flag.day) for flag in found] == [
        (f"customer:{anna}", 10, TODAY)
    ]


async def _swept(world: World) -> list[Anomaly]:
    await sweep(world)
    return await flags(world)


async def test_many_sales_of_one_cashier_within_any_hour(world: World) -> None:
    await world.set_program(guards={"cashier_sales_per_hour_flag": 4})
    slow = await cashier(world)
    # 30 minutes apart over the stroke of the hour: never four in an hour.
    world.now += timedelta(minutes=40)
    for n in range(4):
        await sales(world, None, 1)
        if n < 3:
            await sales(world, None, 1, staff_id=slow)
        world.pass_time(minutes=18)
    await sales(world, None, 1, staff_id=slow)
    assert await sweep(world) == 1
    assert await kinds(world) == {"cashier_sales": (f"staff:{world.staff_id}", 4)}


async def test_an_hour_ends_after_sixty_minutes(world: World) -> None:
    await world.set_program(guards={"cashier_sales_per_hour_flag": 2})
    await sales(world, None, 1)
    world.pass_time(hours=1)
    await sales(world, None, 1)
    assert await sweep(world) == 0
    world.pass_time(minutes=59, seconds=59)
    await sales(world, None, 1)
    assert await sweep(world) == 1


async def test_one_cashier_and_one_card(world: World) -> None:
    anna = await world.customer()
    await sales(world, anna, 3)
    await sales(world, anna, 2, staff_id=await cashier(world))
    assert await sweep(world) == 0
    await sales(world, anna, 1)
    assert await sweep(world) == 1
    subject = f"staff:{world.staff_id}/customer:{anna}"
    assert await kinds(world) == {"cashier_one_card": (subject, 4)}
    assert len(subject) <= 64


async def test_points_spent_through_a_till_without_a_receipt(world: World) -> None:
    anna = await world.customer(points=500)
    key: dict[str, Any] = {"actor": "key:77", "staff_id": None}
    await world.sell(anna, 100_00, redeem=10)  # a cashier in the bot types no number
    await world.sell(anna, 100_00, **key)  # nothing was spent
    numbered = Receipt(
        sold_at=world.now,
        lines=Receipt.of_sum(100_00, sold_at=world.now).lines,
        number="A-1",
    )
    await world.sell(anna, numbered, redeem=10, **key)
    assert await sweep(world) == 0
    await world.sell(anna, 100_00, redeem=10, **key)
    await world.sell(anna, 100_00, redeem=10, **key)
    await sweep(world)
    assert (await kinds(world))["redemption_without_receipt"] == ("key:77", 2)


async def take_back(world: World, purchase_id: int, *, key: str) -> None:
    """A return by a cashier of the tests."""
    await world.db.transact(
        lambda s: (
            purchases.record_return(
                s, purchase_id=purchase_id, lines=None, actor="staff:5", now=world.now, key=key
            )
            and None
        )
    )


async def test_many_returns_by_one_cashier(world: World) -> None:
    for n in range(5):
        made = await world.sell(None, 100_00, staff_id=await cashier(world))
        await take_back(world, made.purchase_id, key=str(n))
        assert await sweep(world) == (n == 4)
    assert await kinds(world) == {"cashier_returns": ("staff:5", 5)}


async def test_a_flag_comes_once_a_day_and_its_count_grows(world: World) -> None:
    anna = await world.customer()
    await sales(world, anna, 4)
    assert sum(await asyncio.gather(*(sweep(world) for _ in range(4)))) == 1
    await sales(world, anna, 2)
    assert await sweep(world) == 0
    assert [flag.count for flag in await flags(world)] == [6]
    world.pass_time(days=1)
    await sales(world, anna, 4)
    assert await sweep(world) == 1
    assert [(flag.day, flag.count) for flag in await flags(world)] == [
        (TODAY + timedelta(days=1), 4),
        (TODAY, 6),
    ]
    query = sa.select(event).where(event.c.type == "anomaly.flagged").order_by(event.c.id)
    told = await world.db.read(lambda s: s.execute(query).all())
    assert [row.customer_id for row in told] == [anna, anna]
    # Opaque ids only: letters of kinds, digits, nothing that a person is called.
    for row in told:
        assert set(row.data) == {"anomaly_id", "kind", "subject", "day", "count"}
        assert re.fullmatch(r"staff:\d+/customer:\d+", row.data["subject"])


async def test_the_last_sales_of_a_day_are_seen_the_day_after(world: World) -> None:
    anna = await world.customer()
    assert await due(world) is None
    world.now += timedelta(hours=11, minutes=59)  # 23:59 in Moscow
    await sales(world, anna, 4)
    midnight = world.now + timedelta(minutes=1)
    assert await due(world) == midnight
    world.now = midnight
    assert await sweep(world) == 1
    assert (await flags(world))[0].day == TODAY
    assert await due(world) is None


async def due(world: World) -> Any:
    return await world.db.read(lambda s: guards.next_due(s, now=world.now, time_zone=ZONE))


async def test_history_that_was_imported_is_not_odd(world: World) -> None:
    anna = await world.customer()
    await sales(world, anna, 12, source="import")
    assert await sweep(world) == 0


async def test_somebody_looks_and_it_is_noted(world: World) -> None:
    anna = await world.customer()
    await sales(world, anna, 4)
    await sweep(world)
    (flag,) = await flags(world, unseen=True)

    async def seen(anomaly_id: int) -> bool:
        return await world.db.transact(
            lambda s: guards.mark_seen(s, anomaly_id=anomaly_id, actor="staff:1", now=world.now)
        )

    assert await seen(flag.id)
    assert not await seen(flag.id)
    assert await flags(world, unseen=True) == []
    assert (await flags(world))[0].seen_by == "staff:1"
    assert await flags(world, before=flag.id) == []
    with pytest.raises(errors.AnomalyNotFound):
        await seen(1)
