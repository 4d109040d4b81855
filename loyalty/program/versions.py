"""Versions of the program: what is in force when; a purchase keeps the version it was priced by."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata
from loyalty.ids import new_id
from loyalty.program.rules import Program

program_version = sa.Table(
    "program_version",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    # A published one that is taken back before it has begun is a draft again, for good.
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("rules", JsonValue, nullable=False),
    sa.Column("author", sa.String(40), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("effective_from", UtcDateTime),
    sa.Column("note", sa.String(200)),
    sa.CheckConstraint("status IN ('draft', 'published')", name="status"),
)


program_draft = sa.Table(
    "program_draft",
    metadata,
    # There is one draft at a time, which ``slot`` (always 1) sees to; it goes away when it is
    # published or dropped.
    sa.Column("id", BigId, primary_key=True),
    sa.Column("slot", sa.SmallInteger, nullable=False, unique=True, server_default="1"),
    sa.Column("base_version_id", BigId, sa.ForeignKey("program_version.id"), nullable=False),
    sa.Column("rules", JsonValue, nullable=False),
    # Grows with every change, so that two editors do not write over each other.
    sa.Column("edition", sa.Integer, nullable=False),
    sa.Column("author", sa.String(40), nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)


class Version(BaseModel):
    """A published version of the program."""

    model_config = ConfigDict(frozen=True)

    id: int
    number: int
    program: Program


@lru_cache(maxsize=64)
def _parsed(version_id: int, rules: str) -> Program:
    del version_id
    return Program.model_validate_json(rules)


def current(session: Session, *, now: datetime) -> Version:
    """The version in force at ``now``.

    Raises:
        LookupError: nothing was ever published (``ensure_default`` was not called).
    """
    query = (
        sa.select(
            program_version.c.id,
            program_version.c.number,
            sa.cast(program_version.c.rules, sa.Text).label("rules"),
        )
        .where(program_version.c.status == "published", program_version.c.effective_from <= now)
        .order_by(program_version.c.effective_from.desc(), program_version.c.number.desc())
        .limit(1)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise LookupError("no program version is published")
    return Version(id=row.id, number=row.number, program=_parsed(row.id, row.rules))


def by_id(session: Session, version_id: int) -> Version:
    """The version a purchase was priced by.

    Raises:
        LookupError: there is no such version.
    """
    query = sa.select(
        program_version.c.id,
        program_version.c.number,
        sa.cast(program_version.c.rules, sa.Text).label("rules"),
    ).where(program_version.c.id == version_id)
    row = session.execute(query).one_or_none()
    if row is None:
        raise LookupError(f"no program version {version_id}")
    return Version(id=row.id, number=row.number, program=_parsed(row.id, row.rules))


def ensure_default(session: Session, *, now: datetime, rules: Program | None = None) -> Version:
    """Publish version 1 if nothing was ever published: ``rules``, else the default program."""
    known = session.execute(sa.select(program_version.c.id).limit(1)).scalar_one_or_none()
    if known is None:
        session.execute(
            sa.insert(program_version).values(
                id=new_id(),
                number=1,
                status="published",
                rules=(rules or Program()).model_dump(mode="json"),
                author="system",
                created_at=now,
                # In force for imported history too.
                effective_from=datetime.fromisoformat("1970-01-01T00:00:00+00:00"),
            )
        )
    return current(session, now=now)
