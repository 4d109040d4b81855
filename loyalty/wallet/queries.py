"""Questions to the wallet; nothing here locks or writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.errors import CustomerNotFound
from loyalty.wallet.tables import LEFT, OPEN_HOLD, account, entry, hold, lot


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What a customer owns, in points. ``available`` may be spent now; debt is owed by them."""

    available: int
    pending: int
    held: int
    debt: int
    posted: int
    frozen_until: datetime | None
    frozen_reason: str | None


@dataclass(frozen=True, slots=True)
class Expiring:
    """Points that can be spent through ``last_day`` (in the business zone)."""

    last_day: date
    points: int


@dataclass(frozen=True, slots=True)
class Pending:
    """Points that can be spent from ``active_from`` on."""

    active_from: datetime
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """One line of a customer's points history."""

    id: int
    at: datetime
    amount: int
    kind: str
    source_kind: str
    source_id: str
    balance_after: int
    note: str | None


def balance(session: Session, *, customer_id: int, now: datetime) -> Balance:
    """The customer's points at ``now``.

    Raises:
        CustomerNotFound: there is no account.
    """
    spendable = sa.and_(
        lot.c.active_from <= now, sa.or_(lot.c.expires_at.is_(None), lot.c.expires_at > now)
    )
    sums = (
        sa.select(
            sa.func.coalesce(sa.func.sum(lot.c.remaining).filter(spendable), 0).label("active"),
            sa.func.coalesce(sa.func.sum(lot.c.remaining).filter(lot.c.active_from > now), 0).label(
                "pending"
            ),
        )
        .where(lot.c.customer_id == customer_id, LEFT)
        .subquery()
    )
    # One row of sums beside one account row: joined on nothing, and meant so.
    query = (
        sa.select(account, sums.c.active, sums.c.pending)
        .join(sums, sa.true())
        .where(account.c.customer_id == customer_id)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise CustomerNotFound()
    frozen = row.frozen_until is not None and now < row.frozen_until
    return Balance(
        available=max(0, int(row.active) - row.held),
        pending=int(row.pending),
        held=row.held,
        debt=row.debt,
        posted=row.posted,
        frozen_until=row.frozen_until if frozen else None,
        frozen_reason=row.frozen_reason if frozen else None,
    )


def expiring(
    session: Session, *, customer_id: int, now: datetime, time_zone: str
) -> list[Expiring]:
    """Points that will expire, by their last valid day, soonest first."""
    query = (
        sa.select(lot.c.expires_at, sa.func.sum(lot.c.remaining))
        .where(lot.c.customer_id == customer_id, LEFT, lot.c.expires_at > now)
        .group_by(lot.c.expires_at)
        .order_by(lot.c.expires_at)
    )
    days: dict[date, int] = {}
    for expires_at, points in session.execute(query):
        day = clock.last_valid_day(expires_at, time_zone)
        days[day] = days.get(day, 0) + int(points)
    return [Expiring(day, points) for day, points in days.items()]


def pending(session: Session, *, customer_id: int, now: datetime) -> list[Pending]:
    """Points that cannot be spent yet, by when they can, soonest first."""
    query = (
        sa.select(lot.c.active_from, sa.func.sum(lot.c.remaining))
        .where(lot.c.customer_id == customer_id, LEFT, lot.c.active_from > now)
        .group_by(lot.c.active_from)
        .order_by(lot.c.active_from)
    )
    return [Pending(active_from, int(points)) for active_from, points in session.execute(query)]


def history(
    session: Session, *, customer_id: int, before_id: int | None = None, limit: int = 20
) -> Sequence[EntryView]:
    """The customer's entries, newest first; ``before_id`` turns the page."""
    query = (
        sa.select(entry)
        .where(entry.c.customer_id == customer_id)
        .order_by(entry.c.id.desc())
        .limit(limit)
    )
    if before_id is not None:
        query = query.where(entry.c.id < before_id)
    return [
        EntryView(
            id=row.id,
            at=row.at,
            amount=row.amount,
            kind=row.kind,
            source_kind=row.source_kind,
            source_id=row.source_id,
            balance_after=row.balance_after,
            note=row.note,
        )
        for row in session.execute(query)
    ]


def next_due(session: Session, *, now: datetime) -> datetime | None:
    """The next moment after ``now`` at which a lot expires or a hold times out."""
    lots = sa.select(sa.func.min(lot.c.expires_at)).where(LEFT, lot.c.expires_at > now)
    holds = sa.select(sa.func.min(hold.c.expires_at)).where(OPEN_HOLD, hold.c.expires_at > now)
    moments = [session.execute(query).scalar_one() for query in (lots, holds)]
    return min((moment for moment in moments if moment is not None), default=None)
