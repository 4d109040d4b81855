"""Days of the calendar that a chain has come too late for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from loyalty import clock, program
from loyalty.chains.drafts import Edited
from loyalty.chains.model import CalendarTrigger
from loyalty.chains.triggers_days import calendar_moments

# Of a yearly day the latest and the next are both within; a 29 February may be moved, not left out.
_YEARS = timedelta(days=800)


@dataclass(frozen=True, slots=True)
class PastDay:
    """The day that is past, and the next one; None: there is none, nobody begins any more."""

    day: date
    next: date | None


def past_days(
    session: Session, chains: Sequence[Edited], *, now: datetime, time_zone: str
) -> Mapping[str, PastDay]:
    """Chains whose day of the calendar is past, by key: for good, or this year's because the chain
    was off when it came. Nobody is written to late about a day."""
    dated = [
        (one, one.definition.trigger)
        for one in chains
        if one.definition is not None and isinstance(one.definition.trigger, CalendarTrigger)
    ]
    if not dated:
        return {}
    this_year = clock.local_date(now, time_zone).year
    leap_day = program.current(session, now=now).program.leap_day
    found: dict[str, PastDay] = {}
    for one, trigger in dated:
        since = one.enabled_at if one.enabled and one.enabled_at is not None else now
        after = now - _YEARS
        if trigger.on is not None:
            after = min(after, clock.start_of_day(trigger.on - timedelta(days=1), time_zone))
        moments = calendar_moments(
            trigger,
            after=after,
            until=now + _YEARS,
            time_zone=time_zone,
            leap_day=leap_day,
        )
        past = max((day for day, moment in moments if moment <= now), default=None)
        missed = max((day for day, moment in moments if moment <= since), default=None)
        ahead = min((day for day, moment in moments if moment > now), default=None)
        if ahead is None and past is not None and trigger.on is not None:
            found[one.key] = PastDay(past, None)
        elif missed is not None and missed == past and missed.year == this_year:
            found[one.key] = PastDay(missed, ahead)
    return found
