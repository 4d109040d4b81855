"""Promotions to begin with: filled in, so that a look and a tap are enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loyalty.program.effects import LocalText, PointsGift, Scope
from loyalty.promotions import Conditions, Promotion
from loyalty.promotions.model import (
    Bundle,
    BundleItem,
    Discount,
    FixedPoints,
    Goal,
    Multiplier,
    NthFree,
    Progressive,
    Step,
)
from loyalty.segments import NEWCOMERS
from loyalty.texts import N_

_COFFEE = ("coffee", "кофе")
_CROISSANT = ("croissants", "croissant", "круассаны", "круассан", "bakery", "выпечка")


def _known(wanted: Sequence[str], seen: Sequence[str], fallback: Sequence[str]) -> tuple[str, ...]:
    """What the till calls these goods; the usual words if they were never sold yet."""
    found = tuple(name for name in seen if name.casefold() in wanted)
    return found or tuple(fallback)


def _morning(seen: Sequence[str]) -> Promotion:
    return Promotion(
        name=LocalText(ru="Утренний кофе", en="Morning coffee"),
        when=Conditions(
            scope=Scope(categories=_known(_COFFEE, seen, _COFFEE)),
            weekdays=(1, 2, 3, 4, 5),
            from_minute=8 * 60,
            to_minute=11 * 60,
        ),
        effect=FixedPoints(points=50),
    )


def _newcomers(seen: Sequence[str]) -> Promotion:
    del seen
    return Promotion(
        name=LocalText(ru="Двойные баллы новичкам", en="Double points for newcomers"),
        when=Conditions(segments=(NEWCOMERS,)),
        effect=Multiplier(times_bp=20_000),
    )


def _third_free(seen: Sequence[str]) -> Promotion:
    del seen
    return Promotion(
        name=LocalText(ru="Третий в подарок", en="Third item free"), effect=NthFree(n=3)
    )


def _breakfast(seen: Sequence[str]) -> Promotion:
    return Promotion(
        name=LocalText(ru="Кофе и круассан", en="Coffee and croissant"),
        effect=Bundle(
            items=(
                BundleItem(scope=Scope(categories=_known(_COFFEE, seen, _COFFEE))),
                BundleItem(
                    scope=Scope(categories=_known(_CROISSANT, seen, ("croissants", "круассаны")))
                ),
            ),
            price=350_00,
        ),
    )


def _three_visits(seen: Sequence[str]) -> Promotion:
    del seen
    return Promotion(
        name=LocalText(ru="Три визита за неделю", en="Three visits this week"),
        effect=Goal(measure="purchases", target=3, period="week", gift=PointsGift(points=100)),
    )


def _birthday(seen: Sequence[str]) -> Promotion:
    del seen
    return Promotion(
        name=LocalText(ru="Неделя дня рождения", en="Birthday week"),
        when=Conditions(birthday_week=True),
        effect=Multiplier(times_bp=20_000),
    )


def _ten_percent(seen: Sequence[str]) -> Promotion:
    del seen
    return Promotion(
        name=LocalText(ru="Скидка 10 % от 1 000 ₽", en="10 % off from ₽1,000"),
        when=Conditions(minimum=1_000_00),
        effect=Discount(rate_bp=1000),
    )


def _progressive(seen: Sequence[str]) -> Promotion:
    del seen
    return Promotion(
        name=LocalText(ru="Больше чек – больше скидка", en="The more, the cheaper"),
        effect=Progressive(
            by="receipt",
            steps=(
                Step(threshold=1_000_00, rate_bp=500),
                Step(threshold=2_000_00, rate_bp=1000),
                Step(threshold=4_000_00, rate_bp=1500),
            ),
        ),
    )


@dataclass(frozen=True, slots=True)
class Preset:
    """A promotion to begin with. ``about``: why one would want it."""

    key: str
    about: str
    make: Callable[[Sequence[str]], Promotion]


PRESETS = (
    Preset("morning", N_("Fills the quiet hours of the morning."), _morning),
    Preset("newcomers", N_("Brings new guests back for a second visit."), _newcomers),
    Preset("third-free", N_("Good for a company at the table."), _third_free),
    Preset("breakfast", N_("A set that sells two things at once."), _breakfast),
    Preset("three-visits", N_("A small goal turns a habit into a gift."), _three_visits),
    Preset("birthday", N_("A reason to celebrate with you."), _birthday),
    Preset("ten-percent", N_("Raises the average receipt."), _ten_percent),
    Preset("progressive", N_("The larger the receipt, the larger the discount."), _progressive),
)


def blank() -> Promotion:
    """The least there is: points for any purchase, without a name yet."""
    return Promotion.model_construct(
        name=LocalText.model_construct(ru="", en=""),
        when=Conditions(),
        effect=FixedPoints(points=50),
        priority=0,
        exclusive=False,
    )
