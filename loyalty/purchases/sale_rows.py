"""The rows a sale leaves behind: purchase, lines, points, rollups, event, message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from loyalty import clock, events, messaging, promotions, vouchers
from loyalty.customers import card_use
from loyalty.db.rows import Rows
from loyalty.promotions import Part
from loyalty.purchases.basket import Basket, Discount
from loyalty.purchases.benefits import Benefits, Occasion
from loyalty.purchases.gate import Before, Gate
from loyalty.purchases.model import PurchaseResult, Receipt
from loyalty.purchases.pricing import Priced
from loyalty.receipts import customer_day, customer_stats, purchase, purchase_line
from loyalty.wallet import Cause, take_hold

TakeLots = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
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


def occasion_of(sale: Sale) -> Occasion:
    """The sale as the occasion of its benefits."""
    return Occasion(
        purchase_id=sale.purchase_id,
        outlet_id=sale.outlet_id,
        actor=sale.actor,
        sold_at=sale.receipt.sold_at,
        business_date=sale.business_date,
        time_zone=sale.time_zone,
        redeem=sale.redeem,
        now=sale.now,
    )


def spend(
    session: Session, rows: Rows, sale: Sale, gate: Gate, priced: Priced, *, take_lots: TakeLots
) -> None:
    """Take the points, from a hold or from the lots; the showing of the card is used up."""
    if not sale.redeem:
        return
    cause = Cause("purchase", str(sale.purchase_id), sale.actor, sale.now)
    by_line = priced.points_by_line()
    if sale.hold_id is not None:
        shares = take_hold(session, rows, gate.wallet, hold_id=sale.hold_id, now=sale.now)
        take_lots(session, gate.wallet, [lot_id for lot_id, _ in shares], now=sale.now)
        gate.wallet.redeem_held(rows, shares=shares, cause=cause, lines=by_line)
    else:
        gate.wallet.redeem(rows, points=sale.redeem, cause=cause, lines=by_line)
    if sale.nonce is not None:
        used = {"customer_id": gate.wallet.customer_id, "used_at": sale.now}
        rows.insert(card_use, {"nonce": sale.nonce, **used})


def earn(rows: Rows, sale: Sale, gate: Gate, priced: Priced) -> int:
    """Give the points: a lot for the program's own, one for each promotion with its own date."""
    if not priced.earned:
        return 0
    by_days: dict[int | None, int] = {}
    for part in priced.parts:
        days = part.valid_days or gate.program.expiry_days
        by_days[days] = by_days.get(days, 0) + part.points
    parts = [
        (
            points,
            None
            if days is None
            else clock.end_of_validity(sale.business_date, days, sale.time_zone),
        )
        for days, points in by_days.items()
        if points
    ]
    _, repaid = gate.wallet.accrue_parts(
        rows,
        parts=parts,
        kind="accrual",
        cause=Cause("purchase", str(sale.purchase_id), sale.actor, sale.now),
        active_from=sale.receipt.sold_at + timedelta(days=gate.program.pending_days),
        purchase_id=sale.purchase_id,
    )
    return repaid


def pricing_of(
    basket: Basket,
    priced: Priced,
    cards: Sequence[Discount],
    *,
    tier: str | None,
    benefits: Benefits | None,
) -> dict[str, Any] | None:
    """What priced the purchase, so that a return can price what remains; None: the rate alone."""
    found: dict[str, Any] = {}
    if basket.chosen and basket.facts is not None:
        found["facts"] = basket.facts.as_json()
        found["promotions"] = [live.id for live in basket.chosen]
        found["parts"] = [
            {
                "kind": part.kind,
                "version": part.version_id,
                "points": part.points,
                "rate_bp": part.rate_bp,
            }
            for part in priced.parts
        ]
    if basket.discounts:
        found["discounts"] = [_discount(item) for item in basket.discounts]
    if any(basket.free_pieces):
        found["free"] = basket.free_pieces
    if any(basket.taken_off):
        found["off"] = basket.taken_off
    if cards:
        found["gifts"] = [[card.voucher.id, card.amount] for card in cards if card.voucher]
    if benefits is not None:
        if benefits.stamps:
            found["stamps"] = benefits.stamps
            if counted := {card: n for card, n in basket.counted_stamps.items() if n}:
                found["counted"] = counted
        if benefits.goals:
            found["goals"] = [
                [
                    step.live.promotion_id,
                    step.period.isoformat(),
                    step.ends_on.isoformat(),
                    step.purchases_delta,
                    step.spent_delta,
                    step.reached_now,
                ]
                for step in benefits.goals
            ]
    if found and tier is not None:
        found["tier"] = tier
    return found or None


def _discount(item: Discount) -> dict[str, Any]:
    if item.voucher is not None:
        return {"voucher": item.voucher.id, "amount": item.amount}
    return {"version": item.promotion_version_id, "amount": item.amount}


