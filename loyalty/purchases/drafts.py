"""Sale drafts: a sale that is being rung up, from the scan of a card to one purchase.

There is one open draft per shown card, whichever cashier scanned it, and one purchase per
draft, however often it is confirmed. A draft lives ``LIFETIME`` after its last change.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from loyalty import program, purchases
from loyalty.amounts import MAX_AMOUNT
from loyalty.customers import customer, owner_of, telegram_chat
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.errors import (
    AmountOutOfRange,
    ConfirmationRequired,
    CustomerBlocked,
    CustomerNotFound,
    DraftClosed,
    DraftNotFound,
    OwnCard,
    PointsInvalid,
    RedemptionTooLarge,
)
from loyalty.ids import new_id
from loyalty.purchases.draft_rows import (
    CANCELLED,
    CHANGED,
    EXPIRED,
    LIFETIME,
    MOVED,
    OPEN,
    RECORDED,
    Draft,
    DraftLine,
    as_draft,
    change,
    check_open,
    get,
    lock,
    locked,
    release,
    without_points,
)
from loyalty.purchases.model import Line, PurchaseResult, Quote, Receipt
from loyalty.purchases.tables import sale_draft
from loyalty.staff import Staff, get_outlet

__all__ = [
    "CANCELLED",
    "CHANGED",
    "EXPIRED",
    "LIFETIME",
    "MOVED",
    "OPEN",
    "RECORDED",
    "Draft",
    "DraftLine",
    "cancel",
    "change",
    "check_open",
    "confirm",
    "expire_old",
    "get",
    "locked",
    "most_to_spend",
    "open_draft",
    "quote_of",
    "receipt_of",
    "record",
    "release",
    "set_amount",
    "set_message",
    "set_redeem",
    "without_points",
]


class Identified(Protocol):
    """What ``customers.identify_token`` and ``identify_code`` answer."""

    @property
    def customer_id(self) -> int:
        """Whose card it is."""

    @property
    def may_redeem(self) -> bool:
        """Whether points may be spent: the card was shown just now and not used yet."""

    @property
    def card_key(self) -> str | None:
        """``n:NONCE`` of this showing of the card; None if it was named by other means."""


def open_draft(
    session: Session, *, identified: Identified, staff: Staff, now: datetime, update_key: str
) -> Draft:
    """The draft of the card that was just shown, open for this cashier.

    A second scan of the same showing gives the same draft; by another cashier it moves there
    (``moved_from`` says from whom). A showing that has bought already opens a new draft that
    may earn but not spend; ``update_key`` makes that repeatable.

    Raises:
        CustomerNotFound: there is no such card's owner any more.
        CustomerBlocked: the owner of the program has closed it to this customer.
        OwnCard: it is the cashier's own card.
        DraftNotFound: the cashier has no outlet to sell at.
    """
    if staff.outlet_id is None:
        raise DraftNotFound()
    # Whoever was read a moment ago may have become part of a member's card since.
    owner = owner_of(session, identified.customer_id)
    _check_customer(session, owner, staff)
    # What is printed stays known as such, whenever it is shown.
    kind = "b" if (identified.card_key or "").startswith("b:") else "p"
    named_key = f"{kind}:{staff.id}:{update_key}"
    card_key = identified.card_key or named_key
    expire_old(session, now, card_key=card_key)
    repeated = _by_key(session, named_key)
    if repeated is not None:
        return repeated
    found = _by_key(session, card_key)
    if found is not None and found.status == OPEN:
        return _take_over(session, found, identified, staff, now)
    if found is not None and found.status == RECORDED:
        return _insert(session, named_key, False, owner, staff, now)
    may_redeem = identified.may_redeem and owner == identified.customer_id
    return _insert(session, card_key, may_redeem, owner, staff, now)


def quote_of(session: Session, *, draft: Draft, now: datetime) -> Quote:
    """What this sale would do as it stands; nothing is written.

    Raises:
        AmountOutOfRange: no sum was typed yet.
    """
    return purchases.quote(
        session,
        customer_id=draft.customer_id,
        receipt=receipt_of(draft, sold_at=now),
        redeem=draft.redeem,
        vouchers=draft.vouchers,
        stamps=draft.stamps,
        may_redeem=draft.may_redeem,
        now=now,
        outlet_id=draft.outlet_id,
        time_zone=get_outlet(session, draft.outlet_id).time_zone,
    )


def receipt_of(draft: Draft, *, sold_at: datetime) -> Receipt:
    """What is sold: one nameless line, or a line for each item the sum was split into.

    Raises:
        AmountOutOfRange: no sum was typed yet.
    """
    amount = _amount_of(draft)
    if not draft.lines:
        return Receipt.of_sum(amount, sold_at=sold_at)
    return Receipt(
        sold_at=sold_at,
        lines=tuple(
            Line(amount=one.amount, price=one.amount, category=one.category) for one in draft.lines
        ),
    )


def most_to_spend(session: Session, *, quote: Quote, now: datetime) -> int:
    """How many points may go into this sale without a tap in the customer's own chat."""
    return min(quote.max_redeem, program.current(session, now=now).program.confirm_above)


