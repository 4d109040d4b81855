"""Whose points have a last day soon: summed by that day, in the business's zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.chains.model import ExpiryTrigger
from loyalty.chains.store import Chain
from loyalty.chains.tables import enrolment
from loyalty.chains.triggers_common import Place, Relation, Window, enrol, starts_query
from loyalty.customers import customer
from loyalty.db.fast import as_time, fetch, is_postgres
from loyalty.db.types import BigId, UtcDateTime
from loyalty.wallet.tables import lot

# Written out, not bound, so that both databases see the partial index fits.
_LEFT = lot.c.remaining > sa.literal_column("0")

PAGE = 500
"""Customers taken at a time: a unit stays short under live sales."""


def plan_expiring(place: Place, item: Chain, *, pages: int) -> tuple[int, bool]:
    """Enrol customers whose points have a last day soon; how many were new, and whether more are
    waiting.

    Points that came back after a chain had ended for want of any are followed again from where
    it stood. At most ``pages`` pages of customers.
    """
    trigger = item.definition.trigger
    assert isinstance(trigger, ExpiryTrigger)
    session, now = place.session, place.now
    last = clock.local_date(now, place.time_zone) + timedelta(days=trigger.days_before + 1)
    horizon = clock.start_of_day(last, place.time_zone)
    moments = [row[0] for row in fetch(session, _MOMENTS, now, horizon)]
    if not moments:
        return 0, False
    days = [(_last_day(moment, place.time_zone), moment) for moment in moments]
    enrolled, after = 0, (0, "")
    for _ in range(pages):
        found = _near(session, item, days, after)
        fresh = [(row[0], row[1]) for row in found if row[2] is None]
        if fresh:
            enrolled += enrol(session, item, _starting(session, fresh, now))
        _reopen(session, [row[2] for row in found if row[2] is not None], now=now)
        if len(found) < PAGE:
            return enrolled, False
        after = found[-1][0], found[-1][1]
    return enrolled, True


# Straight through the driver: this runs every minute, and finds nothing almost every time.
_MOMENTS = (
    "SELECT DISTINCT expires_at FROM lot"
    " WHERE remaining > 0 AND expires_at > $1 AND expires_at <= $2 ORDER BY expires_at"
)
# A paper card nobody has claimed is followed too: that there was nobody to remind is what its
# points wait for before they may expire.
_NEAR = (
    "SELECT DISTINCT l.customer_id, d.day, e.id FROM {days} JOIN lot l"
    " ON l.remaining > 0 AND l.expires_at = d.expires_at"
    " JOIN customer c ON c.id = l.customer_id AND c.merged_into IS NULL"
    " AND c.status IN ('active', 'anonymous') LEFT JOIN enrolment e"
    " ON e.customer_id = l.customer_id AND e.chain_id = $1 AND e.occurrence = d.day"
    " WHERE (e.id IS NULL OR (e.status = 'exited' AND e.reason = 'points_spent'))"
    " AND (l.customer_id, d.day) > ($3, $4)"
    " ORDER BY l.customer_id, d.day LIMIT $2"
)
_NEAR_POSTGRES = _NEAR.format(
    days="unnest($5::timestamptz[], $6::text[]) AS d(expires_at, day)"
).replace("($3, $4)", "($3::bigint, $4::text)")
_NEAR_SQLITE = _NEAR.format(
    days="(SELECT value ->> 0 AS day, value ->> 1 AS expires_at FROM json_each($5)) AS d"
)


def _last_day(moment: datetime | str, time_zone: str) -> str:
    at = as_time(moment)
    assert at is not None
    return clock.last_valid_day(at, time_zone).isoformat()


def _near(
    session: Session, item: Chain, days: Sequence[tuple[str, Any]], after: tuple[int, str]
) -> Sequence[Sequence[Any]]:
    """A page of those with points that end on these days and whom the chain does not follow:
    customer, day, the enrolment that ended too early (None: there was none)."""
    if is_postgres(session):
        names, moments = [day for day, _ in days], [raw for _, raw in days]
        return fetch(session, _NEAR_POSTGRES, item.id, PAGE, *after, moments, names)
    return fetch(session, _NEAR_SQLITE, item.id, PAGE, *after, list(days))


def _starting(session: Session, fresh: Sequence[tuple[int, str]], now: datetime) -> sa.Select[Any]:
    rows = [
        {"customer_id": customer_id, "occurrence": day, "starts_at": now, "day": day}
        for customer_id, day in fresh
    ]
    columns: dict[str, sa.types.TypeEngine[Any]] = {
        "customer_id": BigId,
        "occurrence": sa.Text(),
        "starts_at": UtcDateTime(),
        "day": sa.Date(),
    }
    found = Relation(columns, rows).of(session, "fresh")
    return starts_query(
        found.c.customer_id,
        occurrence=found.c.occurrence,
        starts_at=found.c.starts_at,
        day=found.c.day,
    )


def _reopen(session: Session, ids: Sequence[int], *, now: datetime) -> None:
    if not ids:
        return
    session.execute(
        sa.update(enrolment)
        .where(enrolment.c.id.in_(ids), enrolment.c.status == "exited")
        .values(status="active", reason=None, ended_at=None, due_at=now, arrived_at=None)
    )


def expiry_starts(place: Place, item: Chain, window: Window) -> sa.Select[Any] | None:
    """Who will start within the window, from its day's beginning: for looking ahead."""
    trigger = item.definition.trigger
    assert isinstance(trigger, ExpiryTrigger)
    first = clock.local_date(window.from_, place.time_zone)
    last = clock.local_date(window.until, place.time_zone)
    rows = []
    while first <= last:
        starts_at = clock.start_of_day(first, place.time_zone)
        day = first + timedelta(days=trigger.days_before)
        if window.has(starts_at):
            rows.append(_ends_on(day, starts_at, place.time_zone))
        first += timedelta(days=1)
    if not rows:
        return None
    columns: dict[str, sa.types.TypeEngine[Any]] = {
        "occurrence": sa.Text(),
        "starts_at": UtcDateTime(),
        "day": sa.Date(),
        "low": UtcDateTime(),
        "high": UtcDateTime(),
    }
    found = Relation(columns, rows).of(place.session, "days")
    return (
        starts_query(
            lot.c.customer_id,
            occurrence=found.c.occurrence,
            starts_at=found.c.starts_at,
            day=found.c.day,
        )
        .select_from(found)
        .join(
            lot,
            sa.and_(lot.c.expires_at > found.c.low, lot.c.expires_at <= found.c.high, _LEFT),
        )
        .join(customer, customer.c.id == lot.c.customer_id)
        .where(
            customer.c.merged_into.is_(None),
            customer.c.status.in_(("active", "anonymous")),
            *window.of(lot.c.customer_id),
        )
        .distinct()
    )


def _ends_on(day: date, starts_at: datetime, time_zone: str) -> dict[str, Any]:
    return {
        "occurrence": day.isoformat(),
        "starts_at": starts_at,
        "day": day,
        "low": clock.start_of_day(day, time_zone),
        "high": clock.start_of_day(day + timedelta(days=1), time_zone),
    }


def next_expiring(place: Place, item: Chain) -> datetime | None:
    """When points next come near enough to their last day to be planned."""
    trigger = item.definition.trigger
    assert isinstance(trigger, ExpiryTrigger)
    last = clock.local_date(place.now, place.time_zone) + timedelta(days=trigger.days_before + 1)
    query = sa.select(sa.func.min(lot.c.expires_at)).where(
        _LEFT, lot.c.expires_at > clock.start_of_day(last, place.time_zone)
    )
    expires_at = place.session.execute(query).scalar_one()
    if expires_at is None:
        return None
    day = clock.last_valid_day(expires_at, place.time_zone)
    return clock.start_of_day(day - timedelta(days=trigger.days_before), place.time_zone)
