"""Consents: append-only grants and withdrawals, each tied to the text that was agreed to."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, UtcDateTime, metadata

PERSONAL_DATA = "personal_data"
ADS_TELEGRAM = "ads:telegram"
PURPOSES = (
    PERSONAL_DATA,
    ADS_TELEGRAM,
    "ads:email",
    "ads:sms",
    "ads:push",
    "ads:phone",
    "ads:post",
)

consent_text = sa.Table(
    "consent_text",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("purpose", sa.String(20), nullable=False),
    sa.Column("language", sa.String(2), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("published_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("purpose", "language", "version"),
)

consent = sa.Table(
    "consent",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), nullable=False),
    sa.Column("purpose", sa.String(20), nullable=False),
    sa.Column("granted", sa.Boolean, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("text_version", sa.Integer, nullable=False),
    sa.Column("text_sha256", sa.String(64), nullable=False),
    sa.Column("language", sa.String(2), nullable=False),
    sa.Column("channel", sa.String(20), nullable=False),
    # The update or message the person answered with: proof, and the key against doubling.
    sa.Column("evidence", sa.String(64)),
    sa.Column("operator_id", BigId, sa.ForeignKey("staff.id")),
    sa.UniqueConstraint("customer_id", "purpose", "evidence"),
    sa.Index("ix_consent_customer_id_purpose_id", "customer_id", "purpose", "id"),
)
