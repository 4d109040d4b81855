"""Chains as data: what starts them, their steps, and who is where in them."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata

chain = sa.Table(
    "chain",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("key", sa.String(32), nullable=False, unique=True),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("enabled_at", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
)

chain_version = sa.Table(
    "chain_version",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("chain_id", BigId, sa.ForeignKey("chain.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    # {title, trigger, steps, exits, re_entry, holdout_bp}: see loyalty.chains.model
    sa.Column("definition", JsonValue, nullable=False),
    sa.Column("published_at", UtcDateTime, nullable=False),
    sa.Column("author", sa.String(40), nullable=False),
    sa.UniqueConstraint("chain_id", "number"),
)

enrolment = sa.Table(
    "enrolment",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("chain_id", BigId, sa.ForeignKey("chain.id"), nullable=False),
    sa.Column("chain_version_id", BigId, sa.ForeignKey("chain_version.id"), nullable=False),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), nullable=False),
    # What makes this pass through the chain one: purchase id, expiry date, year, …
    sa.Column("occurrence", sa.String(64), nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("due_at", UtcDateTime),
    sa.Column("enrolled_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("reason", sa.String(32)),
    sa.CheckConstraint("status IN ('active', 'done', 'exited')", name="status"),
    sa.UniqueConstraint("customer_id", "chain_id", "occurrence"),
    sa.Index(
        "ix_enrolment_due",
        "due_at",
        "id",
        sqlite_where=sa.text("status = 'active'"),
        postgresql_where=sa.text("status = 'active'"),
    ),
    sa.Index("ix_enrolment_chain_id_status", "chain_id", "status"),
)

chain_cursor = sa.Table(
    "chain_cursor",
    metadata,
    # How far enrolment has read the events (their id), per chain.
    sa.Column("chain_id", BigId, sa.ForeignKey("chain.id"), primary_key=True, autoincrement=False),
    sa.Column("last_event_id", BigId, nullable=False),
)

ACTIVE = enrolment.c.status == sa.literal_column("'active'")
"""Written out, not bound, so that both databases see the partial index fits."""
