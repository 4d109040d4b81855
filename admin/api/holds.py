"""Two-step redemptions: points set aside now, confirmed or given up when the till is paid."""

from __future__ import annotations

from sqlalchemy.orm import Session

from admin.api.answers import ConfirmedOut, HoldOut, PurchaseOut
from admin.api.door import Call, Done, Refused
from admin.api.fields import moment_text
from admin.api.requests import ConfirmIn, HoldIn
from admin.api.sales import check_time, may_try, purchase_out, till_of
from admin.api.who import NotIdentified, identify
from loyalty import customers, program, vouchers, wallet
from loyalty.errors import HoldNotFound, PresenceRequired, RedemptionTooLarge, VoucherNotFound
from loyalty.purchases import holding
from loyalty.purchases.holding import TillHold
from loyalty.purchases.wanted import Wanted


def place(session: Session, call: Call, body: HoldIn) -> Done | Refused:
    """``POST /holds``."""
    assert call.key is not None  # a hold always has one
    who = identify(session, call, body.customer)
    if isinstance(who, NotIdentified):
        return Refused(who.error)
    if not who.may_redeem:
        raise PresenceRequired(reason=who.reason)
    if customers.get(session, who.customer_id).status != customers.ACTIVE:
        raise PresenceRequired(reason="not_joined")
    rules = program.current(session, now=call.now).program
    if body.points < rules.redeem_minimum:
        raise RedemptionTooLarge(max_redeem=0, requested=body.points, reason="minimum")
    receipt = body.receipt.receipt(call.now) if body.receipt is not None else None
    if receipt is not None:
        check_time(receipt.sold_at, call.now)
    may_try(session, call, body.vouchers)
    try:
        vouchers.read(session, body.vouchers, lock=False)
    except VoucherNotFound as error:
        vouchers.note_wrong(session, by=call.till.actor, now=call.now)
        return Refused(error)
    placed = holding.place(
        session,
        till=till_of(call),
        key=call.key,
        customer_id=who.customer_id,
        points=body.points,
        wanted=Wanted(
            receipt=receipt,
            vouchers=body.vouchers,
            card_key=who.card_key,
            seconds=body.seconds,
            fingerprint=call.fingerprint,
        ),
        asks=body.points > rules.confirm_above,
        now=call.now,
    )
    return Done(hold_out(placed), 201, placed.customer_id)


def show(session: Session, call: Call, body: None) -> Done:
    """``GET /holds/{id}``; what the till itself has deleted is gone."""
    del body
    found = _get(session, call)
    if found.wanted.given_up:
        raise HoldNotFound()
    return Done(hold_out(found), customer_id=found.customer_id)


def confirm(session: Session, call: Call, body: ConfirmIn) -> Done:
    """``POST /holds/{id}/confirm``: with a receipt one purchase, without one the points alone."""
    till = till_of(call)
    found = holding.locked(session, _get(session, call), now=call.now)
    receipt = found.wanted.receipt
    if body.receipt is not None:
        receipt = body.receipt.receipt(call.now)
        check_time(receipt.sold_at, call.now)
    bought: PurchaseOut | None = None
    if receipt is None:
        left = holding.spend(session, found=found, till=till, now=call.now)
    else:
        result = holding.record(session, found=found, till=till, receipt=receipt, now=call.now)
        bought, left = purchase_out(session, call, result), result.balance
    ended = _get(session, call)
    answer = ConfirmedOut(**hold_out(ended).model_dump(), balance=left, purchase=bought)
    return Done(answer, customer_id=found.customer_id)


def void(session: Session, call: Call, body: None) -> Done:
    """``DELETE /holds/{id}``."""
    del body
    found = _get(session, call)
    wallet.lock(session, [found.customer_id])
    ended = holding.void(session, found=_get(session, call), now=call.now)
    return Done(hold_out(ended), customer_id=ended.customer_id)


def hold_out(found: TillHold) -> HoldOut:
    """A hold as the API tells of it."""
    return HoldOut(
        hold_id=str(found.id),
        status=found.status,
        points=found.points,
        needs_tap=found.needs_tap,
        approved=found.ready,
        expires_at=moment_text(found.expires_at),
        purchase_id=str(found.purchase_id) if found.purchase_id is not None else None,
    )


def _get(session: Session, call: Call) -> TillHold:
    return holding.get(
        session, hold_id=call.number("id"), outlet_id=call.till.outlet_id, now=call.now
    )
