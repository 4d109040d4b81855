"""What a promotion is made of: when it applies, and what it then does.

Money in minor units, rates in basis points, minutes of the local day. Rows of the past must
always be readable: a new field needs a default, and a limit is never made tighter.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from loyalty.amounts import BASIS, MAX_AMOUNT
from loyalty.errors import PromotionInvalid
from loyalty.program.effects import Gift, LocalText, Rules, Scope, StampsGift

DAY_MINUTES = 24 * 60
SCOPE_NAMES = 200
"""How many categories and how many skus a scope may name."""

NAME_LENGTH = 100
"""The longest name of a category, sku, outlet or segment."""

Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]
CardKey = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[a-z0-9_]+$")]
Money = Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
Price = Annotated[int, Field(ge=1, le=MAX_AMOUNT)]
PointsCount = Annotated[int, Field(ge=1, le=100_000)]


def _check_scope(scope: Scope) -> None:
    for names in (scope.categories, scope.skus):
        if len(names) > SCOPE_NAMES:
            raise PydanticCustomError("scope_too_long", "at most 200 categories and 200 skus")
        if any(not name.strip() or len(name) > NAME_LENGTH for name in names):
            raise PydanticCustomError("scope_name", "a category or sku has 1 to 100 characters")


class Conditions(Rules):
    """When a promotion applies; what is left out does not matter.

    The hours run from ``from_minute`` up to and without ``to_minute`` of the outlet's day; if
    they cross midnight, the small hours belong to the day on which they began. ``minimum``
    (minor units, after discounts) and ``min_pieces`` count the goods in scope.
    """

    scope: Scope = Scope()
    # Outlet ids as text; none: everywhere.
    outlets: tuple[Name, ...] = Field(default=(), max_length=200)
    # 1 Monday … 7 Sunday; none: every day.
    weekdays: tuple[Annotated[int, Field(ge=1, le=7)], ...] = Field(default=(), max_length=7)
    from_minute: int | None = Field(default=None, ge=0, lt=DAY_MINUTES)
    to_minute: int | None = Field(default=None, ge=0, le=DAY_MINUTES)
    starts_on: date | None = None
    ends_on: date | None = None
    # Any of these, and none of those.
    segments: tuple[Name, ...] = Field(default=(), max_length=50)
    not_segments: tuple[Name, ...] = Field(default=(), max_length=50)
    # True: only on it; False: only after it.
    first_purchase: bool | None = None
    birthday_week: bool = False
    minimum: Money = 0
    min_pieces: int = Field(default=0, ge=0, le=1000)
    members_only: bool = True

    @model_validator(mode="after")
    def _can_hold(self) -> Self:
        _check_scope(self.scope)
        if self.from_minute is not None and self.from_minute == self.to_minute:
            raise PydanticCustomError("hours_empty", "the hours begin and end at one minute")
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise PydanticCustomError("dates_reversed", "the last day is before the first")
        if len(set(self.weekdays)) != len(self.weekdays):
            raise PydanticCustomError("weekday_twice", "a weekday is named twice")
        if set(self.segments) & set(self.not_segments):
            raise PydanticCustomError("segment_both", "a segment is both wanted and excluded")
        return self


class ExtraRate(Rules):
    """So many basis points of the goods in scope on top of the tier's rate."""

    kind: Literal["rate"] = "rate"
    extra_bp: int = Field(ge=1, le=BASIS)


class Multiplier(Rules):
    """The tier's accrual on the goods in scope times ``times_bp`` (20 000 doubles it).

    Several add up: a double and a triple make four times, not six.
    """

    kind: Literal["multiplier"] = "multiplier"
    times_bp: int = Field(gt=BASIS, le=20 * BASIS)


class FixedPoints(Rules):
    """So many points once per receipt, or for every paid piece in scope.

    Good for ``valid_days`` (None: as long as the program says).
    """

    kind: Literal["points"] = "points"
    points: PointsCount
    per: Literal["receipt", "piece"] = "receipt"
    valid_days: int | None = Field(default=None, ge=1, le=3650)


class PointsPerStep(Rules):
    """So many points for every full ``step`` minor units paid for the goods in scope."""

    kind: Literal["per_step"] = "per_step"
    points: PointsCount
    step: Price


class BonusStamps(Rules):
    """Stamps on a card, once per receipt."""

    kind: Literal["stamps"] = "stamps"
    card: CardKey
    stamps: int = Field(ge=1, le=50)


class Discount(Rules):
    """A share (``rate_bp``, at most ``up_to``) or a sum off the goods in scope."""

    kind: Literal["discount"] = "discount"
    rate_bp: int | None = Field(default=None, ge=1, le=BASIS)
    amount: Price | None = None
    up_to: Price | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.rate_bp is None) == (self.amount is None):
            raise PydanticCustomError("discount_kind", "either a rate or an amount")
        if self.amount is not None and self.up_to is not None:
            raise PydanticCustomError("discount_limit", "only a rate has a limit")
        return self


