"""Versions of the program as a list: what was in force when, what each changed; taking one back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.db import Rows
from loyalty.errors import ProgramVersionNotFound, VersionHasBegun
from loyalty.program.differences import Change, differences
from loyalty.program.rules import Program
from loyalty.program.versions import program_version

State = Literal["past", "in_force", "scheduled", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A version with its story. ``changes`` are against the version it follows.

    ``begins_at`` is when it takes or took force; for a cancelled one, when it would have.
    ``ends_at`` is when another one takes or took its place.
    """

    id: int
    number: int
    program: Program
    state: State
    author: str
    note: str | None
    created_at: datetime
    begins_at: datetime
    ends_at: datetime | None
    follows: int | None
    changes: list[Change]


def listing(session: Session, *, now: datetime) -> list[Published]:
    """Every version, the newest first."""
    rows = session.execute(
        sa.select(program_version)
        .where(program_version.c.effective_from.is_not(None))
        .order_by(program_version.c.effective_from, program_version.c.number)
    ).all()
    programs = {row.id: Program.model_validate(row.rules) for row in rows}
    live = [row for row in rows if row.status == "published"]
    made = [_published(row, live, programs, now) for row in rows]
    return sorted(made, key=lambda version: version.number, reverse=True)


def get(session: Session, version_id: int, *, now: datetime) -> Published:
    """One version with its story.

    Raises:
        ProgramVersionNotFound: there is no such version.
    """
    for version in listing(session, now=now):
        if version.id == version_id:
            return version
    raise ProgramVersionNotFound()


def scheduled(session: Session, *, now: datetime) -> list[Published]:
    """Versions that have not begun, the next one first."""
    waiting = [version for version in listing(session, now=now) if version.state == "scheduled"]
    return sorted(waiting, key=lambda version: (version.begins_at, version.number))


def cancel(session: Session, *, version_id: int, in_use: bool, actor: str, now: datetime) -> None:
    """Take back a version that has not begun; its number stays used.

    ``in_use``: whether a purchase refers to it, which the caller knows.

    Raises:
        ProgramVersionNotFound: there is no such version, or it was taken back already.
        VersionHasBegun: it is or was in force, or a purchase was priced by it.
    """
    row = session.execute(
        sa.select(program_version.c.number, program_version.c.effective_from)
        .where(program_version.c.id == version_id, program_version.c.status == "published")
        .with_for_update()
    ).one_or_none()
    if row is None or row.effective_from is None:
        raise ProgramVersionNotFound()
    if in_use or row.effective_from <= now:
        raise VersionHasBegun()
    session.execute(
        sa.update(program_version).where(program_version.c.id == version_id).values(status="draft")
    )
    rows = Rows()
    data = {"version": version_id, "number": row.number}
    events.record(rows, type="program.cancelled", customer_id=None, actor=actor, data=data, now=now)
    rows.put(session)


def _published(
    row: Any, live: Sequence[Any], programs: dict[int, Program], now: datetime
) -> Published:
    place = (row.effective_from, row.number)
    earlier = [one for one in live if (one.effective_from, one.number) < place]
    later = [one for one in live if (one.effective_from, one.number) > place]
    ends = later[0].effective_from if later else None
    state: State = "in_force"
    if row.status != "published":
        state, ends = "cancelled", None
    elif row.effective_from > now:
        state = "scheduled"
    elif ends is not None and ends <= now:
        state = "past"
    before = earlier[-1] if earlier else None
    return Published(
        id=row.id,
        number=row.number,
        program=programs[row.id],
        state=state,
        author=row.author,
        note=row.note,
        created_at=row.created_at,
        begins_at=row.effective_from,
        ends_at=ends,
        follows=before.number if before else None,
        changes=differences(programs[before.id], programs[row.id]) if before else [],
    )
