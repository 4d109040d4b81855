"""Runs of scheduled jobs: a unique row per moment, so two leaders never run one twice."""

from __future__ import annotations

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
