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
from loyalty.chains.triggers_common import Place, standing
from loyalty.chains.triggers_days import calendar_moments
from loyalty.chains.triggers_expiry import next_expiring
from loyalty.chains.triggers_progress import Progress, all_progress
from loyalty.chains.triggers_replenish import paces
from loyalty.customers import customer
from loyalty.receipts import customer_stats

MORNING = time(9)
"""Business time at which what has no moment of its own is looked at: before the day's words."""

_HOUR = timedelta(hours=1)
_YEARS_AHEAD = timedelta(days=800)


def next_planned(session: Session, *, now: datetime, time_zone: str) -> datetime | None:
    """The next moment after ``now`` at which the planner may find somebody, if there is one.

    Silences are gathered to the full hour, days to the midnights of the zones, goods that run
    out and segments to the morning: however many customers there are, the moments of a day stay
    few. A start keeps its own moment.
    """
    place = Place(session, now, time_zone)
    known = all_progress(session)
    moments = [
        _next(place, item, known.get(item.id)) for item in all_chains(session) if item.enabled
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def _next(place: Place, item: Chain, progress: Progress | None) -> datetime | None:
    trigger = item.definition.trigger
    if isinstance(trigger, ExpiryTrigger):
        return next_expiring(place, item)
    if isinstance(trigger, DateTrigger):
        return _next_midnight(place, trigger, progress)
    if isinstance(trigger, SilenceTrigger):
        return _next_silence(place, trigger)
    if isinstance(trigger, ReplenishTrigger):
        return _next_morning(place) if paces(place, item) else None
    if isinstance(trigger, SegmentTrigger):
        return _next_morning(place)
    if isinstance(trigger, CalendarTrigger):
        return _next_day(place, trigger)
    return None


def _next_midnight(
    place: Place, trigger: DateTrigger, progress: Progress | None
) -> datetime | None:
    column = {"birthday": customer.c.birth_day, "joined": customer.c.joined_at}.get(
        trigger.field, customer.c.fields
    )
    anybody = sa.select(customer.c.id).where(*standing(), column.is_not(None)).limit(1)
    if place.session.execute(anybody).first() is None:
        return None
    found = []
    for zone in place.outlet_zones | (progress.zones if progress is not None else frozenset()):
        try:
            tomorrow = clock.local_date(place.now, zone) + timedelta(days=1)
        except ValueError:
            continue  # no such zone any more: its people live by the business's
        found.append(clock.start_of_day(tomorrow, zone))
    return min(found)


def _next_silence(place: Place, trigger: SilenceTrigger) -> datetime | None:
    length = timedelta(days=trigger.days)
    query = (
        sa.select(sa.func.min(customer_stats.c.last_purchase_at))
        .join(customer, customer.c.id == customer_stats.c.customer_id)
        .where(
            customer_stats.c.last_purchase_at > place.now - length,
            customer_stats.c.orders > 0,
            *standing(),
        )
    )
    last = place.session.execute(query).scalar_one()
    if last is None:
        return None
    due = last + length
    full = due.replace(minute=0, second=0, microsecond=0)
    return full if full >= due else full + _HOUR


def _next_morning(place: Place) -> datetime:
    today = clock.local_date(place.now, place.time_zone)
    moment = clock.local_instant(today, MORNING, place.time_zone)
    if moment > place.now:
        return moment
    return clock.local_instant(today + timedelta(days=1), MORNING, place.time_zone)


def _next_day(place: Place, trigger: CalendarTrigger) -> datetime | None:
    moments = calendar_moments(
        trigger, after=place.now, until=place.now + _YEARS_AHEAD, time_zone=place.time_zone
    )
    return min((moment for _, moment in moments), default=None)
