"""How a call ended, written down."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.chains.tables import chain, chain_version
from loyalty.customers import telegram_chat
from loyalty.db.fast import driver_connection, execute, is_postgres
from loyalty.db.rows import Rows
from loyalty.db.types import sqlite_time
from loyalty.delivery.again import queue_again
from loyalty.delivery.shaping import Outgoing
from loyalty.messaging.outbox import SERVICE
from loyalty.messaging.tables import QUEUED, outbox

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
DEAD, REJECTED = "message.dead", "message.rejected"
"""Events of messages that somebody should look at."""

_CODES = {
    "parse entities": "bad_markup",
    "too long": "too_long",
    "text is empty": "empty",
    "button": "bad_button",
    "http url": "bad_link",
    "photo": "bad_picture",
    "file": "bad_picture",
    "chat": "bad_chat",
    "cannot be written": "cannot_be_written",
    "http_": "unreadable_answer",
}
_RETRY_AFTER_S = (2, 8, 30, 120)

Kind = Literal["sent", "refused", "limited", "unknown", "blocked", "rejected"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended.

    ``sent`` with its message id; ``refused``: the connection itself, so nothing can have
    arrived; ``limited``: Telegram asked to slow down, the attempt does not count; ``unknown``:
    it may have arrived; ``blocked``: this chat does not take messages; ``rejected``: Telegram
    will never take this one.
    """

    outgoing: Outgoing
    kind: Kind
    message_id: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What was settled, for the log: rows given up, chats that have blocked us."""

    dead: int = 0
    blocked: int = 0


def settle(session: Session, outcomes: Sequence[Outcome], *, owner: str, now: datetime) -> Settled:
    """Write outcomes down. A row that was taken from us meanwhile only learns that it arrived."""
    _arrived(session, [outcome for outcome in outcomes if outcome.kind == "sent"], now)
    outcomes = [outcome for outcome in outcomes if outcome.kind != "sent"]
    if not outcomes:
        return Settled()
    ids = sorted(outcome.outgoing.id for outcome in outcomes)
    held = {
        row.id: row
        for row in session.execute(
            sa.select(outbox).where(outbox.c.id.in_(ids)).order_by(outbox.c.id).with_for_update()
        )
    }
    writes = Rows()
    unknown, blocked, dead = [], set(), 0
    for outcome in outcomes:
        row = held.get(outcome.outgoing.id)
        if row is None or row.state != "sending" or row.lease_owner != owner:
            continue
        values = _values(outcome, row, now)
        writes.update(outbox, values)
        if values["state"] == "dead":
            dead += 1
            _alert(writes, row, now, type=DEAD)
        if outcome.kind == "rejected":
            _note_rejected(writes, row, outcome.reason, now)
        if outcome.kind == "unknown":
            unknown.append(row)
        if outcome.kind == "blocked":
            blocked.add((row.chat_id, row.customer_id))
    writes.put(session)
    queue_again(session, unknown, now=now)
    for chat_id, customer_id in sorted(blocked, key=lambda pair: pair[0]):
        close_chat(session, chat_id=chat_id, customer_id=customer_id, now=now)
    return Settled(dead=dead, blocked=len(blocked))


def _alert(writes: Rows, row: Any, now: datetime, *, type: str, **more: str) -> None:
    """Somebody should look: it will not arrive. The event names rows, never people's data."""
    events.record(
        writes,
        type=type,
        customer_id=row.customer_id,
        actor=events.SYSTEM,
        data={"outbox": str(row.id), "class": row.message_class, **more},
        now=now,
    )


def _note_rejected(writes: Rows, row: Any, reason: str | None, now: datetime) -> None:
    """Of a chain that is refused again and again its halting tells; a receipt has nobody else to
    speak for it."""
    code = code_of(reason)
    log.warning("outbox row %s (%s) was rejected: %s", row.id, row.message_class, code)
    if row.message_class == SERVICE:
        _alert(writes, row, now, type=REJECTED, code=code)


def code_of(reason: str | None) -> str:
    """Telegram's refusal as a word of ours: its own words may quote what was written to people."""
    said = (reason or "").lower()
    return next((code for words, code in _CODES.items() if words in said), "other")