def set_amount(
    session: Session, *, draft_id: int, staff: Staff, amount: int, now: datetime
) -> Draft:
    """The sum to pay, minor units, whatever it was split into before.

    Points chosen for another sum are forgotten.

    Raises:
        AmountOutOfRange: not between 0.01 and the largest sum.
        DraftNotFound, DraftClosed: see ``draft_rows.lock``.
    """
    if not 1 <= amount <= MAX_AMOUNT:
        raise AmountOutOfRange(minimum=1, maximum=MAX_AMOUNT)
    draft = release(session, lock(session, draft_id, staff, now), now)
    return change(session, draft, now, amount=amount, lines=None, redeem=0)


def set_redeem(
    session: Session, *, draft_id: int, staff: Staff, points: int, now: datetime
) -> Draft:
    """How many points go into this sale; 0 for none.

    Raises:
        PointsInvalid: less than none.
        RedemptionTooLarge: more than the quote allows, or than goes without the customer's own
            tap (reason ``tap``).
        AmountOutOfRange: no sum was typed yet.
        DraftNotFound, DraftClosed: see ``draft_rows.lock``.
    """
    draft = release(session, lock(session, draft_id, staff, now), now)
    if points < 0:
        raise PointsInvalid()
    quote = quote_of(session, draft=replace(draft, redeem=0), now=now)
    most = most_to_spend(session, quote=quote, now=now)
    if points > most:
        reason = "tap" if points <= quote.max_redeem else quote.limit
        raise RedemptionTooLarge(max_redeem=most, requested=points, reason=reason)
    return change(session, draft, now, redeem=points)


def set_message(session: Session, *, draft_id: int, message_id: int, now: datetime) -> None:
    """The cashier's message that shows this sale; taps on older ones are out of date."""
    session.execute(
        sa.update(sale_draft)
        .where(sale_draft.c.id == draft_id)
        .values(message_id=message_id, updated_at=now)
    )


def cancel(session: Session, *, draft_id: int, staff: Staff, now: datetime) -> Draft:
    """Give the sale up; cancelled twice is cancelled.

    Raises:
        DraftNotFound, DraftClosed: see ``draft_rows.lock``.
    """
    draft = get(session, draft_id=draft_id)
    if draft.status == CANCELLED and draft.staff_id == staff.id:
        return draft
    draft = release(session, lock(session, draft_id, staff, now), now)
    return change(session, draft, now, status=CANCELLED, closed_at=now)


def confirm(
    session: Session,
    *,
    draft_id: int,
    staff: Staff,
    now: datetime,
    shown: tuple[int, int] | None = None,
) -> PurchaseResult:
    """Record the sale, once; confirmed again it answers the same purchase (``replayed``).

    ``shown`` is the sum and the points that the cashier's screen named when it was tapped.

    Raises:
        AmountOutOfRange: no sum was typed yet.
        DraftNotFound, DraftClosed: see ``draft_rows.lock``; ``changed``: the screen was out of
            date.
        ConfirmationRequired: the customer is being asked.
        Whatever ``purchases.record`` refuses.
    """
    draft = locked(session, draft_id, staff)
    if draft.status == RECORDED and draft.purchase_id is not None:
        return purchases.result_of(session, purchase_id=draft.purchase_id, now=now)
    check_open(draft, staff, now)
    if shown not in (None, (draft.amount, draft.redeem)):
        raise DraftClosed(status=CHANGED, purchase_id=None)
    if draft.hold_id is not None:
        raise ConfirmationRequired(hold_id=draft.hold_id)
    return record(session, draft, staff, now)


