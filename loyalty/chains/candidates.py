"""Who would start a chain in a window ahead, by the planner's own queries; nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import birthdays, clock
from loyalty.chains.model import (
    CalendarTrigger,
    DateTrigger,
    EventTrigger,
    ExpiryTrigger,
    ReplenishTrigger,
    SegmentTrigger,
    SilenceTrigger,
)
from loyalty.chains.store import Chain
from loyalty.chains.triggers_common import Place, Window, allowed
from loyalty.chains.triggers_days import calendar_moments, calendar_starts, date_starts
from loyalty.chains.triggers_expiry import expiry_starts
from loyalty.chains.triggers_next import MORNING
from loyalty.chains.triggers_replenish import replenish_starts
from loyalty.chains.triggers_segment import coming_starts
from loyalty.chains.triggers_silence import silence_starts

LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who would start: when, by which occurrence, about which day and what else."""

    customer_id: int
    occurrence: str
    starts_at: datetime
    day: date | None
    subject: Mapping[str, Any] | None


def candidates(
    session: Session,
    chain: Chain,
    *,
    from_: datetime,
    until: datetime,
    time_zone: str,
    limit: int = LIMIT,
    among: Collection[int] | None = None,
) -> list[Candidate]:
    """Who would start ``chain`` after ``from_`` up to ``until``, the first to start first.

    What is known now is all that is asked: nobody buys, returns or leaves meanwhile. Who comes
    into a segment is asked once a day of the window. A chain that is started by an event has no
    candidates, unless the calendar brings the event: birthday points. At most ``limit`` of them;
    of these customers only, if ``among`` names any.

    Raises:
        SegmentInvalid: the chain's segment cannot be read.
    """
    if _tells_of_birthday_points(chain):
        given = birthdays.coming(
            session, now=from_, until=until, time_zone=time_zone, limit=limit, among=among
        )
        return [
            Candidate(whose, f"birthday:{day.year}", at, None, None) for whose, day, at in given
        ]
    found: list[Candidate] = []
    seen: set[tuple[int, str]] = set()
    for query in _queries(session, chain, Window.of_some(from_, until, among), time_zone):
        ordered = allowed(session, chain, query).subquery("starting")
        page = (
            sa.select(ordered)
            .order_by(ordered.c.starts_at, ordered.c.customer_id, ordered.c.occurrence)
            .limit(limit)
        )
        if among:
            page = page.where(ordered.c.customer_id.in_(sorted(among)))
        for row in session.execute(page):
            # Of a segment somebody is a candidate once: having come, they are in it.
            whose = "" if isinstance(chain.definition.trigger, SegmentTrigger) else row.occurrence
            if (row.customer_id, whose) not in seen:
                seen.add((row.customer_id, whose))
                found.append(Candidate(*row))
        if len(found) >= limit:
            break
    return found[:limit]


def _tells_of_birthday_points(chain: Chain) -> bool:
    trigger, rules = chain.definition.trigger, chain.definition.re_entry
    if not isinstance(trigger, EventTrigger) or trigger.event != birthdays.GIVEN:
        return False
    # Each is an event of its own; who may come again is only known where everybody may.
    every_time = trigger.occurrence == "event" and not (rules.never or rules.days)
    return every_time and not trigger.where and not trigger.first


def _queries(
    session: Session, item: Chain, window: Window, time_zone: str
) -> Iterator[sa.Select[Any]]:
    """Queries of starts whose results follow one another in time."""
    trigger, from_, until = item.definition.trigger, window.from_, window.until
    place = Place(session, from_, time_zone)
    if isinstance(trigger, SegmentTrigger):
        for moment in _mornings(from_, until, time_zone):
            yield coming_starts(Place(session, from_, time_zone, moment), item, moment)
    elif isinstance(trigger, CalendarTrigger):
        moments = calendar_moments(
            trigger, after=from_, until=until, time_zone=time_zone, leap_day=place.leap_day
        )
        for _, moment in sorted(moments, key=lambda one: one[1]):
            there = Place(session, from_, time_zone, moment)
            just = replace(window, from_=moment - timedelta(microseconds=1), until=moment)
            query = calendar_starts(there, item, just)
            if query is not None:
                yield query
    else:
        starts = {
            DateTrigger: date_starts,
            ExpiryTrigger: expiry_starts,
            SilenceTrigger: silence_starts,
            ReplenishTrigger: replenish_starts,
        }.get(type(trigger))
        query = None if starts is None else starts(place, item, window)
        if query is not None:
            yield query


def _mornings(from_: datetime, until: datetime, time_zone: str) -> Iterator[datetime]:
    """Just after ``from_``, then every morning up to ``until``."""
    yield min(from_ + timedelta(minutes=5), until)
    day = clock.local_date(from_, time_zone)
    while (moment := clock.local_instant(day, MORNING, time_zone)) <= until:
        if moment > from_ + timedelta(minutes=5):
            yield moment
        day += timedelta(days=1)
