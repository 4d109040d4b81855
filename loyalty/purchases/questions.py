"""Questions that wait for a customer's tap, as their countdown needs them.

Each open question has a moment when its screens are shown next (``asked_next_at``); whoever
moves that moment on shows them, so any number of instances may look, and a restart goes on
where it was. The moment is taken away once both screens are settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import wallet
from loyalty.customers import customer, telegram_chat
from loyalty.messaging.tables import outbox
from loyalty.purchases.draft_rows import EXPIRED, LIFETIME, OPEN, as_draft, change, release
from loyalty.purchases.tables import sale_draft
from loyalty.purchases.wanted import of_json
from loyalty.staff import outlet, staff
from loyalty.wallet.tables import hold, till_hold

STEP, LAST_STEP, LAST = timedelta(seconds=15), timedelta(seconds=10), timedelta(seconds=30)
LEASE = timedelta(seconds=20)
"""Within this time whoever settles a question's screens has done it, or another does."""
ANSWER_SHOWN = timedelta(seconds=5)
"""Within this time a customer's no is on both screens, or the countdown puts it there."""
AT_ONCE = 200
"""Questions looked at together."""

DRAFT, TILL = "draft", "till"
ASKING, OVER, REFUSED, GONE = "asking", "over", "refused", "gone"
"""It stands; its time is over; the customer has said no (a draft without ``asked_until``); the
till has chosen otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question as it is now. ``id`` is the sale draft's (``draft``) or the hold's (``till``);
    ``message_id`` is None while it is on its way; ``total`` in minor units."""

    kind: str
    id: int
    state: str
    next_at: datetime
    until: datetime
    hold_id: int | None
    points: int
    total: int | None
    outlet: str
    customer_name: str | None
    chat_id: int | None
    message_id: int | None
    language: str | None
    till_chat_id: int | None = None
    till_message_id: int | None = None
    till_language: str | None = None

    def left(self, now: datetime) -> int:
        """Seconds left to answer, business time."""
        return max(0, round((self.until - now).total_seconds()))


def next_look(until: datetime, now: datetime) -> datetime:
    """When the countdown is shown next: every 15 s, every 10 s in the last half minute."""
    step = STEP if until - now > LAST + timedelta(seconds=1) else LAST_STEP
    return min(now + step, until)


def waiting(session: Session, *, now: datetime) -> list[Question]:
    """Every question whose screens are not settled, the next to be shown first."""
    found = [*_of_drafts(session, now), *_of_tills(session, now)]
    return sorted(found, key=lambda one: (one.state == ASKING, one.next_at, one.id))


def claim(session: Session, question: Question, *, now: datetime) -> bool:
    """Take it on oneself to show the question now; False if somebody else does.

    A question whose time is over gives its points back, and its sale goes on without them.
    """
    if question.state == ASKING:
        following = next_look(question.until, now)
        if question.message_id is None and question.kind == TILL:
            following = min(following, now + timedelta(seconds=3))  # it is about to leave
    else:
        following = now + LEASE
    if not _move(session, question, following):
        return False
    if question.state == OVER and question.kind == DRAFT:
        _end(session, question, now)
    return True


def settle(session: Session, question: Question) -> None:
    """Both screens say how it ended: nothing more is to be shown."""
    table, key = _TABLES[question.kind]
    # A question that was asked anew meanwhile has a moment of its own, and another hold.
    mine = sa.and_(key == question.id, table.c.asked_next_at.is_not(None))
    if question.kind == DRAFT:
        mine = sa.and_(mine, sa.or_(table.c.hold_id.is_(None), table.c.hold_id == question.hold_id))
    session.execute(sa.update(table).where(mine).values(asked_next_at=None))


def settled(session: Session, question: Question) -> bool:
    """Whether somebody has answered since the question was looked at."""
    table, key = _TABLES[question.kind]
    open_still: Any = table.c.asked_next_at.is_not(None)
    if question.kind == DRAFT:  # a no is said already, though its screens may still be on their way
        open_still = sa.and_(open_still, sale_draft.c.asked_until.is_not(None))
    return session.execute(sa.select(key).where(key == question.id, open_still)).first() is None


def agreed(session: Session, *, hold_id: int) -> bool:
    """Whether the customer has said yes to a till's hold."""
    query = sa.select(till_hold.c.approved_at).where(till_hold.c.hold_id == hold_id)
    return session.execute(query).scalar_one_or_none() is not None


# --- inside ------------------------------------------------------------------------------

_TABLES: dict[str, tuple[sa.Table, Any]] = {
    DRAFT: (sale_draft, sale_draft.c.id),
    TILL: (till_hold, till_hold.c.hold_id),
}


