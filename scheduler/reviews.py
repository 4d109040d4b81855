"""Runs that walk through all customers: tiers are reviewed daily and warned of monthly.

A run is known by its moment (``job_run``). One that was broken off is walked again from its
beginning, which changes nothing where it has been; one that was missed is made up for once,
however many were missed.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

from sqlalchemy.orm import Session

from loyalty import clock, jobs, program, tiers
from loyalty.db import Database
from loyalty.tiers import Reviewed, Warned

Chunk = TypeVar("Chunk", Reviewed, Warned, covariant=True)


class Step(Protocol[Chunk]):
    """One chunk of a walk, from the customers after an id on."""

    def __call__(self, session: Session, /, *, after: int) -> Chunk: ...


async def review_tiers(db: Database, *, time_zone: str) -> int:
    """Review and warn, if either is due; how many customers it concerned."""
    now = clock.now()
    days = await db.read(lambda s: program.current(s, now=now).program.tier_warning_days)
    if not days:
        # No time between the two: whoever is warned goes down in the same night.
        return await _warn(db, time_zone, days) + await _review(db, time_zone)
    # The other way round who has just gone down is told at once of what comes next.
    return await _review(db, time_zone) + await _warn(db, time_zone, days)


async def _review(db: Database, time_zone: str) -> int:
    moment = tiers.last_review(clock.now(), time_zone)
    if not await _begin(db, tiers.REVIEW, moment):
        return 0
    chunks = await _walk(
        db,
        lambda session, after: tiers.review(
            session, now=clock.now(), time_zone=time_zone, after=after
        ),
    )
    up, down = sum(chunk.up for chunk in chunks), sum(chunk.down for chunk in chunks)
    mended = sum(chunk.mended for chunk in chunks)
    await _end(db, tiers.REVIEW, moment, f"{up} up, {down} down, {mended} mended")
    return up + down + mended


async def _warn(db: Database, time_zone: str, warning_days: int) -> int:
    moment = tiers.last_warning(clock.now(), time_zone, warning_days)
    if not await _begin(db, tiers.WARNING, moment):
        return 0
    chunks = await _walk(
        db,
        lambda session, after: tiers.warn(
            session, now=clock.now(), time_zone=time_zone, after=after
        ),
    )
    warned = sum(chunk.customers for chunk in chunks)
    await _end(db, tiers.WARNING, moment, f"{warned} warned")
    return warned


async def _walk(db: Database, step: Step[Chunk]) -> list[Chunk]:
    """Every chunk in a transaction of its own, so that no sale waits long."""
    chunks: list[Chunk] = []
    position: int | None = 0
    while position is not None:
        chunks.append(await db.transact(partial(step, after=position)))
        position = chunks[-1].position
    return chunks


async def _begin(db: Database, job: str, moment: datetime) -> bool:
    if await db.read(lambda s: jobs.is_finished(s, job=job, scheduled_for=moment)):
        return False
    # A row that is there already is of a run that was broken off, or of another leader whose
    # steps and ours find each other done.
    await db.transact(
        lambda s: jobs.start_run(s, job=job, scheduled_for=moment, now=clock.now()) or True
    )
    return True


async def _end(db: Database, job: str, moment: datetime, result: str) -> None:
    await db.transact(
        lambda s: jobs.finish_run(s, job=job, scheduled_for=moment, result=result, now=clock.now())
    )
