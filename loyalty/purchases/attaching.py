"""A sale without a card finds its customer: forgotten at the till, or claimed by its receipt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, events, promotions
from loyalty.db.fast import is_postgres
from loyalty.db.rows import Rows
from loyalty.errors import AlreadyAttached, LateAttach, OwnCard, PurchaseNotFound
from loyalty.purchases import sale_rows
from loyalty.purchases.basket import Basket, facts_of
from loyalty.purchases.benefits import Benefits, bring
from loyalty.purchases.gate import Before, Gate, enter, look, program_of
from loyalty.purchases.model import PurchaseResult, Receipt
from loyalty.purchases.pricing import Priced, accrual
from loyalty.purchases.recording import result_of
from loyalty.purchases.return_plan import pieces_left
from loyalty.purchases.sale_rows import Sale
from loyalty.receipts import Line, purchase, purchase_line
from loyalty.staff import outlet


def attach(
    session: Session,
    *,
    purchase_id: int,
    customer_id: int,
    actor: str,
    now: datetime,
    within: timedelta,
    staff_id: int | None = None,
) -> PurchaseResult:
    """Give a sale without a card to its customer, as if the card had been shown then.

    It earns by the program of its day and by the customer's tier of today; discounts that were
    not given are not given now. Attached to the same customer again it answers the same. Locks
    the customer's account, then the purchase.

    Raises:
        PurchaseNotFound: no such sale, or all of it came back.
        LateAttach: it was sold longer ago than ``within`` (fact ``minutes``).
        AlreadyAttached: it belongs to another customer.
        CustomerNotFound, CustomerBlocked, OwnCard: who the customer is.
    """
    bought = _bought(session, purchase_id)
    gate = enter(
        session, customer_id=customer_id, outlet_id=bought.outlet_id, staff_id=staff_id, now=now
    )
    bought = _bought(session, purchase_id, lock=True)
    if bought.customer_id == customer_id:
        return result_of(session, purchase_id=purchase_id, now=now)
    if bought.customer_id is not None:
        raise AlreadyAttached()
    if now - bought.sold_at > within:
        raise LateAttach(minutes=int(within.total_seconds()) // 60)
    if bought.returned >= bought.total > 0:
        raise PurchaseNotFound()
    if gate.chat_id is not None and gate.chat_id == gate.staff_telegram_id:
        raise OwnCard()
    if bought.program_version_id is not None:
        gate.version_id = bought.program_version_id
        gate.program = program_of(session, bought.program_version_id)
    return _attach(session, bought, gate, actor=actor, now=now)


def _bought(session: Session, purchase_id: int, *, lock: bool = False) -> Any:
    query = (
        sa.select(purchase, outlet.c.time_zone)
        .outerjoin(outlet, outlet.c.id == purchase.c.outlet_id)
        .where(purchase.c.id == purchase_id)
    )
    if lock and is_postgres(session):
        query = query.with_for_update(of=purchase)
    row = session.execute(query).one_or_none()
    if row is None or row.unlinked_return:
        raise PurchaseNotFound()
    return row


def _attach(
    session: Session, bought: Any, gate: Gate, *, actor: str, now: datetime
) -> PurchaseResult:
    lines = _lines(session, bought.id)
    sale = _sale_of(bought, lines, actor=actor, now=now)
    before = look(
        session,
        gate,
        draft_id=None,
        outlet_id=None,
        register="",
        business_date=sale.business_date,
        number=None,
        nonce=None,
        today=clock.local_date(now, sale.time_zone),
        now=now,
        redeem=0,
    )
    basket = _basket(session, sale, gate, before, bought, lines, now=now)
    rate = gate.program.tier(gate.tier).earn_rate_bp
    priced = _priced(basket, lines, rate_bp=rate)
    rows = Rows()
    repaid = sale_rows.earn(rows, sale, gate, priced)
    benefits = bring(
        session,
        rows,
        sale_rows.occasion_of(sale),
        gate=gate,
        before=before,
        basket=basket,
        priced=priced,
    )
    _write(rows, sale, bought, gate, basket, priced, benefits, rate_bp=rate)
    for row, earned in zip(lines, priced.earned_of, strict=True):
        rows.update(purchase_line, {"purchase_id": bought.id, "n": row.n, "earned": earned})
    sale_rows.rollups(rows, sale, basket, before, customer_id=gate.wallet.customer_id)
    gate.wallet.finish(rows)
    _event(rows, sale, gate, priced, first=before.orders == 0)
    result = PurchaseResult(
        purchase_id=bought.id,
        customer_id=gate.wallet.customer_id,
        total=basket.receipt.total,
        to_pay=basket.receipt.total - bought.gift_paid,
        earned=priced.earned,
        redeemed=0,
        balance=gate.wallet.available(now),
        pending=gate.wallet.pending(now),
        debt_repaid=repaid,
        tier=benefits.tier,
        gross=basket.receipt.gross,
        discount=basket.receipt.discount,
        gift_paid=bought.gift_paid,
        parts=tuple(priced.parts),
        stamps=benefits.stamps,
        standings=tuple(benefits.standings),
        issued=tuple(benefits.issued),
        gift_points=benefits.gift_points,
    )
    sale_rows.receipt_message(session, rows, sale, gate, result)
    rows.put(session)
    return result


def _lines(session: Session, purchase_id: int) -> list[Any]:
    """The lines of which something is left."""
    query = (
        sa.select(purchase_line)
        .where(purchase_line.c.purchase_id == purchase_id)
        .order_by(purchase_line.c.n)
    )
    rows = session.execute(query).all()
    return [row for row in rows if row.returned_milli < row.quantity_milli]


def _left(row: Any, whole: int) -> int:
    return int(whole - whole * row.returned_milli // row.quantity_milli)


def _priced(basket: Basket, lines: Sequence[Any], *, rate_bp: int) -> Priced:
    """What is left earns on what was counted at the sale: it knows how it was paid."""
    bases = [_left(row, row.earn_base) for row in lines]
    points, parts, earned_of, stamps = accrual(
        basket.receipt.lines,
        bases=bases,
        rate_bp=rate_bp,
        chosen=basket.chosen,
        facts=basket.facts,
        free_pieces=basket.free_pieces,
    )
    none = [0] * len(lines)
    return Priced(sum(bases), points, none, none, bases, earned_of, parts, stamps)


def _sale_of(bought: Any, lines: Sequence[Any], *, actor: str, now: datetime) -> Sale:
    receipt = Receipt(
        sold_at=bought.sold_at,
        number=bought.number,
        register=bought.register,
        lines=[_kept(row) for row in lines],
    )
    return Sale(
        receipt=receipt,
        redeem=0,
        may_redeem=False,
        actor=actor,
        outlet_id=bought.outlet_id,
        staff_id=bought.staff_id,
        source=bought.source,
        now=now,
        time_zone=bought.time_zone or "UTC",
        business_date=bought.business_date,
        nonce=None,
        draft_id=bought.draft_id,
        hold_id=None,
        purchase_id=bought.id,
    )


def _kept(row: Any, taken_off: int = 0) -> Line:
    """What is left of a line; with ``taken_off`` as it was before promotions lowered it."""
    amount = _left(row, row.amount)
    return Line(
        amount=amount,
        price=row.price,
        quantity_milli=pieces_left(row.quantity_milli, row.returned_milli),
        sku=row.sku,
        name=row.name,
        category=row.category,
        discount=amount - _left(row, row.amount - row.discount + taken_off),
        no_earn=row.no_earn,
        no_redeem=row.no_redeem,
    )


def _basket(
    session: Session,
    sale: Sale,
    gate: Gate,
    before: Before,
    bought: Any,
    lines: Sequence[Any],
    *,
    now: datetime,
) -> Basket:
    basket = Basket(receipt=sale.receipt, has_customer=True)
    pricing = bought.pricing or {}
    free, off = pricing.get("free"), pricing.get("off")
    basket.free_pieces = [free[row.n - 1] if free else 0 for row in lines]
    if gate.revision:
        live = promotions.live_at(session, gate.revision)
        basket.facts = facts_of(
            gate,
            before,
            sale.receipt,
            outlet_id=sale.outlet_id,
            time_zone=sale.time_zone,
            now=now,
        )
        # Asked as they would have been at the till: about the goods before any discount.
        goods = [_kept(row, off[row.n - 1] if off else 0) for row in lines]
        basket.chosen = promotions.choose(live, goods, basket.facts)
        basket.goals = promotions.goals_of(basket.chosen)
    return basket


def _write(
    rows: Rows,
    sale: Sale,
    bought: Any,
    gate: Gate,
    basket: Basket,
    priced: Priced,
    benefits: Benefits,
    *,
    rate_bp: int,
) -> None:
    """The purchase gets its customer; what was taken off or paid at the till stays as it was."""
    pricing = dict(bought.pricing or {})
    pricing |= sale_rows.pricing_of(basket, priced, (), tier=gate.tier, benefits=benefits) or {}
    rows.update(
        purchase,
        {
            "id": bought.id,
            "customer_id": gate.wallet.customer_id,
            "earn_rate_bp": rate_bp,
            "earned": priced.earned,
            "program_version_id": gate.version_id,
            "pricing": pricing or None,
            "attached_at": sale.now,
        },
    )


def _event(rows: Rows, sale: Sale, gate: Gate, priced: Priced, *, first: bool) -> None:
    for kind in ("purchase.attached", "purchase.recorded"):
        events.record(
            rows,
            type=kind,
            customer_id=gate.wallet.customer_id,
            actor=sale.actor,
            data={
                "purchase_id": str(sale.purchase_id),
                "first": first,
                "total": sale.receipt.total,
                "earned": priced.earned,
                "redeemed": 0,
            },
            now=sale.now,
        )
