"""Table by table: what could tell who a person was is taken out, opaque ids and sums stay.

Every table that holds a customer's data has its line here or in the list of
``docs/decisions/0016-erasure-under-a-pseudonym.md`` of what stays; a test looks through all
columns of all tables for what a made-up person has left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import delivery, events, idempotency, inbox
from loyalty.chains.tables import enrolment
from loyalty.consent import consent
from loyalty.customers import card, card_code, customer, external_id, phone_seen, telegram_chat
from loyalty.events import event
from loyalty.feedback.tables import rating, talk, talk_message
from loyalty.ids import new_id
from loyalty.messaging.outbox import SERVICE
from loyalty.messaging.tables import outbox, touch
from loyalty.purchases.tables import sale_draft
from loyalty.vouchers.tables import voucher
from loyalty.wallet.tables import account, adjustment_request, entry, hold, till_hold

NOBODY = 0
"""The chat of a message whose receiver is forgotten."""

FAREWELL = "farewell:"
"""How the key of the last message begins."""

GONE = "customer_gone"
_GIFT_CARD = "gift_card"
_COUPON = {"en": "Coupon", "ru": "Купон"}
_ON_ITS_WAY = ("queued", "claimed")


def wipe(session: Session, ids: Sequence[int], *, chats: Sequence[int], now: datetime) -> None:
    """Everything beside the customer's own row: their words, addresses, codes and answers."""
    _purse(session, ids, now)
    _till(session, ids, now)
    _words(session, ids, now)
    _plans(session, ids, now)
    _cards(session, ids, now)
    _withdraw(session, ids, now)
    for chat_id in chats:
        _forget_in_keys(session, ids, chat_id)
    wipe_messages(session, ids, now=now)
    _telegram(session, ids, chats)
    for customer_id in ids:
        idempotency.forget_customer(session, customer_id=customer_id)


def keep_phone(session: Session, *, phone_hash: str, now: datetime) -> None:
    """The phone stays known as welcomed."""
    seen = sa.select(phone_seen.c.phone_hash).where(phone_seen.c.phone_hash == phone_hash)
    if session.execute(seen).first() is None:
        session.execute(sa.insert(phone_seen).values(phone_hash=phone_hash, welcomed_at=now))


def hide_phones(session: Session, *, customer_id: int, pseudonym_of: Callable[[str], str]) -> None:
    """Entries made for a phone of theirs, the present one or a former one, go under a pseudonym.

    Otherwise somebody who joins again could be joined with who they were by anybody who can
    read the tables.
    """
    e = entry.c
    query = sa.select(e.id, e.source_id).where(
        e.customer_id == customer_id, e.source_kind == "phone"
    )
    for row in session.execute(query).all():
        hidden = sa.update(entry).where(e.id == row.id)
        session.execute(hidden.values(source_id=pseudonym_of(row.source_id)))


def wipe_messages(session: Session, ids: Sequence[int], *, now: datetime) -> bool:
    """Forget what was said, and to which chat; what waits is cancelled.

    False if a message is leaving at this very moment (or is the last word): it is wiped once
    it has settled.
    """
    o = outbox.c
    mine = o.customer_id.in_(ids)
    farewell = o.key.like(FAREWELL + "%")
    is_over = sa.or_(~farewell, o.deadline < now)
    waits = sa.and_(mine, o.state.in_(_ON_ITS_WAY), is_over)
    session.execute(
        sa.update(outbox)
        .where(waits)
        .values(state="cancelled", reason=GONE, settled_at=now, lease_owner=None, lease_until=None)
    )
    service = o.message_class == SERVICE
    ended = sa.and_(mine, o.chat_id != NOBODY, o.state.not_in((*_ON_ITS_WAY, "sending")))
    _keep_links(session, ended)
    gone = {"chat_id": NOBODY, "message_id": None}
    session.execute(sa.update(outbox).where(ended, service).values(payload={}, **gone))
    session.execute(sa.update(outbox).where(ended).values(**gone))
    left = sa.select(o.id).where(mine, o.chat_id != NOBODY).limit(1)
    return session.execute(left).first() is None


def _keep_links(session: Session, ended: sa.ColumnElement[bool]) -> None:
    """Of what chains and campaigns said, only where their links led: those stay in the chat."""
    o = outbox.c
    query = sa.select(o.id, o.payload).where(ended, o.message_class != SERVICE)
    for row in session.execute(query).all():
        kept = delivery.kept_for_links(session, row.payload or {})
        session.execute(sa.update(outbox).where(o.id == row.id).values(payload=kept))


