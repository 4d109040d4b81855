"""The durable inbox: raw updates kept before they are acknowledged, handled in order per chat."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.db.fast import driver_connection, execute, fetch, is_postgres
from loyalty.db.types import UtcDateTime, metadata, sqlite_time

LEASE = timedelta(seconds=10)
"""How long a chat stays with an instance that gives no sign of life."""

ATTEMPTS = 25
"""Claims after which an update is given up: it takes the process down with it each time."""

FAILURES_KEPT = timedelta(hours=24)
DONE_KEPT = timedelta(days=3)
"""How long an update's number (not its content) is remembered, to know it again."""

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("bot_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("update_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("chat_id", sa.BigInteger, nullable=False),
    # The raw update; NULL once handled: nothing personal outlives its use.
    sa.Column("body", sa.Text),
    # new, done, failed
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("attempts", sa.SmallInteger, nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("handled_at", UtcDateTime),
    sa.Column("lease_owner", sa.String(40)),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("error", sa.String(200)),
    sa.CheckConstraint("state IN ('new', 'done', 'failed')", name="state"),
    sa.Index(
        "ix_inbox_new",
        "bot_id",
        "update_id",
        sqlite_where=sa.text("state = 'new'"),
        postgresql_where=sa.text("state = 'new'"),
    ),
    sa.Index("ix_inbox_received_at", "received_at"),
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A raw update as it came: its number, the chat whose order it keeps, its JSON."""

    update_id: int
    chat_id: int
    body: str


@dataclass(frozen=True, slots=True)
class Settled:
    """How an update ended; ``error`` (a short code, nothing personal) if it failed."""

    update_id: int
    error: str | None = None


def put(session: Session, *, bot_id: int, updates: Sequence[Incoming], now: datetime) -> int:
    """Keep raw updates; those that are known already change nothing. How many are new."""
    if not updates:
        return 0
    columns = "bot_id, update_id, chat_id, body, state, attempts, received_at"
    if is_postgres(session):
        return execute(
            session,
            f"INSERT INTO inbox ({columns}) "  # noqa: S608 - our own columns
            "SELECT $1, x.id, x.chat, x.body, 'new', 0, $5 "
            "FROM unnest($2::bigint[], $3::bigint[], $4::text[]) AS x(id, chat, body) "
            "ON CONFLICT DO NOTHING",
            bot_id,
            [update.update_id for update in updates],
            [update.chat_id for update in updates],
            [update.body for update in updates],
            now,
        )
    cursor = driver_connection(session).executemany(
        f"INSERT INTO inbox ({columns}) VALUES (?, ?, ?, ?, 'new', 0, ?) "  # noqa: S608
        "ON CONFLICT DO NOTHING",
        [(bot_id, u.update_id, u.chat_id, u.body, sqlite_time(now)) for u in updates],
    )
    return int(cursor.rowcount)


# A chat is free if no other instance that is alive has one of its updates in hand.
_CLAIM_POSTGRES = """
WITH oldest AS MATERIALIZED (
    SELECT update_id, chat_id, lease_owner, lease_until FROM inbox
    WHERE state = 'new' AND bot_id = $1 ORDER BY update_id LIMIT 2000
), free AS (
    SELECT chat_id FROM oldest GROUP BY chat_id
    HAVING count(*) FILTER (WHERE lease_until > $3 AND lease_owner <> $2) = 0
       AND count(*) FILTER (WHERE lease_owner IS DISTINCT FROM $2 OR lease_until <= $3) > 0
    ORDER BY min(update_id) LIMIT $5
), chosen AS (
    SELECT update_id FROM oldest JOIN free USING (chat_id)
    WHERE lease_owner IS DISTINCT FROM $2 OR lease_until <= $3
    ORDER BY update_id LIMIT $5
), taken AS (
    UPDATE inbox SET lease_owner = $2, lease_until = $4, attempts = attempts + 1
    WHERE bot_id = $1 AND update_id IN (SELECT update_id FROM chosen)
    RETURNING update_id, chat_id, body, attempts
)
SELECT update_id, chat_id, body, attempts FROM taken ORDER BY update_id
"""

# One process owns a SQLite file, so a lease here says only that an update is in hand.
_CLAIM_SQLITE = """
UPDATE inbox SET lease_owner = $2, lease_until = $3, attempts = attempts + 1
WHERE bot_id = $1 AND update_id IN (
    SELECT update_id FROM inbox WHERE state = 'new' AND bot_id = $1
      AND (lease_owner IS NULL OR lease_owner <> $2)
    ORDER BY update_id LIMIT $4)
RETURNING update_id, chat_id, body, attempts
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An update in hand: ``attempts`` counts this one."""

    update_id: int
    chat_id: int
    body: str
    attempts: int


def claim(session: Session, *, bot_id: int, owner: str, limit: int, now: datetime) -> list[Claimed]:
    """Take up to ``limit`` updates in order, of chats that no other living instance works on.

    ``now`` is real time: leases do not follow the time machine.
    """
    until = now + LEASE
    if is_postgres(session):
        # Instances claim in turn, so that two never take one chat.
        execute(session, "SELECT pg_advisory_xact_lock($1)", bot_id)
        rows = fetch(session, _CLAIM_POSTGRES, bot_id, owner, now, until, limit)
    else:
        rows = fetch(session, _CLAIM_SQLITE, bot_id, owner, until, limit)
    return sorted((Claimed(*row) for row in rows), key=lambda row: row.update_id)


def settle(session: Session, *, bot_id: int, settled: Sequence[Settled], now: datetime) -> None:
    """Write down how updates ended. A handled one loses its content at once."""
    done = [item.update_id for item in settled if item.error is None]
    if done:
        _update(
            session,
            "state = 'done', body = NULL, handled_at = $3, lease_owner = NULL, lease_until = NULL",
            bot_id,
            done,
            now,
        )
    for item in settled:
        if item.error is not None:
            execute(
                session,
                "UPDATE inbox SET state = 'failed', handled_at = $3, error = $4, "
                "lease_owner = NULL, lease_until = NULL WHERE bot_id = $1 AND update_id = $2",
                bot_id,
                item.update_id,
                now,
                item.error[:200],
            )


def renew(session: Session, *, bot_id: int, owner: str, now: datetime) -> int:
    """A sign of life: what this instance has in hand stays with it. How many updates."""
    return execute(
        session,
        "UPDATE inbox SET lease_until = $3 WHERE bot_id = $1 AND lease_owner = $2 "
        "AND state = 'new'",
        bot_id,
        owner,
        now + LEASE,
    )


def release(session: Session, *, bot_id: int, owner: str) -> None:
    """Give back all that ``owner`` has claimed and not settled (it stops)."""
    execute(
        session,
        "UPDATE inbox SET lease_owner = NULL, lease_until = NULL, attempts = attempts - 1 "
        "WHERE bot_id = $1 AND lease_owner = $2 AND state = 'new'",
        bot_id,
        owner,
    )


def take_over(session: Session, *, bot_id: int) -> None:
    """Free everything: only where the caller is the one process there is (SQLite)."""
    execute(
        session,
        "UPDATE inbox SET lease_owner = NULL, lease_until = NULL "
        "WHERE bot_id = $1 AND state = 'new'",
        bot_id,
    )


def waiting(session: Session, *, bot_id: int) -> int:
    """How many updates are not handled yet."""
    query = sa.select(sa.func.count()).where(inbox.c.bot_id == bot_id, inbox.c.state == "new")
    return session.execute(query).scalar_one()


def sweep(session: Session, *, now: datetime) -> int:
    """Drop failures older than 24 h and the numbers of updates done 3 days ago; how many."""
    query = sa.delete(inbox).where(
        sa.or_(
            sa.and_(inbox.c.state == "failed", inbox.c.handled_at <= now - FAILURES_KEPT),
            sa.and_(inbox.c.state == "done", inbox.c.received_at <= now - DONE_KEPT),
        )
    )
    return int(getattr(session.execute(query), "rowcount", 0))


def _update(
    session: Session, sets: str, bot_id: int, update_ids: list[int], *more: datetime
) -> None:
    if is_postgres(session):
        condition: str = "= ANY($2::bigint[])"
        ids: object = update_ids
    else:
        condition, ids = "IN (SELECT value FROM json_each($2))", json.dumps(update_ids)
    execute(
        session,
        f"UPDATE inbox SET {sets} WHERE bot_id = $1 AND update_id {condition}",  # noqa: S608
        bot_id,
        ids,
        *more,
    )
