"""Talks: what a customer writes to the staff, and what the staff answers.

Whatever a customer writes goes into their one live talk; a closed one is history, and the next
words begin another. Texts live in ``talk_message.text`` and nowhere else: the message that
carries an answer names its row and is worded when it leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.customers import ERASED, customer
from loyalty.db.rows import Rows
from loyalty.errors import (
    CustomerNotFound,
    OtherTalkOpen,
    TalkClosed,
    TalkNotFound,
    TooManyMessages,
)
from loyalty.feedback.reach import reach_of
from loyalty.feedback.tables import talk, talk_message
from loyalty.feedback.words import clean_words
from loyalty.ids import new_id
from loyalty.messaging.outbox import SERVICE, enqueue_once
from loyalty.staff import MARKETER, OWNER, staff

OPEN, ANSWERED, CLOSED = "open", "answered", "closed"
QUESTION, RATING = "question", "rating"
PER_HOUR = 20
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A customer's words in their talk. ``again``: they were there already."""

    talk_id: int
    message_id: int
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer of the staff. ``leaves``: a message to the customer is on its way; else it
    waits in the talk until they come back to it."""

    talk_id: int
    customer_id: int
    message_id: int
    leaves: bool


def write(
    session: Session,
    *,
    customer_id: int,
    text: str,
    key: str,
    now: datetime,
    rating_id: int | None = None,
    about: str | None = None,
) -> Written:
    """Put a customer's words into their talk; it waits for an answer from then on.

    ``key`` makes them one; ``rating_id`` is the rating they belong to; ``about`` is a line that
    goes before them ("the purchase of 5 June").

    Raises:
        WordsInvalid: nothing is written, or too much.
        CustomerNotFound: they were erased while they were writing.
        TooManyMessages: ``PER_HOUR`` were written within the hour; facts ``retry_after_s``.
    """
    words = clean_words(text)
    # Two messages of one moment wait for each other here: one live talk, one count.
    hold_person(session, customer_id)
    known = _by_key(session, key)
    if known is not None:
        return Written(talk_id=known.talk_id, message_id=known.id, again=True)
    author = f"customer:{customer_id}"
    _check_pace(session, customer_id, author, now)
    talk_id, was_waiting = _live(session, customer_id, rating_id, now)
    said = f"{about}\n{words}" if about else words
    message_id = _say(session, talk_id, author, said, key, now)
    _event(session, "talk.written", customer_id, author, talk_id, message_id, now)
    if not was_waiting:
        _tell_staff(session, message_id, now)
    return Written(talk_id=talk_id, message_id=message_id)


def answer(
    session: Session, *, talk_id: int, text: str, key: str, actor: str, now: datetime
) -> Answered:
    """Say something to the customer on the staff's behalf; event ``staff.answered``.

    ``key`` makes it one: the same key again says nothing more.

    Raises:
        WordsInvalid: nothing is written, or too much.
        TalkNotFound: there is no such talk.
        TalkClosed: it is reopened first.
    """
    words = clean_words(text)
    found = _held(session, talk_id)
    known = _by_key(session, key)
    if known is not None and known.talk_id == talk_id:
        leaves = reach_of(session, found.customer_id).can_arrive
        return Answered(
            talk_id=talk_id, customer_id=found.customer_id, message_id=known.id, leaves=leaves
        )
    if found.status == CLOSED:
        raise TalkClosed()
    message_id = _say(session, talk_id, actor, words, key, now)
    change = sa.update(talk).where(talk.c.id == talk_id)
    session.execute(change.values(status=ANSWERED, last_at=now))
    _event(session, "staff.answered", found.customer_id, actor, talk_id, message_id, now)
    reach = reach_of(session, found.customer_id)
    if reach.can_arrive and reach.chat_id is not None:
        enqueue_once(
            session,
            customer_id=found.customer_id,
            chat_id=reach.chat_id,
            message_class=SERVICE,
            key=f"answer:{message_id}",
            payload={"template": "staff_answer", "values": {"talk_message": str(message_id)}},
            now=now,
        )
    return Answered(
        talk_id=talk_id,
        customer_id=found.customer_id,
        message_id=message_id,
        leaves=reach.can_arrive,
    )


def close(session: Session, *, talk_id: int, actor: str, now: datetime) -> bool:
    """Nothing more is owed; whether this changed anything. Event ``staff.talk_closed``.

    Raises:
        TalkNotFound: there is no such talk.
    """
    found = _held(session, talk_id)
    if found.status == CLOSED:
        return False
    change = sa.update(talk).where(talk.c.id == talk_id)
    session.execute(change.values(status=CLOSED, closed_at=now, closed_by=actor))
    _event(session, "staff.talk_closed", found.customer_id, actor, talk_id, None, now)
    return True


def reopen(session: Session, *, talk_id: int, actor: str, now: datetime) -> bool:
    """It waits for an answer again; whether this changed anything. Event
    ``staff.talk_reopened``.

    Raises:
        TalkNotFound: there is no such talk.
        OtherTalkOpen: the customer has begun another one; facts ``talk_id``.
        CustomerNotFound: they were erased.
    """
    found = _held(session, talk_id)
    if found.status != CLOSED:
        return False
    hold_person(session, found.customer_id)
    other = _live_row(session, found.customer_id)
    if other is not None:
        raise OtherTalkOpen(talk_id=str(other.id))
    change = sa.update(talk).where(talk.c.id == talk_id)
    session.execute(change.values(status=OPEN, closed_at=None, closed_by=None))
    _event(session, "staff.talk_reopened", found.customer_id, actor, talk_id, None, now)
    return True


def hold_person(session: Session, customer_id: int) -> None:
    """Lock the row of whose words are kept now; erasing them waits, or has been first.

    Raises:
        CustomerNotFound: it has been first.
    """
    mine = sa.select(customer.c.id).where(customer.c.id == customer_id, customer.c.status != ERASED)
    if session.execute(mine.with_for_update(key_share=True)).first() is None:
        raise CustomerNotFound()


def text_of_answer(session: Session, message_id: int) -> str | None:
    """What the staff said in that message; None once it is erased."""
    query = sa.select(talk_message.c.text).where(
        talk_message.c.id == message_id, talk_message.c.author.like("staff:%")
    )
    return session.execute(query).scalar_one_or_none() or None


def _by_key(session: Session, key: str) -> Any:
    query = sa.select(talk_message.c.id, talk_message.c.talk_id).where(talk_message.c.key == key)
    return session.execute(query).one_or_none()


def _check_pace(session: Session, customer_id: int, author: str, now: datetime) -> None:
    query = (
        sa.select(talk_message.c.at)
        .join(talk, talk.c.id == talk_message.c.talk_id)
        .where(
            talk.c.customer_id == customer_id,
            talk_message.c.author == author,
            talk_message.c.at > now - _HOUR,
        )
        .order_by(talk_message.c.at)
    )
    lately = session.execute(query).scalars().all()
    if len(lately) >= PER_HOUR:
        free = lately[len(lately) - PER_HOUR] + _HOUR
        raise TooManyMessages(retry_after_s=max(1, int((free - now).total_seconds())))


def _live_row(session: Session, customer_id: int) -> Any:
    query = (
        sa.select(talk)
        .where(talk.c.customer_id == customer_id, talk.c.status != sa.literal_column("'closed'"))
        .with_for_update()
    )
    return session.execute(query).one_or_none()


def _live(
    session: Session, customer_id: int, rating_id: int | None, now: datetime
) -> tuple[int, bool]:
    """The live talk, waiting for an answer now; and whether it was waiting before."""
    found = _live_row(session, customer_id)
    if found is not None:
        values: dict[str, Any] = {"status": OPEN, "last_at": now}
        if rating_id is not None:
            values["rating_id"] = rating_id
        session.execute(sa.update(talk).where(talk.c.id == found.id).values(**values))
        return found.id, found.status == OPEN
    talk_id = new_id()
    session.execute(
        sa.insert(talk).values(
            id=talk_id,
            customer_id=customer_id,
            kind=QUESTION if rating_id is None else RATING,
            rating_id=rating_id,
            status=OPEN,
            opened_at=now,
            last_at=now,
        )
    )
    return talk_id, False


def _held(session: Session, talk_id: int) -> Any:
    found = session.execute(
        sa.select(talk).where(talk.c.id == talk_id).with_for_update()
    ).one_or_none()
    if found is None:
        raise TalkNotFound()
    return found


def _say(session: Session, talk_id: int, author: str, words: str, key: str, now: datetime) -> int:
    message_id = new_id()
    session.execute(
        sa.insert(talk_message).values(
            id=message_id, talk_id=talk_id, at=now, author=author, text=words, key=key
        )
    )
    return message_id


def _event(
    session: Session,
    type_: str,
    customer_id: int,
    actor: str,
    talk_id: int,
    message_id: int | None,
    now: datetime,
) -> None:
    data = {"talk_id": str(talk_id)}
    if message_id is not None:
        data["message_id"] = str(message_id)
    rows = Rows()
    events.record(rows, type=type_, customer_id=customer_id, actor=actor, data=data, now=now)
    rows.put(session)


def _tell_staff(session: Session, message_id: int, now: datetime) -> None:
    """Those who answer and have a chat of their own learn that somebody waits, not who."""
    query = sa.select(staff.c.id, staff.c.telegram_id, staff.c.language).where(
        staff.c.role.in_((OWNER, MARKETER)),
        staff.c.telegram_id.is_not(None),
        staff.c.revoked_at.is_(None),
    )
    for row in session.execute(query).all():
        payload: dict[str, Any] = {"template": "talk_waits", "values": {}}
        if row.language:
            payload["language"] = row.language
        enqueue_once(
            session,
            customer_id=None,
            chat_id=row.telegram_id,
            message_class=SERVICE,
            key=f"talk_waits:{message_id}:{row.id}",
            payload=payload,
            now=now,
        )
