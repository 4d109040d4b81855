"""Recording a sale: everything it does, in one transaction and (nearly) one statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, events, messaging
from loyalty.amounts import points_to_money
from loyalty.customers import card_use, customer
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.db.rows import Rows
from loyalty.errors import DuplicateReceipt, OwnCard, PresenceRequired, PurchaseNotFound
from loyalty.ids import new_id
from loyalty.purchases.gate import Before, Gate, enter, look
from loyalty.purchases.model import PurchaseResult, Receipt
from loyalty.purchases.pricing import Priced, price
from loyalty.purchases.quoting import check_redemption
from loyalty.receipts import customer_stats, purchase, purchase_line
from loyalty.wallet import Cause, balance, take_hold


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sale:
    """What the caller gave, handed from step to step."""

    receipt: Receipt
    redeem: int
    may_redeem: bool
    actor: str
    outlet_id: int | None
    staff_id: int | None
    source: str
    now: datetime
    time_zone: str
    business_date: date
    nonce: str | None
    draft_id: int | None
    hold_id: int | None
    purchase_id: int


def record(
    session: Session,
    *,
    customer_id: int | None,
    receipt: Receipt,
    redeem: int,
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
    ``hold_id`` they were set aside before). ``card_key`` ``n:NONCE`` is the showing of the card,
    good for one redemption. The same ``draft_id`` gives the purchase it made before.
    ``customer_id`` None is an anonymous sale.

    Locks the customer's account. ``time_zone`` is the business zone of the outlet.

    Raises:
        CustomerNotFound, CustomerBlocked, OwnCard: who the customer is.
        PresenceRequired, RedemptionFrozen, InsufficientPoints, RedemptionTooLarge,
        ConfirmationRequired, HoldAlreadyResolved: the redemption is refused.
        DuplicateReceipt: the outlet recorded this receipt number that day.
    """
    sale = _Sale(
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
    return _record(session, sale, customer_id)


def _record(session: Session, sale: _Sale, customer_id: int | None) -> PurchaseResult:
    gate, receipt, now = None, sale.receipt, sale.now
    if customer_id is not None:
        gate = enter(
            session,
            customer_id=customer_id,
            outlet_id=sale.outlet_id,
            staff_id=sale.staff_id,
            now=now,
        )
    elif sale.redeem:
        raise PresenceRequired()
    before = look(
        session,
        gate.wallet if gate else None,
        draft_id=sale.draft_id,
        outlet_id=sale.outlet_id,
        register=receipt.register,
        business_date=sale.business_date,
        number=receipt.number,
        nonce=sale.nonce,
    )
    if before.purchase_of_draft is not None:
        return result_of(session, purchase_id=before.purchase_of_draft, now=now)
    if before.purchase_of_number is not None:
        raise DuplicateReceipt(purchase_id=before.purchase_of_number)
    rows = Rows()
    result = _anonymous(rows, sale) if gate is None else _known(session, rows, sale, gate, before)
    try:
        rows.put(session)
    except Exception as problem:
        # Another sale with this draft, number or card token got in since we looked.
        if is_unique_violation(problem):
            raise AlreadyThere from problem
        raise
    return result


def _anonymous(rows: Rows, sale: _Sale) -> PurchaseResult:
    priced = price(sale.receipt, redeem=0, rate_bp=0)
    _purchase_rows(rows, sale, None, priced, rate_bp=0, version_id=None)
    _purchase_event(rows, sale, None, first=False, priced=priced)
    return PurchaseResult(
        purchase_id=sale.purchase_id,
        customer_id=None,
        total=sale.receipt.total,
        to_pay=sale.receipt.total,
        earned=0,
        redeemed=0,
        balance=0,
        pending=0,
        debt_repaid=0,
        tier=None,
    )


def _known(session: Session, rows: Rows, sale: _Sale, gate: Gate, before: Before) -> PurchaseResult:
    wallet, now = gate.wallet, sale.now
    if gate.chat_id is not None and gate.chat_id == gate.staff_telegram_id:
        raise OwnCard()
    if sale.redeem and before.nonce_used:
        raise PresenceRequired()
    check_redemption(
        gate,
        sale.receipt,
        redeem=sale.redeem,
        may_redeem=sale.may_redeem,
        held=sale.hold_id is not None,
        now=now,
    )
    rate = gate.program.tier(gate.tier).earn_rate_bp
    priced = price(sale.receipt, redeem=sale.redeem, rate_bp=rate)
    _purchase_rows(rows, sale, wallet.customer_id, priced, rate_bp=rate, version_id=gate.version_id)
    _spend(session, rows, sale, gate, priced)
    repaid = _earn(rows, sale, gate, priced)
    wallet.finish(rows)
    if gate.home_outlet_id is None and sale.outlet_id is not None:
        rows.update(customer, {"id": wallet.customer_id, "home_outlet_id": sale.outlet_id})
    _purchase_event(rows, sale, wallet.customer_id, first=before.orders == 0, priced=priced)
    result = PurchaseResult(
        purchase_id=sale.purchase_id,
        customer_id=wallet.customer_id,
        total=sale.receipt.total,
        to_pay=sale.receipt.total - points_to_money(sale.redeem),
        earned=priced.earned,
        redeemed=sale.redeem,
        balance=wallet.available(now),
        pending=wallet.pending(now),
        debt_repaid=repaid,
        tier=gate.tier,
    )
    _receipt_message(rows, sale, gate, result)
    return result


def _spend(session: Session, rows: Rows, sale: _Sale, gate: Gate, priced: Priced) -> None:
    if not sale.redeem:
        return
    cause = Cause("purchase", str(sale.purchase_id), sale.actor, sale.now)
    by_line = priced.points_by_line()
    if sale.hold_id is not None:
        shares = take_hold(session, rows, gate.wallet, hold_id=sale.hold_id, now=sale.now)
        gate.wallet.redeem_held(rows, shares=shares, cause=cause, lines=by_line)
    else:
        gate.wallet.redeem(rows, points=sale.redeem, cause=cause, lines=by_line)
    if sale.nonce is not None:
        rows.insert(
            card_use,
            {
                "nonce": sale.nonce,
                "customer_id": gate.wallet.customer_id,
                "used_at": sale.now,
            },
        )


def _earn(rows: Rows, sale: _Sale, gate: Gate, priced: Priced) -> int:
    if not priced.earned:
        return 0
    program = gate.program
    expires_at = None
    if program.expiry_days is not None:
        expires_at = clock.end_of_validity(sale.business_date, program.expiry_days, sale.time_zone)
    _, repaid = gate.wallet.accrue(
        rows,
        points=priced.earned,
        kind="accrual",
        cause=Cause("purchase", str(sale.purchase_id), sale.actor, sale.now),
        active_from=sale.receipt.sold_at + timedelta(days=program.pending_days),
        expires_at=expires_at,
        purchase_id=sale.purchase_id,
    )
    return repaid


def _purchase_rows(
    rows: Rows,
    sale: _Sale,
    customer_id: int | None,
    priced: Priced,
    *,
    rate_bp: int,
    version_id: int | None,
) -> None:
    receipt = sale.receipt
    rows.insert(
        purchase,
        {
            "id": sale.purchase_id,
            "customer_id": customer_id,
            "outlet_id": sale.outlet_id,
            "staff_id": sale.staff_id,
            "source": sale.source,
            "register": receipt.register,
            "business_date": sale.business_date,
            "number": receipt.number,
            "sold_at": receipt.sold_at,
            "recorded_at": sale.now,
            "gross": receipt.gross,
            "discount": receipt.discount,
            "total": receipt.total,
            "redeemed": sale.redeem,
            "earn_base": priced.earn_base,
            "earn_rate_bp": rate_bp,
            "earned": priced.earned,
            "returned": 0,
            "unlinked_return": False,
            "program_version_id": version_id,
            "draft_id": sale.draft_id,
        },
    )
    for n, line in enumerate(receipt.lines, 1):
        rows.insert(
            purchase_line,
            {
                "purchase_id": sale.purchase_id,
                "n": n,
                "sku": line.sku,
                "name": line.name,
                "category": line.category,
                "quantity_milli": line.quantity_milli,
                "price": line.price,
                "amount": line.amount,
                "discount": line.discount,
                "points_paid": priced.points_paid[n - 1],
                "earn_base": priced.base_of[n - 1],
                "earned": priced.earned_of[n - 1],
                "no_earn": line.no_earn,
                "no_redeem": line.no_redeem,
                "returned_milli": 0,
            },
        )
    if customer_id is not None:
        rows.add(
            customer_stats,
            {
                "customer_id": customer_id,
                "orders": 1,
                "spent": receipt.total,
                "first_purchase_at": receipt.sold_at,
                "last_purchase_at": receipt.sold_at,
            },
        )


def _purchase_event(
    rows: Rows, sale: _Sale, customer_id: int | None, *, first: bool, priced: Priced
) -> None:
    events.record(
        rows,
        type="purchase.recorded",
        customer_id=customer_id,
        actor=sale.actor,
        data={
            "purchase_id": str(sale.purchase_id),
            "first": first,
            "total": sale.receipt.total,
            "earned": priced.earned,
            "redeemed": sale.redeem,
        },
        now=sale.now,
    )


def _receipt_message(rows: Rows, sale: _Sale, gate: Gate, result: PurchaseResult) -> None:
    if gate.chat_id is None:
        return
    messaging.enqueue(
        rows,
        customer_id=gate.wallet.customer_id,
        chat_id=gate.chat_id,
        message_class=messaging.SERVICE,
        key=f"receipt:{sale.purchase_id}",
        payload={
            "template": "receipt",
            "values": {
                "purchase_id": str(sale.purchase_id),
                "total": result.total,
                "earned": result.earned,
                "redeemed": result.redeemed,
                "balance": result.balance,
                "pending": result.pending,
                "outlet": gate.outlet_name,
            },
        },
        now=sale.now,
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
        to_pay=row.total - points_to_money(row.redeemed),
        earned=row.earned,
        redeemed=row.redeemed,
        balance=owned.available if owned else 0,
        pending=owned.pending if owned else 0,
        debt_repaid=0,
        tier=row.tier,
        replayed=True,
    )
