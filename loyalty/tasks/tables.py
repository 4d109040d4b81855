"""The call list: what somebody of the staff is to do for a customer, and what came of it."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata

task = sa.Table(
    "task",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    # What makes it one: touch:ID, …
    sa.Column("key", sa.String(96), nullable=False, unique=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), nullable=False, index=True),
    sa.Column("source", sa.String(48), nullable=False),
    # By language: ru, en.
    sa.Column("title", JsonValue, nullable=False),
    sa.Column("outlet_id", BigId, sa.ForeignKey("outlet.id")),
    sa.Column("assignee_id", BigId, sa.ForeignKey("staff.id")),
    sa.Column("status", sa.String(8), nullable=False),
    # reached, no_answer, will_come, not_interested, wrong_number
    sa.Column("outcome", sa.String(16)),
    sa.Column("note", sa.String(1000)),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("closed_at", UtcDateTime),
    sa.Column("closed_by", sa.String(40)),
    sa.CheckConstraint("status IN ('open', 'done', 'dropped')", name="status"),
    sa.Index("ix_task_status_due_at", "status", "due_at"),
)
