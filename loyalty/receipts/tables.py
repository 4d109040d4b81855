"""Purchases with their lines and returns, and the rollups per customer kept with each sale."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata

purchase = sa.Table(
    "purchase",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id")),
    sa.Column("outlet_id", BigId, sa.ForeignKey("outlet.id")),
    sa.Column("staff_id", BigId, sa.ForeignKey("staff.id")),
    # bot, pos, panel, import, demo
    sa.Column("source", sa.String(8), nullable=False),
    sa.Column("register", sa.String(32), nullable=False, server_default=""),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("number", sa.String(64)),
    # Identity of an imported row, so that a file can be read again.
    sa.Column("import_key", sa.String(64), unique=True),
    sa.Column("sold_at", UtcDateTime, nullable=False),
    sa.Column("recorded_at", UtcDateTime, nullable=False),
    # Minor units. gross = Σ lines; total = gross − discount; paid = total − points' worth.
    sa.Column("gross", sa.BigInteger, nullable=False),
    sa.Column("discount", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Column("redeemed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("earn_base", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("earn_rate_bp", sa.Integer, nullable=False, server_default="0"),
    sa.Column("earned", sa.BigInteger, nullable=False, server_default="0"),
    # Sum of what came back, minor units; net = total − returned.
    sa.Column("returned", sa.BigInteger, nullable=False, server_default="0"),
    # A return that matches no purchase: reduces revenue, moves no points (total is negative).
    sa.Column("unlinked_return", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("program_version_id", BigId, sa.ForeignKey("program_version.id")),
    sa.Column("draft_id", BigId),
    # What of the total was paid by gift cards, minor units: money, not a discount.
    sa.Column("gift_paid", sa.BigInteger, nullable=False, server_default="0"),
    # What priced it and why: tier, promotions, facts, every point explained, stamps, vouchers.
    # A return prices what remains by the same.
    sa.Column("pricing", JsonValue),
    # When a sale without a card found its customer later.
    sa.Column("attached_at", UtcDateTime),
    sa.Index(
        "uq_purchase_receipt",
        "outlet_id",
        "register",
        "business_date",
        "number",
        unique=True,
        sqlite_where=sa.text("number IS NOT NULL"),
        postgresql_where=sa.text("number IS NOT NULL"),
    ),
    # One purchase per draft, whoever confirms.
    sa.Index(
        "uq_purchase_draft_id",
        "draft_id",
        unique=True,
        sqlite_where=sa.text("draft_id IS NOT NULL"),
        postgresql_where=sa.text("draft_id IS NOT NULL"),
    ),
    sa.Index("ix_purchase_customer_id_sold_at", "customer_id", "sold_at"),
    sa.Index("ix_purchase_sold_at", "sold_at"),
    sa.Index(
        "ix_purchase_staff_id_recorded_at",
        "staff_id",
        "recorded_at",
        sqlite_where=sa.text("staff_id IS NOT NULL"),
        postgresql_where=sa.text("staff_id IS NOT NULL"),
    ),
)

purchase_line = sa.Table(
    "purchase_line",
    metadata,
    sa.Column(
        "purchase_id", BigId, sa.ForeignKey("purchase.id"), primary_key=True, autoincrement=False
    ),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sku", sa.String(64)),
    sa.Column("name", sa.String(200)),
    sa.Column("category", sa.String(64)),
    # Thousandths of a piece, so that 0.350 kg is whole too.
    sa.Column("quantity_milli", sa.BigInteger, nullable=False),
    sa.Column("price", sa.BigInteger, nullable=False),
    # Minor units: amount = price × quantity; the shares add up to the receipt's totals.
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("discount", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("points_paid", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("earn_base", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("earned", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("no_earn", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("no_redeem", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("returned_milli", sa.BigInteger, nullable=False, server_default="0"),
)

purchase_return = sa.Table(
    "purchase_return",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("purchase_id", BigId, sa.ForeignKey("purchase.id"), nullable=False, index=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id")),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(40), nullable=False),
    sa.Column("number", sa.String(64)),
    # What makes it one: the key of the request, or the identity of an imported row.
    sa.Column("import_key", sa.String(64), unique=True),
    # Minor units of goods that came back (before points), and what of it was paid in points.
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("money_back", sa.BigInteger, nullable=False),
    sa.Column("earned_reversed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("spent_returned", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("debt", sa.BigInteger, nullable=False, server_default="0"),
    # What came back: a list of line number, quantity, amount and points
    sa.Column("lines", JsonValue, nullable=False),
    # Minor units put back on gift cards.
    sa.Column("gift_returned", sa.BigInteger, nullable=False, server_default="0"),
    # Stamps taken, vouchers given back, debts of stamps left behind.
    sa.Column("effects", JsonValue),
    # The cashier took a slip of the hand back right after the sale.
    sa.Column("undo", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_purchase_return_at", "at"),
    sa.Index(
        "ix_purchase_return_undo",
        "purchase_id",
        sqlite_where=sa.text("undo"),
        postgresql_where=sa.text("undo"),
    ),
)

customer_stats = sa.Table(
    "customer_stats",
    metadata,
    sa.Column(
        "customer_id", BigId, sa.ForeignKey("customer.id"), primary_key=True, autoincrement=False
    ),
    # Receipts, and their totals net of returns, minor units.
    sa.Column("orders", sa.BigInteger, nullable=False),
    sa.Column("spent", sa.BigInteger, nullable=False),
    sa.Column("first_purchase_at", UtcDateTime, nullable=False),
    sa.Column("last_purchase_at", UtcDateTime, nullable=False),
    # Net spend from ``window_from`` on, minor units: what a tier is reached by. The first day
    # moves ahead with the sales, so none of them has to add up a year.
    sa.Column("window_spent", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("window_from", sa.Date, info={"merge": "max"}),
    postgresql_with={"fillfactor": "80"},
)

customer_day = sa.Table(
    "customer_day",
    metadata,
    sa.Column(
        "customer_id", BigId, sa.ForeignKey("customer.id"), primary_key=True, autoincrement=False
    ),
    # The business day of the purchases; a return counts on the day of its purchase.
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("orders", sa.Integer, nullable=False),
    # Net of returns, minor units.
    sa.Column("spent", sa.BigInteger, nullable=False),
    postgresql_with={"fillfactor": "80"},
)
