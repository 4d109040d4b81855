"""The outbox's way in: what is to be said, once, to whom, and until when it makes sense."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from loyalty.db.fast import fetch, is_postgres
from loyalty.db.rows import Rows
from loyalty.db.types import sqlite_time
from loyalty.ids import new_id
from loyalty.messaging.tables import outbox

_PG = postgresql.dialect()  # type: ignore[no-untyped-call]

SERVICE, TRIGGER, MASS = "service", "trigger", "mass"
"""Receipts, consent, security · steps of chains · campaigns."""

PRIORITIES: Mapping[str, int] = {SERVICE: 0, TRIGGER: 1, MASS: 2}
"""The lower leaves first."""

SERVICE_DEADLINE = timedelta(hours=48)
"""A receipt that could not leave for this long is not news any more."""

AFTER_CHAIN = timedelta(minutes=15)
"""So long a notice of ours waits for a chain to tell the same better (``unless`` in its payload:
the chain's key); who is not told by it is told by the notice."""
CHAIN_MAY_TAKE = timedelta(days=4)
"""A chain's message may wait for its hour or for others before it; so long the notice looks on."""


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
    sent, in the chat's language), ``{"text": HTML, "buttons": [[{"text", "data"|"tap"|"url"}]]}``
    for words given as they are, or ``{"chain_version": ID, "step": ID, "values": {…}}`` for a step
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


def cancel_queued(session: Session, *, key: str, reason: str, now: datetime) -> bool:
    """Keep a message from leaving that nobody has begun to send; whether it stays here."""
    waiting = sa.and_(outbox.c.key == key, outbox.c.state == "queued")
    stays = sa.update(outbox).where(waiting).returning(outbox.c.id)
    values = {"state": "cancelled", "reason": reason, "settled_at": now}
    return session.execute(stays.values(**values)).first() is not None


def insert_new(session: Session, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert rows of ``table``, leaving alone those that meet a unique row; ids of the new.

    Every row has the columns of the first; those it does not name have server defaults.
    """
    if not rows:
        return []
    columns = tuple(rows[0])
    if is_postgres(session):
        sql, default = _new_postgres(table, columns), _iso
    else:
        sql, default = _new_sqlite(table, columns), _sqlite
    body = json.dumps(rows, default=default, ensure_ascii=False, separators=(",", ":"))
    return [row[0] for row in fetch(session, sql, body)]


# Handed over as one JSON document: the statement's text does not depend on how many rows there
# are, so it is made and prepared once. Building it anew took longer than writing the rows.
_NEW = "INSERT INTO {table} ({names}) SELECT {values} FROM {source} ON CONFLICT DO NOTHING"
_RETURNING = " RETURNING id"


@lru_cache(maxsize=64)
def _new_postgres(table: sa.Table, columns: tuple[str, ...]) -> str:
    typed = ", ".join(f"{name} {table.c[name].type.compile(dialect=_PG)}" for name in columns)
    names, source = ", ".join(columns), f"jsonb_to_recordset($1::jsonb) AS x({typed})"
    return _NEW.format(table=table.name, names=names, values=names, source=source) + _RETURNING


@lru_cache(maxsize=64)
def _new_sqlite(table: sa.Table, columns: tuple[str, ...]) -> str:
    # A JSON column takes the document, the others the value in it.
    arrows = ("->" if isinstance(table.c[name].type, sa.JSON) else "->>" for name in columns)
    values = ", ".join(
        f"value {arrow} '$.{name}'" for name, arrow in zip(columns, arrows, strict=True)
    )
    # "WHERE true": or SQLite takes ON CONFLICT for a join's ON.
    source = "json_each($1) WHERE true"
    names = ", ".join(columns)
    return _NEW.format(table=table.name, names=names, values=values, source=source) + _RETURNING


def _iso(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"cannot write a {type(value).__name__}")


def _sqlite(value: Any) -> str:
    return sqlite_time(value) if isinstance(value, datetime) else _iso(value)


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
