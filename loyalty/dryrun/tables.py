"""Dry runs: what was asked, how far it is, what came out."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata

dry_run = sa.Table(
    "dry_run",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    # program, promotion
    sa.Column("kind", sa.String(10), nullable=False),
    # The rules as they were when it was asked.
    sa.Column("rules", JsonValue, nullable=False),
    sa.Column("subject_id", BigId),
    sa.Column("from_day", sa.Date),
    sa.Column("to_day", sa.Date),
    sa.Column("status", sa.String(10), nullable=False),
    # Purchases replayed so far, and to replay.
    sa.Column("done", sa.Integer, nullable=False, server_default="0"),
    sa.Column("total", sa.Integer, nullable=False, server_default="0"),
    sa.Column("result", JsonValue),
    # What was asked, by which rules in force, on which day: the same question has one answer.
    sa.Column("fingerprint", sa.String(64), nullable=False),
    # When the process that replays last said so, real time; how often one has begun.
    sa.Column("beat_at", UtcDateTime),
    sa.Column("attempts", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("author", sa.String(40), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("started_at", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
    sa.CheckConstraint(
        "status IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="status"
    ),
    sa.Index("ix_dry_run_status", "status", "id"),
    sa.Index("ix_dry_run_kind_subject_id_id", "kind", "subject_id", "id"),
    sa.Index(
        "uq_dry_run_fingerprint",
        "fingerprint",
        unique=True,
        sqlite_where=sa.text("status IN ('queued', 'running', 'done')"),
        postgresql_where=sa.text("status IN ('queued', 'running', 'done')"),
    ),
)
