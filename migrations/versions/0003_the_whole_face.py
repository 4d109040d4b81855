"""The whole face: ratings and talks, erasure, own quiet hours, paper cards, outlets of a cashier

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)

NEW_COLUMNS: list[tuple[str, str, sa.types.TypeEngine]] = [
    ("customer", "quiet_start", sa.SmallInteger()),
    ("customer", "quiet_end", sa.SmallInteger()),
    ("customer", "interests", JSON),
    ("customer", "merged_into", BIG),
    ("customer", "erase_asked_at", MOMENT),
    ("customer", "erase_after", MOMENT),
    ("telegram_chat", "links", JSON),
    ("staff", "menu_set_at", MOMENT),
    ("sale_draft", "lines", JSON),
    ("sale_draft", "asked_chat_id", sa.BigInteger()),
    ("sale_draft", "asked_message_id", sa.BigInteger()),
    ("sale_draft", "asked_until", MOMENT),
    ("sale_draft", "asked_next_at", MOMENT),
    ("till_hold", "asked_next_at", MOMENT),
    ("staff_invitation", "merged_into", BIG),
]

# Where a cashier stands is where they may sell.
OUTLETS = """
INSERT INTO staff_outlet (staff_id, outlet_id, added_at)
SELECT id, outlet_id, created_at FROM staff WHERE outlet_id IS NOT NULL
"""


def upgrade() -> None:
    for table, name, kind in NEW_COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=True))
    for table, name in (("card", "paper"), ("purchase_return", "undo")):
        flag = sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)
        op.add_column(table, flag)
    for name in ("erase_after", "merged_into"):
        op.create_index(
            f"ix_customer_{name}",
            "customer",
            [name],
            sqlite_where=sa.text(f"{name} IS NOT NULL"),
            postgresql_where=sa.text(f"{name} IS NOT NULL"),
        )
    for table in ("sale_draft", "till_hold"):
        op.create_index(
            f"ix_{table}_asked_next_at",
            table,
            ["asked_next_at"],
            sqlite_where=sa.text("asked_next_at IS NOT NULL"),
            postgresql_where=sa.text("asked_next_at IS NOT NULL"),
        )
    op.create_index(
        "ix_purchase_return_undo",
        "purchase_return",
        ["purchase_id"],
        sqlite_where=sa.text("undo"),
        postgresql_where=sa.text("undo"),
    )
    _feedback()
    op.create_table(
        "card_batch",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_batch")),
    )
    op.create_table(
        "attraction_source",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("cost", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("archived_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_attraction_source")),
    )
    op.create_table(
        "staff_outlet",
        sa.Column("staff_id", BIG, autoincrement=False, nullable=False),
        sa.Column("outlet_id", BIG, autoincrement=False, nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_staff_outlet_staff_id_staff")
        ),
        sa.ForeignKeyConstraint(
            ["outlet_id"], ["outlet.id"], name=op.f("fk_staff_outlet_outlet_id_outlet")
        ),
        sa.PrimaryKeyConstraint("staff_id", "outlet_id", name=op.f("pk_staff_outlet")),
    )
    op.execute(OUTLETS)


def _feedback() -> None:
    op.create_table(
        "rating",
        sa.Column("id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("purchase_id", BIG, nullable=False),
        sa.Column("outlet_id", BIG, nullable=True),
        sa.Column("staff_id", BIG, nullable=True),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("rated_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("score BETWEEN 1 AND 5", name=op.f("ck_rating_score")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_rating_customer_id_customer")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rating")),
        sa.UniqueConstraint("purchase_id", name=op.f("uq_rating_purchase_id")),
    )
    op.create_index("ix_rating_customer_id_rated_at", "rating", ["customer_id", "rated_at"])
    op.create_index("ix_rating_rated_at", "rating", ["rated_at"])
    op.create_table(
        "talk",
        sa.Column("id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("rating_id", BIG, nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("closed_by", sa.String(length=40), nullable=True),
        sa.CheckConstraint("kind IN ('question', 'rating')", name=op.f("ck_talk_kind")),
        sa.CheckConstraint("status IN ('open', 'answered', 'closed')", name=op.f("ck_talk_status")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_talk_customer_id_customer")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_talk")),
    )
    op.create_index(
        "uq_talk_live",
        "talk",
        ["customer_id"],
        unique=True,
        sqlite_where=sa.text("status <> 'closed'"),
        postgresql_where=sa.text("status <> 'closed'"),
    )
    op.create_index("ix_talk_status_last_at", "talk", ["status", "last_at"])
    op.create_index("ix_talk_customer_id_opened_at", "talk", ["customer_id", "opened_at"])
    op.create_table(
        "talk_message",
        sa.Column("id", BIG, nullable=False),
        sa.Column("talk_id", BIG, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("author", sa.String(length=40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["talk_id"], ["talk.id"], name=op.f("fk_talk_message_talk_id_talk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_talk_message")),
        sa.UniqueConstraint("key", name=op.f("uq_talk_message_key")),
    )
    op.create_index("ix_talk_message_talk_id_id", "talk_message", ["talk_id", "id"])


def downgrade() -> None:
    for table in ("talk_message", "talk", "rating", "staff_outlet", "attraction_source"):
        op.drop_table(table)
    op.drop_table("card_batch")
    op.drop_index("ix_purchase_return_undo", table_name="purchase_return")
    for name in ("merged_into", "erase_after"):
        op.drop_index(f"ix_customer_{name}", table_name="customer")
    for table in ("sale_draft", "till_hold"):
        op.drop_index(f"ix_{table}_asked_next_at", table_name=table)
    for table, name in (("purchase_return", "undo"), ("card", "paper")):
        op.drop_column(table, name)
    for table, name, _ in reversed(NEW_COLUMNS):
        op.drop_column(table, name)
