"""Stored answers of requests that must act once, by the client's own key.

``begin`` sees whether the key was answered or is being handled, ``keep`` stores the answer in
the same transaction as what it tells of: a rolled-back call stores nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.db.fast import as_json, as_time, execute, fetch, is_postgres
from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata
from loyalty.errors import IdempotencyConflict, RequestInFlight

idempotency = sa.Table(
    "idempotency",
    metadata,
    # staff:…, key:… (an outlet's till), import:…
    sa.Column("client", sa.String(40), primary_key=True),
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("answer", JsonValue, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False, index=True),
    # Whom the answer tells of, so that an erasure finds it.
    sa.Column("customer_id", BigId),
)

KEPT = timedelta(hours=72)
"""How long an answer can be had again."""

RETRY_AFTER_S = 1
"""When to ask again for a request that is being handled right now."""

_FIND = "SELECT fingerprint, answer, created_at FROM idempotency WHERE client = $1 AND key = $2"
_FORGET = "DELETE FROM idempotency WHERE client = $1 AND key = $2"
_KEEP_ALL = (
    "INSERT INTO idempotency (client, key, fingerprint, answer, created_at, customer_id) VALUES "
)
_KEEP = {
    True: _KEEP_ALL + "($1, $2, $3, $4::jsonb, $5, $6)",
    False: _KEEP_ALL + "($1, $2, $3, $4, $5, $6)",
}


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer given before."""

    answer: Any


def begin(
    session: Session, *, client: str, key: str, fingerprint: str, now: datetime
) -> Stored | None:
    """The answer this key was given before; None if the request is to be handled now.

    On PostgreSQL a lock on the key is held until the transaction ends; on SQLite requests queue
    anyway. Two statements on purpose: the answer is read on a snapshot younger than the lock.

    Raises:
        RequestInFlight: the same key is being handled by another connection.
        IdempotencyConflict: the key was used for another request.
    """
    if is_postgres(session):
        name = lock_name(client, key)
        if not fetch(session, "SELECT pg_try_advisory_xact_lock($1)", name)[0][0]:
            raise RequestInFlight(retry_after_s=RETRY_AFTER_S)
    found = fetch(session, _FIND, client, key)
    if not found:
        return None
    known, answer, created_at = found[0]
    if (as_time(created_at) or now) <= now - KEPT:
        execute(session, _FORGET, client, key)
        return None
    if known != fingerprint:
        raise IdempotencyConflict()
    return Stored(as_json(answer))


def keep(
    session: Session,
    *,
    client: str,
    key: str,
    fingerprint: str,
    answer: str,
    customer_id: int | None,
    now: datetime,
) -> None:
    """Store the answer (a JSON text), with what it tells of.

    Raises:
        AlreadyThere: another got in with this key; the unit is run again and replays.
    """
    sql = _KEEP[is_postgres(session)]
    try:
        execute(session, sql, client, key, fingerprint, answer, now, customer_id)
    except Exception as problem:
        if is_unique_violation(problem):
            raise AlreadyThere from problem
        raise


def forget_customer(session: Session, *, customer_id: int) -> None:
    """Drop the stored answers that tell of this customer."""
    session.execute(sa.delete(idempotency).where(idempotency.c.customer_id == customer_id))


def lock_name(client: str, key: str) -> int:
    """The 64-bit number a request's lock goes by."""
    digest = hashlib.sha256(f"idempotency:{client}:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
