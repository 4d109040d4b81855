"""What a sale is made of: a receipt with its lines, and what a quote or a sale answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from loyalty.amounts import MAX_AMOUNT
from loyalty.errors import ReceiptInvalid

MILLI = 1000
"""Thousandths in one piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a receipt. ``price`` and ``amount`` in minor units, quantity in thousandths."""

    amount: int
    price: int
    quantity_milli: int = MILLI
    sku: str | None = None
    name: str | None = None
    category: str | None = None
    discount: int = 0
    no_earn: bool = False
    no_redeem: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What is sold. ``number`` is the till's; without one the sale is known by its draft."""

    sold_at: datetime
    lines: Sequence[Line]
    number: str | None = None
    register: str = ""
    # Minor units paid by means that earn nothing here (none by default).
    other_paid: int = 0

    def __post_init__(self) -> None:
        if not self.lines:
            raise ReceiptInvalid(field="lines", problem="empty")
        for n, line in enumerate(self.lines, 1):
            if line.amount < 0 or line.quantity_milli <= 0 or line.price < 0:
                raise ReceiptInvalid(field=f"lines[{n}]", problem="negative")
            if not 0 <= line.discount <= line.amount:
                raise ReceiptInvalid(field=f"lines[{n}].discount", problem="out_of_range")
        if self.gross > MAX_AMOUNT:
            raise ReceiptInvalid(field="lines", problem="too_large")

    @property
    def gross(self) -> int:
        """Σ lines before discounts, minor units."""
        return sum(line.amount for line in self.lines)

    @property
    def discount(self) -> int:
        """Σ discounts of lines, minor units."""
        return sum(line.discount for line in self.lines)

    @property
    def total(self) -> int:
        """What is to be paid, by money and points together, minor units."""
        return self.gross - self.discount

    @classmethod
    def of_sum(cls, amount: int, *, sold_at: datetime) -> Receipt:
        """A receipt of one nameless line, as a cashier types it."""
        return cls(sold_at=sold_at, lines=(Line(amount=amount, price=amount),))


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
    lines: Sequence[ReturnedLine] = field(default_factory=tuple)
