"""Small parts that rules are made of: names in two languages, what goods are meant, gifts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Rules(BaseModel):
    """A part of the rules: unknown fields are refused, nothing changes after it was made."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LocalText(Rules):
    """A text in both languages."""

    ru: str = Field(min_length=1, max_length=120)
    en: str = Field(min_length=1, max_length=120)

    def said_in(self, language: str) -> str:
        """The text in ``language``; English where there is no such language."""
        return self.ru if language == "ru" else self.en


class Scope(Rules):
    """Which goods are meant: by category or by sku; nothing named means all of them."""

    categories: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()

    def covers(self, *, sku: str | None, category: str | None) -> bool:
        """Whether an item belongs to it; case does not matter."""
        if not self.categories and not self.skus:
            return True
        by_sku = sku is not None and sku.casefold() in {name.casefold() for name in self.skus}
        return by_sku or (
            category is not None
            and category.casefold() in {name.casefold() for name in self.categories}
        )


class PercentOff(Rules):
    """A share of the goods' price off, at most ``up_to`` minor units."""

    kind: Literal["percent"] = "percent"
    rate_bp: int = Field(ge=1, le=10_000)
    up_to: int | None = Field(default=None, ge=1)
    scope: Scope = Scope()


class AmountOff(Rules):
    """A sum off, minor units; never more than the goods cost."""

    kind: Literal["amount"] = "amount"
    amount: int = Field(ge=1)
    scope: Scope = Scope()


class GiftItem(Rules):
    """So many pieces free, the cheapest that fit; ``up_to`` minor units a piece."""

    kind: Literal["gift_item"] = "gift_item"
    quantity: int = Field(default=1, ge=1, le=20)
    up_to: int | None = Field(default=None, ge=1)
    scope: Scope = Scope()


class FreeDelivery(Rules):
    """Delivery costs nothing: lines of the scope (the till's delivery line) are free."""

    kind: Literal["free_delivery"] = "free_delivery"
    scope: Scope = Scope(categories=("delivery", "доставка"))


VoucherEffect = Annotated[
    PercentOff | AmountOff | GiftItem | FreeDelivery, Field(discriminator="kind")
]
"""What a voucher does to a receipt (a gift card has a balance instead)."""


class PointsGift(Rules):
    """Points, good for ``valid_days`` (None: as long as the program says)."""

    kind: Literal["points"] = "points"
    points: int = Field(ge=1, le=100_000)
    valid_days: int | None = Field(default=None, ge=1, le=3650)


class VoucherGift(Rules):
    """A personal coupon of this effect, good for ``valid_days``."""

    kind: Literal["voucher"] = "voucher"
    name: LocalText
    effect: VoucherEffect
    valid_days: int = Field(default=60, ge=1, le=3650)
    minimum: int = Field(default=0, ge=0)


class StampsGift(Rules):
    """Stamps on a card."""

    kind: Literal["stamps"] = "stamps"
    card: str
    stamps: int = Field(ge=1, le=50)


Gift = Annotated[PointsGift | VoucherGift | StampsGift, Field(discriminator="kind")]
"""What a goal or a prize gives."""
