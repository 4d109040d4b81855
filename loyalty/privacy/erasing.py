"""Erasing a person: the row stays under a pseudonym for the sums, the person is gone from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events, inbox, messaging, referrals, wallet
from loyalty.customers import ERASED, customer, telegram_chat
from loyalty.db.rows import Rows
from loyalty.errors import ReferralDecided
from loyalty.privacy import plans, wiping
from loyalty.privacy.cards import cards_of
from loyalty.referrals.tables import referral
from loyalty.texts import N_, translator
from loyalty.tokens import Keys
from loyalty.wallet import Cause
from loyalty.wallet.tables import OPEN_HOLD, hold

FAREWELL_LIFETIME = timedelta(hours=1)
"""So long the last message may try to leave; then its chat is forgotten too."""

UNHEARD = timedelta(hours=24)
"""So long an erasure waits for an update of that chat that came and is not handled yet."""

_FAREWELL = N_(
    "🗑 Done: everything about you is erased. Thank you for the time with us 💛 "
    "If you ever come back, /start opens a new card."
)

_PERSONAL = (
    "name", "phone", "phone_verified_at", "email", "birth_day", "birth_month", "birth_year",
    "birthday_set_at", "birthday_asked_at", "sex", "city", "time_zone", "home_outlet_id",
    "referral_code", "tags", "fields", "quiet_start", "quiet_end", "interests",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One round: people erased, leftovers of earlier ones wiped; whether more is due."""

    erased: int
    finished: int
    more: bool

    @property
    def total(self) -> int:
        """How much was done."""
        return self.erased + self.finished


def erase_due(
    session: Session, *, keys: Keys | None, time_zone: str, now: datetime, limit: int = 20
) -> Done:
    """Erase up to ``limit`` people whose day has come, and end what earlier rounds have left.

    Whoever has to wait still (for an update to be handled, for a message to settle) takes
    nobody's place. Run any number of times, by anybody; a round that breaks off leaves nothing
    half done.

    Raises:
        RuntimeError: somebody is due and there are no ``keys`` to make a pseudonym with.
    """
    c = customer.c
    query = (
        sa.select(c.id, c.status)
        .where(c.erase_after.is_not(None), c.erase_after <= now)
        .where(
            sa.case(
                (c.status == ERASED, ~wiping.waits_for_message(now)),
                else_=~_is_unheard(now),
            )
        )
        .order_by(c.erase_after, c.id)
        .limit(limit + 1)
    )
    due = session.execute(query).all()
    erased = finished = 0
    for row in due[:limit]:
        if row.status == ERASED:
            finished += _finish(session, row.id, now=now)
            continue
        if keys is None:
            raise RuntimeError("nobody can be erased without a key for pseudonyms")
        if not _is_heard(session, row.id, now=now):
            continue
        erased += erase(
            session,
            customer_id=row.id,
            keys=keys,
            actor=events.SYSTEM,
            time_zone=time_zone,
            now=now,
        )
    return Done(erased=erased, finished=finished, more=len(due) > limit and bool(erased + finished))


def erase(
    session: Session,
    *,
    customer_id: int,
    keys: Keys,
    actor: str,
    time_zone: str,
    now: datetime,
) -> bool:
    """Erase this customer now, whatever they asked for; False if they were erased already.

    One last message is queued for their chat; its address is forgotten as soon as it has
    settled (``erase_due`` sees to it, the row's ``erase_after`` stands until then). Locks the
    wallet. Event ``customer.erased``.

    Raises:
        CustomerNotFound: nobody by that id.
    """
    ids = cards_of(session, customer_id)
    _decline_reviews(session, ids, time_zone=time_zone, now=now)
    for hold_id in _open_holds(session, ids):
        wallet.void_hold(session, hold_id=hold_id, now=now)
    wallet.lock(session, ids)
    person = session.execute(
        sa.select(customer).where(customer.c.id == customer_id).with_for_update()
    ).one()
    if person.status == ERASED:
        return False
    points = sum(_write_off(session, each, actor=actor, now=now) for each in ids)
    chats = session.execute(
        sa.select(telegram_chat).where(telegram_chat.c.customer_id.in_(ids))
    ).all()
    for row in session.execute(sa.select(customer).where(customer.c.id.in_(ids))).all():
        _strip(session, row, keys=keys, now=now)
    wiping.wipe(session, ids, chats=[chat.telegram_id for chat in chats], now=now)
    plans.wipe(session, ids, now=now)
    rows = Rows()
    events.record(
        rows,
        type="customer.erased",
        customer_id=customer_id,
        actor=actor,
        data={"points": points},
        now=now,
    )
    for chat in chats:
        if chat.reachable:
            _say_goodbye(rows, customer_id, chat, now=now)
    rows.put(session)
    _finish(session, customer_id, now=now)
    return True


