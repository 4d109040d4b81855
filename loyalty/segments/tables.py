"""The shop's own segments: rules with a name, and lists that were uploaded."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata

segment = sa.Table(
    "segment",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("key", sa.String(48), nullable=False, unique=True),
    sa.Column("name", sa.String(120), nullable=False),
    # A rule (``loyalty.segments.rules``).
    sa.Column("rule", JsonValue, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(40), nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("archived_at", UtcDateTime),
)