def parts_of(pricing: Mapping[str, Any] | None) -> tuple[Part, ...]:
    """Where a recorded purchase's points came from; empty if the tier's rate alone."""
    return tuple(
        Part(
            kind=item["kind"],
            version_id=item["version"],
            points=item["points"],
            rate_bp=item["rate_bp"],
            valid_days=None,
        )
        for item in (pricing or {}).get("parts", ())
    )


def purchase_rows(
    rows: Rows,
    sale: Sale,
    basket: Basket,
    priced: Priced,
    *,
    customer_id: int | None,
    rate_bp: int,
    version_id: int | None,
    gift_paid: int,
    pricing: dict[str, Any] | None,
) -> None:
    """The purchase and its lines."""
    receipt = basket.receipt
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
            "gift_paid": gift_paid,
            "pricing": pricing,
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


def use_vouchers(
    rows: Rows,
    sale: Sale,
    discounts: Sequence[Discount],
    cards: Sequence[Discount],
    *,
    customer_id: int | None,
) -> None:
    """Claim every voucher of the sale; their locks are held."""
    for item in (*discounts, *cards):
        if item.voucher is not None:
            vouchers.use(
                rows,
                item.voucher,
                customer_id=customer_id,
                purchase_id=sale.purchase_id,
                amount=item.amount,
                actor=sale.actor,
                now=sale.now,
            )


def rollups(rows: Rows, sale: Sale, basket: Basket, before: Before, *, customer_id: int) -> None:
    """The customer's sums, and those of the business day."""
    total, sold_at = basket.receipt.total, basket.receipt.sold_at
    counts = before.window_from is None or sale.business_date >= before.window_from
    rows.add(
        customer_stats,
        {
            "customer_id": customer_id,
            "orders": 1,
            "spent": total,
            "first_purchase_at": sold_at,
            "last_purchase_at": sold_at,
            "window_spent": before.window_shift + (total if counts else 0),
            "window_from": before.window_from,
        },
    )
    rows.add(
        customer_day,
        {"customer_id": customer_id, "day": sale.business_date, "orders": 1, "spent": total},
    )


def purchase_event(
    rows: Rows, sale: Sale, basket: Basket, priced: Priced, *, customer_id: int | None, first: bool
) -> None:
    """The fact that chains and audits read."""
    events.record(
        rows,
        type="purchase.recorded",
        customer_id=customer_id,
        actor=sale.actor,
        data={
            "purchase_id": str(sale.purchase_id),
            "occurred_at": basket.receipt.sold_at.isoformat(),
            "first": first,
            "total": basket.receipt.total,
            "earned": priced.earned,
            "redeemed": sale.redeem,
        },
        now=sale.now,
    )


def receipt_message(
    session: Session, rows: Rows, sale: Sale, gate: Gate, result: PurchaseResult
) -> None:
    """The customer's receipt, if there is a chat to send it to."""
    if gate.chat_id is None:
        return
    values: dict[str, Any] = {
        "purchase_id": str(sale.purchase_id),
        "total": result.total,
        "earned": result.earned,
        "redeemed": result.redeemed,
        "balance": result.balance,
        "pending": result.pending,
        "outlet": gate.outlet_name,
    }
    if result.debt_repaid:
        values |= {"debt_repaid": result.debt_repaid, "debt": gate.wallet.debt}
    values |= _extras(session, gate, result)
    messaging.enqueue(
        rows,
        customer_id=gate.wallet.customer_id,
        chat_id=gate.chat_id,
        message_class=messaging.SERVICE,
        key=f"receipt:{sale.purchase_id}",
        payload={"template": "receipt", "values": values},
        now=sale.now,
    )


def _extras(session: Session, gate: Gate, result: PurchaseResult) -> dict[str, Any]:
    """What the receipt tells beside points: promotions, stamps, gifts, a new tier."""
    extras: dict[str, Any] = {}
    if result.discount:
        extras["discount"] = result.discount
    if result.gift_points:
        extras["goal_points"] = result.gift_points
    if result.gift_paid:
        extras["gift_paid"] = result.gift_paid
    versions = [part.version_id for part in result.parts if part.version_id is not None]
    if versions:
        known = promotions.by_ids(session, versions)
        tier = gate.program.tier(gate.tier)
        extras["parts"] = [
            {
                "points": part.points,
                "rate_bp": part.rate_bp,
                "name": known[part.version_id].rules.name.model_dump()
                if part.version_id is not None
                else {"ru": tier.title("ru"), "en": tier.title("en")},
                "base": part.version_id is None,
            }
            for part in result.parts
        ]
    cards = []
    for standing in result.standings:
        rule = gate.program.stamp_card(standing.card_key)
        if rule is not None:
            cards.append(
                {"name": rule.name.model_dump(), "stamps": standing.stamps, "of": rule.stamps}
            )
    if cards:
        extras["stamps"] = cards
    if result.issued:
        extras["gifts"] = [{"name": item.name.model_dump()} for item in result.issued]
    if result.tier is not None and result.tier != gate.tier:
        tier = gate.program.tier(result.tier)
        extras["tier"] = {"ru": tier.title("ru"), "en": tier.title("en")}
    return extras
