"""Stamp cards: where each customer stands, and every stamp that came or went."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, UtcDateTime, metadata

stamp_balance = sa.Table(
    "stamp_balance",
    metadata,
    sa.Column(
        "customer_id", BigId, sa.ForeignKey("customer.id"), primary_key=True, autoincrement=False
    ),
    # The card's key in the program.
    sa.Column("card_key", sa.String(16), primary_key=True),
    # On the open card, owed (a reward was used and its stamps came back), full cards so far.
    sa.Column("stamps", sa.Integer, nullable=False),
    sa.Column("debt", sa.Integer, nullable=False),
    sa.Column("cards", sa.Integer, nullable=False),
    sa.CheckConstraint("stamps >= 0 AND debt >= 0 AND cards >= 0", name="counts"),
    postgresql_with={"fillfactor": "80"},
)

stamp_entry = sa.Table(
    "stamp_entry",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), nullable=False),
    sa.Column("card_key", sa.String(16), nullable=False),
    sa.Column("outlet_id", BigId),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("amount", sa.Integer, nullable=False),
    # earned, gift, completed (a full card turned into its reward), returned, reopened (the
    # reward was taken back unused), debt, repaid, moved (to the card its owner has already)
    sa.Column("kind", sa.String(12), nullable=False),
    sa.Column("source_kind", sa.String(16), nullable=False),
    sa.Column("source_id", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(40), nullable=False),
    sa.CheckConstraint("amount <> 0", name="amount"),
    sa.UniqueConstraint("source_kind", "source_id", "card_key", "kind"),
    sa.Index("ix_stamp_entry_customer_id_card_key_day", "customer_id", "card_key", "day"),
)