def waits_for_message(now: datetime) -> sa.ColumnElement[bool]:
    """Whether ``wipe_messages`` can do no more about the row of ``customer`` for the moment."""
    o = outbox.c
    mine = sa.and_(o.customer_id == customer.c.id, o.chat_id != NOBODY)
    last = sa.and_(o.state.in_(_ON_ITS_WAY), o.key.like(FAREWELL + "%"), o.deadline >= now)
    waits = sa.or_(o.state == "sending", last)

    def any_of(*where: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        return sa.select(o.id).where(mine, *where).correlate(customer).exists()

    return sa.and_(any_of(waits), ~any_of(~waits))


def _forget_in_keys(session: Session, ids: Sequence[int], chat_id: int) -> None:
    """What made a message once may name the chat; it need not be made once any more."""
    o = outbox.c
    key = sa.literal("erased:") + sa.cast(o.id, sa.String)
    named = sa.and_(o.customer_id.in_(ids), o.key.like(f"%:{chat_id}%"))
    session.execute(sa.update(outbox).where(named).values(key=key))


def _purse(session: Session, ids: Sequence[int], now: datetime) -> None:
    a, r = account.c, adjustment_request.c
    session.execute(sa.update(account).where(a.customer_id.in_(ids)).values(frozen_note=None))
    session.execute(
        sa.update(entry)
        .where(entry.c.customer_id.in_(ids), entry.c.note.is_not(None))
        .values(note=None)
    )
    mine = r.customer_id.in_(ids)
    session.execute(
        sa.update(adjustment_request)
        .where(mine, r.status == "waiting")
        .values(status="declined", decided_by=events.SYSTEM, decided_at=now)
    )
    session.execute(sa.update(adjustment_request).where(mine).values(reason=""))
    holds = sa.select(hold.c.id).where(hold.c.customer_id.in_(ids))
    session.execute(sa.update(till_hold).where(till_hold.c.hold_id.in_(holds)).values(request=None))
    v = voucher.c
    session.execute(
        # Money somebody has paid: whoever holds the card may still use it.
        sa.update(voucher)
        .where(v.customer_id.in_(ids), v.kind == _GIFT_CARD)
        .values(customer_id=None)
    )
    session.execute(
        sa.update(voucher)
        .where(v.customer_id.in_(ids), v.status.in_(("active", "inactive")))
        .values(status="blocked")
    )
    # Written by hand for one person, it may well name them.
    session.execute(sa.update(voucher).where(v.customer_id.in_(ids)).values(name=_COUPON))


def _till(session: Session, ids: Sequence[int], now: datetime) -> None:
    d = sale_draft.c
    mine = d.customer_id.in_(ids)
    session.execute(
        sa.update(sale_draft)
        .where(mine, d.status == "open")
        .values(status="cancelled", closed_at=now, updated_at=now)
    )
    session.execute(
        sa.update(sale_draft)
        .where(mine, d.asked_chat_id.is_not(None))
        .values(asked_chat_id=None, asked_message_id=None)
    )


def _words(session: Session, ids: Sequence[int], now: datetime) -> None:
    """What they wrote and what was answered; scores stay, they are the cashier's marks too."""
    session.execute(
        sa.update(rating)
        .where(rating.c.customer_id.in_(ids), rating.c.text.is_not(None))
        .values(text=None)
    )
    mine = talk.c.customer_id.in_(ids)
    session.execute(
        sa.update(talk_message)
        .where(talk_message.c.talk_id.in_(sa.select(talk.c.id).where(mine)))
        .values(text="")
    )
    session.execute(
        sa.update(talk)
        .where(mine, talk.c.status != "closed")
        .values(status="closed", closed_at=now, closed_by=events.SYSTEM)
    )
    # Facts that other programs sent: asked for without names, which nobody can make sure of.
    foreign = sa.select(event.c.id, event.c.data).where(
        event.c.customer_id.in_(ids), event.c.actor.like("key:%")
    )
    for row in session.execute(foreign).all():
        if isinstance(row.data, dict) and row.data.get("data"):
            kept = {**row.data, "data": {}}
            session.execute(sa.update(event).where(event.c.id == row.id).values(data=kept))


def _plans(session: Session, ids: Sequence[int], now: datetime) -> None:
    session.execute(
        sa.update(enrolment)
        .where(enrolment.c.customer_id.in_(ids), enrolment.c.status == "active")
        .values(status="exited", due_at=None, ended_at=now, reason=GONE)
    )
    session.execute(
        sa.update(touch)
        .where(touch.c.customer_id.in_(ids), touch.c.decision == "wait")
        .values(decision="skipped", reason=GONE, decided_at=now)
    )


def _cards(session: Session, ids: Sequence[int], now: datetime) -> None:
    cards = sa.select(card.c.id).where(card.c.customer_id.in_(ids))
    session.execute(sa.delete(card_code).where(card_code.c.card_id.in_(cards)))
    session.execute(
        sa.update(card)
        .where(card.c.customer_id.in_(ids), card.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    session.execute(sa.delete(external_id).where(external_id.c.customer_id.in_(ids)))


def _withdraw(session: Session, ids: Sequence[int], now: datetime) -> None:
    """What was granted ends with the erasure, by the text it was granted by."""
    c = consent.c
    newest = (
        sa.select(sa.func.max(c.id))
        .where(c.customer_id.in_(ids))
        .group_by(c.customer_id, c.purpose)
    )
    query = sa.select(consent).where(c.id.in_(newest), c.granted == sa.true())
    ended = [
        {**row._mapping, "id": new_id(), "granted": False, "at": now, "channel": "erasure",
         "evidence": "erasure", "operator_id": None}
        for row in session.execute(query)
    ]  # fmt: skip
    if ended:
        session.execute(sa.insert(consent), ended)


def _telegram(session: Session, ids: Sequence[int], chats: Sequence[int]) -> None:
    session.execute(sa.delete(telegram_chat).where(telegram_chat.c.customer_id.in_(ids)))
    if chats:
        i = inbox.inbox.c
        # The number of an update is kept: come again, it must not be handled again.
        session.execute(
            sa.update(inbox.inbox)
            .where(i.chat_id.in_(chats), i.state != "new")
            .values(chat_id=NOBODY, body=None, error=None)
        )
