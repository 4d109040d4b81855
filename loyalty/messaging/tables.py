"""Touches (every decision about a message) and the outbox (what is on its way)."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata

touch = sa.Table(
    "touch",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), nullable=False),
    # chain:KEY or campaign:ID
    sa.Column("source", sa.String(48), nullable=False),
    sa.Column("step", sa.String(48), nullable=False),
    sa.Column("occurrence", sa.String(64), nullable=False),
    sa.Column("message_class", sa.String(8), nullable=False),
    # send, wait, skipped, held_out
    sa.Column("decision", sa.String(10), nullable=False),
    sa.Column("reason", sa.String(32)),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("deadline", UtcDateTime, nullable=False),
    sa.Column("decided_at", UtcDateTime, nullable=False),
    sa.Column("outbox_id", BigId),
    sa.Column("variant", sa.String(16)),
    sa.CheckConstraint("decision IN ('send', 'wait', 'skipped', 'held_out')", name="decision"),
    sa.UniqueConstraint("customer_id", "source", "step", "occurrence"),
    sa.Index("ix_touch_source_id", "source", "id"),
    sa.Index(
        "ix_touch_waiting",
        "due_at",
        sqlite_where=sa.text("decision = 'wait'"),
        postgresql_where=sa.text("decision = 'wait'"),
    ),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id")),
    sa.Column("chat_id", sa.BigInteger, nullable=False),
    # service, trigger, mass
    sa.Column("message_class", sa.String(8), nullable=False),
    # What makes it once: receipt:PURCHASE, touch:ID, …
    sa.Column("key", sa.String(96), nullable=False, unique=True),
    # What to say: {template, language, values, photo?, buttons?, protect?} or {text, …}
    sa.Column("payload", JsonValue, nullable=False),
    # 0 service, 1 trigger, 2 mass: the lower leaves first.
    sa.Column("priority", sa.SmallInteger, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("deadline", UtcDateTime, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.SmallInteger, nullable=False),
    # Leases and sending run on real time, whatever the time machine says.
    sa.Column("lease_owner", sa.String(40)),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("sending_at", UtcDateTime),
    # Business time at which it left (caps count this) and how it ended.
    sa.Column("left_at", UtcDateTime),
    sa.Column("settled_at", UtcDateTime),
    sa.Column("message_id", sa.BigInteger),
    sa.Column("reason", sa.String(200)),
    sa.Column("touch_id", BigId),
    sa.CheckConstraint(
        "state IN ('queued', 'claimed', 'sending', 'sent', 'unknown', 'blocked', "
        "'rejected', 'dead', 'skipped', 'cancelled')",
        name="state",
    ),
    sa.Index(
        "ix_outbox_queued",
        "priority",
        "due_at",
        "id",
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    ),
    sa.Index(
        "ix_outbox_leased",
        "lease_until",
        sqlite_where=sa.text("state IN ('claimed', 'sending')"),
        postgresql_where=sa.text("state IN ('claimed', 'sending')"),
    ),
    sa.Index("ix_outbox_customer_id_left_at", "customer_id", "left_at"),
    postgresql_with={"fillfactor": "70"},
)

QUEUED = outbox.c.state == sa.literal_column("'queued'")
LEASED = outbox.c.state.in_([sa.literal_column("'claimed'"), sa.literal_column("'sending'")])
"""Written out, not bound, so that both databases see the partial indexes fit."""
