"""Facts about people on their way through chains, for many at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.chains.model import Definition, ExpiryTrigger, Test
from loyalty.feedback import rating
from loyalty.receipts import customer_stats, purchase, purchase_return
from loyalty.staff import outlet
from loyalty.wallet.tables import lot

# Written out, not bound, so that both databases see the partial index fits.
_LEFT = lot.c.remaining > sa.literal_column("0")

DayOf = tuple[int, date]
"""A customer and the last day of some of their points."""


@dataclass(frozen=True, slots=True)
class Bought:
    """What a customer has bought so far."""

    orders: int = 0
    last_at: datetime | None = None


def bought(session: Session, customer_ids: Collection[int]) -> dict[int, Bought]:
    """Purchases of these customers, by customer; those without any are left out."""
    query = sa.select(
        customer_stats.c.customer_id, customer_stats.c.orders, customer_stats.c.last_purchase_at
    ).where(customer_stats.c.customer_id.in_(sorted(set(customer_ids))))
    return {
        # Sums without a purchase are of somebody who has only given something back.
        row.customer_id: Bought(row.orders, row.last_purchase_at if row.orders > 0 else None)
        for row in session.execute(query)
    }


def expiring_on(session: Session, days: Iterable[DayOf], *, time_zone: str) -> dict[DayOf, int]:
    """Points left whose last valid day it is, by customer and day (business zone)."""
    wanted = set(days)
    if not wanted:
        return {}
    first, last = min(day for _, day in wanted), max(day for _, day in wanted)
    query = (
        sa.select(lot.c.customer_id, lot.c.expires_at, sa.func.sum(lot.c.remaining))
        .where(
            lot.c.customer_id.in_(sorted({customer_id for customer_id, _ in wanted})),
            _LEFT,
            lot.c.expires_at > clock.start_of_day(first, time_zone),
            lot.c.expires_at <= clock.start_of_day(last + timedelta(days=1), time_zone),
        )
        .group_by(lot.c.customer_id, lot.c.expires_at)
    )
    found: dict[DayOf, int] = {}
    for customer_id, expires_at, points in session.execute(query):
        key = customer_id, clock.last_valid_day(expires_at, time_zone)
        if key in wanted:
            found[key] = found.get(key, 0) + int(points)
    return found


def note_reminded(
    session: Session, days: Iterable[DayOf], *, now: datetime, time_zone: str
) -> None:
    """Note on the lots that a reminder of their last day was attempted, or rightly left out."""
    by_day: dict[date, list[int]] = {}
    for customer_id, day in set(days):
        by_day.setdefault(day, []).append(customer_id)
    for day, customer_ids in sorted(by_day.items()):
        session.execute(
            sa.update(lot)
            .where(
                lot.c.customer_id.in_(sorted(customer_ids)),
                _LEFT,
                lot.c.reminded_at.is_(None),
                lot.c.expires_at > clock.start_of_day(day, time_zone),
                lot.c.expires_at <= clock.start_of_day(day + timedelta(days=1), time_zone),
            )
            .values(reminded_at=now)
        )


def day_of(definition: Definition, occurrence: str) -> date | None:
    """The day a chain is about; None for chains that are about none."""
    if isinstance(definition.trigger, ExpiryTrigger):
        return date.fromisoformat(occurrence)
    return None


def purchase_of(definition: Definition, occurrence: str) -> int | None:
    """The purchase a chain is about; None for chains that are about none."""
    known = definition.is_about_purchase and occurrence.isascii() and occurrence.isdigit()
    return int(occurrence) if known else None


def become_of(session: Session, purchase_ids: Collection[int]) -> dict[int, frozenset[str]]:
    """What holds for these purchases now: ``purchase_returned`` (all of it, or undone at the
    till), ``purchase_rated``. Those of which neither is true are left out."""
    ids = sorted(set(purchase_ids))
    if not ids:
        return {}
    came_back = sa.select(purchase.c.id).where(
        purchase.c.id.in_(ids), purchase.c.total > 0, purchase.c.returned >= purchase.c.total
    )
    undone = sa.select(purchase_return.c.purchase_id).where(
        purchase_return.c.purchase_id.in_(ids), purchase_return.c.undo == sa.true()
    )
    rated = sa.select(rating.c.purchase_id).where(rating.c.purchase_id.in_(ids))
    found: dict[int, set[str]] = {}
    for query, test in (
        (came_back, "purchase_returned"),
        (undone, "purchase_returned"),
        (rated, "purchase_rated"),
    ):
        for id_ in session.execute(query).scalars():
            found.setdefault(id_, set()).add(test)
    return {id_: frozenset(tests) for id_, tests in found.items()}


def outlet_of(session: Session, purchase_id: int) -> str | None:
    """Where a purchase was made; None if nobody wrote it down."""
    query = (
        sa.select(outlet.c.name)
        .join(purchase, purchase.c.outlet_id == outlet.c.id)
        .where(purchase.c.id == purchase_id)
    )
    return session.execute(query).scalar_one_or_none()


def holds(
    test: Test,
    *,
    purchases: Bought,
    started_at: datetime,
    expiring: int,
    became: frozenset[str] = frozenset(),
) -> bool:
    """Whether a condition or an exit holds for a customer now; ``became`` is what holds for the
    purchase the chain is about."""
    if test in ("purchase_returned", "purchase_rated"):
        return test in became
    if test == "has_bought":
        return purchases.orders > 0
    if test == "bought_since_start":
        return purchases.last_at is not None and purchases.last_at >= started_at
    return expiring == 0
