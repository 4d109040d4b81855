"""Promotions as data: what is refused and how, and that rows of the past stay readable."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty.errors import PromotionInvalid
from loyalty.program import LocalText, PointsGift, Scope, StampsGift, VoucherGift
from loyalty.promotions import Promotion, parse, say_problem
from loyalty.promotions.model import (
    BonusStamps,
    Bundle,
    BundleItem,
    Discount,
    ExtraRate,
    FixedPoints,
    Goal,
    Multiplier,
    NthFree,
    PointsPerStep,
    Progressive,
    Step,
)
from loyalty.texts import translator
from tests.loyalty.promotions.builders import COFFEE, promo

NAME = {"ru": "Акция", "en": "Offer"}
POINTS = {"kind": "points", "points": 50}
SPEND = {"kind": "goal", "target": 5, "gift": POINTS}


def faults(effect: dict[str, Any] | None = None, **rest: Any) -> list[tuple[str, str]]:
    """What is wrong, as (field, problem)."""
    with pytest.raises(PromotionInvalid) as refused:
        parse({"name": NAME, "effect": POINTS if effect is None else effect, **rest})
    problems = refused.value.facts["problems"]
    for problem in problems:
        for language in ("ru", "en"):
            assert str(say_problem(translator(language), problem))
    return [(problem["field"], problem["problem"]) for problem in problems]


@pytest.mark.parametrize(
    ("when", "field", "problem"),
    [
        ({"from_minute": 60, "to_minute": 60}, "when", "hours_empty"),
        ({"from_minute": 1440}, "when.from_minute", "less_than"),
        ({"to_minute": 1441}, "when.to_minute", "less_than_equal"),
        ({"weekdays": [8]}, "when.weekdays.0", "less_than_equal"),
        ({"weekdays": [1, 1]}, "when", "weekday_twice"),
        ({"starts_on": "2026-03-02", "ends_on": "2026-03-01"}, "when", "dates_reversed"),
        ({"starts_on": "yesterday"}, "when.starts_on", "date_from_datetime_parsing"),
        ({"segments": ["lost"], "not_segments": ["lost"]}, "when", "segment_both"),
        ({"segments": ["x"] * 51}, "when.segments", "too_long"),
        ({"segments": ["x" * 101]}, "when.segments.0", "string_too_long"),
        ({"segments": [""]}, "when.segments.0", "string_too_short"),
        ({"outlets": ["1"] * 201}, "when.outlets", "too_long"),
        ({"scope": {"categories": ["x"] * 201}}, "when", "scope_too_long"),
        ({"scope": {"skus": ["x" * 101]}}, "when", "scope_name"),
        ({"scope": {"skus": [" "]}}, "when", "scope_name"),
        ({"minimum": -1}, "when.minimum", "greater_than_equal"),
        ({"minimum": 10**10}, "when.minimum", "less_than_equal"),
        ({"min_pieces": 1.5}, "when.min_pieces", "int_from_float"),
        ({"weather": "rain"}, "when.weather", "extra_forbidden"),
    ],
)
def test_conditions_that_make_no_sense(when: dict[str, Any], field: str, problem: str) -> None:
    assert faults(when=when) == [(field, problem)]


@pytest.mark.parametrize(
    ("effect", "field", "problem"),
    [
        ({"kind": "rate", "extra_bp": 0}, "effect.extra_bp", "greater_than_equal"),
        ({"kind": "rate", "extra_bp": 10_001}, "effect.extra_bp", "less_than_equal"),
        ({"kind": "multiplier", "times_bp": 10_000}, "effect.times_bp", "greater_than"),
        ({"kind": "points", "points": 0}, "effect.points", "greater_than_equal"),
        ({"kind": "points", "points": 100_001}, "effect.points", "less_than_equal"),
        ({"kind": "points", "points": 5, "per": "gram"}, "effect.per", "literal_error"),
        ({"kind": "per_step", "points": 5, "step": 0}, "effect.step", "greater_than_equal"),
        ({"kind": "stamps", "card": "Кофе", "stamps": 1}, "effect.card", "string_pattern_mismatch"),
        ({"kind": "discount"}, "effect", "discount_kind"),
        ({"kind": "discount", "rate_bp": 5, "amount": 5}, "effect", "discount_kind"),
        ({"kind": "discount", "amount": 5, "up_to": 5}, "effect", "discount_limit"),
        ({"kind": "progressive", "steps": []}, "effect.steps", "too_short"),
        (
            {
                "kind": "progressive",
                "steps": [{"threshold": 5, "rate_bp": 9}, {"threshold": 6, "rate_bp": 9}],
            },
            "effect",
            "steps_climb",
        ),
        ({"kind": "nth_free", "n": 1}, "effect.n", "greater_than_equal"),
        ({"kind": "bundle", "items": [{}], "price": 5}, "effect", "bundle_small"),
        ({"kind": "bundle", "items": [{}] * 6, "price": 5}, "effect.items", "too_long"),
        ({**SPEND, "period": "days"}, "effect", "goal_days"),
        ({**SPEND, "days": 5}, "effect", "goal_days"),
        ({**SPEND, "target": 1001}, "effect", "goal_target"),
        (
            {**SPEND, "gift": {"kind": "stamps", "card": "", "stamps": 1}},
            "effect",
            "gift_card",
        ),
        (
            {**SPEND, "gift": {"kind": "points", "points": 0}},
            "effect.gift.points",
            "greater_than_equal",
        ),
        ({"kind": "lottery"}, "effect", "union_tag_invalid"),
        ({}, "effect", "union_tag_not_found"),
    ],
)
def test_effects_that_make_no_sense(effect: dict[str, Any], field: str, problem: str) -> None:
    assert faults(effect) == [(field, problem)]


def test_everything_wrong_is_told_at_once_but_not_endlessly() -> None:
    found = faults({"kind": "points", "points": 0}, when={"weekdays": [8], "minimum": -1})
    assert sorted(found) == [
        ("effect.points", "greater_than_equal"),
        ("when.minimum", "greater_than_equal"),
        ("when.weekdays.0", "less_than_equal"),
    ]
    assert len(faults(when={"outlets": [""] * 200})) == 20
    for nonsense in (None, [], "x", 5, {"name": {"ru": "x" * 121, "en": "x"}, "effect": POINTS}):
        with pytest.raises(PromotionInvalid):
            parse(nonsense)


FRIDAY = {
    "scope": Scope(categories=("coffee", "кофе"), skus=("C-1",)),
    "outlets": ("7",),
    "weekdays": (5,),
    "from_minute": 1320,
    "to_minute": 120,
    "starts_on": "2026-03-01",
    "ends_on": "2026-03-31",
    "segments": ("tier:gold",),
    "not_segments": ("lost",),
    "first_purchase": False,
    "birthday_week": True,
    "minimum": 500_00,
    "min_pieces": 2,
    "members_only": False,
}
COUPON = VoucherGift(
    name=LocalText(ru="Кофе", en="Coffee"), effect={"kind": "gift_item"}, valid_days=7
)

EVERY = [
    promo(ExtraRate(extra_bp=300), **FRIDAY),
    promo(Multiplier(times_bp=15_000), priority=-5, exclusive=True),
    promo(FixedPoints(points=50, per="piece", valid_days=14)),
    promo(PointsPerStep(points=10, step=200_00)),
    promo(BonusStamps(card="coffee", stamps=2)),
    promo(Discount(rate_bp=1000, up_to=500_00)),
    promo(Discount(amount=50_00)),
    promo(Progressive(by="purchases", steps=(Step(threshold=3, rate_bp=500),))),
    promo(NthFree(n=3)),
    promo(Bundle(items=(BundleItem(scope=COFFEE, quantity=2), BundleItem()), price=300_00)),
    promo(Goal(target=3, gift=PointsGift(points=100))),
    promo(Goal(measure="spend", target=5, period="days", days=9, gift=COUPON)),
    promo(Goal(target=3, period="month", gift=StampsGift(card="coffee", stamps=1))),
]


@pytest.mark.parametrize("rules", EVERY, ids=lambda rules: rules.effect.kind)
def test_a_promotion_comes_back_from_json_as_it_went(rules: Promotion) -> None:
    kept = rules.model_dump(mode="json")
    assert parse(kept) == rules
    assert parse(kept).model_dump(mode="json") == kept


# As rows were first written, with nothing but what has no default: they stay readable.
OLDEST: list[tuple[dict[str, Any], Any]] = [
    ({"kind": "rate", "extra_bp": 300}, ExtraRate(extra_bp=300)),
    ({"kind": "multiplier", "times_bp": 20000}, Multiplier(times_bp=20_000)),
    ({"kind": "points", "points": 50}, FixedPoints(points=50)),
    ({"kind": "per_step", "points": 10, "step": 20000}, PointsPerStep(points=10, step=200_00)),
    ({"kind": "stamps", "card": "coffee", "stamps": 1}, BonusStamps(card="coffee", stamps=1)),
    ({"kind": "discount", "rate_bp": 1000}, Discount(rate_bp=1000)),
    ({"kind": "discount", "amount": 5000}, Discount(amount=50_00)),
    (
        {"kind": "progressive", "steps": [{"threshold": 0, "rate_bp": 500}]},
        Progressive(steps=(Step(threshold=0, rate_bp=500),)),
    ),
    ({"kind": "nth_free", "n": 3}, NthFree(n=3)),
    (
        {"kind": "bundle", "items": [{"quantity": 2}], "price": 100},
        Bundle(items=(BundleItem(quantity=2),), price=100),
    ),
    (
        {"kind": "goal", "target": 3, "gift": {"kind": "points", "points": 100}},
        Goal(target=3, gift=PointsGift(points=100)),
    ),
]


@pytest.mark.parametrize(("effect", "expected"), OLDEST, ids=lambda part: str(part)[:24])
def test_the_oldest_rows_are_readable(effect: dict[str, Any], expected: Any) -> None:
    found = parse({"name": NAME, "effect": effect})
    assert found.effect == expected
    assert (found.priority, found.exclusive, found.when.members_only) == (0, False, True)
