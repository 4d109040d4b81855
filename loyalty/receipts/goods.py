"""What a sale is made of: a receipt with its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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

    @property
    def net(self) -> int:
        """What the line costs after its discount, minor units."""
        return self.amount - self.discount

    @property
    def pieces(self) -> int:
        """Whole pieces; what is weighed counts as one."""
        return self.quantity_milli // MILLI if self.quantity_milli % MILLI == 0 else 1


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
