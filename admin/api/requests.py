"""What tills send: every body of the POS API, checked before anything is done."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from admin.api import fields as f
from admin.api.fields import Model
from loyalty.amounts import MAX_AMOUNT
from loyalty.errors import AmountOutOfRange
from loyalty.receipts import MILLI, Line, Receipt

SITE_EVENTS = frozenset({"cart_updated", "order_placed", "product_viewed"})
"""Events of a shop's site that chains read."""

Vouchers = Annotated[tuple[f.Code, ...], Field(max_length=10, strict=False)]


class LineIn(Model):
    """A line of a receipt. ``price`` is for one piece."""

    sku: f.Sku | None = None
    name: f.Name
    category: f.Category | None = None
    # Written as a till writes it, for the published document; validated like any other.
    quantity: f.Quantity = Field(default=1, validate_default=True)
    price: f.Money
    no_earn: bool = False
    no_redeem: bool = False

    def line(self) -> Line:
        """As the domain knows it; the sum of what is weighed is rounded to the minor unit."""
        return Line(
            amount=(self.price * self.quantity + MILLI // 2) // MILLI,
            price=self.price,
            quantity_milli=self.quantity,
            sku=self.sku,
            name=self.name,
            category=self.category,
            no_earn=self.no_earn,
            no_redeem=self.no_redeem,
        )


class PaymentIn(Model):
    """How a part of the receipt was paid. ``bonus`` (points of another program) earns
    nothing; everything else (cash, card, …) is money."""

    kind: f.Kind
    amount: f.Money


Lines = Annotated[tuple[LineIn, ...], Field(min_length=1, max_length=500, strict=False)]
Payments = Annotated[tuple[PaymentIn, ...], Field(max_length=20, strict=False)]

EARNS_NOTHING = "bonus"


class QuoteReceiptIn(Model):
    """A receipt that is being rung up: it may have no number and no time yet."""

    number: f.Number | None = None
    register_: f.Register | None = Field(default=None, alias="register")
    sold_at: f.Moment | None = None
    lines: Lines
    payments: Payments = ()

    def receipt(self, now: datetime) -> Receipt:
        """As the domain knows it.

        Raises:
            AmountOutOfRange: its sum is more than a receipt may have.
        """
        lines = tuple(item.line() for item in self.lines)
        if sum(line.amount for line in lines) > MAX_AMOUNT:
            raise AmountOutOfRange(minimum=0, maximum=MAX_AMOUNT)
        return Receipt(
            sold_at=self.sold_at or now,
            lines=lines,
            number=self.number,
            register=self.register_ or "",
            other_paid=sum(p.amount for p in self.payments if p.kind == EARNS_NOTHING),
        )


class ReceiptIn(QuoteReceiptIn):
    """A receipt as the till printed it. Its number is unique per outlet, register and day."""

    number: f.Number
    sold_at: f.Moment


class LookupIn(Model):
    """Whose card it is."""

    customer: f.Who


class QuoteIn(Model):
    """A sale to be priced. ``redeem``: points the customer would like to spend."""

    customer: f.Who | None = None
    receipt: QuoteReceiptIn
    redeem: f.Points = 0
    vouchers: Vouchers = ()


class PurchaseIn(Model):
    """A sale. Without ``customer`` it is anonymous and answered with a ``claim_url``."""

    customer: f.Who | None = None
    receipt: ReceiptIn
    redeem: f.Points = 0
    vouchers: Vouchers = ()


class AttachIn(Model):
    """Whose the anonymous sale was."""

    customer: f.Who


class ReturnLineIn(Model):
    """A line that comes back: ``n`` counts from 1; without ``quantity`` all that is left."""

    n: f.LineNumber
    quantity: f.Quantity | None = None


ReturnLines = Annotated[tuple[ReturnLineIn, ...], Field(min_length=1, max_length=500, strict=False)]


class ReturnIn(Model):
    """What comes back; without ``lines`` all that is left of the purchase."""

    lines: ReturnLines | None = None


class HoldIn(Model):
    """Points to set aside. ``receipt`` and ``vouchers`` are recorded when it is confirmed."""

    customer: f.Who
    points: f.SomePoints
    receipt: ReceiptIn | None = None
    vouchers: Vouchers = ()
    seconds: f.Seconds = 900


class ConfirmIn(Model):
    """The till was paid. A ``receipt`` here replaces the one the hold was placed with."""

    receipt: ReceiptIn | None = None


class EventIn(Model):
    """Something a customer did elsewhere. No names or phones in ``data``: it is never erased."""

    customer: f.Who
    type: f.EventType
    data: f.Facts = Field(default_factory=dict)
    occurred_at: f.Moment | None = None

    @field_validator("data")
    @classmethod
    def _is_a_cart(cls, data: dict[str, Any], known: ValidationInfo) -> dict[str, Any]:
        """What chains read of a site's own events is of the kind they expect."""
        items = data.get("items") or []
        listed = isinstance(items, list) and all(isinstance(item, dict | str) for item in items)
        if known.data.get("type") in SITE_EVENTS and not listed:
            raise ValueError("items is a list of goods")
        return data


class CheckIn(Model):
    """Who wants to use the voucher, on what; both may be left out."""

    customer: f.Who | None = None
    receipt: QuoteReceiptIn | None = None
