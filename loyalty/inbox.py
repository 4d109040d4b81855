"""The durable inbox: raw updates kept before they are acknowledged, handled in order per chat."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import UtcDateTime, metadata

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("bot_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("update_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("chat_id", sa.BigInteger, nullable=False),
    # The raw update; NULL once handled: nothing personal outlives its use.
    sa.Column("body", sa.Text),
    # new, done, failed
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("attempts", sa.SmallInteger, nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("handled_at", UtcDateTime),
    sa.Column("lease_owner", sa.String(40)),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("error", sa.String(200)),
    sa.CheckConstraint("state IN ('new', 'done', 'failed')", name="state"),
    sa.Index(
        "ix_inbox_new",
        "chat_id",
        "update_id",
        sqlite_where=sa.text("state = 'new'"),
        postgresql_where=sa.text("state = 'new'"),
    ),
    sa.Index("ix_inbox_received_at", "received_at"),
)

poll_offset = sa.Table(
    "poll_offset",
    metadata,
    sa.Column("bot_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("next_update_id", sa.BigInteger, nullable=False),
)
