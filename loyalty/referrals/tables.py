"""Who brought whom, and what became of it."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, UtcDateTime, metadata

referral = sa.Table(
    "referral",
    metadata,
    # First code wins: a friend is brought once.
    sa.Column(
        "friend_id", BigId, sa.ForeignKey("customer.id"), primary_key=True, autoincrement=False
    ),
    sa.Column("referrer_id", BigId, sa.ForeignKey("customer.id"), nullable=False),
    # invited, pending (a receipt waits out its return window), rewarded, review (beyond the
    # month's number), declined
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("purchase_id", BigId),
    sa.Column("due_at", UtcDateTime),
    sa.Column("decided_at", UtcDateTime),
    sa.Column("decided_by", sa.String(40)),
    sa.CheckConstraint("friend_id <> referrer_id", name="own"),
    sa.CheckConstraint(
        "status IN ('invited', 'pending', 'rewarded', 'review', 'declined')", name="status"
    ),
    sa.Index("ix_referral_referrer_id", "referrer_id", "decided_at"),
    sa.Index("ix_referral_status_due_at", "status", "due_at"),
)
