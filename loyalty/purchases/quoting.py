"""A quote: what a sale would earn, what may be spent on it and why not more. Writes nothing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from loyalty.amounts import points_to_money
from loyalty.errors import (
    ConfirmationRequired,
    InsufficientPoints,
    PointsInvalid,
    PresenceRequired,
    RedemptionTooLarge,
)
from loyalty.purchases.gate import Gate, enter, look
from loyalty.purchases.model import Quote, Receipt
from loyalty.purchases.pricing import price, redeem_limit


def quote(
    session: Session,
    *,
    customer_id: int,
    receipt: Receipt,
    redeem: int = 0,
    may_redeem: bool,
    now: datetime,
) -> Quote:
    """What recording this sale with ``redeem`` points would do, at ``now``.

    ``redeem`` above what may be spent is quoted at the most that may be.

    Raises:
        CustomerNotFound, CustomerBlocked: who the customer is forbids a sale.
        PointsInvalid: a negative number of points.
    """
    if redeem < 0:
        raise PointsInvalid()
    gate = enter(
        session, customer_id=customer_id, outlet_id=None, staff_id=None, now=now, lock=False
    )
    look(
        session,
        gate.wallet,
        draft_id=None,
        outlet_id=None,
        register="",
        business_date=receipt.sold_at.date(),
        number=None,
        nonce=None,
    )
    available = gate.wallet.available(now)
    most, limit = spendable(gate, receipt, may_redeem=may_redeem, now=now)
    spend = min(redeem, most)
    rate = gate.program.tier(gate.tier).earn_rate_bp
    return Quote(
        total=receipt.total,
        available=available,
        max_redeem=most,
        limit=limit,
        earn=price(receipt, redeem=spend, rate_bp=rate).earned,
        redeem=spend,
        to_pay=receipt.total - points_to_money(spend),
        rate_bp=rate,
        needs_confirmation=spend > gate.program.confirm_above,
    )


def spendable(
    gate: Gate, receipt: Receipt, *, may_redeem: bool, now: datetime
) -> tuple[int, str | None]:
    """The most points that may be spent, and what limits them (see ``Quote.limit``)."""
    wallet, program = gate.wallet, gate.program
    if gate.status != "active":
        return 0, "not_joined"
    if not may_redeem:
        return 0, "presence"
    if wallet.frozen_until is not None and now < wallet.frozen_until:
        return 0, "frozen"
    available, by_share = wallet.available(now), redeem_limit(receipt, program)
    most = min(available, by_share)
    if most < program.redeem_minimum:
        return 0, "balance" if available < program.redeem_minimum else "share"
    return most, "balance" if available < by_share else "share"


def check_redemption(
    gate: Gate, receipt: Receipt, *, redeem: int, may_redeem: bool, held: bool, now: datetime
) -> None:
    """Refuse a redemption that the program or the wallet does not allow.

    Raises:
        PointsInvalid, PresenceRequired, RedemptionFrozen, InsufficientPoints,
        RedemptionTooLarge, ConfirmationRequired: each for its own reason.
    """
    if redeem < 0:
        raise PointsInvalid()
    if redeem == 0:
        return
    if gate.status != "active" or not may_redeem:
        raise PresenceRequired()
    gate.wallet.check_not_frozen(now)
    most = redeem_limit(receipt, gate.program)
    if redeem > most or redeem < gate.program.redeem_minimum:
        raise RedemptionTooLarge(
            max_redeem=min(most, gate.wallet.available(now)), requested=redeem, reason="share"
        )
    if held:
        return
    if redeem > gate.wallet.available(now):
        raise InsufficientPoints(available=gate.wallet.available(now), requested=redeem)
    if redeem > gate.program.confirm_above:
        raise ConfirmationRequired(limit=gate.program.confirm_above)
