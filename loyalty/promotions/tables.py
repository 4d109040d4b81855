"""Promotions: every state of each as a row of its own, and how far customers are to a goal."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata

promotion_version = sa.Table(
    "promotion_version",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("promotion_id", BigId, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    # draft, on, off, archived
    sa.Column("status", sa.String(10), nullable=False),
    # Counts what tills have to know of: drafts have none. Tills keep what they have read until
    # the largest one grows.
    sa.Column("revision", sa.Integer, unique=True),
    sa.Column("rules", JsonValue, nullable=False),
    sa.Column("author", sa.String(40), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.CheckConstraint("status IN ('draft', 'on', 'off', 'archived')", name="status"),
    sa.UniqueConstraint("promotion_id", "number"),
)

goal_progress = sa.Table(
    "goal_progress",
    metadata,
    sa.Column(
        "customer_id", BigId, sa.ForeignKey("customer.id"), primary_key=True, autoincrement=False
    ),
    sa.Column("promotion_id", BigId, primary_key=True, autoincrement=False),
    # The period's first day.
    sa.Column("period", sa.Date, primary_key=True),
    sa.Column("purchases", sa.Integer, nullable=False),
    # Net, minor units.
    sa.Column("spent", sa.BigInteger, nullable=False),
    sa.Column("reached_at", UtcDateTime, info={"merge": "max"}),
    sa.Column("ends_on", sa.Date, nullable=False, info={"merge": "max"}),
    # A sale asks for the periods that go on: few, however many there were.
    sa.Index("ix_goal_progress_customer_id_ends_on", "customer_id", "ends_on"),
)
