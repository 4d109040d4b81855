"""Outgoing webhooks: where to, what of, and every attempt's fate. Secrets are derived, not kept."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata

webhook = sa.Table(
    "webhook",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("url", sa.String(500), nullable=False),
    # Types of events it wants; an empty list: all.
    sa.Column("events", JsonValue, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(40), nullable=False),
    # Goes into its secret: a new number is a new secret.
    sa.Column("secret_number", sa.Integer, nullable=False, server_default="1"),
    # How far events were read for it (their id).
    sa.Column("last_event_id", BigId, nullable=False),
    sa.Column("failing_since", UtcDateTime),
    sa.Column("disabled_at", UtcDateTime),
)

webhook_delivery = sa.Table(
    "webhook_delivery",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("webhook_id", BigId, sa.ForeignKey("webhook.id"), nullable=False),
    # event:ID, touch:ID
    sa.Column("key", sa.String(96), nullable=False),
    sa.Column("type", sa.String(48), nullable=False),
    sa.Column("body", JsonValue, nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("attempts", sa.SmallInteger, nullable=False),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    # Real time.
    sa.Column("lease_owner", sa.String(40)),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("settled_at", UtcDateTime),
    sa.Column("answer", sa.String(200)),
    sa.CheckConstraint("state IN ('queued', 'calling', 'sent', 'dead')", name="state"),
    sa.UniqueConstraint("webhook_id", "key"),
    sa.Index(
        "ix_webhook_delivery_queued",
        "webhook_id",
        "due_at",
        "id",
        sqlite_where=sa.text("state IN ('queued', 'calling')"),
        postgresql_where=sa.text("state IN ('queued', 'calling')"),
    ),
)