def _of_drafts(session: Session, now: datetime) -> Sequence[Question]:
    d = sale_draft.c
    query = (
        sa.select(
            sale_draft,
            hold.c.status.label("hold_status"),
            outlet.c.name.label("outlet_name"),
            customer.c.name.label("customer_name"),
            staff.c.telegram_id.label("till_chat_id"),
            staff.c.language.label("till_language"),
            telegram_chat.c.language.label("chat_language"),
        )
        .join(outlet, outlet.c.id == d.outlet_id)
        .join(customer, customer.c.id == d.customer_id)
        .join(staff, staff.c.id == d.staff_id)
        .outerjoin(hold, hold.c.id == d.hold_id)
        .outerjoin(telegram_chat, telegram_chat.c.telegram_id == d.asked_chat_id)
        .where(d.asked_next_at.is_not(None))
        .order_by(d.asked_next_at)
        .limit(AT_ONCE)
    )
    return [_of_draft(row, now) for row in session.execute(query)]


def _of_draft(row: Any, now: datetime) -> Question:
    state = ASKING
    if row.status != OPEN or row.hold_id is None:
        state = REFUSED if row.status == OPEN and row.asked_until is None else GONE
    elif row.asked_until <= now or row.hold_status != "open":
        state = OVER
    return Question(
        kind=DRAFT,
        id=row.id,
        state=state,
        next_at=row.asked_next_at,
        until=row.asked_until or now,
        hold_id=row.hold_id,
        points=row.redeem,
        total=row.amount,
        outlet=row.outlet_name,
        customer_name=row.customer_name,
        chat_id=row.asked_chat_id,
        message_id=row.asked_message_id,
        language=row.chat_language,
        till_chat_id=row.till_chat_id,
        till_message_id=row.message_id,
        till_language=row.till_language,
    )


def _of_tills(session: Session, now: datetime) -> Sequence[Question]:
    t = till_hold.c
    asks = sa.literal("ask:") + sa.cast(t.hold_id, sa.String)
    query = (
        sa.select(
            till_hold,
            hold.c.status,
            hold.c.amount,
            hold.c.expires_at,
            outlet.c.name.label("outlet_name"),
            customer.c.name.label("customer_name"),
            outbox.c.chat_id,
            outbox.c.message_id,
            telegram_chat.c.language,
        )
        .join(hold, hold.c.id == t.hold_id)
        .join(customer, customer.c.id == hold.c.customer_id)
        .outerjoin(outlet, outlet.c.id == t.outlet_id)
        .outerjoin(outbox, outbox.c.key == asks)
        .outerjoin(telegram_chat, telegram_chat.c.telegram_id == outbox.c.chat_id)
        .where(t.asked_next_at.is_not(None))
        .order_by(t.asked_next_at)
        .limit(AT_ONCE)
    )
    return [_of_till(row, now) for row in session.execute(query)]


def _of_till(row: Any, now: datetime) -> Question:
    state = ASKING
    if row.status in ("voided", "posted"):
        state = GONE
    elif row.expires_at <= now or row.status != "open":
        state = OVER
    wanted = of_json(row.request) if row.request else None
    receipt = wanted.receipt if wanted is not None else None
    return Question(
        kind=TILL,
        id=row.hold_id,
        state=state,
        next_at=row.asked_next_at,
        until=row.expires_at,
        hold_id=row.hold_id,
        points=row.amount,
        total=receipt.total if receipt is not None else None,
        outlet=row.outlet_name or "",
        customer_name=row.customer_name,
        chat_id=row.chat_id,
        message_id=row.message_id,
        language=row.language,
    )


def _move(session: Session, question: Question, following: datetime) -> bool:
    table, key = _TABLES[question.kind]
    asked = sa.and_(key == question.id, table.c.asked_next_at == question.next_at)
    moved = sa.update(table).where(asked).values(asked_next_at=following).returning(key)
    return session.execute(moved).first() is not None


def _end(session: Session, question: Question, now: datetime) -> None:
    query = sa.select(sale_draft).where(sale_draft.c.id == question.id).with_for_update()
    draft = as_draft(session.execute(query).one())
    if draft.status != OPEN or draft.hold_id is None or draft.hold_id != question.hold_id:
        return
    if draft.updated_at > now - LIFETIME:
        release(session, draft, now)
        return
    wallet.void_hold(session, hold_id=draft.hold_id, now=now)
    change(session, draft, now, hold_id=None, redeem=0, status=EXPIRED, closed_at=now)
