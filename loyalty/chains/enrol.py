"""Who starts a chain: read from events and from the days points expire. May run any number of
times, anywhere, late: an enrolment is once per customer, chain and occurrence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.chains.model import EventTrigger, ExpiryTrigger
from loyalty.chains.store import OVERLAP_IDS, Chain, all_chains
from loyalty.chains.tables import chain_cursor, enrolment
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
    if not starts:
        return {}
    query = sa.select(enrolment.c.customer_id, enrolment.c.occurrence).where(
        enrolment.c.chain_id == item.id,
        enrolment.c.customer_id.in_(sorted({customer_id for customer_id, _ in starts})),
    )
    known = {(row.customer_id, row.occurrence) for row in session.execute(query)}
    return {key: at for key, at in starts.items() if key not in known}


def plan_expiry(session: Session, *, now: datetime, time_zone: str, pages: int = 4) -> int:
    """Enrol customers whose points have a last day soon, summed by that day; how many were new.

    Days are the business's. Points that came back after a chain had ended for want of any are
    followed again from where it stood.
    """
    enrolled = 0
    for item in all_chains(session):
        trigger = item.definition.trigger
        if not item.enabled or not isinstance(trigger, ExpiryTrigger):
            continue
        last = clock.local_date(now, time_zone) + timedelta(days=trigger.days_before + 1)
        horizon = clock.start_of_day(last, time_zone)
        moments = (
            sa.select(lot.c.expires_at)
            .where(_LEFT, lot.c.expires_at > now, lot.c.expires_at <= horizon)
            .distinct()
            .order_by(lot.c.expires_at)
        )
        for expires_at in session.execute(moments).scalars().all():
            day = clock.last_valid_day(expires_at, time_zone)
            enrolled += _enrol_day(session, item, expires_at, day, now=now, pages=pages)
            _reopen(session, item, expires_at, day, now=now)
    return enrolled


def _enrol_day(
    session: Session, item: Chain, expires_at: datetime, day: date, *, now: datetime, pages: int
) -> int:
    occurrence = day.isoformat()
    known = sa.exists().where(
        enrolment.c.chain_id == item.id,
        enrolment.c.customer_id == lot.c.customer_id,
        enrolment.c.occurrence == occurrence,
    )
    query = (
        sa.select(lot.c.customer_id)
        .where(_LEFT, lot.c.expires_at == expires_at, ~known)
        .distinct()
        .order_by(lot.c.customer_id)
        .limit(PAGE)
    )
    enrolled = 0
    for _ in range(pages):
        ids = session.execute(query).scalars().all()
        enrolled += _insert(session, item, {(i, occurrence): now for i in ids}, now=now)
        if len(ids) < PAGE:
            break
    return enrolled


def _reopen(
    session: Session, item: Chain, expires_at: datetime, day: date, *, now: datetime
) -> None:
    back = sa.select(lot.c.customer_id).where(_LEFT, lot.c.expires_at == expires_at)
    session.execute(
        sa.update(enrolment)
        .where(
            enrolment.c.chain_id == item.id,
            enrolment.c.occurrence == day.isoformat(),
            enrolment.c.status == "exited",
            enrolment.c.reason == "points_spent",
            enrolment.c.customer_id.in_(back),
        )
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
