"""When somebody may next start a chain, for a clock that is moved from one due moment to the
next. What comes is planned late as well as in time, so a few moments a day are enough."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.chains.model import (
    CalendarTrigger,
    DateTrigger,
    ExpiryTrigger,
    ReplenishTrigger,
    SegmentTrigger,
    SilenceTrigger,
)
from loyalty.chains.store import Chain, all_chains
from loyalty.chains.triggers_common import Place, Window, standing
from loyalty.chains.triggers_days import calendar_moments, date_starts
from loyalty.chains.triggers_expiry import next_expiring
from loyalty.chains.triggers_replenish import paces
from loyalty.chains.triggers_segment import coming_starts
from loyalty.customers import customer
from loyalty.db.types import UtcDateTime
from loyalty.errors import SegmentInvalid
from loyalty.receipts import customer_stats

MORNING = time(9)
"""Business time at which what has no moment of its own is looked at: before the day's words."""

_HOUR = timedelta(hours=1)
_YEARS_AHEAD = timedelta(days=800)
_AHEAD = timedelta(days=8)
_MORNINGS = 3


def next_planned(session: Session, *, now: datetime, time_zone: str) -> datetime | None:
    """The next moment after ``now`` at which the planner may find somebody, if there is one.

    Silences are gathered to the full hour, goods that run out and segments to the morning, and
    days begin at the midnights of the zones: however many customers there are, the moments of a
    day stay few. A start keeps its own moment.
    """
    place = Place(session, now, time_zone)
    moments = [_next(place, item) for item in all_chains(session) if item.enabled]
    return min((moment for moment in moments if moment is not None), default=None)


def _next(place: Place, item: Chain) -> datetime | None:
    trigger = item.definition.trigger
    if isinstance(trigger, ExpiryTrigger):
        return next_expiring(place, item)
    if isinstance(trigger, DateTrigger):
        return _next_own_day(place, item)
    if isinstance(trigger, SilenceTrigger):
        return _next_silence(place, trigger)
    if isinstance(trigger, ReplenishTrigger):
        return _next_morning(place, place.now) if paces(place, item) else None
    if isinstance(trigger, SegmentTrigger):
        try:
            return _next_coming(place, item)
        except SegmentInvalid:
            return None
    if isinstance(trigger, CalendarTrigger):
        return _next_day(place, trigger)
    return None


def _next_own_day(place: Place, item: Chain) -> datetime | None:
    trigger = item.definition.trigger
    assert isinstance(trigger, DateTrigger)
    column = {"birthday": customer.c.birth_day, "joined": customer.c.joined_at}.get(
        trigger.field, customer.c.fields
    )
    anybody = sa.select(customer.c.id).where(*standing(), column.is_not(None)).limit(1)
    if place.session.execute(anybody).first() is None:
        return None
    until = place.now + _AHEAD
    query = date_starts(place, item, Window(place.now, until))
    if query is None:
        return until
    starts = query.subquery("starts")
    first: datetime | None = place.session.execute(
        sa.select(sa.type_coerce(sa.func.min(starts.c.starts_at), UtcDateTime))
    ).scalar_one()
    return until if first is None else first


def _next_coming(place: Place, item: Chain) -> datetime:
    """The first morning by which somebody will have come into the segment; one is looked at
    anyway when the mornings that were asked about are over."""
    moment = _next_morning(place, place.now)
    for _ in range(_MORNINGS):
        there = Place(place.session, place.now, place.time_zone, moment)
        if place.session.execute(coming_starts(there, item, moment).limit(1)).first() is not None:
            break
        moment = _next_morning(place, moment)
    return moment


def _next_silence(place: Place, trigger: SilenceTrigger) -> datetime | None:
    length = timedelta(days=trigger.days)
    query = (
        sa.select(sa.func.min(customer_stats.c.last_purchase_at))
        .join(customer, customer.c.id == customer_stats.c.customer_id)
        .where(
            customer_stats.c.last_purchase_at > place.now - length,
            customer_stats.c.orders > 0,
            customer_stats.c.spent > 0,
            *standing(),
        )
    )
    last: datetime | None = place.session.execute(query).scalar_one()
    if last is None:
        return None
    due = last + length
    full = due.replace(minute=0, second=0, microsecond=0)
    return full if full >= due else full + _HOUR


def _next_morning(place: Place, after: datetime) -> datetime:
    today = clock.local_date(after, place.time_zone)
    moment = clock.local_instant(today, MORNING, place.time_zone)
    if moment > after:
        return moment
    return clock.local_instant(today + timedelta(days=1), MORNING, place.time_zone)


def _next_day(place: Place, trigger: CalendarTrigger) -> datetime | None:
    moments = calendar_moments(
        trigger,
        after=place.now,
        until=place.now + _YEARS_AHEAD,
        time_zone=place.time_zone,
        leap_day=place.leap_day,
    )
    return min((moment for _, moment in moments), default=None)
