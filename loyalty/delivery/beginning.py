"""The last look before a message leaves: today's facts, the policy again, the words."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import program
from loyalty.customers import customer
from loyalty.db.fast import as_json, as_time, execute, fetch, is_postgres
from loyalty.db.rows import Rows
from loyalty.delivery.claiming import LEASE
from loyalty.delivery.wording import Gone, with_words, words_of_chain
from loyalty.errors import DomainError
from loyalty.messaging.outbox import SERVICE, TRIGGER
from loyalty.messaging.people import Person, gather
from loyalty.messaging.policy import (
    Decision,
    Facts,
    Left,
    PolicyRules,
    Send,
    Skip,
    Wait,
    decide,
    rank,
)
from loyalty.messaging.tables import outbox, touch
from loyalty.messaging.templates import SCREEN, Context, Message, render

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the business lives: its zone, currency, and language of last resort."""

    time_zone: str
    currency: str
    language: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is being sent, as Telegram is asked for it."""

    id: int
    chat_id: int
    method: str
    params: Mapping[str, Any]
    message_class: str
    attempts: int
    left_at: datetime


@dataclass(slots=True)
class _Look:
    """What was read for the whole batch."""

    now: datetime
    place: Place
    rules: PolicyRules
    pending_days: int
    people: dict[int, Person]
    ranks: dict[int, int]


def begin(
    session: Session,
    *,
    ids: Sequence[int],
    owner: str,
    now: datetime,
    real_now: datetime,
    place: Place,
) -> list[Outgoing]:
    """Mark claimed rows ``sending`` and return what to say; the caller commits, then calls.

    Rows that may not leave any more are skipped, those that may not leave yet go back to the
    queue; rows another process holds by now are left out. Customers whose marketing is counted
    are locked, so that two processes never both see room under a cap.
    """
    rows = _held(session, ids, owner)
    if not rows:
        return []
    look = _look(session, rows, now=now, place=place)
    writes = Rows()
    outgoing: list[Outgoing] = []
    for row in rows:
        decision: Decision = _decide(look, row)
        message: Message | None = None
        if isinstance(decision, Send):
            decision, message = _word(session, look, row)
        if not isinstance(decision, Send):
            _write(writes, row, decision, now=now)
        if message is not None:
            _count(look, row, now)
            method, params = _call(row, message)
            outgoing.append(
                Outgoing(
                    row.id, row.chat_id, method, params, row.message_class, row.attempts + 1, now
                )
            )
    writes.put(session)
    if outgoing:
        sending = [message.id for message in outgoing]
        execute(session, _SENDING + _among(session), sending, real_now + LEASE, real_now, now)
    return outgoing


_HELD = (
    "SELECT o.id, o.customer_id, o.chat_id, o.message_class, o.payload, o.due_at, o.deadline,"
    " o.created_at, o.attempts, o.touch_id, c.language, c.reachable FROM outbox o"
    " LEFT JOIN telegram_chat c ON c.telegram_id = o.chat_id"
    " WHERE o.state = 'claimed' AND o.lease_owner = $2 AND o.id {among}"
    " ORDER BY o.priority, o.due_at, o.id"
)
_SENDING = (
    "UPDATE outbox SET state = 'sending', attempts = attempts + 1, lease_until = $2,"
    " sending_at = $3, left_at = $4, settled_at = NULL, reason = NULL WHERE id "
)


@dataclass(slots=True)
class _Held:
    """A claimed row, and the chat it is for (no language: nobody knows that chat)."""

    id: int
    customer_id: int | None
    chat_id: int
    message_class: str
    payload: Mapping[str, Any]
    due_at: datetime
    deadline: datetime
    created_at: datetime
    attempts: int
    touch_id: int | None
    language: str | None
    reachable: bool


def _among(session: Session) -> str:
    """What stands right of an id that is one of those in the first parameter."""
    if is_postgres(session):
        return "= ANY($1::bigint[])"
    return "IN (SELECT value FROM json_each($1))"


def _held(session: Session, ids: Sequence[int], owner: str) -> list[_Held]:
    sql = _HELD.format(among=_among(session))
    if is_postgres(session):
        sql += " FOR UPDATE OF o"
    held = []
    for found in fetch(session, sql, list(ids), owner):
        row = _Held(*found)
        row.payload, row.reachable = as_json(row.payload), row.reachable in (None, True, 1)
        row.due_at, row.deadline = _time(row.due_at), _time(row.deadline)
        row.created_at = _time(row.created_at)
        held.append(row)
    return held


def _time(value: Any) -> datetime:
    moment = as_time(value)
    if moment is None:
        raise AssertionError("a message has its times")
    return moment


def _look(session: Session, rows: Sequence[_Held], *, now: datetime, place: Place) -> _Look:
    marketing = [row for row in rows if row.message_class != SERVICE]
    customer_ids = sorted({row.customer_id for row in marketing if row.customer_id is not None})
    if customer_ids:
        session.execute(
            sa.select(customer.c.id)
            .where(customer.c.id.in_(customer_ids))
            .order_by(customer.c.id)
            .with_for_update(key_share=True)
        ).all()
    touched = [row.touch_id for row in marketing if row.touch_id is not None]
    ranks: dict[int, int] = {}
    if touched:
        steps = sa.select(touch.c.id, touch.c.source, touch.c.step).where(touch.c.id.in_(touched))
        ranks = {found.id: rank(found.source, found.step) for found in session.execute(steps)}
    version = program.current(session, now=now)
    return _Look(
        now=now,
        place=place,
        rules=PolicyRules.of(version.program),
        pending_days=version.program.pending_days,
        people=gather(session, customer_ids, now=now, time_zone=place.time_zone),
        ranks=ranks,
    )


def _person(look: _Look, row: _Held) -> Person | None:
    return look.people.get(row.customer_id) if row.customer_id is not None else None


def _decide(look: _Look, row: _Held) -> Decision:
    person = _person(look, row) if row.message_class != SERVICE else None
    if row.message_class != SERVICE and person is None:
        return Skip("customer_gone")
    own_rank = look.ranks.get(row.touch_id or 0, rank("", ""))
    facts = Facts(
        message_class=row.message_class,
        now=look.now,
        due_at=row.created_at,
        deadline=row.deadline,
        time_zone=person.time_zone if person else look.place.time_zone,
        reachable=row.reachable and (person is None or person.chat_id == row.chat_id),
        # Asked or not: what was planned on a consent that is gone is not sent.
        consent=bool(person and person.ads),
        quiet=person.quiet if person else None,
        left=person.left if person else (),
        rank=own_rank,
        rivals=[
            other_rank
            for other, name, due_at, other_rank in (person.coming if person else ())
            if other != row.id and name == TRIGGER and due_at <= look.now
        ],
    )
    return decide(facts, look.rules)


def _word(session: Session, look: _Look, row: _Held) -> tuple[Decision, Message | None]:
    """The words; a message that cannot be worded is refused alone, not with its batch."""
    payload = row.payload
    try:
        if "chain_version" in payload:
            person = look.people[row.customer_id or 0]
            message = words_of_chain(
                session, payload, person, now=look.now, time_zone=look.place.time_zone
            )
            return Send(), message
        context = Context(
            language=row.language or payload.get("language", look.place.language),
            time_zone=look.place.time_zone,
            currency=look.place.currency,
            now=look.now,
            created_at=row.created_at,
            pending_days=look.pending_days,
        )
        return Send(), render(with_words(session, payload), context=context)
    except Gone as gone:
        return Skip(gone.reason), None
    except (LookupError, TypeError, ValueError, DomainError) as problem:
        log.error("outbox row %s cannot be worded: %s", row.id, type(problem).__name__)
        return Skip("cannot_be_worded"), None


def _write(writes: Rows, row: _Held, decision: Decision, *, now: datetime) -> None:
    """Not now, or never."""
    values: dict[str, Any] = {
        "id": row.id,
        "due_at": row.due_at,
        "lease_owner": None,
        "lease_until": None,
        "sending_at": None,
        "left_at": None,
        "settled_at": None,
    }
    if isinstance(decision, Wait):
        values |= {"state": "queued", "due_at": decision.until, "reason": decision.reason}
    elif isinstance(decision, Skip):
        values |= {"state": "skipped", "settled_at": now, "reason": decision.reason}
        if row.touch_id is not None:
            writes.update(
                touch,
                {
                    "id": row.touch_id,
                    "decision": "skipped",
                    "reason": decision.reason,
                    "decided_at": now,
                },
            )
    writes.update(outbox, values)


def _count(look: _Look, row: _Held, now: datetime) -> None:
    """A second message to the same person in this batch sees the first."""
    person = _person(look, row)
    if person is not None and row.message_class != SERVICE:
        person.left.append(Left(row.message_class, now))
        person.coming = [item for item in person.coming if item[0] != row.id]


def _call(row: _Held, message: Message) -> tuple[str, dict[str, Any]]:
    params: dict[str, Any] = {"chat_id": row.chat_id, "parse_mode": "HTML"}
    if message.photo:
        method = "sendPhoto"
        params |= {"photo": message.photo, "caption": message.text}
    else:
        method = "sendMessage"
        params |= {"text": message.text, "link_preview_options": {"is_disabled": True}}
    if message.buttons:
        params["reply_markup"] = {
            "inline_keyboard": [[_button(button) for button in line] for line in message.buttons]
        }
    if row.payload.get("protect"):
        params["protect_content"] = True
    return method, params


def _button(button: Mapping[str, str]) -> dict[str, str]:
    if button.get("url"):
        return {"text": button["text"], "url": button["url"]}
    if button.get("tap"):
        return {"text": button["text"], "callback_data": button["tap"]}
    return {"text": button["text"], "callback_data": f"{SCREEN}{button['data']}"}
