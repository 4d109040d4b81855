"""Sale drafts: a sale that is being rung up."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata

sale_draft = sa.Table(
    "sale_draft",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    # n:NONCE of the token or code that was shown, or p:STAFF:… for a card named by other means.
    sa.Column("card_key", sa.String(48), nullable=False),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), nullable=False),
    sa.Column("staff_id", BigId, sa.ForeignKey("staff.id"), nullable=False),
    sa.Column("outlet_id", BigId, sa.ForeignKey("outlet.id"), nullable=False),
    # A fresh token or code was shown, so points may be spent.
    sa.Column("may_redeem", sa.Boolean, nullable=False),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("amount", sa.BigInteger),
    sa.Column("redeem", sa.BigInteger, nullable=False, server_default="0"),
    # Codes of vouchers to use, and stamps the cashier counted, by card.
    sa.Column("vouchers", JsonValue),
    sa.Column("stamps", JsonValue),
    # The sum split by the cashier: a list of {amount, category}; None: one sum without a category.
    sa.Column("lines", JsonValue),
    sa.Column("hold_id", BigId),
    sa.Column("purchase_id", BigId),
    # The cashier's message that shows this sale, to be edited in place.
    sa.Column("message_id", sa.BigInteger),
    # The question in the customer's chat and until when it stands (business time).
    sa.Column("asked_chat_id", sa.BigInteger),
    sa.Column("asked_message_id", sa.BigInteger),
    sa.Column("asked_until", UtcDateTime),
    # When the question's countdown is to be shown next; None once both screens are settled.
    sa.Column("asked_next_at", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column("closed_at", UtcDateTime),
    sa.CheckConstraint("status IN ('open', 'recorded', 'cancelled', 'expired')", name="status"),
    # One open draft per card token, whichever cashier scanned it.
    sa.Index(
        "uq_sale_draft_open",
        "card_key",
        unique=True,
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    ),
    sa.Index("ix_sale_draft_staff_id_created_at", "staff_id", "created_at"),
    sa.Index(
        "ix_sale_draft_asked_next_at",
        "asked_next_at",
        sqlite_where=sa.text("asked_next_at IS NOT NULL"),
        postgresql_where=sa.text("asked_next_at IS NOT NULL"),
    ),
)
