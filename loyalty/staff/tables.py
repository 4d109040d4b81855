"""Tables of the staff room: outlets, people, invitations, keys of tills, panel sessions."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, UtcDateTime, metadata

OWNER, MARKETER, ANALYST, CASHIER = "owner", "marketer", "analyst", "cashier"
ROLES = (OWNER, MARKETER, ANALYST, CASHIER)
SELLING = (OWNER, CASHIER)
"""Roles that may stand at a till."""

outlet = sa.Table(
    "outlet",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("name", sa.String(120), nullable=False, unique=True),
    sa.Column("city", sa.String(120)),
    sa.Column("time_zone", sa.String(64), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("closed_at", UtcDateTime),
)

staff = sa.Table(
    "staff",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    # Where a cashier sells; None for the panel's roles.
    sa.Column("outlet_id", BigId, sa.ForeignKey("outlet.id")),
    sa.Column("login", sa.String(120), unique=True),
    sa.Column("password_hash", sa.String(255)),
    sa.Column("totp_secret", sa.String(255)),
    sa.Column("telegram_id", sa.BigInteger, unique=True),
    sa.Column("language", sa.String(2)),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("revoked_at", UtcDateTime),
    # The cashier's command menu stands in their chat since; taken off when the role goes.
    sa.Column("menu_set_at", UtcDateTime),
    sa.CheckConstraint("role IN ('owner', 'marketer', 'analyst', 'cashier')", name="role"),
)

staff_outlet = sa.Table(
    "staff_outlet",
    metadata,
    # Where a cashier may sell; ``staff.outlet_id`` is where they stand now.
    sa.Column("staff_id", BigId, sa.ForeignKey("staff.id"), primary_key=True, autoincrement=False),
    sa.Column(
        "outlet_id", BigId, sa.ForeignKey("outlet.id"), primary_key=True, autoincrement=False
    ),
    sa.Column("added_at", UtcDateTime, nullable=False),
)

invitation = sa.Table(
    "staff_invitation",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("staff_id", BigId, sa.ForeignKey("staff.id"), nullable=False),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("used_at", UtcDateTime),
    # Whose account it was opened with, if that person sold here already.
    sa.Column("merged_into", BigId),
)

outlet_key = sa.Table(
    "outlet_key",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("outlet_id", BigId, sa.ForeignKey("outlet.id"), nullable=False),
    sa.Column("key_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("hint", sa.String(8), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("last_used_at", UtcDateTime),
)

panel_session = sa.Table(
    "panel_session",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),  # SHA-256 of the cookie's token
    sa.Column("staff_id", BigId, sa.ForeignKey("staff.id")),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
)

failed_try = sa.Table(
    "failed_try",
    metadata,
    # Wrong codes and passwords, by who tries; rows older than their window are dropped.
    sa.Column("id", BigId, primary_key=True),
    sa.Column("subject", sa.String(80), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index("ix_failed_try_subject_at", "subject", "at"),
)
