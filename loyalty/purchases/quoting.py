"""A quote: what a sale would earn, what may be spent on it and why not more. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy.orm import Session

from loyalty import clock
from loyalty import stamps as stamp_cards
from loyalty.amounts import points_to_money
from loyalty.errors import (
    ConfirmationRequired,
    InsufficientPoints,
    PointsInvalid,
    PresenceRequired,
    RedemptionTooLarge,
)
from loyalty.purchases.basket import Basket, fill, pay_by_gift_cards
from loyalty.purchases.benefits import stamps_of
from loyalty.purchases.gate import Gate, Rules, enter, in_force, look
from loyalty.purchases.model import Quote, Receipt
from loyalty.purchases.pricing import Priced, price, redeem_limit


def quote(
    session: Session,
    *,
    customer_id: int | None,
    receipt: Receipt,
    redeem: int = 0,
    vouchers: Sequence[str] = (),
    stamps: Mapping[str, int] | None = None,
    may_redeem: bool,
    now: datetime,
    outlet_id: int | None = None,
    time_zone: str = "UTC",
) -> Quote:
    """What recording this sale with ``redeem`` points and these vouchers would do, at ``now``.

    ``redeem`` above what may be spent is quoted at the most that may be, less than the minimum
    as none. ``customer_id`` None is a sale without a card.

    Raises:
        CustomerNotFound, CustomerBlocked: who the customer is forbids a sale.
        PointsInvalid: a negative number of points.
        VoucherNotFound and the other refusals of a voucher, each for its own reason.
    """
    if redeem < 0:
        raise PointsInvalid()
    gate: Gate | None = None
    rules: Rules | None = None
    if customer_id is not None:
        gate = enter(
            session,
            customer_id=customer_id,
            outlet_id=outlet_id,
            staff_id=None,
            now=now,
            lock=False,
        )
    else:
        rules = in_force(session, now=now)
    before = look(
        session,
        gate,
        draft_id=None,
        outlet_id=None,
        register="",
        business_date=clock.local_date(receipt.sold_at, time_zone),
        number=None,
        nonce=None,
        today=clock.local_date(now, time_zone),
        now=now,
        redeem=0,
    )
    basket = fill(
        session,
        receipt,
        gate=gate,
        rules=rules,
        before=before,
        codes=vouchers,
        outlet_id=outlet_id,
        time_zone=time_zone,
        now=now,
        lock=False,
    )
    basket.counted_stamps = stamps or {}
    quoted, priced = _quoted(basket, gate, redeem=redeem, may_redeem=may_redeem, now=now)
    if gate is None:
        return quoted
    day = clock.local_date(receipt.sold_at, time_zone)
    added = _stamps(session, gate, basket, priced, outlet_id=outlet_id, day=day)
    return replace(quoted, stamps=added)


def _stamps(
    session: Session,
    gate: Gate,
    basket: Basket,
    priced: Priced,
    *,
    outlet_id: int | None,
    day: date,
) -> dict[str, int]:
    """Stamps the goods would bring, within what a card gives a day at an outlet."""
    found = stamps_of(gate.program, basket, priced)
    rules = [card for card in gate.program.stamp_cards if card.key in found]
    today: Mapping[str, int] = {}
    if any(card.daily_cap or card.outlet_caps for card in rules):
        customer_id = gate.wallet.customer_id
        today = stamp_cards.earned_today(
            session, customer_id=customer_id, outlet_id=outlet_id, day=day
        )
    added = {
        card.key: stamp_cards.capped(
            card, found[card.key], today=today.get(card.key, 0), outlet_id=outlet_id
        )
        for card in rules
    }
    return {key: number for key, number in added.items() if number}


def _quoted(
    basket: Basket, gate: Gate | None, *, redeem: int, may_redeem: bool, now: datetime
) -> tuple[Quote, Priced]:
    receipt = basket.receipt
    most, limit, rate = 0, None, 0
    if gate is not None:
        most, limit = spendable(gate, receipt, may_redeem=may_redeem, now=now)
        rate = gate.program.tier(gate.tier).earn_rate_bp
    spend = min(redeem, most)
    if gate is not None and spend < gate.program.redeem_minimum:
        spend = 0
    priced = price(
        receipt,
        redeem=spend,
        rate_bp=rate,
        chosen=basket.chosen,
        facts=basket.facts,
        free_pieces=basket.free_pieces,
    )
    to_pay = receipt.total - points_to_money(spend)
    cards = pay_by_gift_cards(basket, to_pay)
    gift_paid = sum(card.amount for card in cards)
    quoted = Quote(
        total=receipt.total,
        available=gate.wallet.available(now) if gate else 0,
        max_redeem=most,
        limit=limit,
        earn=priced.earned if gate else 0,
        redeem=spend,
        to_pay=to_pay - gift_paid,
        rate_bp=rate,
        needs_confirmation=gate is not None and spend > gate.program.confirm_above,
        tier=gate.tier if gate else None,
        gross=receipt.gross,
        discount=receipt.discount,
        discounts=tuple(basket.discounts),
        gift_paid=gift_paid,
        gift_cards=tuple(cards),
        parts=tuple(priced.parts) if gate else (),
    )
    return quoted, priced


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
