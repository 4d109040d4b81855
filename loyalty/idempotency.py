"""Stored answers of requests that must act once, by the client's own key."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import JsonValue, UtcDateTime, metadata

idempotency = sa.Table(
    "idempotency",
    metadata,
    # staff:…, key:… (an outlet's till), import:…
    sa.Column("client", sa.String(40), primary_key=True),
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("answer", JsonValue, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False, index=True),
)
