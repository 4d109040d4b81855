"""Published cases of other loyalty programs, against ours.

Numbers and sources: ``../shared/cases`` (shown.json S07 and S08, scenarios.tsv). Where ours
differ, it is by decision, and the test says by which.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loyalty.program import Scope
from loyalty.promotions import choose, reduce
from loyalty.promotions.model import (
    Discount,
    ExtraRate,
    FixedPoints,
    Multiplier,
    PointsPerStep,
)
from tests.loyalty.promotions.builders import facts, line, live, points_of

WHOLE = 10_000  # one point for 1.00
SETONO = "Setono EarningCalculatorTest; Adobe Commerce docs"
BASIS = [line(19_99)]


@pytest.fixture(scope="module")
def shown(shared_folder: Path) -> dict[str, dict[str, Any]]:
    """The published cases by number."""
    cases = json.loads((shared_folder / "cases/shown.json").read_text(encoding="utf-8"))
    return {case["id"]: case for case in cases}


def test_s07_rounding(shown: dict[str, dict[str, Any]]) -> None:
    """Setono EarningCalculatorTest and Adobe Commerce's exchange rates."""
    case = shown["S07"]
    assert case["source"] == SETONO
    plain, stacked, (floored, _half_up, _ceiled), stepped = case["expected"]
    assert points_of([], BASIS, rate_bp=WHOLE).points == plain
    # Setono floors each rule: 19 + 9. Ours adds 19.99 and 9.995 and floors once per receipt.
    half = live(ExtraRate(extra_bp=5000))
    assert (stacked, points_of([half], BASIS, rate_bp=WHOLE).points) == (28, 29)
    # Setono multiplies the floored 19 by 1.5; ours the exact 19.99. There is one rounding in
    # our program, down, so half-up and up are not offered.
    more = live(Multiplier(times_bp=15_000))
    assert (floored, points_of([more], BASIS, rate_bp=WHOLE).points) == (28, 29)
    # 10 points per full 2.00, on 7.00.
    steps = live(PointsPerStep(points=10, step=2_00))
    assert points_of([steps], [line(7_00)], rate_bp=0).points == stepped


def test_setono_doubles() -> None:
    """Setono tests/Rule/EarningCalculatorTest.php "x2" of 19.99: 38, of the floored 19.

    Ours doubles the exact 19.99 and floors once: 39.
    """
    assert points_of([live(Multiplier(times_bp=20_000))], BASIS, rate_bp=WHOLE).points == 39


def test_setono_non_stackable_rule_of_priority_10() -> None:
    """Setono tests/Rule/EarningCalculatorTest.php "non-stackable fixed 100 prio 10": 100 alone.

    Ours keeps the tier's own 19: a promotion, exclusive or not, comes on top of what a member
    earns anyway; it only shuts out other promotions.
    """
    alone = live(FixedPoints(points=100), exclusive=True, priority=10)
    other = live(ExtraRate(extra_bp=5000), priority=5)
    chosen = choose([other, alone], BASIS, facts())
    assert chosen == [alone]
    assert points_of(chosen, BASIS, rate_bp=WHOLE).points == 119


def test_s08_what_points_are_counted_of(shown: dict[str, dict[str, Any]]) -> None:
    """Odoo sale_loyalty test_loyalty: an order of 100, one point per 1."""
    by_discount, gift_card, wallet, food_only = shown["S08"]["expected"]
    lines = [line(100_00)]
    about = facts()
    ten = [live(Discount(rate_bp=1000))]
    off = reduce(choose(ten, lines, about), lines, about).discounts
    # (a) 10 % off lowers what is earned of.
    assert points_of([], lines, rate_bp=WHOLE, bases=[100_00 - off[0]]).points == by_discount
    # (b) A gift card is money: the sale hands the whole sum down.
    assert points_of([], lines, rate_bp=WHOLE, bases=[100_00]).points == gift_card
    # (c) Odoo earns on what its e-wallet paid. Ours has points instead, which earn nothing.
    assert (wallet, points_of([], lines, rate_bp=WHOLE, bases=[90_00]).points) == (100, 90)
    # (d) Food 100 and other 50, 10 % off all, points for food only: Odoo earns on the food's
    # price before the discount, ours on what was paid for it.
    goods = [line(100_00, category="food"), line(50_00)]
    off = reduce(choose(ten, goods, about), goods, about).discounts
    bases = [one.net - less for one, less in zip(goods, off, strict=True)]
    food = live(ExtraRate(extra_bp=WHOLE), scope=Scope(categories=("food",)))
    assert sum(bases) == 135_00
    assert (food_only, points_of([food], goods, rate_bp=0, bases=bases).points) == (100, 90)


@pytest.mark.parametrize(
    ("source", "test"),
    [
        ("Setono tests/Rule/EarningCalculatorTest.php", "rules"),
        ("odoo addons/sale_loyalty/tests/test_loyalty.py@00aa9fb", "general_discount_"),
        ("Adobe Commerce docs reward-exchange-rates", "rounding"),
    ],
)
def test_the_cited_lines_are_there(shared_folder: Path, source: str, test: str) -> None:
    rows = (shared_folder / "cases/scenarios.tsv").read_text(encoding="utf-8").splitlines()
    assert any(row.startswith(f"{source}\t{test}") for row in rows)


def test_adobe_rounding() -> None:
    """Adobe Commerce docs reward-exchange-rates: 2.00 = 10 points, an order of 7.00 gives 30."""
    steps = live(PointsPerStep(points=10, step=2_00))
    found = points_of([steps], [line(6_99), line(1)], rate_bp=0)
    assert found.points == 30