class Step(Rules):
    """From ``threshold`` on, ``rate_bp`` off: minor units, or purchases made before."""

    threshold: int = Field(ge=0, le=MAX_AMOUNT)
    rate_bp: int = Field(ge=1, le=BASIS)


class Progressive(Rules):
    """A discount that grows with the receipt, or with the number of earlier purchases."""

    kind: Literal["progressive"] = "progressive"
    by: Literal["receipt", "purchases"] = "receipt"
    steps: tuple[Step, ...] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _climbs(self) -> Self:
        for before, after in zip(self.steps, self.steps[1:], strict=False):
            if after.threshold <= before.threshold or after.rate_bp <= before.rate_bp:
                raise PydanticCustomError("steps_climb", "every step is higher and gives more")
        return self


class NthFree(Rules):
    """Of every ``n`` pieces in scope the cheapest is free."""

    kind: Literal["nth_free"] = "nth_free"
    n: int = Field(ge=2, le=100)


class BundleItem(Rules):
    """So many pieces of a scope."""

    scope: Scope = Scope()
    quantity: int = Field(default=1, ge=1, le=100)

    @model_validator(mode="after")
    def _is_short(self) -> Self:
        _check_scope(self.scope)
        return self


class Bundle(Rules):
    """Goods that together cost ``price`` minor units, as many times as they are there."""

    kind: Literal["bundle"] = "bundle"
    items: tuple[BundleItem, ...] = Field(min_length=1, max_length=5)
    price: Price

    @model_validator(mode="after")
    def _is_more_than_a_piece(self) -> Self:
        if sum(item.quantity for item in self.items) < 2:
            raise PydanticCustomError("bundle_small", "a bundle has at least two pieces")
        return self


class Goal(Rules):
    """So many purchases, or so much spent, within a period; then a gift, once a period.

    ``target``: purchases, or minor units for ``measure="spend"``. Weeks begin on Monday;
    ``period="days"`` counts stretches of ``days`` from the promotion's first day on.
    """

    kind: Literal["goal"] = "goal"
    measure: Literal["purchases", "spend"] = "purchases"
    target: int = Field(ge=1, le=MAX_AMOUNT)
    period: Literal["day", "week", "month", "days"] = "week"
    days: int | None = Field(default=None, ge=1, le=366)
    gift: Gift

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if (self.period == "days") != (self.days is not None):
            raise PydanticCustomError("goal_days", "a number of days goes with that period only")
        if self.measure == "purchases" and self.target > 1000:
            raise PydanticCustomError("goal_target", "at most 1000 purchases")
        if isinstance(self.gift, StampsGift) and not 1 <= len(self.gift.card) <= 16:
            raise PydanticCustomError("gift_card", "a stamp card's key has 1 to 16 characters")
        return self


Effect = Annotated[
    ExtraRate
    | Multiplier
    | FixedPoints
    | PointsPerStep
    | BonusStamps
    | Discount
    | Progressive
    | NthFree
    | Bundle
    | Goal,
    Field(discriminator="kind"),
]
"""What a promotion does."""

REDUCING = (Discount, Progressive, NthFree, Bundle)
"""Effects that lower what is paid; the others give something for it."""


class Promotion(Rules):
    """A promotion: its name for customers, when it applies, what it does.

    Higher ``priority`` goes first. An ``exclusive`` one stands alone: nothing comes after it,
    and it gives way to whatever came before.
    """

    name: LocalText
    when: Conditions = Conditions()
    effect: Effect
    priority: int = Field(default=0, ge=-1000, le=1000)
    exclusive: bool = False


def parse(data: Any) -> Promotion:
    """A promotion from JSON or a form's values.

    Raises:
        PromotionInvalid: with ``problems``, a list of ``field`` (dotted path) and ``problem``
            (a code that ``problems.say_problem`` puts into words).
    """
    try:
        return Promotion.model_validate(data)
    except ValidationError as refused:
        problems = [
            {"field": _path(fault["loc"]), "problem": fault["type"]}
            for fault in refused.errors(include_url=False, include_context=False)
        ]
        raise PromotionInvalid(problems=problems[:20]) from refused


def _path(place: Sequence[int | str]) -> str:
    """Where a fault is, without the tag that tells which effect (or gift) was meant."""
    parts: list[str] = []
    tagged = False
    for part in place:
        if tagged:
            tagged = False
            continue
        parts.append(str(part)[:40])
        tagged = part in ("effect", "gift")
    return ".".join(parts)
