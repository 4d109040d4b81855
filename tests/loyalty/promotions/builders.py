"""Short ways to make promotions, lines and facts for these tests."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from loyalty.program import LocalText, Scope
from loyalty.promotions import Conditions, Facts, Live, Promotion, accrue, choose, reduce
from loyalty.promotions.accruing import Accrual
from loyalty.promotions.model import Effect
from loyalty.receipts import Line

ZONE = ZoneInfo("Europe/Moscow")
# A Monday.
MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=ZONE)
NAME = LocalText(ru="Утренний кофе", en="Morning coffee")
COFFEE = Scope(categories=("coffee",))
CAKE = Scope(categories=("cake",))
_ids = count(1)


def promo(effect: Effect, *, priority: int = 0, exclusive: bool = False, **when: Any) -> Promotion:
    """A promotion of this effect under these conditions."""
    return Promotion(
        name=NAME,
        when=Conditions(**when),
        effect=effect,
        priority=priority,
        exclusive=exclusive,
    )


def live(effect: Effect, **rest: Any) -> Live:
    """A running promotion; each made later is the younger."""
    number = next(_ids)
    return Live(number + 1000, number, 1, promo(effect, **rest))


def line(
    net: int, *, pieces: int = 1, category: str | None = None, discount: int = 0, **rest: Any
) -> Line:
    """A line that costs ``net`` minor units after ``discount``."""
    gross = net + discount
    return Line(
        amount=gross,
        price=gross // pieces,
        quantity_milli=pieces * 1000,
        category=category,
        discount=discount,
        **rest,
    )


def facts(local: datetime = MORNING, **rest: Any) -> Facts:
    """Facts of a sale to a customer on a Monday morning."""
    return Facts(local=local, **{"has_customer": True, **rest})


def points_of(
    chosen: list[Live], lines: list[Line], *, rate_bp: int = 500, bases: list[int] | None = None
) -> Accrual:
    """What the lines earn, paid in money in full."""
    paid = [one.net for one in lines] if bases is None else bases
    return accrue(chosen, lines, bases=paid, rate_bp=rate_bp, facts=facts())


def off(effect: Effect, lines: list[Line], **rest: Any) -> list[int]:
    """What one promotion of this effect takes off each line."""
    about = rest.pop("about", None) or facts()
    return reduce(choose([live(effect, **rest)], lines, about), lines, about).discounts
