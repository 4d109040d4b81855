"""One card per person: profile, card tokens, addresses in other systems, the Telegram chat."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata

customer = sa.Table(
    "customer",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    # anonymous: a paper card or an imported id nobody has claimed; erased: a pseudonym.
    sa.Column("status", sa.String(12), nullable=False),
    sa.Column("name", sa.String(120)),
    sa.Column("phone", sa.String(20)),
    # Keyed hash of the phone; outlives erasure, so a welcome is given once per number ever.
    sa.Column("phone_hash", sa.String(64)),
    sa.Column("phone_verified_at", UtcDateTime),
    sa.Column("email", sa.String(254)),
    sa.Column("birth_day", sa.SmallInteger),
    sa.Column("birth_month", sa.SmallInteger),
    sa.Column("birth_year", sa.SmallInteger),
    sa.Column("birthday_set_at", UtcDateTime),
    sa.Column("birthday_asked_at", UtcDateTime),
    sa.Column("sex", sa.String(1)),
    sa.Column("city", sa.String(120)),
    sa.Column("language", sa.String(2), nullable=False),
    sa.Column("time_zone", sa.String(64)),
    sa.Column("home_outlet_id", BigId, sa.ForeignKey("outlet.id")),
    sa.Column("source", sa.String(64)),
    sa.Column("referral_code", sa.String(16), unique=True),
    sa.Column("tier", sa.String(16), nullable=False, server_default="bronze"),
    # Granted by hand: the tier never falls below it.
    sa.Column("tier_floor", sa.String(16)),
    sa.Column("tier_since", UtcDateTime),
    # Warned on that day that the review on the other day will lower the tier.
    sa.Column("tier_warned_at", UtcDateTime),
    sa.Column("tier_warned_for", sa.Date),
    sa.Column("tags", JsonValue),
    sa.Column("fields", JsonValue),
    # Own quiet hours in minutes of the local day; both None: the program's. Equal: none at all.
    sa.Column("quiet_start", sa.SmallInteger),
    sa.Column("quiet_end", sa.SmallInteger),
    # Categories of goods the customer said they like, a list.
    sa.Column("interests", JsonValue),
    # A paper card whose owner was a member already: what it had is on that member's card.
    sa.Column("merged_into", BigId),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("joined_at", UtcDateTime),
    # Asked to be erased; it happens at ``erase_after`` unless they change their mind before.
    sa.Column("erase_asked_at", UtcDateTime),
    sa.Column("erase_after", UtcDateTime),
    sa.Column("erased_at", UtcDateTime),
    sa.Index("ix_customer_created_at", "created_at"),
    sa.Index(
        "ix_customer_erase_after",
        "erase_after",
        sqlite_where=sa.text("erase_after IS NOT NULL"),
        postgresql_where=sa.text("erase_after IS NOT NULL"),
    ),
    sa.Index(
        "ix_customer_merged_into",
        "merged_into",
        sqlite_where=sa.text("merged_into IS NOT NULL"),
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    ),
    sa.Index(
        "uq_customer_phone",
        "phone",
        unique=True,
        sqlite_where=sa.text("phone IS NOT NULL"),
        postgresql_where=sa.text("phone IS NOT NULL"),
    ),
    sa.CheckConstraint("status IN ('anonymous', 'active', 'blocked', 'erased')", name="status"),
)

external_id = sa.Table(
    "external_id",
    metadata,
    sa.Column("system", sa.String(64), primary_key=True),
    sa.Column("value", sa.String(120), primary_key=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), nullable=False, index=True),
)

card = sa.Table(
    "card",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), nullable=False, index=True),
    sa.Column("pseudonym", sa.String(16), nullable=False, unique=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("revoked_at", UtcDateTime),
    # A printed card: its QR never changes, so it earns and never spends.
    sa.Column("paper", sa.Boolean, nullable=False, server_default=sa.false()),
)

card_batch = sa.Table(
    "card_batch",
    metadata,
    # A print run of blank paper cards; a card becomes a row when it is first scanned at a till.
    sa.Column("id", BigId, primary_key=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(40), nullable=False),
)

attraction_source = sa.Table(
    "attraction_source",
    metadata,
    # A poster, a table tent, a page: ``s_KEY`` in its link, KEY in ``customer.source``.
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(120), nullable=False),
    # What it cost, minor units: cost per lead comes from it.
    sa.Column("cost", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(40), nullable=False),
    sa.Column("archived_at", UtcDateTime),
)

card_code = sa.Table(
    "card_code",
    metadata,
    # The 8 digits to type beside the QR: as short-lived as it, and of the same nonce.
    sa.Column("code", sa.String(8), primary_key=True),
    sa.Column("card_id", BigId, sa.ForeignKey("card.id"), nullable=False, index=True),
    sa.Column("nonce", sa.String(16), nullable=False, unique=True),
    sa.Column("issued_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
)

card_use = sa.Table(
    "card_use",
    metadata,
    # A token is good for one redemption: its nonce is written with it, once.
    sa.Column("nonce", sa.String(16), primary_key=True),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), nullable=False),
    sa.Column("used_at", UtcDateTime, nullable=False),
)

phone_seen = sa.Table(
    "phone_seen",
    metadata,
    sa.Column("phone_hash", sa.String(64), primary_key=True),
    sa.Column("welcomed_at", UtcDateTime, nullable=False),
)

telegram_chat = sa.Table(
    "telegram_chat",
    metadata,
    sa.Column("telegram_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("customer_id", BigId, sa.ForeignKey("customer.id"), unique=True),
    sa.Column("language", sa.String(2), nullable=False),
    # Where the person is in the conversation, and what the step needs to go on.
    sa.Column("step", sa.String(32)),
    sa.Column("step_data", JsonValue),
    # Deep link payload of the first /start, kept until joining is done.
    sa.Column("start_payload", sa.String(64)),
    # All of them that count, in the order they came: a poster, a friend, a receipt.
    sa.Column("links", JsonValue),
    sa.Column("menu_message_id", sa.BigInteger),
    sa.Column("reachable", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("blocked_at", UtcDateTime),
    sa.Column("first_seen_at", UtcDateTime, nullable=False),
    sa.Column("last_seen_at", UtcDateTime, nullable=False),
)
