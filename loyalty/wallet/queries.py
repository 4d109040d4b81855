"""Questions to the wallet; nothing here locks or writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.db.fast import as_time, fetch
from loyalty.errors import CustomerNotFound
from loyalty.wallet.tables import LEFT, OPEN_HOLD, entry, hold, lot


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
    rows = fetch(session, _BALANCE, customer_id, now)
    if not rows:
        raise CustomerNotFound()
    posted, held, debt, until, reason, active, coming = rows[0]
    frozen_until = as_time(until)
    frozen = frozen_until is not None and now < frozen_until
    return Balance(
        available=max(0, int(active) - held),
        pending=int(coming),
        held=held,
        debt=debt,
        posted=posted,
        frozen_until=frozen_until if frozen else None,
        frozen_reason=reason if frozen else None,
    )


# Straight through the driver: every tap, till and panel page asks for these.
_OPEN = "SUM(remaining) FROM lot WHERE customer_id = $1 AND remaining > 0"
_SUM = f"COALESCE((SELECT {_OPEN} AND active_from "
_BALANCE = ", ".join(
    (
        "SELECT posted, held, debt, frozen_until, frozen_reason",
        _SUM + "<= $2 AND (expires_at IS NULL OR expires_at > $2)), 0)",
        _SUM + "> $2), 0) FROM account WHERE customer_id = $1",
    )
)
_EXPIRING = f"SELECT expires_at, {_OPEN} AND expires_at > $2 GROUP BY 1 ORDER BY 1"
_PENDING = f"SELECT active_from, {_OPEN} AND active_from > $2 GROUP BY 1 ORDER BY 1"


def expiring(
    session: Session, *, customer_id: int, now: datetime, time_zone: str
) -> list[Expiring]:
    """Points that will expire, by their last valid day, soonest first."""
    days: dict[date, int] = {}
    for moment, points in fetch(session, _EXPIRING, customer_id, now):
        expires_at = as_time(moment)
        assert expires_at is not None
        day = clock.last_valid_day(expires_at, time_zone)
        days[day] = days.get(day, 0) + int(points)
    return [Expiring(day, points) for day, points in days.items()]


def pending(session: Session, *, customer_id: int, now: datetime) -> list[Pending]:
    """Points that cannot be spent yet, by when they can, soonest first."""
    found = fetch(session, _PENDING, customer_id, now)
    return [Pending(as_time(moment) or now, int(points)) for moment, points in found]


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
