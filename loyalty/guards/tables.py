"""What looks odd: one row per kind, subject and day."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, UtcDateTime, metadata

anomaly = sa.Table(
    "anomaly",
    metadata,
    # What looks odd: many sales of a card or a cashier, redemptions without a receipt …
    sa.Column("kind", sa.String(32), primary_key=True),
    # customer:ID, staff:ID, key:ID, staff:ID/customer:ID
    sa.Column("subject", sa.String(64), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("id", BigId, nullable=False, unique=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("flagged_at", UtcDateTime, nullable=False),
    sa.Column("seen_by", sa.String(40)),
    sa.Column("seen_at", UtcDateTime),
)
