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
    # What its owner is working on: a document that need not be right yet.
    sa.Column("draft", JsonValue),
    sa.Column("draft_at", UtcDateTime),
    sa.Column("draft_by", sa.String(40)),
    # Switched off by the service, and why; somebody has to look.
    sa.Column("halted_at", UtcDateTime),
    sa.Column("halted_reason", sa.String(200)),
    sa.Column("archived_at", UtcDateTime),
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
    # When it came to the step it stands at: waits are counted from there.
    sa.Column("arrived_at", UtcDateTime),
    sa.Column("enrolled_at", UtcDateTime, nullable=False),
    # The day this pass is about, in the customer's zone or the business's (points).
    sa.Column("day", sa.Date),
    # What else it is about: {"purchase": ID, "event": ID, "category": NAME, "code": CODE}
    sa.Column("subject", JsonValue),
    # In the chain's control group; drawn when it began.
    sa.Column("control", sa.Boolean, nullable=False, server_default=sa.false()),
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
    # How far the planner has looked: see loyalty.chains.progress
    sa.Column("plan", JsonValue),
)

chain_member = sa.Table(
    "chain_member",
    metadata,
    # Who is in the segment a chain is started by, so that coming into it is told from being in.
    sa.Column("chain_id", BigId, sa.ForeignKey("chain.id"), primary_key=True, autoincrement=False),
    sa.Column(
        "customer_id", BigId, sa.ForeignKey("customer.id"), primary_key=True, autoincrement=False
    ),
    sa.Column("since", UtcDateTime, nullable=False),
)

ACTIVE = enrolment.c.status == sa.literal_column("'active'")
"""Written out, not bound, so that both databases see the partial index fits."""
