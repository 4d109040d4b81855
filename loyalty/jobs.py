"""Runs of scheduled jobs: a unique row per moment, so two leaders never run one twice."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, UtcDateTime, metadata

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
