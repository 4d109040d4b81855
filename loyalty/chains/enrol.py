"""Who starts a chain: read from events and from the days points expire. May run any number of
times, anywhere, late: an enrolment is once per customer, chain and occurrence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.chains.model import EventTrigger, ExpiryTrigger
from loyalty.chains.store import OVERLAP_IDS, Chain, all_chains
from loyalty.chains.tables import chain_cursor, enrolment
from loyalty.customers import customer
from loyalty.db.fast import as_time, fetch, is_postgres
from loyalty.events import event
from loyalty.ids import new_id
from loyalty.messaging.outbox import insert_new
from loyalty.wallet.tables import lot

# Written out, not bound, so that both databases see the partial index fits.
_LEFT = lot.c.remaining > sa.literal_column("0")

PAGE = 500
"""Events or customers taken at a time: a unit stays short under live sales."""


def enrol_from_events(session: Session, *, now: datetime, pages: int = 4) -> int:
    """Enrol customers whose events start a chain; how many were new.

    Reads on from each chain's cursor, at most ``pages`` pages of it, and looks again at the
    last two minutes: ids grow with the clock of the process that drew them, and a row may be
    committed after a later one was read.
    """
    enrolled = 0
    for item in all_chains(session):
        if item.enabled and isinstance(item.definition.trigger, EventTrigger):
            enrolled += _follow(session, item, now=now, pages=pages)
    return enrolled


def _follow(session: Session, item: Chain, *, now: datetime, pages: int) -> int:
    trigger = item.definition.trigger
    assert isinstance(trigger, EventTrigger)
    query = sa.select(chain_cursor.c.last_event_id).where(chain_cursor.c.chain_id == item.id)
    cursor = session.execute(query).scalar_one_or_none() or 0
    fresh = cursor
    position = min(cursor, max(cursor - OVERLAP_IDS, new_id() - 2 * OVERLAP_IDS))
    enrolled, read = 0, 0
    while read < pages:
        page = _events_after(session, trigger.event, position)
        if not page:
            break
        enrolled += _enrol(session, item, trigger, page, now=now)
        position = page[-1].id
        # Looking back over the overlap does not use up the pages for what is new.
        read += position > fresh
        if len(page) < PAGE:
            break
    if position > fresh:
        values = {"last_event_id": position}
        done = session.execute(
            sa.update(chain_cursor).where(chain_cursor.c.chain_id == item.id).values(**values)
        )
        if not done.rowcount:  # type: ignore[attr-defined]
            session.execute(sa.insert(chain_cursor).values(chain_id=item.id, **values))
    return enrolled


def _events_after(session: Session, type_: str, position: int) -> Sequence[Any]:
    query = (
        sa.select(event.c.id, event.c.at, event.c.customer_id, event.c.data)
        .where(event.c.type == type_, event.c.id > position)
        .order_by(event.c.id)
        .limit(PAGE)
    )
    return session.execute(query).all()


def _enrol(
    session: Session,
    item: Chain,
    trigger: EventTrigger,
    page: Sequence[Any],
    *,
    now: datetime,
) -> int:
    since = item.enabled_at or now
    starts: dict[tuple[int, str], datetime] = {}
    for row in page:
        if row.customer_id is None or row.at < since:
            continue
        occurrence = "once"
        if trigger.occurrence == "purchase":
            occurrence = str(row.data.get("purchase_id", row.id))
        starts.setdefault((row.customer_id, occurrence), row.at)
    return _insert(session, item, starts, now=now)


def _insert(
    session: Session, item: Chain, starts: dict[tuple[int, str], datetime], *, now: datetime
) -> int:
    """New enrolments at the first step, due when they started."""
    rows = [
        {
            "id": new_id(),
            "chain_id": item.id,
            "chain_version_id": item.version_id,
            "customer_id": customer_id,
            "occurrence": occurrence,
            "step": 0,
            "status": "active",
            "due_at": at,
            "enrolled_at": min(at, now),
        }
        for (customer_id, occurrence), at in _unknown(session, item, starts).items()
    ]
    return len(insert_new(session, enrolment, rows))


def _unknown(
    session: Session, item: Chain, starts: dict[tuple[int, str], datetime]
) -> dict[tuple[int, str], datetime]:
    """Those of them that the chain does not know yet and that somebody stands behind."""
    if not starts:
        return {}
    query = sa.select(enrolment.c.customer_id, enrolment.c.occurrence).where(
        enrolment.c.chain_id == item.id,
        enrolment.c.customer_id.in_(sorted({customer_id for customer_id, _ in starts})),
    )
    known = {(row.customer_id, row.occurrence) for row in session.execute(query)}
    fresh = {key: at for key, at in starts.items() if key not in known}
    if not fresh:
        return {}
    # A claimed paper card is nobody to write to: its owner is a customer of their own.
    claimed = sa.select(customer.c.id).where(
        customer.c.id.in_(sorted({customer_id for customer_id, _ in fresh})),
        customer.c.merged_into.is_not(None),
    )
    gone = set(session.execute(claimed).scalars())
    return {key: at for key, at in fresh.items() if key[0] not in gone}


def plan_expiry(session: Session, *, now: datetime, time_zone: str, pages: int = 8) -> int:
    """Enrol customers whose points have a last day soon, summed by that day; how many were new.

    Days are the business's. Points that came back after a chain had ended for want of any are
    followed again from where it stood. At most ``pages`` pages of customers a chain; the rest is
    left to the next call.
    """
    enrolled = 0
    for item in all_chains(session):
        trigger = item.definition.trigger
        if not item.enabled or not isinstance(trigger, ExpiryTrigger):
            continue
        last = clock.local_date(now, time_zone) + timedelta(days=trigger.days_before + 1)
        horizon = clock.start_of_day(last, time_zone)
        moments = [row[0] for row in fetch(session, _MOMENTS, now, horizon)]
        if not moments:
            continue
        days = [(_last_day(moment, time_zone), moment) for moment in moments]
        for _ in range(pages):
            fresh, back, more = _near(session, item, days)
            enrolled += _insert(session, item, dict.fromkeys(fresh, now), now=now)
            _reopen(session, back, now=now)
            if not more:
                break
    return enrolled


# Straight through the driver: this runs every minute, and finds nothing almost every time.
_MOMENTS = (
    "SELECT DISTINCT expires_at FROM lot"
    " WHERE remaining > 0 AND expires_at > $1 AND expires_at <= $2 ORDER BY expires_at"
)
_NEAR = (
    "SELECT DISTINCT l.customer_id, d.day, e.id FROM {days} JOIN lot l"
    " ON l.remaining > 0 AND l.expires_at = d.expires_at LEFT JOIN enrolment e"
    " ON e.customer_id = l.customer_id AND e.chain_id = $1 AND e.occurrence = d.day"
    " WHERE e.id IS NULL OR (e.status = 'exited' AND e.reason = 'points_spent')"
    " ORDER BY l.customer_id, d.day LIMIT $2"
)
_NEAR_POSTGRES = _NEAR.format(days="unnest($3::timestamptz[], $4::text[]) AS d(expires_at, day)")
_NEAR_SQLITE = _NEAR.format(
    days="(SELECT value ->> 0 AS day, value ->> 1 AS expires_at FROM json_each($3)) AS d"
)


def _last_day(moment: datetime | str, time_zone: str) -> str:
    at = as_time(moment)
    assert at is not None
    return clock.last_valid_day(at, time_zone).isoformat()


def _near(
    session: Session, item: Chain, days: Sequence[tuple[str, Any]]
) -> tuple[list[tuple[int, str]], list[int], bool]:
    """A page of those with points that end on these days and whom the chain does not follow:
    (customer, day) without an enrolment, enrolments that ended too early, whether it was full."""
    if is_postgres(session):
        names, moments = [day for day, _ in days], [raw for _, raw in days]
        found = fetch(session, _NEAR_POSTGRES, item.id, PAGE, moments, names)
    else:
        found = fetch(session, _NEAR_SQLITE, item.id, PAGE, days)
    fresh = [(row[0], row[1]) for row in found if row[2] is None]
    return fresh, [row[2] for row in found if row[2] is not None], len(found) == PAGE


def _reopen(session: Session, ids: Sequence[int], *, now: datetime) -> None:
    if not ids:
        return
    session.execute(
        sa.update(enrolment)
        .where(enrolment.c.id.in_(ids), enrolment.c.status == "exited")
        .values(status="active", reason=None, ended_at=None, due_at=now)
    )


def next_planned(session: Session, *, now: datetime, time_zone: str) -> datetime | None:
    """When, after ``now``, points next come near enough to their last day to be planned."""
    found: list[datetime] = []
    for item in all_chains(session):
        trigger = item.definition.trigger
        if not item.enabled or not isinstance(trigger, ExpiryTrigger):
            continue
        last = clock.local_date(now, time_zone) + timedelta(days=trigger.days_before + 1)
        query = sa.select(sa.func.min(lot.c.expires_at)).where(
            _LEFT, lot.c.expires_at > clock.start_of_day(last, time_zone)
        )
        expires_at = session.execute(query).scalar_one()
        if expires_at is not None:
            day = clock.last_valid_day(expires_at, time_zone) - timedelta(days=trigger.days_before)
            found.append(clock.start_of_day(day, time_zone))
    return min(found, default=None)
