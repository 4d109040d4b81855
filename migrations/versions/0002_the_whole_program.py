"""The whole program: tiers by spend, stamps, vouchers, promotions, referrals, guards, dry runs

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What a customer spent by business day: tiers add it up. Unlinked returns are no orders.
DAYS = """
INSERT INTO customer_day (customer_id, day, orders, spent)
SELECT customer_id, business_date, SUM(CASE WHEN unlinked_return THEN 0 ELSE 1 END),
       SUM(total - returned)
FROM purchase WHERE customer_id IS NOT NULL GROUP BY customer_id, business_date
"""


def upgrade() -> None:
    op.create_table(
        "anomaly",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("flagged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_by", sa.String(length=40), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("kind", "subject", "day", name=op.f("pk_anomaly")),
        sa.UniqueConstraint("id", name=op.f("uq_anomaly_id")),
    )
    op.create_table(
        "dry_run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column(
            "rules", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column(
            "subject_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("from_day", sa.Date(), nullable=True),
        sa.Column("to_day", sa.Date(), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "result", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True
        ),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("author", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'done', 'failed', 'cancelled')",
            name=op.f("ck_dry_run_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dry_run")),
    )
    with op.batch_alter_table("dry_run", schema=None) as batch_op:
        batch_op.create_index("ix_dry_run_status", ["status", "id"], unique=False)
        batch_op.create_index(
            "ix_dry_run_kind_subject_id_id", ["kind", "subject_id", "id"], unique=False
        )
        batch_op.create_index(
            "uq_dry_run_fingerprint",
            ["fingerprint"],
            unique=True,
            sqlite_where=sa.text("status IN ('queued', 'running', 'done')"),
            postgresql_where=sa.text("status IN ('queued', 'running', 'done')"),
        )

    op.create_table(
        "promotion_version",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "promotion_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=True),
        sa.Column(
            "rules", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("author", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'on', 'off', 'archived')", name=op.f("ck_promotion_version_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotion_version")),
        sa.UniqueConstraint(
            "promotion_id", "number", name=op.f("uq_promotion_version_promotion_id_number")
        ),
        sa.UniqueConstraint("revision", name=op.f("uq_promotion_version_revision")),
    )
    op.create_table(
        "program_draft",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slot", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column(
            "base_version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "rules", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(length=40), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["base_version_id"],
            ["program_version.id"],
            name=op.f("fk_program_draft_base_version_id_program_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_program_draft")),
        sa.UniqueConstraint("slot", name=op.f("uq_program_draft_slot")),
    )
    op.create_table(
        "adjustment_request",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("points_expire_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("requested_by", sa.String(length=40), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(length=40), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('waiting', 'approved', 'declined')",
            name=op.f("ck_adjustment_request_status"),
        ),
        sa.CheckConstraint("points <> 0", name=op.f("ck_adjustment_request_points")),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_adjustment_request_customer_id_customer"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjustment_request")),
    )
    with op.batch_alter_table("adjustment_request", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_adjustment_request_customer_id"), ["customer_id"], unique=False
        )
        batch_op.create_index("ix_adjustment_request_status", ["status", "id"], unique=False)

    op.create_table(
        "customer_day",
        sa.Column(
            "customer_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_customer_day_customer_id_customer")
        ),
        sa.PrimaryKeyConstraint("customer_id", "day", name=op.f("pk_customer_day")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_table(
        "goal_progress",
        sa.Column(
            "customer_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column(
            "promotion_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("period", sa.Date(), nullable=False),
        sa.Column("purchases", sa.Integer(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("reached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_goal_progress_customer_id_customer")
        ),
        sa.PrimaryKeyConstraint(
            "customer_id", "promotion_id", "period", name=op.f("pk_goal_progress")
        ),
    )
    op.create_index(
        "ix_goal_progress_customer_id_ends_on", "goal_progress", ["customer_id", "ends_on"]
    )
    op.create_table(
        "referral",
        sa.Column(
            "friend_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column(
            "referrer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "purchase_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=40), nullable=True),
        sa.CheckConstraint(
            "status IN ('invited', 'pending', 'rewarded', 'review', 'declined')",
            name=op.f("ck_referral_status"),
        ),
        sa.CheckConstraint("friend_id <> referrer_id", name=op.f("ck_referral_own")),
        sa.ForeignKeyConstraint(
            ["friend_id"], ["customer.id"], name=op.f("fk_referral_friend_id_customer")
        ),
        sa.ForeignKeyConstraint(
            ["referrer_id"], ["customer.id"], name=op.f("fk_referral_referrer_id_customer")
        ),
        sa.PrimaryKeyConstraint("friend_id", name=op.f("pk_referral")),
    )
    with op.batch_alter_table("referral", schema=None) as batch_op:
        batch_op.create_index(
            "ix_referral_referrer_id", ["referrer_id", "decided_at"], unique=False
        )
        batch_op.create_index("ix_referral_status_due_at", ["status", "due_at"], unique=False)

    op.create_table(
        "stamp_balance",
        sa.Column(
            "customer_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("card_key", sa.String(length=16), nullable=False),
        sa.Column("stamps", sa.Integer(), nullable=False),
        sa.Column("debt", sa.Integer(), nullable=False),
        sa.Column("cards", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "stamps >= 0 AND debt >= 0 AND cards >= 0", name=op.f("ck_stamp_balance_counts")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_stamp_balance_customer_id_customer")
        ),
        sa.PrimaryKeyConstraint("customer_id", "card_key", name=op.f("pk_stamp_balance")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_table(
        "stamp_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("card_key", sa.String(length=16), nullable=False),
        sa.Column("outlet_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("source_kind", sa.String(length=16), nullable=False),
        sa.Column("source_id", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=40), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_stamp_entry_amount")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_stamp_entry_customer_id_customer")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stamp_entry")),
        sa.UniqueConstraint(
            "source_kind",
            "source_id",
            "card_key",
            "kind",
            name=op.f("uq_stamp_entry_source_kind_source_id_card_key_kind"),
        ),
    )
    with op.batch_alter_table("stamp_entry", schema=None) as batch_op:
        batch_op.create_index(
            "ix_stamp_entry_customer_id_card_key_day",
            ["customer_id", "card_key", "day"],
            unique=False,
        )

    op.create_table(
        "voucher",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("name", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column(
            "customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column(
            "effect", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True
        ),
        sa.Column("minimum", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("segment", sa.String(length=64), nullable=True),
        sa.Column("combines", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("total_limit", sa.Integer(), nullable=True),
        sa.Column("customer_limit", sa.Integer(), nullable=True),
        sa.Column("used", sa.Integer(), server_default="0", nullable=False),
        sa.Column("granted", sa.BigInteger(), nullable=True),
        sa.Column("balance", sa.BigInteger(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("source_kind", sa.String(length=16), nullable=False),
        sa.Column("issue_key", sa.String(length=96), nullable=True),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('promo_code', 'coupon', 'gift_card')", name=op.f("ck_voucher_kind")
        ),
        sa.CheckConstraint(
            "status IN ('inactive', 'active', 'redeemed', 'expired', 'blocked')",
            name=op.f("ck_voucher_status"),
        ),
        sa.CheckConstraint(
            "balance IS NULL OR (balance >= 0 AND balance <= granted)",
            name=op.f("ck_voucher_balance"),
        ),
        sa.CheckConstraint(
            "total_limit IS NULL OR used <= total_limit", name=op.f("ck_voucher_used")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_voucher_customer_id_customer")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher")),
        sa.UniqueConstraint("code", name=op.f("uq_voucher_code")),
        sa.UniqueConstraint("issue_key", name=op.f("uq_voucher_issue_key")),
    )
    with op.batch_alter_table("voucher", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_voucher_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(
            "ix_voucher_ends_at",
            ["ends_at"],
            unique=False,
            sqlite_where=sa.text("status = 'active' AND ends_at IS NOT NULL"),
            postgresql_where=sa.text("status = 'active' AND ends_at IS NOT NULL"),
        )

    op.create_table(
        "till_hold",
        sa.Column(
            "hold_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("client", sa.String(length=40), nullable=False),
        sa.Column("outlet_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column(
            "request", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True
        ),
        sa.Column("needs_tap", sa.Boolean(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "purchase_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name=op.f("fk_till_hold_hold_id_hold")),
        sa.ForeignKeyConstraint(
            ["outlet_id"], ["outlet.id"], name=op.f("fk_till_hold_outlet_id_outlet")
        ),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_till_hold")),
    )
    op.create_table(
        "voucher_use",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "voucher_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column(
            "purchase_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("returned", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actor", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_voucher_use_customer_id_customer")
        ),
        sa.ForeignKeyConstraint(
            ["voucher_id"], ["voucher.id"], name=op.f("fk_voucher_use_voucher_id_voucher")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher_use")),
        sa.UniqueConstraint(
            "voucher_id", "purchase_id", name=op.f("uq_voucher_use_voucher_id_purchase_id")
        ),
    )
    with op.batch_alter_table("voucher_use", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_voucher_use_purchase_id"), ["purchase_id"], unique=False
        )
        batch_op.create_index(
            "ix_voucher_use_voucher_id_customer_id", ["voucher_id", "customer_id"], unique=False
        )

    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("frozen_note", sa.String(length=200), nullable=True))

    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tier_floor", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("tier_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("tier_warned_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("tier_warned_for", sa.Date(), nullable=True))

    with op.batch_alter_table("customer_stats", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("window_spent", sa.BigInteger(), server_default="0", nullable=False)
        )
        batch_op.add_column(sa.Column("window_from", sa.Date(), nullable=True))

    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
            )
        )

    with op.batch_alter_table("lot", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lot_open"), sqlite_where=sa.text("remaining > 0"))
        batch_op.create_index(
            "ix_lot_open",
            ["customer_id", "expires_at", "earned_at", "id"],
            unique=False,
            sqlite_where=sa.text("remaining > 0"),
            postgresql_where=sa.text("remaining > 0"),
        )
        batch_op.create_index(
            "ix_lot_customer_id_active_from",
            ["customer_id", "active_from"],
            unique=False,
            sqlite_where=sa.text("remaining > 0"),
            postgresql_where=sa.text("remaining > 0"),
        )

    with op.batch_alter_table("program_version", schema=None) as batch_op:
        batch_op.add_column(sa.Column("note", sa.String(length=200), nullable=True))

    with op.batch_alter_table("purchase", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("gift_paid", sa.BigInteger(), server_default="0", nullable=False)
        )
        batch_op.add_column(
            sa.Column(
                "pricing", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True
            )
        )
        batch_op.add_column(sa.Column("attached_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            "ix_purchase_staff_id_recorded_at",
            ["staff_id", "recorded_at"],
            unique=False,
            sqlite_where=sa.text("staff_id IS NOT NULL"),
            postgresql_where=sa.text("staff_id IS NOT NULL"),
        )

    with op.batch_alter_table("sale_draft", schema=None) as batch_op:
        for name in ("vouchers", "stamps"):
            kind = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
            batch_op.add_column(sa.Column(name, kind, nullable=True))

    with op.batch_alter_table("purchase_return", schema=None) as batch_op:
        batch_op.create_index("ix_purchase_return_at", ["at"], unique=False)
        batch_op.add_column(
            sa.Column("gift_returned", sa.BigInteger(), server_default="0", nullable=False)
        )
        batch_op.add_column(
            sa.Column(
                "effects", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True
            )
        )

    op.execute(DAYS)


def downgrade() -> None:
    # Columns are dropped one by one: a batch would make SQLite's table anew, and the old one cannot
    # go while other rows point at it.
    op.drop_column("sale_draft", "stamps")
    op.drop_column("sale_draft", "vouchers")

    with op.batch_alter_table("purchase_return", schema=None) as batch_op:
        batch_op.drop_index("ix_purchase_return_at")
    op.drop_column("purchase_return", "effects")
    op.drop_column("purchase_return", "gift_returned")

    with op.batch_alter_table("purchase", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_purchase_staff_id_recorded_at",
            sqlite_where=sa.text("staff_id IS NOT NULL"),
            postgresql_where=sa.text("staff_id IS NOT NULL"),
        )
    op.drop_column("purchase", "attached_at")
    op.drop_column("purchase", "pricing")
    op.drop_column("purchase", "gift_paid")

    op.drop_column("program_version", "note")

    op.drop_column("idempotency", "customer_id")

    with op.batch_alter_table("lot", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_lot_customer_id_active_from",
            sqlite_where=sa.text("remaining > 0"),
            postgresql_where=sa.text("remaining > 0"),
        )
        batch_op.drop_index(
            "ix_lot_open",
            sqlite_where=sa.text("remaining > 0"),
            postgresql_where=sa.text("remaining > 0"),
        )
        batch_op.create_index(
            batch_op.f("ix_lot_open"),
            ["customer_id", "expires_at", "id"],
            unique=False,
            sqlite_where=sa.text("remaining > 0"),
            postgresql_where=sa.text("remaining > 0"),
        )

    op.drop_column("customer_stats", "window_from")
    op.drop_column("customer_stats", "window_spent")

    op.drop_column("customer", "tier_warned_for")
    op.drop_column("customer", "tier_warned_at")
    op.drop_column("customer", "tier_since")
    op.drop_column("customer", "tier_floor")

    op.drop_column("account", "frozen_note")

    with op.batch_alter_table("voucher_use", schema=None) as batch_op:
        batch_op.drop_index("ix_voucher_use_voucher_id_customer_id")
        batch_op.drop_index(batch_op.f("ix_voucher_use_purchase_id"))

    op.drop_table("voucher_use")
    op.drop_table("till_hold")
    with op.batch_alter_table("voucher", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_voucher_ends_at",
            sqlite_where=sa.text("status = 'active' AND ends_at IS NOT NULL"),
            postgresql_where=sa.text("status = 'active' AND ends_at IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_voucher_customer_id"))

    op.drop_table("voucher")
    with op.batch_alter_table("stamp_entry", schema=None) as batch_op:
        batch_op.drop_index("ix_stamp_entry_customer_id_card_key_day")

    op.drop_table("stamp_entry")
    op.drop_table("stamp_balance")
    with op.batch_alter_table("referral", schema=None) as batch_op:
        batch_op.drop_index("ix_referral_status_due_at")
        batch_op.drop_index("ix_referral_referrer_id")

    op.drop_table("referral")
    op.drop_index("ix_goal_progress_customer_id_ends_on", table_name="goal_progress")
    op.drop_table("goal_progress")
    op.drop_table("customer_day")
    with op.batch_alter_table("adjustment_request", schema=None) as batch_op:
        batch_op.drop_index("ix_adjustment_request_status")
        batch_op.drop_index(batch_op.f("ix_adjustment_request_customer_id"))

    op.drop_table("adjustment_request")
    op.drop_table("program_draft")
    op.drop_table("promotion_version")
    with op.batch_alter_table("dry_run", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_dry_run_fingerprint",
            sqlite_where=sa.text("status IN ('queued', 'running', 'done')"),
            postgresql_where=sa.text("status IN ('queued', 'running', 'done')"),
        )
        batch_op.drop_index("ix_dry_run_kind_subject_id_id")
        batch_op.drop_index("ix_dry_run_status")

    op.drop_table("dry_run")
    op.drop_table("anomaly")
