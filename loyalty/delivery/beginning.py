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
from loyalty.customers import customer, telegram_chat
from loyalty.db.rows import Rows
from loyalty.delivery.claiming import LEASE
from loyalty.delivery.wording import Gone, words_of_chain
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
from loyalty.messaging.templates import Context, Message, render

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
    chats: dict[int, Any]
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
    rows = session.execute(
        sa.select(outbox)
        .where(outbox.c.id.in_(ids), outbox.c.state == "claimed", outbox.c.lease_owner == owner)
        .order_by(outbox.c.priority, outbox.c.due_at, outbox.c.id)
        .with_for_update()
    ).all()
    if not rows:
        return []
    look = _look(session, rows, now=now, place=place)
    writes = Rows()
    outgoing = []
    for row in rows:
        decision: Decision = _decide(look, row)
        message: Message | None = None
        if isinstance(decision, Send):
            decision, message = _word(session, look, row)
        _write(writes, row, decision, now=now, real_now=real_now, owner=owner)
        if message is not None:
            _count(look, row, now)
            method, params = _call(row, message)
            outgoing.append(
                Outgoing(
                    row.id, row.chat_id, method, params, row.message_class, row.attempts + 1, now
                )
            )
    writes.put(session)
    return outgoing


def _look(session: Session, rows: Sequence[Any], *, now: datetime, place: Place) -> _Look:
    marketing = [row for row in rows if row.message_class != SERVICE]
    customer_ids = sorted({row.customer_id for row in marketing if row.customer_id is not None})
    if customer_ids:
        session.execute(
            sa.select(customer.c.id)
            .where(customer.c.id.in_(customer_ids))
            .order_by(customer.c.id)
            .with_for_update(key_share=True)
        ).all()
    chats = session.execute(
        sa.select(
            telegram_chat.c.telegram_id, telegram_chat.c.language, telegram_chat.c.reachable
        ).where(telegram_chat.c.telegram_id.in_(sorted({row.chat_id for row in rows})))
    )
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
        chats={chat.telegram_id: chat for chat in chats},
        ranks=ranks,
    )


def _decide(look: _Look, row: Any) -> Decision:
    chat = look.chats.get(row.chat_id)
    reachable = chat is None or bool(chat.reachable)
    person = look.people.get(row.customer_id) if row.message_class != SERVICE else None
    if row.message_class != SERVICE and person is None:
        return Skip("customer_gone")
    own_rank = look.ranks.get(row.touch_id or 0, rank("", ""))
    facts = Facts(
        message_class=row.message_class,
        now=look.now,
        due_at=row.created_at,
        deadline=row.deadline,
        time_zone=person.time_zone if person else look.place.time_zone,
        reachable=reachable and (person is None or person.chat_id == row.chat_id),
        # Asked or not: what was planned on a consent that is gone is not sent.
        consent=bool(person and person.ads),
        left=person.left if person else (),
        rank=own_rank,
        rivals=[
            other_rank
            for other, name, due_at, other_rank in (person.coming if person else ())
            if other != row.id and name == TRIGGER and due_at <= look.now
        ],
    )
    return decide(facts, look.rules)


def _word(session: Session, look: _Look, row: Any) -> tuple[Decision, Message | None]:
    """The words; a message that cannot be worded is refused alone, not with its batch."""
    payload = row.payload
    try:
        if "chain_version" in payload:
            person = look.people[row.customer_id]
            message = words_of_chain(
                session, payload, person, now=look.now, time_zone=look.place.time_zone
            )
            return Send(), message
        chat = look.chats.get(row.chat_id)
        context = Context(
            language=chat.language if chat else payload.get("language", look.place.language),
            time_zone=look.place.time_zone,
            currency=look.place.currency,
            now=look.now,
            created_at=row.created_at,
            pending_days=look.pending_days,
        )
        return Send(), render(payload, context=context)
    except Gone as gone:
        return Skip(gone.reason), None
    except (LookupError, TypeError, ValueError, DomainError) as problem:
        log.error("outbox row %s cannot be worded: %s", row.id, type(problem).__name__)
        return Skip("cannot_be_worded"), None


def _write(
    writes: Rows, row: Any, decision: Decision, *, now: datetime, real_now: datetime, owner: str
) -> None:
    values: dict[str, Any] = {
        "id": row.id,
        "state": "sending",
        "due_at": row.due_at,
        "attempts": row.attempts + 1,
        "lease_owner": owner,
        "lease_until": real_now + LEASE,
        "sending_at": real_now,
        "left_at": now,
        "settled_at": None,
        "reason": None,
    }
    if not isinstance(decision, Send):
        values |= {"attempts": row.attempts, "lease_owner": None, "lease_until": None}
        values |= {"sending_at": None, "left_at": None}
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


def _count(look: _Look, row: Any, now: datetime) -> None:
    """A second message to the same person in this batch sees the first."""
    person = look.people.get(row.customer_id)
    if person is not None and row.message_class != SERVICE:
        person.left.append(Left(row.message_class, now))
        person.coming = [item for item in person.coming if item[0] != row.id]


def _call(row: Any, message: Message) -> tuple[str, dict[str, Any]]:
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
    return {"text": button["text"], "callback_data": button["data"]}
