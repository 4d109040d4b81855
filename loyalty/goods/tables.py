"""A small catalogue of goods: what texts may show, what goes with what, how long it lasts."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, UtcDateTime, metadata

product = sa.Table(
    "product",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("sku", sa.String(64), nullable=False, unique=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("category", sa.String(64)),
    # Minor units.
    sa.Column("price", sa.BigInteger),
    sa.Column("picture", BigId),
    sa.Column("link", sa.String(500)),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("archived_at", UtcDateTime),
    sa.Index("ix_product_category", "category"),
)

goes_with = sa.Table(
    "goes_with",
    metadata,
    # ``hand``: chosen by the shop; ``lift``: bought together more often than by chance.
    sa.Column("sku", sa.String(64), primary_key=True),
    sa.Column("other", sa.String(64), primary_key=True),
    sa.Column("source", sa.String(4), primary_key=True),
    # Basis points: 20 000 = twice as often together as by chance; None for a hand's choice.
    sa.Column("lift_bp", sa.BigInteger),
    sa.Column("place", sa.SmallInteger, nullable=False, server_default="0"),
    # What receipts call the other one, for goods that are not in the catalogue.
    sa.Column("name", sa.String(200)),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.CheckConstraint("source IN ('hand', 'lift')", name="source"),
)

category_pace = sa.Table(
    "category_pace",
    metadata,
    # After how many days goods of a category are usually bought again.
    sa.Column("category", sa.String(64), primary_key=True),
    sa.Column("days", sa.Integer, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("by", sa.String(40), nullable=False),
)
