"""Recording a sale: everything it does, in one transaction and (nearly) one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.amounts import points_to_money
from loyalty.customers import customer
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.db.rows import Rows
from loyalty.errors import DuplicateReceipt, OwnCard, PresenceRequired, PurchaseNotFound
from loyalty.ids import new_id
from loyalty.purchases import sale_rows
from loyalty.purchases.basket import Basket, Discount, fill, pay_by_gift_cards
from loyalty.purchases.benefits import Benefits, bring
from loyalty.purchases.gate import Before, Gate, Rules, enter, in_force, look, take_lots
from loyalty.purchases.guarding import check_limits
from loyalty.purchases.model import PurchaseResult, Receipt
from loyalty.purchases.pricing import Priced, price
from loyalty.purchases.quoting import check_redemption
from loyalty.purchases.sale_rows import Sale
from loyalty.receipts import purchase
from loyalty.wallet import balance


def record(
    session: Session,
    *,
    customer_id: int | None,
    receipt: Receipt,
    redeem: int,
    vouchers: Sequence[str] = (),
    stamps: Mapping[str, int] | None = None,
    may_redeem: bool,
    actor: str,
    outlet_id: int | None,
    staff_id: int | None,
    source: str,
    now: datetime,
    time_zone: str,
    card_key: str | None = None,
    draft_id: int | None = None,
    hold_id: int | None = None,
) -> PurchaseResult:
    """Record a sale: the purchase, its points, its event and the customer's receipt message.

    ``redeem`` points are spent (``may_redeem``: a fresh token, code or tap was shown; with
    ``hold_id`` they were set aside before). ``vouchers`` are codes to use, ``stamps`` those the
    cashier counted beside the lines, by card. ``card_key`` ``n:NONCE`` is the showing of the
    card, good for one redemption. The same ``draft_id`` gives the purchase it made before.
    ``customer_id`` None is an anonymous sale.

    Locks the customer's account, then the vouchers in id order. ``time_zone`` is the business
    zone of the outlet.

    Raises:
        CustomerNotFound, CustomerBlocked, OwnCard, VelocityExceeded: who the customer is.
        PresenceRequired, RedemptionFrozen, InsufficientPoints, RedemptionTooLarge,
        ConfirmationRequired, HoldAlreadyResolved: the redemption is refused.
        VoucherNotFound and the other refusals of a voucher, each for its own reason.
        DuplicateReceipt: the outlet recorded this receipt number that day.
    """
    sale = Sale(
        receipt=receipt,
        redeem=redeem,
        may_redeem=may_redeem,
        actor=actor,
        outlet_id=outlet_id,
        staff_id=staff_id,
        source=source,
        now=now,
        time_zone=time_zone,
        business_date=clock.local_date(receipt.sold_at, time_zone),
        nonce=card_key[2:] if card_key and card_key.startswith("n:") else None,
        draft_id=draft_id,
        hold_id=hold_id,
        purchase_id=new_id(),
    )
    return _record(session, sale, customer_id, vouchers, stamps)


def _record(
    session: Session,
    sale: Sale,
    customer_id: int | None,
    codes: Sequence[str],
    stamps: Mapping[str, int] | None,
) -> PurchaseResult:
    gate: Gate | None = None
    rules: Rules | None = None
    if customer_id is not None:
        gate = enter(
            session,
            customer_id=customer_id,
            outlet_id=sale.outlet_id,
            staff_id=sale.staff_id,
            now=sale.now,
        )
    elif sale.redeem:
        raise PresenceRequired()
    else:
        rules = in_force(session, now=sale.now)
    before = _look(session, sale, gate)
    if before.purchase_of_draft is not None:
        return result_of(session, purchase_id=before.purchase_of_draft, now=sale.now)
    if before.purchase_of_number is not None:
        raise DuplicateReceipt(purchase_id=before.purchase_of_number)
    basket = fill(
        session,
        sale.receipt,
        gate=gate,
        rules=rules,
        before=before,
        codes=codes,
        outlet_id=sale.outlet_id,
        time_zone=sale.time_zone,
        now=sale.now,
        lock=True,
    )
    basket.counted_stamps = stamps or {}
    rows = Rows()
    if gate is None:
        result = _anonymous(rows, sale, basket, rules)
    else:
        result = _known(session, rows, sale, gate, before, basket)
    try:
        rows.put(session)
    except Exception as problem:
        # Another sale with this draft, number or card token got in since we looked.
        if is_unique_violation(problem):
            raise AlreadyThere from problem
        raise
    return result


def _look(session: Session, sale: Sale, gate: Gate | None) -> Before:
    return look(
        session,
        gate,
        draft_id=sale.draft_id,
        outlet_id=sale.outlet_id,
        register=sale.receipt.register,
        business_date=sale.business_date,
        number=sale.receipt.number,
        nonce=sale.nonce,
        today=clock.local_date(sale.now, sale.time_zone),
        now=sale.now,
        redeem=0 if sale.hold_id is not None else sale.redeem,
    )


def _anonymous(rows: Rows, sale: Sale, basket: Basket, rules: Rules | None) -> PurchaseResult:
    priced = price(basket.receipt, redeem=0, rate_bp=0)
    cards = pay_by_gift_cards(basket, basket.receipt.total)
    sale_rows.purchase_rows(
        rows,
        sale,
        basket,
        priced,
        customer_id=None,
        rate_bp=0,
        version_id=rules.version_id if rules else None,
        gift_paid=sum(card.amount for card in cards),
        pricing=sale_rows.pricing_of(basket, priced, cards, tier=None, benefits=None),
    )
    sale_rows.use_vouchers(rows, sale, basket.discounts, cards, customer_id=None)
    sale_rows.purchase_event(rows, sale, basket, priced, customer_id=None, first=False)
    return _result(sale, basket, priced, cards, gate=None, benefits=None, repaid=0)


def _known(
    session: Session, rows: Rows, sale: Sale, gate: Gate, before: Before, basket: Basket
) -> PurchaseResult:
    wallet = gate.wallet
    if gate.chat_id is not None and gate.chat_id == gate.staff_telegram_id:
        raise OwnCard()
    check_limits(session, sale, gate)
    if sale.redeem and before.nonce_used:
        raise PresenceRequired()
    check_redemption(
        gate,
        basket.receipt,
        redeem=sale.redeem,
        may_redeem=sale.may_redeem,
        held=sale.hold_id is not None,
        now=sale.now,
    )
    rate = gate.program.tier(gate.tier).earn_rate_bp
    priced = price(
        basket.receipt,
        redeem=sale.redeem,
        rate_bp=rate,
        chosen=basket.chosen,
        facts=basket.facts,
        free_pieces=basket.free_pieces,
    )
    sale_rows.spend(session, rows, sale, gate, priced, take_lots=take_lots)
    repaid = sale_rows.earn(rows, sale, gate, priced)
    occasion = sale_rows.occasion_of(sale)
    benefits = bring(
        session, rows, occasion, gate=gate, before=before, basket=basket, priced=priced
    )
    to_pay = basket.receipt.total - points_to_money(sale.redeem)
    cards = pay_by_gift_cards(basket, to_pay)
    sale_rows.purchase_rows(
        rows,
        sale,
        basket,
        priced,
        customer_id=wallet.customer_id,
        rate_bp=rate,
        version_id=gate.version_id,
        gift_paid=sum(card.amount for card in cards),
        pricing=sale_rows.pricing_of(basket, priced, cards, tier=gate.tier, benefits=benefits),
    )
    sale_rows.use_vouchers(rows, sale, basket.discounts, cards, customer_id=wallet.customer_id)
    sale_rows.rollups(rows, sale, basket, before, customer_id=wallet.customer_id)
    wallet.finish(rows)
    if gate.home_outlet_id is None and sale.outlet_id is not None:
        rows.update(customer, {"id": wallet.customer_id, "home_outlet_id": sale.outlet_id})
    sale_rows.purchase_event(
        rows, sale, basket, priced, customer_id=wallet.customer_id, first=before.orders == 0
    )
    result = _result(sale, basket, priced, cards, gate=gate, benefits=benefits, repaid=repaid)
    sale_rows.receipt_message(session, rows, sale, gate, result)
    return result


def _result(
    sale: Sale,
    basket: Basket,
    priced: Priced,
    cards: Sequence[Discount],
    *,
    gate: Gate | None,
    benefits: Benefits | None,
    repaid: int,
) -> PurchaseResult:
    receipt = basket.receipt
    gift_paid = sum(card.amount for card in cards)
    return PurchaseResult(
        purchase_id=sale.purchase_id,
        customer_id=gate.wallet.customer_id if gate else None,
        total=receipt.total,
        to_pay=receipt.total - points_to_money(sale.redeem) - gift_paid,
        earned=priced.earned,
        redeemed=sale.redeem,
        balance=gate.wallet.available(sale.now) if gate else 0,
        pending=gate.wallet.pending(sale.now) if gate else 0,
        debt_repaid=repaid,
        tier=benefits.tier if benefits else None,
        gross=receipt.gross,
        discount=receipt.discount,
        discounts=tuple(basket.discounts),
        gift_paid=gift_paid,
        gift_cards=tuple(cards),
        parts=tuple(priced.parts) if gate else (),
        stamps=benefits.stamps if benefits else {},
        standings=tuple(benefits.standings) if benefits else (),
        issued=tuple(benefits.issued) if benefits else (),
        gift_points=benefits.gift_points if benefits else 0,
    )


def result_of(session: Session, *, purchase_id: int, now: datetime) -> PurchaseResult:
    """What a recorded purchase did, with the balance as it is at ``now``; ``replayed`` is True.

    Raises:
        PurchaseNotFound: there is no such purchase.
    """
    query = (
        sa.select(purchase, customer.c.tier)
        .outerjoin(customer, customer.c.id == purchase.c.customer_id)
        .where(purchase.c.id == purchase_id)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise PurchaseNotFound()
    owned = None
    if row.customer_id is not None:
        owned = balance(session, customer_id=row.customer_id, now=now)
    return PurchaseResult(
        purchase_id=row.id,
        customer_id=row.customer_id,
        total=row.total,
        to_pay=row.total - points_to_money(row.redeemed) - row.gift_paid,
        earned=row.earned,
        redeemed=row.redeemed,
        balance=owned.available if owned else 0,
        pending=owned.pending if owned else 0,
        debt_repaid=0,
        tier=row.tier,
        replayed=True,
        gross=row.gross,
        discount=row.discount,
        gift_paid=row.gift_paid,
        parts=sale_rows.parts_of(row.pricing),
        stamps=(row.pricing or {}).get("stamps", {}),
    )
