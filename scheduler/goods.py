"""What goes with what, looked up in the receipts once a night."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from sqlalchemy.orm import Session

from loyalty import clock, goods, jobs
from loyalty.db import Database

JOB = "goods.pairs"
AT = time(4, 0)
"""Business time: the tills are closed, the night's check is done."""


async def learn_pairs(db: Database, *, time_zone: str) -> int:
    """Look up what is bought together, if tonight has not; how many pairs there are now.

    A night that was missed is made up for once; a run that was broken off is run again. The long
    look reads only: no sale waits for it.
    """
    now = clock.now()
    night = last_night(now, time_zone)
    if await db.read(lambda s: jobs.is_finished(s, job=JOB, scheduled_for=night)):
        return 0
    pairs = await db.read(lambda s: goods.measure(s, now=now))

    def unit(session: Session) -> int:
        jobs.start_run(session, job=JOB, scheduled_for=night, now=now)
        kept = goods.keep(session, pairs, now=now)
        jobs.finish_run(session, job=JOB, scheduled_for=night, result=f"{kept} pairs", now=now)
        return kept

    return await db.transact(unit)


def last_night(now: datetime, time_zone: str) -> datetime:
    """The latest ``AT`` that is not in the future."""
    today = clock.local_date(now, time_zone)
    moment = clock.local_instant(today, AT, time_zone)
    if moment > now:
        moment = clock.local_instant(today - timedelta(days=1), AT, time_zone)
    return moment.astimezone(UTC)
