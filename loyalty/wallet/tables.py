"""Tables of the wallet. Points are whole; every amount that could go below zero is checked."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata

account = sa.Table(
    "account",
    metadata,
    sa.Column(
        "customer_id", BigId, sa.ForeignKey("customer.id"), primary_key=True, autoincrement=False
    ),
    sa.Column("posted", sa.BigInteger, nullable=False),
    sa.Column("held", sa.BigInteger, nullable=False),
    sa.Column("debt", sa.BigInteger, nullable=False),
    # Redemption is refused until then (a new Telegram account, a broken invariant).
    sa.Column("frozen_until", UtcDateTime),
    sa.Column("frozen_reason", sa.String(32)),
    # What staff wrote when they paused it by hand.
    sa.Column("frozen_note", sa.String(200)),
    sa.CheckConstraint("posted >= 0", name="posted"),
    sa.CheckConstraint("held >= 0", name="held"),
    sa.CheckConstraint("debt >= 0", name="debt"),
    postgresql_with={"fillfactor": "80"},
)

lot = sa.Table(
    "lot",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), nullable=False),
    sa.Column("granted", sa.BigInteger, nullable=False),
    sa.Column("remaining", sa.BigInteger, nullable=False),
    sa.Column("held", sa.BigInteger, nullable=False),
    sa.Column("earned_at", UtcDateTime, nullable=False),
    sa.Column("active_from", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("purchase_id", BigId),
    sa.Column("origin_lot_id", BigId),
    # When a reminder of this lot's expiry was first attempted (or skipped for a reason).
    sa.Column("reminded_at", UtcDateTime),
    sa.CheckConstraint("remaining >= 0 AND remaining <= granted", name="remaining"),
    sa.CheckConstraint("held >= 0 AND held <= remaining", name="held"),
    sa.Index(
        "ix_lot_open",
        "customer_id",
        "expires_at",
        "earned_at",
        "id",
        sqlite_where=sa.text("remaining > 0"),
        postgresql_where=sa.text("remaining > 0"),
    ),
    sa.Index(
        "ix_lot_expiring",
        "expires_at",
        "customer_id",
        sqlite_where=sa.text("remaining > 0 AND expires_at IS NOT NULL"),
        postgresql_where=sa.text("remaining > 0 AND expires_at IS NOT NULL"),
    ),
    sa.Index("ix_lot_purchase_id", "purchase_id"),
    # What is pending: few of a customer's lots, however many there are.
    sa.Index(
        "ix_lot_customer_id_active_from",
        "customer_id",
        "active_from",
        sqlite_where=sa.text("remaining > 0"),
        postgresql_where=sa.text("remaining > 0"),
    ),
    postgresql_with={"fillfactor": "80"},
)

entry = sa.Table(
    "entry",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("source_kind", sa.String(16), nullable=False),
    sa.Column("source_id", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(40), nullable=False),
    sa.Column("key", sa.String(96)),
    sa.Column("balance_after", sa.BigInteger, nullable=False),
    # [[lot id, amount], …], adds up to amount; a redemption's also per line: [[n, points], …]
    sa.Column("lots", JsonValue, nullable=False),
    sa.Column("lines", JsonValue),
    sa.Column("note", sa.String(200)),
    sa.CheckConstraint("amount <> 0", name="amount"),
    sa.CheckConstraint("balance_after >= 0", name="balance_after"),
    # I4: a source posts each kind at most once, however often its event comes.
    sa.UniqueConstraint("source_kind", "source_id", "kind"),
    sa.Index("ix_entry_customer_id_id", "customer_id", "id"),
)

debt = sa.Table(
    "debt",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    # Positive: owed; negative: repaid by an accrual.
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("source_kind", sa.String(16), nullable=False),
    sa.Column("source_id", sa.String(64), nullable=False),
    sa.CheckConstraint("amount <> 0", name="amount"),
    sa.UniqueConstraint("source_kind", "source_id"),
)

hold = sa.Table(
    "hold",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    # [[lot id, amount], …]: the points that are set aside.
    sa.Column("lots", JsonValue, nullable=False),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("source_kind", sa.String(16), nullable=False),
    sa.Column("source_id", sa.String(64), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("resolved_at", UtcDateTime),
    sa.CheckConstraint("amount > 0", name="amount"),
    sa.CheckConstraint("status IN ('open', 'posted', 'voided', 'timed_out')", name="status"),
    sa.UniqueConstraint("source_kind", "source_id"),
    sa.Index(
        "ix_hold_open",
        "expires_at",
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    ),
    sa.Index("ix_hold_customer_id", "customer_id"),
)

till_hold = sa.Table(
    "till_hold",
    metadata,
    # What a till asked for when it placed a hold, and what the customer said to it.
    sa.Column("hold_id", BigId, sa.ForeignKey("hold.id"), primary_key=True, autoincrement=False),
    sa.Column("client", sa.String(40), nullable=False),
    sa.Column("outlet_id", BigId, sa.ForeignKey("outlet.id")),
    # The receipt and vouchers to record once it is confirmed; None: points alone.
    sa.Column("request", JsonValue),
    # The customer's own tap is needed (many points, or a card that was only named).
    sa.Column("needs_tap", sa.Boolean, nullable=False),
    sa.Column("approved_at", UtcDateTime),
    sa.Column("purchase_id", BigId),
    # When the question's countdown is to be shown next; None once its screen is settled.
    sa.Column("asked_next_at", UtcDateTime),
    sa.Index(
        "ix_till_hold_asked_next_at",
        "asked_next_at",
        sqlite_where=sa.text("asked_next_at IS NOT NULL"),
        postgresql_where=sa.text("asked_next_at IS NOT NULL"),
    ),
)

adjustment_request = sa.Table(
    "adjustment_request",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), nullable=False, index=True),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(200), nullable=False),
    sa.Column("points_expire_at", UtcDateTime),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("requested_by", sa.String(40), nullable=False),
    sa.Column("requested_at", UtcDateTime, nullable=False),
    sa.Column("decided_by", sa.String(40)),
    sa.Column("decided_at", UtcDateTime),
    sa.CheckConstraint("points <> 0", name="points"),
    sa.CheckConstraint("status IN ('waiting', 'approved', 'declined')", name="status"),
    sa.Index("ix_adjustment_request_status", "status", "id"),
)

LEFT = lot.c.remaining > sa.literal_column("0")
OPEN_HOLD = hold.c.status == sa.literal_column("'open'")
"""Written out, not bound, so that both databases see the partial indexes fit."""
