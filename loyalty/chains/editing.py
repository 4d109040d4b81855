"""Editing a chain: a draft that need not be right yet, published when it is; each leaves a trace.

Who is on their way keeps the version they began with; a draft changes nothing for anybody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.chains.checking import problems_of
from loyalty.chains.drafts import Edited, draft_problems, empty, find
from loyalty.chains.shipped import SHIPPED
from loyalty.chains.store import OVERLAP_IDS, check
from loyalty.chains.tables import ACTIVE, chain, chain_cursor, chain_version, enrolment
from loyalty.db import Rows
from loyalty.errors import ChainInvalid, ChainNotFound
from loyalty.ids import new_id, short_of
from loyalty.messaging.outbox import insert_new
from loyalty.messaging.tables import outbox, touch

MAX_DRAFT_BYTES = 400_000
TAKEN_OUT = "taken_out"
"""Why somebody left a chain: the staff took them out."""
_SITTING_S = 15 * 60
"""Changes of one person within so many seconds are one event in the audit trail."""


def create(
    session: Session,
    *,
    key: str | None = None,
    title: Mapping[str, str],
    preset: str | None = None,
    definition: Mapping[str, Any] | None = None,
    actor: str,
    now: datetime,
) -> str:
    """A new chain, switched off, whose draft is the shipped one called ``preset``, a copy of
    ``definition``, or empty; its key. Event ``chain.created``.

    Raises:
        ChainNotFound: no such preset.
        ChainInvalid: facts ``problems``: the key is taken, or the document far too long.
    """
    id_ = new_id()
    key = key or f"own_{short_of(id_)}"
    document = empty(title)
    if preset is not None:
        if preset not in SHIPPED:
            raise ChainNotFound()
        document = SHIPPED[preset].model_dump(mode="json")
    elif definition is not None:
        document = dict(definition)
    # Its place among the urgent ones stays, whatever the copy is called.
    if preset is not None and not document.get("urgency"):
        document["urgency"] = preset
    document["title"] = dict(title)
    _ensure_small(document)
    row = {
        "id": id_, "key": key, "enabled": False, "created_at": now, "draft": document,
        "draft_at": now, "draft_by": actor,
    }  # fmt: skip
    if not insert_new(session, chain, [row]):
        raise ChainInvalid(problems=[{"field": "key", "problem": "id_taken"}])
    # Who did something before the chain was there is not met years later.
    session.execute(
        sa.insert(chain_cursor).values(chain_id=id_, last_event_id=new_id() - OVERLAP_IDS)
    )
    _note(session, "chain.created", key, actor, now)
    return key


def save_draft(
    session: Session, *, key: str, document: Mapping[str, Any], actor: str, now: datetime
) -> None:
    """Keep what somebody is working on; it may be incomplete. Event ``chain.draft_saved``, one
    for a sitting.

    Raises:
        ChainNotFound: there is none of that key.
        ChainInvalid: facts ``problems``: far too long.
    """
    item = find(session, key=key)
    _ensure_small(document)
    values = {"draft": dict(document), "draft_at": now, "draft_by": actor}
    session.execute(sa.update(chain).where(chain.c.id == item.id).values(**values))
    at = item.draft_at
    if at is None or item.draft_by != actor or abs((now - at).total_seconds()) > _SITTING_S:
        _note(session, "chain.draft_saved", key, actor, now)


def drop_draft(session: Session, *, key: str, actor: str, now: datetime) -> bool:
    """Forget the draft of a chain that was published before; whether there was one. Event
    ``chain.draft_dropped``.

    Raises:
        ChainNotFound: there is none of that key.
    """
    item = find(session, key=key)
    if item.draft is None or item.version is None:
        return False
    _set(session, item, draft=sa.null(), draft_at=None, draft_by=None)
    _note(session, "chain.draft_dropped", key, actor, now)
    return True


def publish_draft(session: Session, *, key: str, actor: str, now: datetime) -> int:
    """Put the draft in force as a new version; its number. Who is on their way keeps theirs.
    Event ``chain.published``.

    Raises:
        ChainNotFound: there is none of that key.
        ChainInvalid: facts ``problems``; ``no_draft`` if there is nothing to publish.
    """
    item = find(session, key=key)
    if item.draft is None:
        raise ChainInvalid(problems=[{"field": "", "problem": "no_draft"}])
    problems = draft_problems(item.draft)
    if problems:
        raise ChainInvalid(problems=problems)
    checked, number = check(item.draft), (item.version or 0) + 1
    row = {
        "id": new_id(), "chain_id": item.id, "number": number, "published_at": now,
        "definition": checked.model_dump(mode="json"), "author": actor,
    }  # fmt: skip
    session.execute(sa.insert(chain_version).values(**row))
    _set(session, item, draft=sa.null(), draft_at=None, draft_by=None)
    _note(session, "chain.published", key, actor, now, version=number)
    return number


def switch(session: Session, *, key: str, enabled: bool, actor: str, now: datetime) -> None:
    """Switch a chain on (one that was halted too) or off. Off, nobody begins and nobody moves.
    Events ``chain.switched_on`` and ``chain.switched_off``.

    Raises:
        ChainNotFound: there is none of that key.
        ChainInvalid: facts ``problems``: it cannot be switched on as it is.
    """
    item = find(session, key=key)
    if enabled:
        _ensure_ready(item)
    if item.enabled == enabled and item.halted_at is None:
        return
    values: dict[str, Any] = {"enabled": enabled, "halted_at": None, "halted_reason": None}
    if enabled:
        values |= {"enabled_at": now, "archived_at": None}
    _set(session, item, **values)
    _note(session, "chain.switched_on" if enabled else "chain.switched_off", key, actor, now)


def archive(session: Session, *, key: str, actor: str, now: datetime) -> None:
    """Switch a chain off and put it away. Event ``chain.archived``.

    Raises:
        ChainNotFound: there is none of that key.
    """
    item = find(session, key=key)
    if item.archived_at is not None:
        return
    _set(session, item, enabled=False, archived_at=now, halted_at=None, halted_reason=None)
    _note(session, "chain.archived", key, actor, now)


def take_back(session: Session, *, key: str, actor: str, now: datetime) -> None:
    """Take a chain out of the archive; it stays switched off. Event ``chain.unarchived``.

    Raises:
        ChainNotFound: there is none of that key.
    """
    item = find(session, key=key)
    if item.archived_at is None:
        return
    _set(session, item, archived_at=None)
    _note(session, "chain.unarchived", key, actor, now)


def restore_shipped(session: Session, *, key: str, actor: str, now: datetime) -> None:
    """Make the chain as it came with the program its draft. Event ``chain.restored``.

    Raises:
        ChainNotFound: there is none of that key, or it did not come with the program.
    """
    item = find(session, key=key)
    if not item.is_shipped:
        raise ChainNotFound()
    document = SHIPPED[key].model_dump(mode="json")
    _set(session, item, draft=document, draft_at=now, draft_by=actor)
    _note(session, "chain.restored", key, actor, now)


def take_out(
    session: Session, *, enrolment_id: int, customer_id: int, actor: str, now: datetime
) -> bool:
    """End one customer's way through a chain; what waits to be said on it is not said any more.
    Whether they were on it. Event ``chain.taken_out``."""
    query = (
        sa.select(enrolment.c.occurrence, chain.c.key)
        .join(chain, chain.c.id == enrolment.c.chain_id)
        .where(enrolment.c.id == enrolment_id, enrolment.c.customer_id == customer_id, ACTIVE)
        .with_for_update(of=enrolment)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        return False
    ended = {"status": "exited", "reason": TAKEN_OUT, "due_at": None, "ended_at": now}
    session.execute(sa.update(enrolment).where(enrolment.c.id == enrolment_id).values(**ended))
    mine = sa.and_(
        touch.c.customer_id == customer_id,
        touch.c.source == f"chain:{row.key}",
        touch.c.occurrence == row.occurrence,
    )
    session.execute(
        sa.update(touch)
        .where(mine, touch.c.decision == "wait")
        .values(decision="skipped", reason=TAKEN_OUT, decided_at=now)
    )
    queued = sa.select(touch.c.outbox_id).where(mine, touch.c.outbox_id.is_not(None))
    session.execute(
        sa.update(outbox)
        .where(outbox.c.id.in_(queued), outbox.c.state == "queued")
        .values(state="cancelled", reason=TAKEN_OUT, settled_at=now)
    )
    _note(session, "chain.taken_out", row.key, actor, now, customer_id=customer_id)
    return True


def _ensure_ready(item: Edited) -> None:
    if item.definition is None:
        raise ChainInvalid(problems=[{"field": "", "problem": "never_published"}])
    problems = list(problems_of(item.definition))
    if problems:
        raise ChainInvalid(problems=problems)


def _ensure_small(document: Mapping[str, Any]) -> None:
    if len(json.dumps(document).encode()) > MAX_DRAFT_BYTES:
        raise ChainInvalid(problems=[{"field": "", "problem": "draft_too_long"}])


def _set(session: Session, item: Edited, **values: Any) -> None:
    session.execute(sa.update(chain).where(chain.c.id == item.id).values(**values))


def _note(
    session: Session,
    what: str,
    key: str,
    actor: str,
    now: datetime,
    *,
    customer_id: int | None = None,
    **more: int,
) -> None:
    rows, data = Rows(), {"chain": key, **more}
    events.record(rows, type=what, customer_id=customer_id, actor=actor, data=data, now=now)
    rows.put(session)
