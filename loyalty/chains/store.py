"""Chains as rows: what is published, what is switched on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.orm import Session

from loyalty.chains.checking import problems_of
from loyalty.chains.model import Definition, GiftStep
from loyalty.chains.shipped import PRESETS, Preset
from loyalty.chains.tables import chain, chain_cursor, chain_version
from loyalty.errors import ChainInvalid, ChainNotFound
from loyalty.ids import new_id
from loyalty.messaging.outbox import insert_new

OVERLAP_IDS = 120_000 << 21
"""Two minutes of ids: how late a row may be committed after its id was drawn."""

SHIPPED_BY = "system"
"""The author of versions that came with the program."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain with the version in force."""

    id: int
    key: str
    enabled: bool
    enabled_at: datetime | None
    version_id: int
    version: int
    definition: Definition


def ensure_shipped(session: Session, *, now: datetime) -> list[str]:
    """Write down the chains that come with the program; keys of the new ones.

    A new shop starts with those on that are so by default. Where there are chains already, new
    ones come switched off, and a chain nobody has edited gets the words shipped since: as a
    version, or as a draft if it is on and would begin to give something away. What an owner has
    edited is left as it is.
    """
    known = set(session.execute(sa.select(chain.c.key)).scalars())
    added = [
        key
        for key, preset in PRESETS.items()
        if key not in known and _add_shipped(session, preset, fresh=not known, now=now)
    ]
    for item in all_chains(session) if known else ():
        if item.key in PRESETS and item.key in known:
            _renew(session, item, now=now)
    return added


def _add_shipped(session: Session, preset: Preset, *, fresh: bool, now: datetime) -> bool:
    id_, enabled = new_id(), preset.enabled and fresh
    row = {
        "id": id_,
        "key": preset.key,
        "enabled": enabled,
        "enabled_at": now if enabled else None,
        "created_at": now,
    }
    if not insert_new(session, chain, [row]):
        return False
    _add_version(session, id_, 1, preset.definition, author=SHIPPED_BY, now=now)
    # Who joined before the chain was there is not greeted years later.
    session.execute(
        sa.insert(chain_cursor).values(chain_id=id_, last_event_id=new_id() - OVERLAP_IDS)
    )
    return True


def _renew(session: Session, item: Chain, *, now: datetime) -> None:
    """The words shipped since, for a chain nobody has edited."""
    newer = PRESETS[item.key].definition
    if item.definition == newer or _author(session, item.version_id) != SHIPPED_BY:
        return
    if item.enabled and _gifts(newer) - _gifts(item.definition):
        # Nobody has agreed to it yet; it waits in the panel.
        session.execute(
            sa.update(chain)
            .where(chain.c.id == item.id, chain.c.draft_at.is_(None))
            .values(draft=newer.model_dump(mode="json"), draft_at=now, draft_by=SHIPPED_BY)
        )
        return
    # Another process may have started at the same moment: one of them writes it.
    insert_new(
        session,
        chain_version,
        [_version(item.id, item.version + 1, newer, author=SHIPPED_BY, now=now)],
    )


def _author(session: Session, version_id: int) -> str:
    query = sa.select(chain_version.c.author).where(chain_version.c.id == version_id)
    return str(session.execute(query).scalar_one())


def _gifts(definition: Definition) -> set[str]:
    """What a chain gives away, as far as it can be compared."""
    return {
        step.model_dump_json(exclude={"id"})
        for step in definition.steps
        if isinstance(step, GiftStep)
    }


def all_chains(session: Session) -> list[Chain]:
    """Every chain, in the order they were made."""
    latest = (
        sa.select(chain_version.c.chain_id, sa.func.max(chain_version.c.number).label("number"))
        .group_by(chain_version.c.chain_id)
        .subquery()
    )
    query = (
        sa.select(chain, chain_version.c.id.label("version_id"), chain_version.c.number)
        .join(latest, latest.c.chain_id == chain.c.id)
        .join(
            chain_version,
            sa.and_(
                chain_version.c.chain_id == chain.c.id, chain_version.c.number == latest.c.number
            ),
        )
        .order_by(chain.c.id)
    )
    return [
        Chain(
            id=row.id,
            key=row.key,
            enabled=row.enabled,
            enabled_at=row.enabled_at,
            version_id=row.version_id,
            version=row.number,
            definition=definition_of(session, row.version_id),
        )
        for row in session.execute(query).all()
    ]


def get(session: Session, *, key: str) -> Chain:
    """The chain called ``key``.

    Raises:
        ChainNotFound: there is none.
    """
    found = next((item for item in all_chains(session) if item.key == key), None)
    if found is None:
        raise ChainNotFound()
    return found


def set_enabled(session: Session, *, key: str, enabled: bool, now: datetime) -> None:
    """Switch a chain on or off. Off, nobody is enrolled and nobody moves. Somebody has looked,
    so what halted it is over. Staff do it by ``editing.switch``, which checks and notes it.

    Raises:
        ChainNotFound: there is none.
    """
    item = get(session, key=key)
    if item.enabled == enabled:
        return
    values: dict[str, Any] = {"enabled": enabled, "halted_at": None, "halted_reason": None}
    if enabled:
        values["enabled_at"] = now
    session.execute(sa.update(chain).where(chain.c.id == item.id).values(**values))


def publish(
    session: Session, *, key: str, definition: Mapping[str, Any], author: str, now: datetime
) -> int:
    """Put a new version of a chain in force; its number. Who is on their way keeps the old one.

    Raises:
        ChainNotFound: there is no chain of that key.
        ChainInvalid: facts ``problems``: a list of ``field`` and ``problem``.
    """
    item = get(session, key=key)
    checked = check(definition)
    number = item.version + 1
    _add_version(session, item.id, number, checked, author=author, now=now)
    return number


def check(definition: Mapping[str, Any]) -> Definition:
    """The definition behind a document, checked.

    Raises:
        ChainInvalid: facts ``problems``: a list of ``field`` and ``problem``.
    """
    try:
        parsed = Definition.model_validate(definition)
    except ValidationError as problem:
        faults = [
            {"field": ".".join(map(str, error["loc"])), "problem": str(error["type"])}
            for error in problem.errors(include_url=False, include_input=False)
        ]
        raise ChainInvalid(problems=faults) from None
    problems = list(problems_of(parsed))
    if problems:
        raise ChainInvalid(problems=problems)
    return parsed


def definition_of(session: Session, version_id: int) -> Definition:
    """A published version; it never changes, so it is read and parsed once.

    Raises:
        LookupError: there is no such version.
    """
    found = _read.get(version_id)
    if found is None:
        query = sa.select(chain_version.c.definition).where(chain_version.c.id == version_id)
        document = session.execute(query).scalar_one_or_none()
        if document is None:
            raise LookupError(f"no chain version {version_id}")
        found = _parsed(json.dumps(document))
        if len(_read) < _READ_LIMIT:
            _read[version_id] = found
    return found


_READ_LIMIT = 4096
_read: dict[int, Definition] = {}


@lru_cache(maxsize=256)
def _parsed(document: str) -> Definition:
    return Definition.model_validate_json(document)


def _add_version(
    session: Session,
    chain_id: int,
    number: int,
    definition: Definition,
    *,
    author: str,
    now: datetime,
) -> None:
    row = _version(chain_id, number, definition, author=author, now=now)
    session.execute(sa.insert(chain_version).values(**row))


def _version(
    chain_id: int, number: int, definition: Definition, *, author: str, now: datetime
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "chain_id": chain_id,
        "number": number,
        "definition": definition.model_dump(mode="json"),
        "published_at": now,
        "author": author,
    }
