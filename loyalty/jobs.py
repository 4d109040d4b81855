"""Runs of scheduled jobs: a unique row per moment, so two leaders never run one twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from loyalty.db.fast import is_postgres
from loyalty.db.types import BigId, UtcDateTime, metadata
from loyalty.ids import new_id

job_run = sa.Table(
    "job_run",
    metadata,
    sa.Column("job", sa.String(40), primary_key=True),
    sa.Column("scheduled_for", UtcDateTime, primary_key=True),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("result", sa.Text),
    sa.Column("id", BigId, nullable=False),
)

instance = sa.Table(
    "instance",
    metadata,
    # A process that ticks or sends, and when it was last alive (real time).
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("leader", sa.Boolean, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False),
)

KEEP_DAYS = 90
"""How long it is remembered what ran."""


def start_run(session: Session, *, job: str, scheduled_for: datetime, now: datetime) -> bool:
    """Take this run of ``job``; False if it was taken before, here or by another process."""
    insert = postgresql.insert if is_postgres(session) else sqlite.insert
    row = {"job": job, "scheduled_for": scheduled_for, "started_at": now, "id": new_id()}
    statement = insert(job_run).values(row).on_conflict_do_nothing().returning(job_run.c.id)
    return session.execute(statement).first() is not None


def finish_run(
    session: Session, *, job: str, scheduled_for: datetime, result: str, now: datetime
) -> None:
    """Note how a run ended, in a few words without personal data."""
    session.execute(
        sa.update(job_run)
        .where(job_run.c.job == job, job_run.c.scheduled_for == scheduled_for)
        .values(finished_at=now, result=result)
    )


def is_finished(session: Session, *, job: str, scheduled_for: datetime) -> bool:
    """Whether this run has ended well; one that was broken off has not."""
    query = sa.select(job_run.c.id).where(
        job_run.c.job == job,
        job_run.c.scheduled_for == scheduled_for,
        job_run.c.finished_at.is_not(None),
    )
    return session.execute(query).first() is not None


def last_finished(session: Session, *, job: str) -> datetime | None:
    """The moment of the latest run of ``job`` that has ended well."""
    query = sa.select(sa.func.max(job_run.c.scheduled_for)).where(
        job_run.c.job == job, job_run.c.finished_at.is_not(None)
    )
    moment: datetime | None = session.execute(query).scalar_one()
    return moment


def sweep(session: Session, *, now: datetime) -> int:
    """Forget runs older than ``KEEP_DAYS``; how many."""
    old = sa.delete(job_run).where(job_run.c.started_at < now - timedelta(days=KEEP_DAYS))
    return int(session.execute(old).rowcount)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Instance:
    """A process that ticks or sends, when it began and when it was last alive (real time)."""

    id: str
    role: str
    leader: bool
    started_at: datetime
    seen_at: datetime


ALIVE = timedelta(seconds=15)
"""Who was not seen for so long is gone, or cannot reach the database."""

FORGOTTEN = timedelta(days=1)


def beat(
    session: Session, *, id: str, role: str, leader: bool, started_at: datetime, real_now: datetime
) -> None:
    """Note that a process is alive, and whether it leads."""
    insert = postgresql.insert if is_postgres(session) else sqlite.insert
    row = {
        "id": id,
        "role": role,
        "leader": leader,
        "started_at": started_at,
        "seen_at": real_now,
    }
    statement = insert(instance).values(row)
    fresh = {"leader": statement.excluded.leader, "seen_at": statement.excluded.seen_at}
    session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=fresh))


def leave(session: Session, *, id: str) -> None:
    """A process ends in good order."""
    session.execute(sa.delete(instance).where(instance.c.id == id))


def instances(session: Session, *, real_now: datetime) -> list[Instance]:
    """Processes seen within the last day, the latest first; those seen within ``ALIVE`` live."""
    query = (
        sa.select(instance)
        .where(instance.c.seen_at > real_now - FORGOTTEN)
        .order_by(instance.c.seen_at.desc())
    )
    return [
        Instance(row.id, row.role, bool(row.leader), row.started_at, row.seen_at)
        for row in session.execute(query)
    ]
