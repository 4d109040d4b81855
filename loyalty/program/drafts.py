"""The draft of the program: begun from what is in force, edited, published at a time.

There is one draft at a time. Every change of it grows its ``edition``; who changes or
publishes names the edition they have seen, so two editors never write over each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.db import Rows
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.errors import (
    NothingToPublish,
    ProgramChanged,
    ProgramDraftNotFound,
    ProgramInvalid,
    PublicationInPast,
)
from loyalty.ids import new_id
from loyalty.program.checking import Problem, check
from loyalty.program.rules import Program
from loyalty.program.versions import Version, current, program_draft, program_version

NOTE_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Rules being edited. ``author`` changed them last; ``base_*`` is what they began from."""

    id: int
    edition: int
    base_version_id: int
    base_number: int
    program: Program
    author: str
    updated_at: datetime


def find(session: Session) -> Draft | None:
    """The draft, if one is being edited."""
    row = session.execute(
        sa.select(program_draft, program_version.c.number).join_from(
            program_draft,
            program_version,
            program_version.c.id == program_draft.c.base_version_id,
        )
    ).one_or_none()
    if row is None:
        return None
    return Draft(
        id=row.id,
        edition=row.edition,
        base_version_id=row.base_version_id,
        base_number=row.number,
        program=Program.model_validate(row.rules),
        author=row.author,
        updated_at=row.updated_at,
    )


def get(session: Session) -> Draft:
    """The draft.

    Raises:
        ProgramDraftNotFound: nothing is being edited.
    """
    draft = find(session)
    if draft is None:
        raise ProgramDraftNotFound()
    return draft


def start(session: Session, *, actor: str, now: datetime) -> Draft:
    """Begin a draft from the version in force, or go on with the one that there is."""
    there = find(session)
    if there is not None:
        return there
    base = current(session, now=now)
    draft_id = new_id()
    try:
        session.execute(
            sa.insert(program_draft).values(
                id=draft_id,
                base_version_id=base.id,
                rules=base.program.model_dump(mode="json"),
                edition=1,
                author=actor,
                updated_at=now,
            )
        )
    except IntegrityError as problem:
        if not is_unique_violation(problem):
            raise
        raise AlreadyThere() from problem  # somebody began one this moment: run again, see theirs
    _note(session, "draft_started", {"draft": draft_id, "version": base.id}, actor, now)
    return get(session)


def save(
    session: Session,
    *,
    draft_id: int,
    edition: int,
    rules: Mapping[str, Any] | Program,
    actor: str,
    now: datetime,
) -> Draft:
    """Replace the draft's rules as a whole.

    Raises:
        ProgramInvalid: what is wrong, by field (``problems``); nothing was saved.
        ProgramChanged: it is no longer the edition that was seen, or no longer this draft.
    """
    checked = check(rules)
    changed = session.execute(
        sa.update(program_draft)
        .where(program_draft.c.id == draft_id, program_draft.c.edition == edition)
        .values(
            rules=checked.model_dump(mode="json"), edition=edition + 1, author=actor, updated_at=now
        )
    )
    _seen(session, changed)
    _note(session, "draft_saved", {"draft": draft_id, "edition": edition + 1}, actor, now)
    return get(session)


def save_field(
    session: Session,
    *,
    draft_id: int,
    edition: int,
    path: str,
    value: Any,
    actor: str,
    now: datetime,
) -> Draft:
    """Change one setting of the draft by its path ("tiers.1.earn_rate_bp").

    Raises:
        ProgramInvalid, ProgramChanged: as ``save``.
    """
    draft = find(session)
    if draft is None:
        raise ProgramChanged()
    rules = draft.program.model_dump(mode="json")
    _put(rules, path, value)
    return save(session, draft_id=draft_id, edition=edition, rules=rules, actor=actor, now=now)


def drop(session: Session, *, draft_id: int, edition: int, actor: str, now: datetime) -> None:
    """Throw the draft away.

    Raises:
        ProgramChanged: it is no longer the edition that was seen, or no longer this draft.
    """
    _take(session, draft_id, edition)
    _note(session, "draft_dropped", {"draft": draft_id, "edition": edition}, actor, now)


def publish(
    session: Session,
    *,
    draft_id: int,
    edition: int,
    at: datetime | None,
    note: str | None = None,
    actor: str,
    now: datetime,
) -> Version:
    """Make the draft a version that is in force from ``at`` on (None: from now).

    Raises:
        ProgramChanged: it is no longer the edition that was seen, or no longer this draft.
        PublicationInPast: ``at`` is not ahead.
        ProgramInvalid: an old draft that today's program would not accept.
        NothingToPublish: those rules would be in force then anyway.
    """
    if at is not None and at <= now:
        raise PublicationInPast()
    draft = find(session)
    if draft is None:
        raise ProgramChanged()
    _take(session, draft_id, edition)
    program, begins = check(draft.program), at or now
    if program == current(session, now=begins).program:
        raise NothingToPublish()
    newest = session.execute(sa.select(sa.func.max(program_version.c.number))).scalar_one()
    version = Version(id=new_id(), number=newest + 1, program=program)
    session.execute(
        sa.insert(program_version).values(
            id=version.id,
            number=version.number,
            status="published",
            rules=program.model_dump(mode="json"),
            author=actor,
            created_at=now,
            effective_from=begins,
            note=_clean(note),
        )
    )
    _note(session, "published", {"version": version.id, "number": version.number}, actor, now)
    return version


def _put(rules: dict[str, Any], path: str, value: Any) -> None:
    """Set what lies at ``path``; a path that leads nowhere is a problem of that field."""
    *way, last = path.split(".")
    place: Any = rules
    try:
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if isinstance(place, list):
            place[int(last)] = value
        else:
            place[last] = value
    except (KeyError, IndexError, ValueError, TypeError) as problem:
        raise ProgramInvalid(problems=[Problem(path, "unknown")]) from problem


def _take(session: Session, draft_id: int, edition: int) -> None:
    # Whoever deletes the row has it: of two who publish at once, one does.
    gone = session.execute(
        sa.delete(program_draft).where(
            program_draft.c.id == draft_id, program_draft.c.edition == edition
        )
    )
    _seen(session, gone)


def _seen(session: Session, result: sa.Result[Any]) -> None:
    if getattr(result, "rowcount", 0) != 1:
        there = find(session)
        raise ProgramChanged(edition=there.edition if there else None)


def _clean(note: str | None) -> str | None:
    words = " ".join((note or "").split())
    return "".join(sign for sign in words if sign.isprintable())[:NOTE_LENGTH] or None


def _note(session: Session, what: str, data: Mapping[str, Any], actor: str, now: datetime) -> None:
    rows = Rows()
    events.record(rows, type=f"program.{what}", customer_id=None, actor=actor, data=data, now=now)
    rows.put(session)
