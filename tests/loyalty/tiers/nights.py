"""Customers with a past, and nights that pass: what the tests of tiers have in common."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, tiers
from loyalty.customers import customer
from loyalty.db import Rows
from loyalty.events import event
from loyalty.receipts import customer_day, customer_stats
from tests.world import ZONE, World

SILVER, GOLD = 10_000_00, 20_000_00


async def spend(world: World, who: int, day: date, amount: int) -> None:
    """Net spend of a business day, in the rollups a sale keeps."""

    def unit(session: Session) -> None:
        at = clock.start_of_day(day, ZONE)
        rows = Rows()
        rows.add(customer_day, {"customer_id": who, "day": day, "orders": 1, "spent": amount})
        rows.add(
            customer_stats,
            {
                "customer_id": who,
                "orders": 1,
                "spent": amount,
                "first_purchase_at": at,
                "last_purchase_at": at,
                "window_spent": amount,
                "window_from": date(2000, 1, 1),
            },
        )
        rows.put(session)

    await world.db.transact(unit)


def night(day: date) -> datetime:
    """When the run of that night begins."""
    return clock.local_instant(day, time(4), ZONE)


async def review(world: World, day: date, **options: Any) -> list[tiers.Reviewed]:
    """The review of one night, all chunks of it."""
    return await walk(world, tiers.review, day, **options)


async def warn(world: World, day: date, **options: Any) -> list[tiers.Warned]:
    """The warning of one night, all chunks of it."""
    return await walk(world, tiers.warn, day, **options)


async def walk(world: World, step: Any, day: date, **options: Any) -> list[Any]:
    """Chunk after chunk until there is none."""
    chunks: list[Any] = []
    position: int | None = 0
    while position is not None:
        after = position
        chunks.append(
            await world.db.transact(
                lambda s: step(s, now=night(day), time_zone=ZONE, after=after, **options)  # noqa: B023
            )
        )
        position = chunks[-1].position
    return chunks


async def pass_nights(world: World, first: date, last: date) -> None:
    """Every night from ``first`` to ``last``: a review, and on its day a warning."""
    day = first
    while day <= last:
        await review(world, day)
        if tiers.last_warning(night(day), ZONE, 30) == night(day):
            await warn(world, day)
        day += timedelta(days=1)


async def tier_of(world: World, who: int) -> str:
    """The customer's tier."""
    query = sa.select(customer.c.tier).where(customer.c.id == who)
    return str(await world.db.read(lambda s: s.execute(query).scalar_one()))


async def happened(world: World, who: int, type_: str) -> list[Any]:
    """Events of that type about the customer, in order."""
    query = (
        sa.select(event)
        .where(event.c.customer_id == who, event.c.type == type_)
        .order_by(event.c.id)
    )
    return list(await world.db.read(lambda s: s.execute(query).all()))
