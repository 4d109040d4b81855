"""Chains as their editors see them: drafts beside what is in force, and what is wrong with one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.orm import Session

from loyalty.chains.checking import Problem, problems_of
from loyalty.chains.model import Definition
from loyalty.chains.shipped import SHIPPED
from loyalty.chains.store import definition_of
from loyalty.chains.tables import ACTIVE, chain, chain_version, enrolment
from loyalty.errors import ChainNotFound

Document = dict[str, Any]
"""A chain as JSON: what ``model.Definition`` reads, or is to read one day."""

_KINDS = (
    "event", "expiry", "date", "silence", "replenish", "segment", "calendar",
    "wait", "wait_hour", "wait_before", "condition", "message", "gift", "tag", "webhook", "task",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """A chain as its editors see it; ``version`` is None until it is published once."""

    id: int
    key: str
    enabled: bool
    enabled_at: datetime | None
    created_at: datetime
    halted_at: datetime | None
    halted_reason: str | None
    archived_at: datetime | None
    draft: Document | None
    draft_at: datetime | None
    draft_by: str | None
    version_id: int | None
    version: int | None
    definition: Definition | None

    @property
    def document(self) -> Document:
        """What an editor begins with: the draft, else what is in force."""
        if self.draft is not None:
            return self.draft
        if self.definition is not None:
            return self.definition.model_dump(mode="json")
        return empty({})

    @property
    def is_shipped(self) -> bool:
        """Whether it came with the program."""
        return self.key in SHIPPED

    def title(self, language: str) -> str:
        """What it is called; its key where nobody has named it."""
        names = self.definition.title if self.definition else self.document.get("title") or {}
        if not isinstance(names, dict):
            return self.key
        return str(names.get(language) or next((n for n in names.values() if n), self.key))


@dataclass(frozen=True, slots=True)
class Version:
    """A published version; ``on_way``: how many are still going through it."""

    id: int
    number: int
    published_at: datetime
    author: str
    on_way: int


def empty(title: Mapping[str, str]) -> Document:
    """A chain to begin with: starts when somebody joins, does nothing yet."""
    return {
        "title": dict(title),
        "about": {},
        "trigger": {"kind": "event", "event": "customer.joined", "occurrence": "once"},
        "steps": [],
        "exits": [],
        "re_entry": {"never": False, "days": 0, "one_at_a_time": True},
        "holdout_bp": None,
    }


def listing(session: Session, *, archived: bool = False) -> list[Edited]:
    """Every chain, in the order they were made; those put away only if ``archived``."""
    query = _EDITED.order_by(chain.c.id)
    if not archived:
        query = query.where(chain.c.archived_at.is_(None))
    return [_edited(session, row) for row in session.execute(query)]


def find(session: Session, *, key: str) -> Edited:
    """The chain called ``key``.

    Raises:
        ChainNotFound: there is none.
    """
    row = session.execute(_EDITED.where(chain.c.key == key)).one_or_none()
    if row is None:
        raise ChainNotFound()
    return _edited(session, row)


def versions(session: Session, *, chain_id: int) -> list[Version]:
    """Every published version, newest first."""
    going = (
        sa.select(enrolment.c.chain_version_id, sa.func.count().label("n"))
        .where(ACTIVE, enrolment.c.chain_id == chain_id)
        .group_by(enrolment.c.chain_version_id)
        .subquery()
    )
    v = chain_version.c
    query = (
        sa.select(v.id, v.number, v.published_at, v.author, sa.func.coalesce(going.c.n, 0))
        .outerjoin(going, going.c.chain_version_id == v.id)
        .where(v.chain_id == chain_id)
        .order_by(v.number.desc())
    )
    return [Version(*row) for row in session.execute(query).all()]


def draft_problems(document: Mapping[str, Any]) -> list[Problem]:
    """Everything that is wrong with a document, as ``field`` and ``problem``; parts that cannot
    be read at all do not hide what is wrong with the others."""
    try:
        return list(problems_of(Definition.model_validate(document)))
    except ValidationError as refused:
        found = [
            {"field": _place(fault["loc"]), "problem": str(fault["type"])}
            for fault in refused.errors(include_url=False, include_input=False)
        ]
    unread = {".".join(item["field"].split(".")[: _depth(item["field"])]) for item in found}
    try:
        rest = list(problems_of(Definition.model_validate(_without(document, unread))))
    except ValidationError:
        return found
    readable = (
        item for item in rest
        if not item["field"].startswith(tuple(unread)) and item["problem"] != "no_message"
    )  # fmt: skip
    return [*found, *readable]


def _depth(field: str) -> int:
    return 2 if field.startswith("steps.") else 1


def _place(loc: tuple[int | str, ...]) -> str:
    """Where a fault is, without the names of kinds that pydantic puts between."""
    parts = [str(part) for part in loc]
    kept: list[str] = []
    for part in parts:
        after = kept[-1] if kept else ""
        tagged = part in _KINDS and (kept == ["trigger"] or (len(kept) == 2 and after.isdigit()))
        if not tagged:
            kept.append(part)
    return ".".join(kept)


def _without(document: Mapping[str, Any], unread: set[str]) -> Document:
    """The document with a harmless part in the place of every one that cannot be read."""
    copy: Document = json.loads(json.dumps(document))
    for place in unread:
        name, _, number = place.partition(".")
        if name == "steps" and number.isdigit():
            step = copy["steps"][int(number)]
            named = step.get("id") if isinstance(step, dict) else None
            copy["steps"][int(number)] = {"kind": "tag", "tag": "-", "id": named or f"x{number}"}
        elif name == "trigger":
            copy[name] = {"kind": "event", "event": "customer.joined"}
        elif name == "title":
            copy[name] = {}
        else:
            copy.pop(name, None)
    return copy


_LATEST = (
    sa.select(chain_version.c.chain_id, sa.func.max(chain_version.c.number).label("number"))
    .group_by(chain_version.c.chain_id)
    .subquery()
)
_EDITED = (
    sa.select(chain, chain_version.c.id.label("version_id"), chain_version.c.number)
    .outerjoin(_LATEST, _LATEST.c.chain_id == chain.c.id)
    .outerjoin(
        chain_version,
        sa.and_(chain_version.c.chain_id == chain.c.id, chain_version.c.number == _LATEST.c.number),
    )
)


def _edited(session: Session, row: sa.Row[Any]) -> Edited:
    names = (
        "id", "key", "enabled", "enabled_at", "created_at", "halted_at", "halted_reason",
        "archived_at", "draft", "draft_at", "draft_by", "version_id",
    )  # fmt: skip
    return Edited(
        **{name: getattr(row, name) for name in names},
        version=row.number,
        definition=definition_of(session, row.version_id) if row.version_id else None,
    )
