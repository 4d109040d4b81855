"""What a quote, a sale or a return answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loyalty.promotions import Part
from loyalty.purchases.basket import Discount
from loyalty.receipts import MILLI, Line, Receipt
from loyalty.stamps import Standing
from loyalty.vouchers import Issued

__all__ = [
    "MILLI",
    "Discount",
    "Line",
    "PurchaseResult",
    "Quote",
    "Receipt",
    "ReturnResult",
    "ReturnedLine",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a sale would do. Points whole, money in minor units; nothing was written."""

    total: int
    available: int
    # What may be spent, and why not more: balance, share (the 30 % rule), presence, frozen,
    # not_joined (an anonymous card only earns), minimum; None if nothing limits it but the sum.
    max_redeem: int
    limit: str | None
    # Points earned if ``redeem`` points were spent; see ``redeem``.
    earn: int
    redeem: int
    to_pay: int
    rate_bp: int
    needs_confirmation: bool
    tier: str | None = None
    # Before promotions and vouchers, and what they take off.
    gross: int = 0
    discount: int = 0
    discounts: Sequence[Discount] = ()
    # What gift cards pay: it is money, so it earns.
    gift_paid: int = 0
    gift_cards: Sequence[Discount] = ()
    # Where the points come from, and stamps by card.
    parts: Sequence[Part] = ()
    stamps: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseResult:
    """What a recorded sale did. ``balance`` is what is available now, ``pending`` what is not."""

    purchase_id: int
    customer_id: int | None
    total: int
    to_pay: int
    earned: int
    redeemed: int
    balance: int
    pending: int
    debt_repaid: int
    tier: str | None
    replayed: bool = False
    gross: int = 0
    discount: int = 0
    discounts: Sequence[Discount] = ()
    gift_paid: int = 0
    gift_cards: Sequence[Discount] = ()
    parts: Sequence[Part] = ()
    # Stamps that were added by card, and where each card stands now.
    stamps: Mapping[str, int] = field(default_factory=dict)
    standings: Sequence[Standing] = ()
    # Vouchers this sale has brought: full stamp cards, reached goals.
    issued: Sequence[Issued] = ()
    # Points a goal has given, beside those the receipt earned.
    gift_points: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedLine:
    """How much of a purchase's line comes back."""

    n: int
    quantity_milli: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnResult:
    """What a return did, or (``preview``) would do. Points whole, money in minor units."""

    return_id: int | None
    purchase_id: int
    customer_id: int | None
    amount: int
    money_back: int
    earned_reversed: int
    spent_returned: int
    # What of the earned points could not be taken and is now owed.
    debt_added: int
    balance: int
    debt: int
    replayed: bool = False
    # Minor units put back on gift cards, out of ``amount``.
    gift_returned: int = 0
    stamps_taken: Mapping[str, int] = field(default_factory=dict)
    lines: Sequence[ReturnedLine] = field(default_factory=tuple)
