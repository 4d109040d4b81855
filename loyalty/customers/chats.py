"""The Telegram chat: its language, where its conversation stands, and who is behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.customers.links import keep_link
from loyalty.customers.people import FIELDS, Customer
from loyalty.customers.tables import telegram_chat
from loyalty.db.fast import fetch, is_postgres
from loyalty.db.types import from_sqlite_time

STRANGER_LIFETIME = timedelta(days=7)
"""A chat that never consented is forgotten after this long without a word."""


@dataclass(frozen=True, slots=True)
class Chat:
    """A private chat with the bot. ``step`` names the question that waits for an answer."""

    telegram_id: int
    customer_id: int | None
    language: str
    step: str | None
    step_data: dict[str, Any] | None
    start_payload: str | None
    menu_message_id: int | None
    reachable: bool
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Who works here, as one update needs to know: role, and where a cashier sells."""

    id: int
    name: str
    role: str
    outlet_id: int | None
    outlet_name: str | None
    outlet_time_zone: str | None
    language: str | None


@dataclass(frozen=True, slots=True)
class Visit:
    """Everything one update needs to know about who sent it."""

    telegram_id: int
    chat: Chat | None
    customer: Customer | None
    staff: StaffMember | None
    # Whether the customer's consent to keep personal data stands.
    consented: bool


_CHAT_FIELDS = tuple(Chat.__dataclass_fields__)
_STAFF = (
    "s.id, s.name, s.role, s.outlet_id, o.name AS outlet_name, o.time_zone AS outlet_time_zone, "
    "s.language"
)
_SQL = f"""
SELECT q.id, {", ".join("t." + name for name in _CHAT_FIELDS)},
       {", ".join("c." + name for name in FIELDS)}, {_STAFF},
       (SELECT granted FROM consent WHERE customer_id = c.id AND purpose = 'personal_data'
        ORDER BY id DESC LIMIT 1)
FROM {{ids}}
LEFT JOIN telegram_chat t ON t.telegram_id = q.id
LEFT JOIN customer c ON c.id = t.customer_id AND c.status <> 'erased'
LEFT JOIN staff s ON s.telegram_id = q.id AND s.revoked_at IS NULL
LEFT JOIN outlet o ON o.id = s.outlet_id
"""  # noqa: S608 - names of our own columns
_POSTGRES_SQL = _SQL.format(ids="unnest($1::bigint[]) AS q(id)")
_SQLITE_SQL = _SQL.format(ids="(SELECT value AS id FROM json_each($1)) AS q")
_CUSTOMER_AT = 1 + len(_CHAT_FIELDS)
_STAFF_AT = _CUSTOMER_AT + len(FIELDS)
_CHAT_TIMES = [i for i, name in enumerate(_CHAT_FIELDS) if name.endswith("_at")]
_CUSTOMER_TIMES = [i for i, name in enumerate(FIELDS) if name.endswith(("_at", "_after"))]
_STEP_DATA = _CHAT_FIELDS.index("step_data")
_REACHABLE = _CHAT_FIELDS.index("reachable")


def visits(session: Session, telegram_ids: Sequence[int]) -> dict[int, Visit]:
    """Who is behind these Telegram accounts, in one statement for all of them."""
    if is_postgres(session):
        rows = fetch(session, _POSTGRES_SQL, list(telegram_ids))
    else:
        rows = fetch(session, _SQLITE_SQL, json.dumps(list(telegram_ids)))
    return {int(row[0]): _visit(row) for row in rows}


def visit(session: Session, telegram_id: int) -> Visit:
    """Who is behind this Telegram account."""
    return visits(session, [telegram_id])[telegram_id]


def _visit(row: Sequence[Any]) -> Visit:
    chat = _chat(row[1:_CUSTOMER_AT]) if row[1] is not None else None
    person = None
    if row[_CUSTOMER_AT] is not None:
        values = list(row[_CUSTOMER_AT:_STAFF_AT])
        for i in _CUSTOMER_TIMES:
            values[i] = _moment(values[i])
        person = Customer(*values)
    staff = StaffMember(*row[_STAFF_AT:-1]) if row[_STAFF_AT] is not None else None
    return Visit(int(row[0]), chat, person, staff, bool(row[-1]))