def count_lost(session: Session, *, since: datetime) -> int:
    """How many messages were given up since then: tried in vain, or service ones rejected."""
    query = (
        sa.select(sa.func.count())
        .select_from(events.event)
        .where(events.event.c.type.in_((DEAD, REJECTED)), events.event.c.at >= since)
    )
    count: int = session.execute(query).scalar_one()
    return count


_SENT = (
    "UPDATE outbox SET state = 'sent', settled_at = {now}, message_id = {message_id},"
    " reason = NULL, lease_owner = NULL, lease_until = NULL"
)
_SENT_POSTGRES = (
    _SENT.format(now="$1", message_id="x.message_id")
    + " FROM unnest($2::bigint[], $3::bigint[]) AS x(id, message_id) WHERE outbox.id = x.id"
)
_SENT_SQLITE = _SENT.format(now="?", message_id="?") + " WHERE id = ?"


def _arrived(session: Session, outcomes: Sequence[Outcome], now: datetime) -> None:
    """All that Telegram took, in one statement: it is by far the most."""
    if not outcomes:
        return
    pairs = sorted((outcome.outgoing.id, outcome.message_id) for outcome in outcomes)
    if is_postgres(session):
        ids, message_ids = zip(*pairs, strict=True)
        execute(session, _SENT_POSTGRES, now, ids, message_ids)
        return
    at = sqlite_time(now)
    rows = [(at, message_id, key) for key, message_id in pairs]
    driver_connection(session).executemany(_SENT_SQLITE, rows)


def _values(outcome: Outcome, row: Any, now: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": row.id,
        "state": outcome.kind,
        "due_at": row.due_at,
        "attempts": row.attempts,
        "left_at": row.left_at,
        "settled_at": now,
        "message_id": outcome.message_id,
        "reason": (outcome.reason or "")[:200] or None,
        "lease_owner": None,
        "lease_until": None,
    }
    if outcome.kind == "limited":
        values |= {"state": "queued", "attempts": row.attempts - 1}
        values |= {"left_at": None, "settled_at": None}
    if outcome.kind == "refused":
        values["left_at"] = None
        if row.attempts >= MAX_ATTEMPTS:
            values["state"] = "dead"
        else:
            wait = _RETRY_AFTER_S[min(row.attempts, len(_RETRY_AFTER_S)) - 1]
            values |= {
                "state": "queued",
                "settled_at": None,
                "due_at": now + timedelta(seconds=wait),
            }
    return values


def halt_chain(session: Session, *, version_id: int, reason: str, now: datetime) -> str | None:
    """Switch off a chain whose message Telegram refuses again and again; its key, or None if it
    is off already. What is queued of it is skipped as paused."""
    of_version = sa.select(chain_version.c.chain_id).where(chain_version.c.id == version_id)
    halted = session.execute(
        sa.update(chain)
        .where(chain.c.id == of_version.scalar_subquery(), chain.c.enabled == sa.true())
        .values(enabled=False, halted_at=now, halted_reason=reason[:200])
        .returning(chain.c.key)
    ).scalar_one_or_none()
    if halted is None:
        return None
    rows = Rows()
    events.record(
        rows,
        type="chain.halted",
        customer_id=None,
        actor=events.SYSTEM,
        data={"chain": halted, "version": str(version_id), "reason": reason[:200]},
        now=now,
    )
    rows.put(session)
    return str(halted)


def close_chat(session: Session, *, chat_id: int, customer_id: int | None, now: datetime) -> None:
    """The person has blocked the bot: unreachable until the next /start, what waits is
    cancelled. Consent stays as it is."""
    session.execute(
        sa.update(telegram_chat)
        .where(telegram_chat.c.telegram_id == chat_id)
        .values(reachable=False, blocked_at=now)
    )
    mine = outbox.c.chat_id == chat_id
    if customer_id is not None:
        mine = sa.and_(outbox.c.customer_id == customer_id, mine)
    session.execute(
        sa.update(outbox)
        .where(QUEUED, mine)
        .values(state="cancelled", reason="blocked", settled_at=now)
    )
