"""Spending many points at once needs the customer's own tap, which names outlet and sum.

The points are set aside for as long as the question stands; the tap records the sale.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import program, wallet
from loyalty.customers import telegram_chat
from loyalty.errors import DraftNotFound, HoldAlreadyResolved, RedemptionTooLarge
from loyalty.purchases import drafts, questions, result_of
from loyalty.purchases.drafts import Draft
from loyalty.purchases.model import PurchaseResult
from loyalty.purchases.tables import sale_draft
from loyalty.staff import Staff, get, get_outlet


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the customer is asked: ``points`` for a sale of ``total`` minor units."""

    draft: Draft
    chat_id: int
    hold_id: int
    outlet: str
    points: int
    total: int
    seconds: int
    # The message of a question asked before for the same sale, which this one replaces.
    former: tuple[int, int] | None = None


def ask(session: Session, *, draft_id: int, staff: Staff, points: int, now: datetime) -> Question:
    """Set the points aside and word the question; asked before, it is asked anew.

    Raises:
        RedemptionTooLarge: more than the quote allows.
        DraftNotFound: no such sale at this outlet, or the customer has no chat to ask in.
        DraftClosed: it is over, or another cashier's.
        RedemptionFrozen, InsufficientPoints: as for any redemption.
    """
    draft = drafts.locked(session, draft_id, staff)
    drafts.check_open(draft, staff, now)
    draft = drafts.release(session, draft, now)
    quote = drafts.quote_of(session, draft=draft, now=now)
    if not 0 < points <= quote.max_redeem:
        raise RedemptionTooLarge(max_redeem=quote.max_redeem, requested=points, reason=quote.limit)
    chats = sa.select(telegram_chat.c.telegram_id).where(
        telegram_chat.c.customer_id == draft.customer_id
    )
    chat_id = session.execute(chats).scalar_one_or_none()
    if chat_id is None:
        raise DraftNotFound()
    seconds = program.current(session, now=now).program.confirm_seconds
    hold = wallet.place_hold(
        session,
        customer_id=draft.customer_id,
        points=points,
        source_kind="draft",
        source_id=f"{draft.id}:{now.isoformat()}",
        expires_at=now + timedelta(seconds=seconds),
        now=now,
    )
    former = _message_of(session, draft.id)
    draft = drafts.change(
        session,
        draft,
        now,
        redeem=points,
        hold_id=hold.id,
        asked_chat_id=chat_id,
        asked_message_id=None,
        asked_until=hold.expires_at,
        asked_next_at=questions.next_look(hold.expires_at, now),
    )
    return Question(
        draft=draft,
        chat_id=chat_id,
        hold_id=hold.id,
        outlet=get_outlet(session, draft.outlet_id).name,
        points=points,
        total=quote.total,
        seconds=seconds,
        former=former,
    )


def note_message(session: Session, *, draft_id: int, hold_id: int, message_id: int) -> None:
    """Which message of the customer's chat asks."""
    asked = sa.and_(sale_draft.c.id == draft_id, sale_draft.c.hold_id == hold_id)
    session.execute(sa.update(sale_draft).where(asked).values(asked_message_id=message_id))


def not_asked(
    session: Session, *, draft_id: int, hold_id: int, staff: Staff, now: datetime
) -> Draft:
    """The customer cannot be written to: nobody waits, the points are free again.

    Raises:
        DraftNotFound, DraftClosed: see ``draft_rows.locked``.
    """
    draft = drafts.locked(session, draft_id, staff)
    if draft.hold_id != hold_id:  # something else was chosen this very moment
        return draft
    freed = drafts.release(session, draft, now)
    return drafts.change(session, freed, now, asked_next_at=None)


def agree(
    session: Session, *, hold_id: int, customer_id: int, now: datetime
) -> tuple[Draft, PurchaseResult]:
    """The customer's tap: the sale is recorded, once; tapped again it is answered the same.

    Raises:
        HoldAlreadyResolved: the question is over (``status``), or was asked of another.
        DraftClosed: the sale is over.
        Whatever ``purchases.record`` refuses.
    """
    draft, staff = _asked(session, hold_id, customer_id)
    if draft.status == drafts.RECORDED and draft.purchase_id is not None:
        return draft, result_of(session, purchase_id=draft.purchase_id, now=now)
    drafts.check_open(draft, staff, now)
    if not staff.sells:
        raise HoldAlreadyResolved(status="voided")
    result = drafts.record(session, draft, staff, now)
    return drafts.change(session, draft, now, asked_next_at=None), result


def refuse(session: Session, *, hold_id: int, customer_id: int, now: datetime) -> Draft:
    """The customer says no: the points are free again and the sale goes on without them.

    Once both screens say so, ``told`` ends the matter.

    Raises:
        HoldAlreadyResolved: the question is over, or was asked of another.
        DraftClosed: the sale is over.
    """
    draft, staff = _asked(session, hold_id, customer_id)
    drafts.check_open(draft, staff, now)
    freed = drafts.release(session, draft, now)
    # Neither screen says so yet. Should whoever shows them fall over, the countdown does it.
    return drafts.change(
        session, freed, now, asked_until=None, asked_next_at=now + questions.ANSWER_SHOWN
    )


def told(session: Session, *, draft_id: int) -> None:
    """Both screens say that the customer does not want to spend: nothing more is to be shown."""
    d = sale_draft.c
    refused = sa.and_(d.id == draft_id, d.hold_id.is_(None), d.asked_until.is_(None))
    session.execute(sa.update(sale_draft).where(refused).values(asked_next_at=None))


def _asked(session: Session, hold_id: int, customer_id: int) -> tuple[Draft, Staff]:
    d = sale_draft.c
    query = sa.select(d.id, d.staff_id, d.outlet_id).where(
        d.hold_id == hold_id, d.customer_id == customer_id
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise HoldAlreadyResolved(status="voided")
    # The sale stays at its outlet, wherever the cashier has gone meanwhile.
    place = get_outlet(session, row.outlet_id)
    staff = replace(get(session, row.staff_id), outlet_id=place.id, time_zone=place.time_zone)
    draft = drafts.locked(session, row.id, staff)
    if draft.hold_id != hold_id:  # the cashier chose something else this very moment
        raise HoldAlreadyResolved(status="voided")
    return draft, staff


def _message_of(session: Session, draft_id: int) -> tuple[int, int] | None:
    d = sale_draft.c
    query = sa.select(d.asked_chat_id, d.asked_message_id).where(
        d.id == draft_id, d.asked_next_at.is_not(None)
    )
    row = session.execute(query).one_or_none()
    if row is None or row.asked_chat_id is None or row.asked_message_id is None:
        return None
    return row.asked_chat_id, row.asked_message_id
