"""Vouchers: promo codes, coupons, rewards and gift cards, and every use of one."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata

voucher = sa.Table(
    "voucher",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    # Upper case, without spaces and dashes.
    sa.Column("code", sa.String(32), nullable=False, unique=True),
    # promo_code (shared), coupon (one person's), gift_card (money)
    sa.Column("kind", sa.String(12), nullable=False),
    sa.Column("name", JsonValue, nullable=False),
    # Whose it is; None: whoever shows it.
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), index=True),
    sa.Column("status", sa.String(10), nullable=False),
    # program.VoucherEffect; None for a gift card.
    sa.Column("effect", JsonValue),
    # Minor units the receipt must reach; a segment's key the customer must be in.
    sa.Column("minimum", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("segment", sa.String(64)),
    # May be used together with other vouchers.
    sa.Column("combines", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("total_limit", sa.Integer),
    sa.Column("customer_limit", sa.Integer),
    sa.Column("used", sa.Integer, nullable=False, server_default="0"),
    # A gift card's money: what it was sold with and what is left, minor units.
    sa.Column("granted", sa.BigInteger),
    sa.Column("balance", sa.BigInteger),
    sa.Column("starts_at", UtcDateTime),
    sa.Column("ends_at", UtcDateTime),
    # Where it comes from: stamps, goal, chain, staff, import …; the key makes it one.
    sa.Column("source_kind", sa.String(16), nullable=False),
    sa.Column("issue_key", sa.String(96), unique=True),
    sa.Column("created_by", sa.String(40), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    # A gift card is paid for later than made; everything else at once.
    sa.Column("activated_at", UtcDateTime),
    sa.CheckConstraint("kind IN ('promo_code', 'coupon', 'gift_card')", name="kind"),
    sa.CheckConstraint(
        "status IN ('inactive', 'active', 'redeemed', 'expired', 'blocked')", name="status"
    ),
    sa.CheckConstraint("total_limit IS NULL OR used <= total_limit", name="used"),
    sa.CheckConstraint("balance IS NULL OR (balance >= 0 AND balance <= granted)", name="balance"),
    sa.Index(
        "ix_voucher_ends_at",
        "ends_at",
        sqlite_where=sa.text("status = 'active' AND ends_at IS NOT NULL"),
        postgresql_where=sa.text("status = 'active' AND ends_at IS NOT NULL"),
    ),
)

voucher_use = sa.Table(
    "voucher_use",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("voucher_id", BigId, sa.ForeignKey("voucher.id"), nullable=False),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id")),
    sa.Column("purchase_id", BigId, nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    # Minor units it took off, or paid (a gift card); of a gift card, what came back to it.
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("returned", sa.BigInteger, nullable=False, server_default="0"),
    # Rolled back by a return of the whole purchase: does not count against limits.
    sa.Column("returned_at", UtcDateTime),
    sa.Column("actor", sa.String(40), nullable=False),
    sa.UniqueConstraint("voucher_id", "purchase_id"),
    sa.Index("ix_voucher_use_voucher_id_customer_id", "voucher_id", "customer_id"),
)
