"""Ratings of purchases, and talks between a customer and the staff."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, UtcDateTime, metadata

rating = sa.Table(
    "rating",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), nullable=False),
    # One rating a purchase; changing one's mind changes the row and leaves an event.
    sa.Column("purchase_id", BigId, nullable=False, unique=True),
    sa.Column("outlet_id", BigId),
    sa.Column("staff_id", BigId),
    sa.Column("score", sa.SmallInteger, nullable=False),
    # The customer's own words; erased with the customer.
    sa.Column("text", sa.Text),
    sa.Column("rated_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.CheckConstraint("score BETWEEN 1 AND 5", name="score"),
    sa.Index("ix_rating_customer_id_rated_at", "customer_id", "rated_at"),
    sa.Index("ix_rating_rated_at", "rated_at"),
)

talk = sa.Table(
    "talk",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), nullable=False),
    # question: the customer wrote by themselves; rating: it began with a low score.
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("rating_id", BigId),
    # open: the staff owes an answer; answered: the last word is the staff's; closed.
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("last_at", UtcDateTime, nullable=False),
    sa.Column("closed_at", UtcDateTime),
    sa.Column("closed_by", sa.String(40)),
    sa.CheckConstraint("kind IN ('question', 'rating')", name="kind"),
    sa.CheckConstraint("status IN ('open', 'answered', 'closed')", name="status"),
    # One live talk a customer: whatever they write goes into it.
    sa.Index(
        "uq_talk_live",
        "customer_id",
        unique=True,
        sqlite_where=sa.text("status <> 'closed'"),
        postgresql_where=sa.text("status <> 'closed'"),
    ),
    sa.Index("ix_talk_status_last_at", "status", "last_at"),
    sa.Index("ix_talk_customer_id_opened_at", "customer_id", "opened_at"),
)

talk_message = sa.Table(
    "talk_message",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("talk_id", BigId, sa.ForeignKey("talk.id"), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    # customer:ID, staff:ID or system
    sa.Column("author", sa.String(40), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    # What makes it once: the update that brought it, or the panel's form.
    sa.Column("key", sa.String(64), nullable=False, unique=True),
    sa.Index("ix_talk_message_talk_id_id", "talk_id", "id"),
)
