"""Asking to be erased, the days to think it over, and changing one's mind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, events, messaging, program
from loyalty.customers import ERASED, customer, telegram_chat
from loyalty.db.rows import Rows
from loyalty.errors import CustomerNotFound
from loyalty.ids import new_id
from loyalty.texts import N_, plain, translator

KEEP = "privacy_keep"
"""The screen of the bot that a notice's button opens: it keeps the card."""

_NOTICE = N_(
    "🗑 At your request our staff will erase your data on {day}, points and coupons included. "
    "If you have changed your mind, one tap is enough."
)
_KEPT = N_("💛 Your card stays: nothing will be erased.")
_BUTTON = N_("Keep my card 💛")


@dataclass(frozen=True, slots=True)
class Asked:
    """When somebody asked to be erased, and when it happens unless they change their mind."""

    at: datetime
    after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An erasure that is on its way; ``by`` is who asked: ``customer:ID`` or ``staff:ID``."""

    customer_id: int
    name: str | None
    asked_at: datetime
    after: datetime
    by: str | None


def asked(session: Session, *, customer_id: int) -> Asked | None:
    """The erasure this customer waits for; None if they did not ask for one."""
    row = session.execute(_standing(customer_id)).one_or_none()
    if row is None or row.status == ERASED or row.erase_after is None:
        return None
    return Asked(row.erase_asked_at, row.erase_after)


def ask_erasure(
    session: Session, *, customer_id: int, actor: str, time_zone: str, now: datetime
) -> Asked:
    """Begin the program's days (``erasure_days``) of thinking it over.

    Asked again, the first day stands. Asked by staff at the guest's word, the guest is told in
    their chat. Event ``privacy.erasure_asked``.

    Raises:
        CustomerNotFound: nobody by that id, or erased already.
    """
    row = _lock(session, customer_id)
    if row.erase_after is not None:
        return Asked(row.erase_asked_at, row.erase_after)
    days = program.current(session, now=now).program.erasure_days
    after = now + timedelta(days=days)
    _set(session, customer_id, erase_asked_at=now, erase_after=after)
    _note(session, "privacy.erasure_asked", customer_id, actor, {"after": after.isoformat()}, now)
    if _is_staff(actor):
        _tell(session, customer_id, _NOTICE, button=True, after=after, time_zone=time_zone, now=now)
    return Asked(now, after)


def keep_card(
    session: Session, *, customer_id: int, actor: str, time_zone: str, now: datetime
) -> bool:
    """Call the erasure off: everything is as it was. False if none was asked for.

    Called off by staff, the guest is told. Event ``privacy.erasure_cancelled``.

    Raises:
        CustomerNotFound: nobody by that id, or it is too late: erased.
    """
    row = _lock(session, customer_id)
    if row.erase_after is None:
        return False
    _set(session, customer_id, erase_asked_at=None, erase_after=None)
    _note(session, "privacy.erasure_cancelled", customer_id, actor, {}, now)
    if _is_staff(actor):
        _tell(session, customer_id, _KEPT, button=False, after=now, time_zone=time_zone, now=now)
    return True


def waiting(session: Session, *, limit: int = 200) -> Sequence[Waiting]:
    """Everybody who is going to be erased, the nearest first."""
    c, e = customer.c, events.event
    # The latest request: whoever asked before may have changed their mind since.
    by = (
        sa.select(e.c.actor)
        .where(e.c.customer_id == c.id, e.c.type == "privacy.erasure_asked")
        .order_by(e.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        sa.select(c.id, c.name, c.erase_asked_at, c.erase_after, by.label("by"))
        .where(c.erase_after.is_not(None), c.status != ERASED)
        .order_by(c.erase_after, c.id)
        .limit(limit)
    )
    return [
        Waiting(
            customer_id=row.id,
            name=row.name,
            asked_at=row.erase_asked_at,
            after=row.erase_after,
            by=row.by,
        )
        for row in session.execute(query)
    ]


def next_due(session: Session, *, now: datetime) -> datetime | None:
    """The first moment strictly after ``now`` at which somebody is to be erased."""
    query = sa.select(sa.func.min(customer.c.erase_after)).where(customer.c.erase_after > now)
    moment: datetime | None = session.execute(query).scalar_one()
    return moment


def _standing(customer_id: int) -> sa.Select[Any]:
    c = customer.c
    return sa.select(c.status, c.erase_asked_at, c.erase_after).where(c.id == customer_id)


def _lock(session: Session, customer_id: int) -> Any:
    """The row under lock: asking, keeping and erasing take turns."""
    row = session.execute(_standing(customer_id).with_for_update()).one_or_none()
    if row is None or row.status == ERASED:
        raise CustomerNotFound(customer_id=str(customer_id))
    return row


def _set(session: Session, customer_id: int, **values: datetime | None) -> None:
    session.execute(sa.update(customer).where(customer.c.id == customer_id).values(**values))


def _is_staff(actor: str) -> bool:
    return actor.startswith("staff:")


def _note(
    session: Session, kind: str, customer_id: int, actor: str, data: dict[str, str], now: datetime
) -> None:
    rows = Rows()
    events.record(rows, type=kind, customer_id=customer_id, actor=actor, data=data, now=now)
    rows.put(session)


def _tell(
    session: Session,
    customer_id: int,
    words: str,
    *,
    button: bool,
    after: datetime,
    time_zone: str,
    now: datetime,
) -> None:
    t = telegram_chat.c
    chat = session.execute(
        sa.select(t.telegram_id, t.language).where(t.customer_id == customer_id, t.reachable)
    ).one_or_none()
    if chat is None:
        return
    say = translator(chat.language)
    payload: dict[str, Any] = {
        "text": str(say(words, day=say.day(clock.local_date(after, time_zone), year=True)))
    }
    if button:
        payload["buttons"] = [[{"text": plain(str(say(_BUTTON))), "data": KEEP}]]
    rows = Rows()
    messaging.enqueue(
        rows,
        customer_id=customer_id,
        chat_id=chat.telegram_id,
        message_class=messaging.SERVICE,
        key=f"privacy:{new_id()}",
        payload=payload,
        now=now,
    )
    rows.put(session)
