"""The shop's own segments: rules with a name, saved, changed, put away."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.db import Rows
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.errors import SegmentInvalid, SegmentNotFound
from loyalty.ids import new_id, short_of
from loyalty.segments.checking import check
from loyalty.segments.ready_made import EVERY_READY_MADE
from loyalty.segments.rules import Rule
from loyalty.segments.saved import RULE, saved
from loyalty.segments.tables import segment

LONGEST_NAME = 120
_KEY = re.compile(r"^[a-z0-9_]{1,48}$")
_S = segment.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A segment of the shop's own."""

    key: str
    name: str
    rule: Rule
    created_at: datetime
    created_by: str
    changed_at: datetime
    archived_at: datetime | None


def _stored(row: sa.Row[Any]) -> Stored:
    return Stored(
        key=row.key,
        name=row.name,
        rule=RULE.validate_python(row.rule),
        created_at=row.created_at,
        created_by=row.created_by,
        changed_at=row.changed_at,
        archived_at=row.archived_at,
    )


def listing(session: Session, *, archived: bool = False) -> list[Stored]:
    """The shop's segments by name; those put away only if asked for."""
    query = sa.select(segment).order_by(_S.id)
    if not archived:
        query = query.where(_S.archived_at.is_(None))
    found = [_stored(row) for row in session.execute(query)]
    return sorted(found, key=lambda one: one.name.casefold())


def get(session: Session, key: str) -> Stored:
    """One segment, also if it was put away.

    Raises:
        SegmentNotFound: the shop has none by that key.
    """
    row = session.execute(sa.select(segment).where(_S.key == key)).one_or_none()
    if row is None:
        raise SegmentNotFound()
    return _stored(row)


def save(
    session: Session, *, key: str | None, name: str, rule: Any, actor: str, now: datetime
) -> Stored:
    """Keep a rule (or its document) under a name: a new segment for a ``key`` that is not there
    yet (None: one is made up), else a change of that one, which comes back if it was put away.
    What uses it asks the new rule from now on. Saying the same again changes nothing.

    Raises:
        SegmentInvalid: the rule cannot be asked (see ``check``; also ``unknown_segment`` and
            ``circle``), the name is ``empty`` or ``too_long``, the key is ``wrong_value``.
        AlreadyThere: somebody made one of that key this very moment; the door runs it again.
    """
    title = " ".join(name.split())
    own = key if key is not None else f"s_{short_of(new_id())}"
    problems = []
    if not title:
        problems.append({"field": "name", "problem": "empty"})
    elif len(title) > LONGEST_NAME:
        problems.append({"field": "name", "problem": "too_long"})
    if not _KEY.match(own) or own in EVERY_READY_MADE:
        problems.append({"field": "key", "problem": "wrong_value"})
    try:
        checked: Rule | None = check(rule, saved=saved(session, now=now), key=own)
    except SegmentInvalid as refused:
        problems += refused.facts["problems"]
        checked = None
    if problems or checked is None:
        raise SegmentInvalid(problems=problems)
    document = checked.model_dump(mode="json", exclude_unset=True)
    known = session.execute(sa.select(segment).where(_S.key == own).with_for_update()).one_or_none()
    if known is None:
        _create(session, own, title, document, actor, now)
    elif (known.name, known.rule, known.archived_at) != (title, document, None):
        changed = {"name": title, "rule": document, "changed_at": now, "archived_at": None}
        session.execute(sa.update(segment).where(_S.key == own).values(changed))
        _note(session, "segment.changed", own, actor, now)
    return get(session, own)


def _create(
    session: Session, key: str, name: str, document: Any, actor: str, now: datetime
) -> None:
    try:
        session.execute(
            sa.insert(segment).values(
                id=new_id(),
                key=key,
                name=name,
                rule=document,
                created_at=now,
                created_by=actor,
                changed_at=now,
            )
        )
    except IntegrityError as problem:
        if is_unique_violation(problem):
            raise AlreadyThere from problem
        raise
    _note(session, "segment.created", key, actor, now)


def archive(session: Session, *, key: str, actor: str, now: datetime) -> Stored:
    """Put a segment away: it is offered no more, and what uses it goes on.

    Raises:
        SegmentNotFound: the shop has none by that key.
    """
    known = get(session, key)
    if known.archived_at is None:
        session.execute(sa.update(segment).where(_S.key == key).values(archived_at=now))
        _note(session, "segment.archived", key, actor, now)
    return get(session, key)


def _note(session: Session, type: str, key: str, actor: str, now: datetime) -> None:
    rows = Rows()
    events.record(rows, type=type, customer_id=None, actor=actor, data={"segment": key}, now=now)
    rows.put(session)
