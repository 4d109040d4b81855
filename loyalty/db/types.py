"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = sa.MetaData(naming_convention=NAMING)

SQLITE_FORMAT = "%Y-%m-%d %H:%M:%S.%f"
"""How an instant is kept in SQLite: UTC text that sorts as time does."""


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware instant, kept in UTC; a naive value is refused instead of guessed at."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """UTC on the way in; SQLite gets it without the zone.

        Raises:
            ValueError: the value has no zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Aware UTC on the way out."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A 64-bit integer; on SQLite the rowid."""

JsonValue: sa.types.TypeEngine[Any] = sa.JSON(none_as_null=True).with_variant(
    JSONB(none_as_null=True), "postgresql"
)
"""A JSON document; JSONB on PostgreSQL."""


def sqlite_time(moment: datetime) -> str:
    """``moment`` as SQLite keeps it, for statements that bypass SQLAlchemy's types.

    Raises:
        ValueError: the moment has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place in the database")
    if moment.tzinfo is UTC:
        # The usual case, without its "+00:00".
        return moment.isoformat(" ", "microseconds")[:-6]
    # As SQLITE_FORMAT would have it, in a third of the time.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def from_sqlite_time(text: str | None) -> datetime | None:
    """The instant behind SQLite's text, or None."""
    if text is None:
        return None
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