def _chat(values: Sequence[Any]) -> Chat:
    cells = list(values)
    for i in _CHAT_TIMES:
        cells[i] = _moment(cells[i])
    if isinstance(cells[_STEP_DATA], str):
        cells[_STEP_DATA] = json.loads(cells[_STEP_DATA])
    cells[_REACHABLE] = bool(cells[_REACHABLE])
    return Chat(*cells)


def _moment(value: Any) -> datetime | None:
    return from_sqlite_time(value) if isinstance(value, str) else value


def open_chat(
    session: Session, *, telegram_id: int, language: str, now: datetime, payload: str | None = None
) -> None:
    """Note that this person writes to the bot: reachable, and the link they came by.

    Links are kept in the order they come; a chat that is known keeps its language.
    """
    values = {
        "telegram_id": telegram_id,
        "language": language,
        "start_payload": payload,
        "reachable": True,
        "first_seen_at": now,
        "last_seen_at": now,
    }
    known = telegram_chat.c
    first_payload = sa.func.coalesce(known.start_payload, payload)
    changes: dict[str, Any] = {
        "reachable": True,
        "blocked_at": None,
        "last_seen_at": now,
        "start_payload": first_payload,
    }
    _insert_or(session, values, changes)
    if payload is not None:
        keep_link(session, telegram_id=telegram_id, payload=payload)


def _insert_or(session: Session, values: dict[str, Any], changes: dict[str, Any]) -> None:
    if is_postgres(session):
        from sqlalchemy.dialects.postgresql import insert as pg_insert

        session.execute(
            pg_insert(telegram_chat)
            .values(values)
            .on_conflict_do_update(index_elements=["telegram_id"], set_=changes)
        )
        return
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    session.execute(
        sqlite_insert(telegram_chat)
        .values(values)
        .on_conflict_do_update(index_elements=["telegram_id"], set_=changes)
    )


def set_step(
    session: Session, *, telegram_id: int, step: str | None, data: dict[str, Any] | None = None
) -> None:
    """Where the conversation stands now; None: nothing is asked."""
    _update(session, telegram_id, step=step, step_data=data)


def set_chat_language(session: Session, *, telegram_id: int, language: str) -> None:
    """The language of this chat, and of the customer behind it if there is one."""
    from loyalty.customers.tables import customer

    _update(session, telegram_id, language=language)
    owner = sa.select(telegram_chat.c.customer_id).where(telegram_chat.c.telegram_id == telegram_id)
    session.execute(
        sa.update(customer)
        .where(customer.c.id == owner.scalar_subquery())
        .values(language=language)
    )


def set_menu_messages(session: Session, messages: Mapping[int, int]) -> None:
    """Which message is each chat's living one, by Telegram id; chats in id order."""
    session.execute(
        sa.update(telegram_chat)
        .where(telegram_chat.c.telegram_id == sa.bindparam("chat"))
        .values(menu_message_id=sa.bindparam("message")),
        [{"chat": chat, "message": message} for chat, message in sorted(messages.items())],
    )


def set_reachable(session: Session, *, telegram_id: int, reachable: bool, now: datetime) -> None:
    """Whether messages get through: False once the person has blocked the bot."""
    _update(session, telegram_id, reachable=reachable, blocked_at=None if reachable else now)


def seen(session: Session, *, telegram_id: int, now: datetime) -> None:
    """Note that this person has written; exact to some hours is enough."""
    _update(session, telegram_id, last_seen_at=now)


def forget_strangers(session: Session, *, now: datetime) -> int:
    """Forget chats that never became customers and were silent for a week; how many."""
    result = session.execute(
        sa.delete(telegram_chat).where(
            telegram_chat.c.customer_id.is_(None),
            telegram_chat.c.last_seen_at < now - STRANGER_LIFETIME,
        )
    )
    return int(getattr(result, "rowcount", 0))


def _update(session: Session, telegram_id: int, **values: Any) -> None:
    session.execute(
        sa.update(telegram_chat).where(telegram_chat.c.telegram_id == telegram_id).values(**values)
    )
