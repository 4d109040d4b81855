"""The outbox's way in: what is to be said, once, to whom, and until when it makes sense."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from loyalty.db.fast import is_postgres
from loyalty.db.rows import Rows
from loyalty.ids import new_id
from loyalty.messaging.tables import outbox

SERVICE, TRIGGER, MASS = "service", "trigger", "mass"
"""Receipts, consent, security · steps of chains · campaigns."""

PRIORITIES: Mapping[str, int] = {SERVICE: 0, TRIGGER: 1, MASS: 2}
"""The lower leaves first."""

SERVICE_DEADLINE = timedelta(hours=48)
"""A receipt that could not leave for this long is not news any more."""


def enqueue(
    rows: Rows,
    *,
    customer_id: int | None,
    chat_id: int,
    message_class: str,
    key: str,
    payload: Mapping[str, Any],
    now: datetime,
    deadline: datetime | None = None,
    due_at: datetime | None = None,
    touch_id: int | None = None,
    outbox_id: int | None = None,
) -> int:
    """Add a message to the unit's rows; its id.

    ``payload`` is ``{"template": NAME, "values": {…}}`` for our own words (rendered when it is
    sent, in the chat's language), ``{"text": HTML, "buttons": [[{"text", "data"|"url"}]]}`` for
    words given as they are, or ``{"chain_version": ID, "step": ID, "values": {…}}`` for a step
    of a chain. ``key`` (``receipt:ID``, ``touch:ID``) makes it once: the caller has seen to it
    that its unit comes this far only once; a second row of the key fails the unit. Who cannot
    know uses ``enqueue_once``. It leaves not before ``due_at`` (default: at once) and not after
    ``deadline`` (default: 48 h).
    """
    row = _row(customer_id, chat_id, message_class, key, payload, now, due_at, deadline, touch_id)
    row["id"] = outbox_id or row["id"]
    rows.insert(outbox, row)
    return int(row["id"])


def enqueue_once(
    session: Session,
    *,
    customer_id: int | None,
    chat_id: int,
    message_class: str,
    key: str,
    payload: Mapping[str, Any],
    now: datetime,
    deadline: datetime | None = None,
    due_at: datetime | None = None,
    touch_id: int | None = None,
) -> int | None:
    """The same as ``enqueue``, written at once; None if a message of this key is there already."""
    row = _row(customer_id, chat_id, message_class, key, payload, now, due_at, deadline, touch_id)
    added = insert_new(session, outbox, [row])
    return int(row["id"]) if added else None


def insert_new(session: Session, table: sa.Table, rows: list[dict[str, Any]]) -> list[int]:
    """Insert rows of ``table``, leaving alone those that meet a unique row; ids of the new."""
    if not rows:
        return []
    insert = postgresql.insert if is_postgres(session) else sqlite.insert
    added: list[int] = []
    for start in range(0, len(rows), 500):
        statement = insert(table).values(rows[start : start + 500])
        found = session.execute(statement.on_conflict_do_nothing().returning(table.c.id))
        added.extend(found.scalars())
    return added


def _row(
    customer_id: int | None,
    chat_id: int,
    message_class: str,
    key: str,
    payload: Mapping[str, Any],
    now: datetime,
    due_at: datetime | None,
    deadline: datetime | None,
    touch_id: int | None,
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "customer_id": customer_id,
        "chat_id": chat_id,
        "message_class": message_class,
        "key": key,
        "payload": dict(payload),
        "priority": PRIORITIES[message_class],
        "state": "queued",
        "due_at": due_at or now,
        "deadline": deadline or now + SERVICE_DEADLINE,
        "created_at": now,
        "attempts": 0,
        "touch_id": touch_id,
    }
