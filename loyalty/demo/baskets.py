"""A demo receipt on its way to a price, and the rows of a purchase: what a real sale does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from loyalty import promotions, segments
from loyalty.db.rows import Rows
from loyalty.demo.catalogue import Good, minor
from loyalty.demo.member import Member
from loyalty.program import Program
from loyalty.promotions import Facts, Live
from loyalty.purchases import Discount, Line, Receipt
from loyalty.purchases.basket import Basket
from loyalty.purchases.model import MILLI
from loyalty.purchases.pricing import Priced
from loyalty.receipts import purchase, purchase_line


def facts_of(
    member: Member, program: Program, *, at: datetime, zone: ZoneInfo, outlet_id: int
) -> Facts:
    """What promotions may ask about the member and the moment."""
    guest = member.guest
    local = at.astimezone(zone)
    day, month = guest.born[:2] if guest.born else (None, None)
    found = segments.ready_made(
        tier=member.tier,
        top_tier=program.tiers[-1].key,
        joined_at=guest.joined_at,
        orders=member.orders,
        last_purchase_at=member.last_at,
        birth_day=day,
        birth_month=month,
        today=local.date(),
        leap_day=program.leap_day,
        now=at,
    )
    return Facts(
        local=local,
        outlet_id=outlet_id,
        has_customer=True,
        segments=found,
        first_purchase=member.orders == 0,
        birthday_week=segments.BIRTHDAY_WEEK in found,
        purchases_before=member.orders,
    )


def line_of(good: Good, pieces: int, currency: str) -> Line:
    """So many pieces of something on the menu."""
    unit = minor(good.price, currency)
    return Line(
        amount=unit * pieces,
        price=unit,
        quantity_milli=pieces * MILLI,
        sku=good.sku,
        name=good.name,
        category=good.category,
    )


def fill(receipt: Receipt, live: Sequence[Live], facts: Facts | None) -> Basket:
    """The basket with what promotions take off."""
    nothing = [0] * len(receipt.lines)
    found = Basket(
        receipt=receipt,
        has_customer=facts is not None,
        facts=facts,
        free_pieces=nothing,
        taken_off=nothing,
    )
    if facts is None:
        return found
    found.chosen = promotions.choose(live, receipt.lines, facts)
    if not found.chosen:
        return found
    found.goals = promotions.goals_of(found.chosen)
    reduction = promotions.reduce(found.chosen, receipt.lines, facts)
    take_off(found, reduction.discounts, reduction.free_pieces)
    found.discounts += [
        Discount(amount=item.amount, promotion_version_id=item.version_id)
        for item in reduction.applied
    ]
    return found


def take_off(basket: Basket, discounts: Sequence[int], free: Sequence[int]) -> None:
    """Lower the lines of the basket by these amounts; so many pieces are free."""
    if not any(discounts):
        return
    lines = [
        replace(line, discount=line.discount + less) if less else line
        for line, less in zip(basket.receipt.lines, discounts, strict=True)
    ]
    basket.receipt = replace(basket.receipt, lines=lines)
    basket.taken_off = [a + b for a, b in zip(basket.taken_off, discounts, strict=True)]
    basket.free_pieces = [a + b for a, b in zip(basket.free_pieces, free, strict=True)]


def purchase_row(
    basket: Basket,
    priced: Priced,
    *,
    purchase_id: int,
    customer_id: int | None,
    outlet_id: int,
    cashier: int,
    day: date,
    redeem: int,
    rate_bp: int,
    version_id: int,
    gift_paid: int,
    pricing: dict[str, Any] | None,
) -> dict[str, Any]:
    """The purchase as a row of its table; a return may still change it before it is written."""
    receipt = basket.receipt
    gross, discount = receipt.gross, receipt.discount
    return {
        "id": purchase_id,
        "customer_id": customer_id,
        "outlet_id": outlet_id,
        "staff_id": cashier,
        "source": "demo",
        "business_date": day,
        "sold_at": receipt.sold_at,
        "recorded_at": receipt.sold_at,
        "gross": gross,
        "discount": discount,
        "total": gross - discount,
        "redeemed": redeem,
        "earn_base": priced.earn_base,
        "earn_rate_bp": rate_bp,
        "earned": priced.earned,
        "returned": 0,
        "program_version_id": version_id,
        "gift_paid": gift_paid,
        "pricing": pricing,
    }


def line_rows(purchase_id: int, receipt: Receipt, priced: Priced) -> list[dict[str, Any]]:
    """The lines as rows of their table."""
    return [
        {
            "purchase_id": purchase_id,
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
            "returned_milli": 0,
        }
        for n, line in enumerate(receipt.lines, 1)
    ]


def put(rows: Rows, row: dict[str, Any], lines: Sequence[dict[str, Any]]) -> None:
    """Add the purchase and its lines."""
    rows.insert(purchase, row)
    for line in lines:
        rows.insert(purchase_line, line)
