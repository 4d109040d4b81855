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
    # Its place in the order of triggers (``policy.rank``); the lower goes first.
    sa.Column("rank", sa.SmallInteger),
    # The chain's version that decided.
    sa.Column("version_id", BigId),
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


click = sa.Table(
    "click",
    metadata,
    # A tap on a link or a button of a message. Every one is a row; reports count people.
    sa.Column("id", BigId, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("outbox_id", BigId, nullable=False),
    sa.Column("customer_id", BigId),
    sa.Column("touch_id", BigId),
    sa.Column("source", sa.String(48)),
    sa.Column("step", sa.String(48)),
    sa.Column("variant", sa.String(16)),
    # link, button
    sa.Column("kind", sa.String(8), nullable=False),
    # The screen a button opened, or the place of the link among the message's buttons.
    sa.Column("target", sa.String(64), nullable=False),
    # What makes a tap one however often its update is handled; a followed link has none.
    sa.Column("key", sa.String(64), unique=True),
    sa.CheckConstraint("kind IN ('link', 'button')", name="kind"),
    sa.Index("ix_click_source_step", "source", "step"),
    sa.Index("ix_click_customer_id_at", "customer_id", "at"),
    sa.Index("ix_click_outbox_id", "outbox_id"),
)

media = sa.Table(
    "media",
    metadata,
    # A picture for messages; the same picture is kept once.
    sa.Column("id", BigId, primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(40), nullable=False),
)

media_file = sa.Table(
    "media_file",
    metadata,
    # What a bot's Telegram calls the picture, known once it was sent: it is uploaded once.
    sa.Column("media_id", BigId, sa.ForeignKey("media.id"), primary_key=True, autoincrement=False),
    sa.Column("bot_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("file_id", sa.String(200), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)
