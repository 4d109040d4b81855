"""A receipt on its way to a price: promotions and vouchers take their part before points do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.orm import Session

from loyalty import clock, promotions, segments, vouchers
from loyalty.program import GiftItem
from loyalty.promotions import Facts, Live
from loyalty.purchases.gate import Before, Gate, Rules
from loyalty.receipts import Line, Receipt
from loyalty.vouchers import Voucher

GIFT_CARD = "gift_card"


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """What a promotion or a voucher took off, or a gift card paid, minor units."""

    amount: int
    promotion_version_id: int | None = None
    voucher: Voucher | None = None


@dataclass(slots=True, kw_only=True)
class Basket:
    """A receipt with its discounts taken off, and what else its price depends on."""

    receipt: Receipt
    has_customer: bool
    facts: Facts | None = None
    chosen: Sequence[Live] = ()
    goals: Sequence[Live] = ()
    free_pieces: list[int] = field(default_factory=list)
    # Minor units that promotions and vouchers took off, by line.
    taken_off: list[int] = field(default_factory=list)
    discounts: list[Discount] = field(default_factory=list)
    gift_cards: Sequence[Voucher] = ()
    # Stamps the cashier counted beside the lines, by card.
    counted_stamps: Mapping[str, int] = field(default_factory=dict)


def fill(
    session: Session,
    receipt: Receipt,
    *,
    gate: Gate | None,
    rules: Rules | None,
    before: Before,
    codes: Sequence[str],
    outlet_id: int | None,
    time_zone: str,
    now: datetime,
    lock: bool,
) -> Basket:
    """The basket of this sale. Locks the vouchers, in id order, if asked to.

    Raises:
        VoucherNotFound and the other refusals of ``vouchers.check``: each for its own reason.
    """
    basket = Basket(receipt=receipt, has_customer=gate is not None)
    basket.free_pieces = [0] * len(receipt.lines)
    basket.taken_off = [0] * len(receipt.lines)
    revision = gate.revision if gate else rules.revision if rules else 0
    live = promotions.live_at(session, revision) if revision else ()
    if live or codes:
        basket.facts = facts_of(
            gate, before, receipt, outlet_id=outlet_id, time_zone=time_zone, now=now
        )
    if live and basket.facts is not None:
        _promote(basket, live, basket.facts)
    if codes and basket.facts is not None:
        _redeem_codes(session, basket, codes, gate=gate, facts=basket.facts, now=now, lock=lock)
    return basket


def facts_of(
    gate: Gate | None,
    before: Before,
    receipt: Receipt,
    *,
    outlet_id: int | None,
    time_zone: str,
    now: datetime,
) -> Facts:
    """What promotions and vouchers may ask about the customer and the moment of the sale."""
    local = receipt.sold_at.astimezone(clock.zone(time_zone))
    if gate is None:
        return Facts(
            local=local,
            outlet_id=outlet_id,
            has_customer=False,
            segments=frozenset(),
            first_purchase=False,
            birthday_week=False,
            purchases_before=0,
        )
    found = segments.ready_made(
        tier=gate.tier,
        top_tier=gate.program.tiers[-1].key,
        tags=gate.tags,
        joined_at=gate.joined_at,
        orders=before.orders,
        last_purchase_at=before.last_purchase_at,
        birth_day=gate.birth_day,
        birth_month=gate.birth_month,
        today=local.date(),
        leap_day=gate.program.leap_day,
        now=now,
    )
    return Facts(
        local=local,
        outlet_id=outlet_id,
        has_customer=True,
        segments=found,
        first_purchase=before.orders == 0,
        birthday_week=segments.BIRTHDAY_WEEK in found,
        purchases_before=before.orders,
    )


def _promote(basket: Basket, live: Sequence[Live], facts: Facts) -> None:
    lines = basket.receipt.lines
    basket.chosen = promotions.choose(live, lines, facts)
    basket.goals = promotions.goals_of(basket.chosen)
    reduction = promotions.reduce(basket.chosen, lines, facts)
    _take_off(basket, reduction.discounts, reduction.free_pieces)
    basket.discounts += [
        Discount(amount=item.amount, promotion_version_id=item.version_id)
        for item in reduction.applied
    ]


def _take_off(basket: Basket, discounts: Sequence[int], free_pieces: Sequence[int]) -> None:
    if any(discounts):
        lines: list[Line] = [
            replace(line, discount=line.discount + less) if less else line
            for line, less in zip(basket.receipt.lines, discounts, strict=True)
        ]
        basket.receipt = replace(basket.receipt, lines=lines)
        basket.taken_off = [
            had + less for had, less in zip(basket.taken_off, discounts, strict=True)
        ]
    basket.free_pieces = [
        had + more for had, more in zip(basket.free_pieces, free_pieces, strict=True)
    ]


def _redeem_codes(
    session: Session,
    basket: Basket,
    codes: Sequence[str],
    *,
    gate: Gate | None,
    facts: Facts,
    now: datetime,
    lock: bool,
) -> None:
    customer_id = gate.wallet.customer_id if gate else None
    found = vouchers.read(session, codes, lock=lock)
    uses = vouchers.uses_by(session, found, customer_id)
    total = basket.receipt.total
    for item in found:
        vouchers.check(
            item,
            customer_id=customer_id,
            segments=facts.segments,
            uses=uses.get(item.id, 0),
            total=total,
            now=now,
        )
    vouchers.check_together(found)
    for item in found:
        if item.kind == GIFT_CARD:
            continue
        lines = basket.receipt.lines
        off, free = _reduction(item, lines, basket.free_pieces)
        _take_off(basket, off, free)
        basket.discounts.append(Discount(amount=sum(off), voucher=item))
    basket.gift_cards = [item for item in found if item.kind == GIFT_CARD]


def _reduction(
    item: Voucher, lines: Sequence[Line], free_pieces: Sequence[int]
) -> tuple[Sequence[int], Sequence[int]]:
    nameless = all(line.sku is line.category is line.name is None for line in lines)
    if nameless and isinstance(item.effect, GiftItem):
        # Only a sum was typed: the gift is handed over beside what is paid.
        return [0] * len(lines), [0] * len(lines)
    return vouchers.reduction(item, lines, [line.net for line in lines], free_pieces)


def pay_by_gift_cards(basket: Basket, to_pay: int) -> list[Discount]:
    """What each gift card pays of ``to_pay`` minor units, one after the other."""
    paid = []
    for item in basket.gift_cards:
        amount = min(item.balance or 0, to_pay)
        if amount:
            paid.append(Discount(amount=amount, voucher=item))
            to_pay -= amount
    return paid


__all__ = [
    "Basket",
    "Discount",
    "facts_of",
    "fill",
    "pay_by_gift_cards",
]