def record(session: Session, draft: Draft, staff: Staff, now: datetime) -> PurchaseResult:
    """Record the locked, open draft as it stands, with the points set aside for it if any.

    Raises:
        Whatever ``purchases.record`` refuses.
    """
    _check_customer(session, draft.customer_id, staff)
    result = purchases.record(
        session,
        customer_id=draft.customer_id,
        receipt=receipt_of(draft, sold_at=now),
        redeem=draft.redeem,
        vouchers=draft.vouchers,
        stamps=draft.stamps,
        may_redeem=draft.may_redeem,
        actor=staff.actor,
        outlet_id=draft.outlet_id,
        staff_id=staff.id,
        source="bot",
        now=now,
        time_zone=staff.time_zone or "UTC",
        # Only a spending uses the showing up; it may earn as often as it is shown.
        card_key=draft.card_key if draft.redeem else None,
        draft_id=draft.id,
        hold_id=draft.hold_id,
    )
    closing = {"status": RECORDED, "purchase_id": result.purchase_id, "closed_at": now}
    change(session, draft, now, **closing)
    return result


def expire_old(session: Session, now: datetime, *, card_key: str | None = None) -> int:
    """Close drafts nobody has touched for ``LIFETIME`` (of one card only, if given); how many."""
    old = sa.and_(sale_draft.c.status == OPEN, sale_draft.c.updated_at <= now - LIFETIME)
    if card_key is not None:
        old = sa.and_(old, sale_draft.c.card_key == card_key)
    ids = session.execute(sa.select(sale_draft.c.id).where(old)).scalars().all()
    if ids:
        closing = sa.update(sale_draft).where(sale_draft.c.id.in_(ids), sale_draft.c.status == OPEN)
        session.execute(closing.values(status=EXPIRED, closed_at=now))
    return len(ids)


# --- inside ------------------------------------------------------------------------------


def _amount_of(draft: Draft) -> int:
    if draft.amount is None:
        raise AmountOutOfRange(minimum=1, maximum=MAX_AMOUNT)
    return draft.amount


def _check_customer(session: Session, customer_id: int, staff: Staff) -> None:
    query = (
        sa.select(customer.c.status, telegram_chat.c.telegram_id)
        .outerjoin(telegram_chat, telegram_chat.c.customer_id == customer.c.id)
        .where(customer.c.id == customer_id)
    )
    row = session.execute(query).one_or_none()
    if row is None or row.status == "erased":
        raise CustomerNotFound()
    if row.status == "blocked":
        raise CustomerBlocked()
    if row.telegram_id is not None and row.telegram_id == staff.telegram_id:
        raise OwnCard()


def _by_key(session: Session, card_key: str) -> Draft | None:
    """The open draft of this showing, else the latest one."""
    query = (
        sa.select(sale_draft)
        .where(sale_draft.c.card_key == card_key)
        .order_by(sa.case((sale_draft.c.status == OPEN, 0), else_=1), sale_draft.c.id.desc())
        .limit(1)
        .with_for_update()
    )
    row = session.execute(query).one_or_none()
    return as_draft(row) if row is not None else None


def _take_over(
    session: Session, draft: Draft, identified: Identified, staff: Staff, now: datetime
) -> Draft:
    draft = release(session, draft, now)
    may_redeem = draft.may_redeem and identified.may_redeem
    moved_from = draft.staff_id if draft.staff_id != staff.id else None
    taken = change(
        session,
        draft,
        now,
        staff_id=staff.id,
        outlet_id=staff.outlet_id,
        may_redeem=may_redeem,
        redeem=draft.redeem if may_redeem else 0,
        message_id=None,
    )
    return replace(taken, moved_from=moved_from)


def _insert(
    session: Session,
    card_key: str,
    may_redeem: bool,
    customer_id: int,
    staff: Staff,
    now: datetime,
) -> Draft:
    draft_id = new_id()
    values = {
        "id": draft_id,
        "card_key": card_key,
        "customer_id": customer_id,
        "staff_id": staff.id,
        "outlet_id": staff.outlet_id,
        "may_redeem": may_redeem,
        "status": OPEN,
        "created_at": now,
        "updated_at": now,
    }
    try:
        session.execute(sa.insert(sale_draft).values(**values))
    except IntegrityError as problem:
        if not is_unique_violation(problem):
            raise
        raise AlreadyThere() from problem  # another cashier scanned it this very moment
    return get(session, draft_id=draft_id)