def _decline_reviews(
    session: Session, ids: Sequence[int], *, time_zone: str, now: datetime
) -> None:
    """What waits for a look by staff has nobody to be given to; the rest declines by itself."""
    r = referral.c
    query = sa.select(r.friend_id).where(
        r.status == "review", sa.or_(r.friend_id.in_(ids), r.referrer_id.in_(ids))
    )
    for friend_id in session.execute(query.order_by(r.friend_id)).scalars().all():
        try:
            referrals.decline(
                session, friend_id=friend_id, actor=events.SYSTEM, now=now, time_zone=time_zone
            )
        except ReferralDecided:
            continue  # somebody has decided about it at this very moment


def _open_holds(session: Session, ids: Sequence[int]) -> Sequence[int]:
    query = sa.select(hold.c.id).where(OPEN_HOLD, hold.c.customer_id.in_(ids))
    return session.execute(query.order_by(hold.c.customer_id, hold.c.id)).scalars().all()


def _write_off(session: Session, customer_id: int, *, actor: str, now: datetime) -> int:
    """Post what is left away, so that the sums stand and nothing can be spent; how much."""
    purse = wallet.lock(session, [customer_id])[customer_id]
    rows = Rows()
    gone = sum(purse.expire(rows, item, now=now) for item in purse.lots)
    left = sum(item.free for item in purse.lots)
    if left:
        cause = Cause("erasure", str(customer_id), actor, now)
        purse.claw_back(rows, points=left, purchase_id=None, cause=cause, kind="adjustment")
    purse.finish(rows)
    rows.put(session)
    return gone + left


def _strip(session: Session, row: Any, *, keys: Keys, now: datetime) -> None:
    values: dict[str, Any] = dict.fromkeys(_PERSONAL)

    def pseudonym_of(known: str) -> str:
        return keys.mac("erased", known.encode()).hex()

    known = row.phone_hash or (keys.phone_hash(row.phone) if row.phone else None)
    pseudonym = pseudonym_of(known or str(row.id))
    if row.phone_hash:
        wiping.keep_phone(session, phone_hash=row.phone_hash, now=now)
    wiping.hide_phones(session, customer_id=row.id, pseudonym_of=pseudonym_of)
    # The friend's code they came by is the friend's; that they came by one may be counted.
    source = "referral" if (row.source or "").startswith("referral:") else row.source
    values |= {"status": ERASED, "phone_hash": pseudonym, "source": source, "erased_at": now}
    values |= {"erase_asked_at": row.erase_asked_at or now, "erase_after": now}
    session.execute(sa.update(customer).where(customer.c.id == row.id).values(**values))


def _say_goodbye(rows: Rows, customer_id: int, chat: Any, *, now: datetime) -> None:
    messaging.enqueue(
        rows,
        customer_id=customer_id,
        chat_id=chat.telegram_id,
        message_class=messaging.SERVICE,
        key=f"{wiping.FAREWELL}{customer_id}",
        payload={"text": str(translator(chat.language)(_FAREWELL))},
        now=now,
        deadline=now + FAREWELL_LIFETIME,
    )


def _finish(session: Session, customer_id: int, *, now: datetime) -> bool:
    """Wipe what was on its way when the person was erased; whether this was the last of it."""
    ids = cards_of(session, customer_id)
    if not wiping.wipe_messages(session, ids, now=now):
        return False
    session.execute(sa.update(customer).where(customer.c.id.in_(ids)).values(erase_after=None))
    return True


def _is_unheard(now: datetime) -> sa.ColumnElement[bool]:
    """Whether something this customer wrote is not handled: "keep my card" may be among it."""
    t, i, c = telegram_chat.c, inbox.inbox.c, customer.c
    written = (
        sa.select(i.update_id)
        .join(telegram_chat, t.telegram_id == i.chat_id)
        .where(t.customer_id == c.id, i.state == "new")
        .correlate(customer)
    )
    return sa.and_(c.erase_after > now - UNHEARD, written.exists())


def _is_heard(session: Session, customer_id: int, *, now: datetime) -> bool:
    """Whether all they wrote was handled, asked once more right before it is too late."""
    query = sa.select(customer.c.id).where(customer.c.id == customer_id, _is_unheard(now))
    return session.execute(query).first() is None
