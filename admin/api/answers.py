"""What the POS API answers: every document, as its schema promises it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Amount = Annotated[str, Field(pattern=r"^-?[0-9]+\.[0-9]{2}$", examples=["450.00"])]
Id = Annotated[str, Field(pattern=r"^[0-9]{1,19}$", examples=["812345678901234567"])]
When = Annotated[str, Field(examples=["2026-03-02T09:00:00+00:00"])]
Count = Annotated[int, Field(ge=0)]


class Answer(BaseModel):
    """A document we answer with."""

    model_config = ConfigDict(extra="forbid")


class PerkOut(Answer):
    """Something the customer's tier gives beside its rate."""

    kind: str
    code: str | None
    text: str


class StampsOut(Answer):
    """A stamp card: ``stamps`` of ``needed``; ``added`` by this sale."""

    card: str
    name: str
    stamps: Count
    needed: Count
    added: int = 0


class VoucherOut(Answer):
    """A voucher the customer has. ``balance`` is a gift card's money."""

    code: str
    kind: str
    name: str
    ends_at: When | None
    minimum: Amount
    balance: Amount | None


class CustomerOut(Answer):
    """Who the customer is and what they own. ``reason`` says why points may not be spent."""

    id: Id
    name: str | None
    status: str
    tier: str
    tier_name: str
    perks: list[PerkOut]
    available: Count
    pending: Count
    held: Count
    debt: Count
    stamps: list[StampsOut]
    vouchers: list[VoucherOut]
    may_redeem: bool
    reason: str | None


class DiscountOut(Answer):
    """What a promotion or a voucher takes off."""

    kind: str
    name: str | None
    voucher: str | None
    amount: Amount


class QuoteOut(Answer):
    """What the sale would do. ``messages`` are lines to print."""

    earn: Count
    max_redeem: Count
    limit: str | None
    redeem: Count
    available: Count
    discounts: list[DiscountOut]
    gift_paid: Amount
    stamps: list[StampsOut]
    total: Amount
    total_to_pay: Amount
    needs_confirmation: bool
    messages: list[str]


class PurchaseOut(Answer):
    """What the sale did. ``claim_url`` is for the receipt of a sale without a customer."""

    purchase_id: Id
    customer_id: Id | None
    total: Amount
    total_to_pay: Amount
    discounts: list[DiscountOut]
    gift_paid: Amount
    earned: Count
    redeemed: Count
    balance: Count
    pending: Count
    debt_repaid: Count
    stamps: list[StampsOut]
    vouchers: list[str]
    tier: str | None
    claim_url: str | None = None
    claim_until: When | None = None


class ReturnedLineOut(Answer):
    """How much of a line comes back."""

    n: int
    quantity: str


class ReturnOut(Answer):
    """What the return does (or, previewed, would do). ``debt`` is what is owed afterwards."""

    return_id: Id | None
    purchase_id: Id
    amount: Amount
    money_back: Amount
    earned_reversed: Count
    spent_returned: Count
    debt_added: Count
    debt: Count
    balance: Count
    lines: list[ReturnedLineOut]


class HoldOut(Answer):
    """Points set aside. ``needs_tap``: it can be confirmed once ``approved``."""

    hold_id: Id
    status: str
    points: Count
    needs_tap: bool
    approved: bool
    expires_at: When
    purchase_id: Id | None


class ConfirmedOut(HoldOut):
    """The hold has ended; ``purchase`` is what it paid for, if the till sent a receipt."""

    balance: Count
    purchase: PurchaseOut | None


class EventOut(Answer):
    """The event was written down."""

    event_id: Id


class CheckOut(Answer):
    """Whether the voucher can be used; ``reason`` is the code of why not."""

    valid: bool
    reason: str | None
    message: str | None
    kind: str | None = None
    name: str | None = None
    minimum: Amount | None = None
    balance: Amount | None = None
    ends_at: When | None = None


class FieldProblem(BaseModel):
    """What is wrong with a field."""

    field: str
    problem: str


class Problem(BaseModel):
    """RFC 9457. The facts of the refusal stand beside the members named here."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(examples=["urn:regulars:problem:presence_required"])]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    code: str
    errors: list[FieldProblem] | None = None


def dump(answer: BaseModel) -> dict[str, Any]:
    """The document as plain values."""
    return answer.model_dump(mode="json")
