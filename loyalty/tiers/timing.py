"""When reviews and warnings are due. A run is known by its moment, so a late one is one run."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, jobs
from loyalty import program as programs
from loyalty.customers import customer
from loyalty.program import program_version
from loyalty.receipts import customer_day

REVIEW, WARNING = "tier_review", "tier_warning"
"""The names of the runs: a review a day (tiers go down on a 1st), a warning a month."""

AT = time(4)
"""Business time of both."""

_MONTHS_AHEAD = 5


def last_review(now: datetime, time_zone: str) -> datetime:
    """The moment of the latest daily review that is not in the future."""
    today = clock.local_date(now, time_zone)
    moment = clock.local_instant(today, AT, time_zone)
    return moment if moment <= now else _at(today - timedelta(days=1), time_zone)


def last_warning(now: datetime, time_zone: str, warning_days: int) -> datetime:
    """The latest moment, not in the future, that lies ``warning_days`` before a 1st."""
    return max(m for m in _warnings(now, time_zone, warning_days) if m <= now)


def next_due(session: Session, *, now: datetime, time_zone: str) -> datetime | None:
    """The first moment after ``now`` at which a review or a warning may have something to do.

    A new version of the program asks for a review; who is above the lowest tier may be warned,
    and who was warned may go down.
    """
    if session.execute(sa.select(customer_day.c.day).limit(1)).first() is None:
        return None
    program = programs.current(session, now=now).program
    moments = []
    reviewed = jobs.last_finished(session, job=REVIEW)
    # A run looks at the rules in force when it runs: those from then on wait for the next.
    versions = sa.select(sa.func.min(program_version.c.effective_from)).where(
        program_version.c.status == "published"
    )
    if reviewed is not None:
        versions = versions.where(program_version.c.effective_from > reviewed)
    changed = session.execute(versions).scalar_one()
    if changed is not None:
        moments.append(_next(max(changed, now), time_zone))
    above = sa.select(customer.c.id).where(customer.c.tier != program.tiers[0].key).limit(1)
    if session.execute(above).first() is not None:
        warnings = _warnings(now, time_zone, program.tier_warning_days)
        moments.append(min(m for m in warnings if m > now))
        warned = sa.select(sa.func.min(customer.c.tier_warned_for))
        day = session.execute(warned.where(customer.c.tier_warned_for.is_not(None))).scalar_one()
        if day is not None:
            moments.append(max(_at(day, time_zone), _next(now, time_zone)))
    return min(moments, default=None)


def _warnings(now: datetime, time_zone: str, warning_days: int) -> list[datetime]:
    first = clock.local_date(now, time_zone).replace(day=1)
    reviews = [clock.add_months(first, n) for n in range(-1, _MONTHS_AHEAD + 1)]
    return [_at(day - timedelta(days=warning_days), time_zone) for day in reviews]


def _at(day: date, time_zone: str) -> datetime:
    return clock.local_instant(day, AT, time_zone)


def _next(now: datetime, time_zone: str) -> datetime:
    """The first moment of a daily review strictly after ``now``."""
    today = clock.local_date(now, time_zone)
    moment = _at(today, time_zone)
    return moment if moment > now else _at(today + timedelta(days=1), time_zone)
