"""Messages at the right moment: segments, goods, tasks, webhooks, clicks, pictures

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)

NEW_COLUMNS: list[tuple[str, str, sa.types.TypeEngine]] = [
    ("chain", "draft", JSON),
    ("chain", "draft_at", MOMENT),
    ("chain", "draft_by", sa.String(40)),
    ("chain", "halted_at", MOMENT),
    ("chain", "halted_reason", sa.String(200)),
    ("chain", "archived_at", MOMENT),
    ("enrolment", "arrived_at", MOMENT),
    ("enrolment", "day", sa.Date()),
    ("enrolment", "subject", JSON),
    ("chain_cursor", "plan", JSON),
    ("touch", "rank", sa.SmallInteger()),
    ("touch", "version_id", BIG),
]
NEW_TABLES = (
    "task", "chain_member", "webhook_delivery", "media_file", "webhook", "segment", "product",
    "media", "instance", "goes_with", "click", "category_pace",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "category_pace",
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("category", name=op.f("pk_category_pace")),
    )
    op.create_table(
        "click",
        sa.Column("id", BIG, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("outbox_id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=True),
        sa.Column("touch_id", BIG, nullable=True),
        sa.Column("source", sa.String(length=48), nullable=True),
        sa.Column("step", sa.String(length=48), nullable=True),
        sa.Column("variant", sa.String(length=16), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.CheckConstraint("kind IN ('link', 'button')", name=op.f("ck_click_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_click")),
        sa.UniqueConstraint("key", name=op.f("uq_click_key")),
    )
    op.create_index("ix_click_customer_id_at", "click", ["customer_id", "at"], unique=False)
    op.create_index("ix_click_outbox_id", "click", ["outbox_id"], unique=False)
    op.create_index("ix_click_source_step", "click", ["source", "step"], unique=False)

    op.create_table(
        "goes_with",
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("other", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=4), nullable=False),
        sa.Column("lift_bp", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint("source IN ('hand', 'lift')", name=op.f("ck_goes_with_source")),
        sa.PrimaryKeyConstraint("sku", "other", "source", name=op.f("pk_goes_with")),
    )
    op.create_table(
        "instance",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("leader", sa.Boolean(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance")),
    )
    op.create_table(
        "media",
        sa.Column("id", BIG, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
        sa.UniqueConstraint("sha256", name=op.f("uq_media_sha256")),
    )
    op.create_table(
        "product",
        sa.Column("id", BIG, nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=True),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.Column("picture", BIG, nullable=True),
        sa.Column("link", sa.String(length=500), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("archived_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product")),
        sa.UniqueConstraint("sku", name=op.f("uq_product_sku")),
    )
    op.create_index("ix_product_category", "product", ["category"], unique=False)

    op.create_table(
        "segment",
        sa.Column("id", BIG, nullable=False),
        sa.Column("key", sa.String(length=48), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("rule", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("archived_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
        sa.UniqueConstraint("key", name=op.f("uq_segment_key")),
    )
    op.create_table(
        "webhook",
        sa.Column("id", BIG, nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("events", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("secret_number", sa.Integer(), server_default="1", nullable=False),
        sa.Column("last_event_id", BIG, nullable=False),
        sa.Column("failing_since", MOMENT, nullable=True),
        sa.Column("disabled_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_table(
        "media_file",
        sa.Column(
            "media_id",
            BIG,
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("bot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("file_id", sa.String(length=200), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["media_id"], ["media.id"], name=op.f("fk_media_file_media_id_media")
        ),
        sa.PrimaryKeyConstraint("media_id", "bot_id", name=op.f("pk_media_file")),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", BIG, nullable=False),
        sa.Column("webhook_id", BIG, nullable=False),
        sa.Column("key", sa.String(length=96), nullable=False),
        sa.Column("type", sa.String(length=48), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("lease_owner", sa.String(length=40), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("settled_at", MOMENT, nullable=True),
        sa.Column("answer", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'calling', 'sent', 'dead')", name=op.f("ck_webhook_delivery_state")
        ),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhook.id"], name=op.f("fk_webhook_delivery_webhook_id_webhook")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sa.UniqueConstraint("webhook_id", "key", name=op.f("uq_webhook_delivery_webhook_id_key")),
    )
    op.create_index(
        "ix_webhook_delivery_queued",
        "webhook_delivery",
        ["webhook_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'calling')"),
        postgresql_where=sa.text("state IN ('queued', 'calling')"),
    )

    op.create_table(
        "chain_member",
        sa.Column(
            "chain_id",
            BIG,
            autoincrement=False,
            nullable=False,
        ),
        sa.Column(
            "customer_id",
            BIG,
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("since", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["chain_id"], ["chain.id"], name=op.f("fk_chain_member_chain_id_chain")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_chain_member_customer_id_customer")
        ),
        sa.PrimaryKeyConstraint("chain_id", "customer_id", name=op.f("pk_chain_member")),
    )
    op.create_table(
        "task",
        sa.Column("id", BIG, nullable=False),
        sa.Column("key", sa.String(length=96), nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("source", sa.String(length=48), nullable=False),
        sa.Column("title", JSON, nullable=False),
        sa.Column("outlet_id", BIG, nullable=True),
        sa.Column("assignee_id", BIG, nullable=True),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("note", sa.String(length=1000), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("closed_by", sa.String(length=40), nullable=True),
        sa.CheckConstraint("status IN ('open', 'done', 'dropped')", name=op.f("ck_task_status")),
        sa.ForeignKeyConstraint(
            ["assignee_id"], ["staff.id"], name=op.f("fk_task_assignee_id_staff")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_task_customer_id_customer")
        ),
        sa.ForeignKeyConstraint(
            ["outlet_id"], ["outlet.id"], name=op.f("fk_task_outlet_id_outlet")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("key", name=op.f("uq_task_key")),
    )
    op.create_index("ix_task_customer_id", "task", ["customer_id"], unique=False)
    op.create_index("ix_task_status_due_at", "task", ["status", "due_at"], unique=False)

    for table, name, kind in NEW_COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=True))
    control = sa.Column("control", sa.Boolean(), server_default=sa.false(), nullable=False)
    op.add_column("enrolment", control)


def downgrade() -> None:
    op.drop_column("enrolment", "control")
    for table, name, _ in reversed(NEW_COLUMNS):
        op.drop_column(table, name)
    for table in NEW_TABLES:
        op.drop_table(table)
