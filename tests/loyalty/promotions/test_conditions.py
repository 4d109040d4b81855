"""Every condition, met and not met, and which promotions go together."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from loyalty.program import PointsGift, Scope
from loyalty.promotions import Facts, Live, choose, goals_of
from loyalty.promotions.model import (
    Bundle,
    BundleItem,
    Discount,
    ExtraRate,
    FixedPoints,
    Goal,
    NthFree,
    Progressive,
    Step,
)
from loyalty.receipts import Line
from tests.loyalty.promotions.builders import CAKE, COFFEE, MORNING, ZONE, facts, line, live

GIFT = FixedPoints(points=50)
LINES = [
    line(200_00, pieces=2, category="Coffee", sku="C-1"),
    line(150_00, category="cake", sku="K-1", discount=50_00),
    line(10_00),
]


def applies(lines: list[Line] = LINES, about: Facts | None = None, **when: Any) -> bool:
    """Whether 50 points would be given."""
    return bool(choose([live(GIFT, **when)], lines, about or facts()))


def at(text: str) -> Facts:
    """A sale at that local moment."""
    return facts(datetime.fromisoformat(text).replace(tzinfo=ZONE))


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({}, True),
        # Goods: case does not matter, in either alphabet.
        ({"scope": Scope(categories=("COFFEE",))}, True),
        ({"scope": Scope(categories=("tea",))}, False),
        ({"scope": Scope(skus=("k-1",))}, True),
        ({"scope": Scope(skus=("k-2",))}, False),
        ({"scope": Scope(categories=("tea",), skus=("K-1",))}, True),
        # A minimum counts the goods in scope, after the till's own discounts.
        ({"minimum": 360_00}, True),
        ({"minimum": 360_01}, False),
        ({"minimum": 150_00, "scope": CAKE}, True),
        ({"minimum": 150_01, "scope": CAKE}, False),
        ({"min_pieces": 4}, True),
        ({"min_pieces": 5}, False),
        ({"min_pieces": 2, "scope": COFFEE}, True),
        ({"min_pieces": 3, "scope": COFFEE}, False),
    ],
)
def test_goods(when: dict[str, Any], expected: bool) -> None:
    assert applies(**when) is expected


def test_russian_categories_are_told_apart_by_letters_not_by_case() -> None:
    lines = [line(100_00, category="Кофе")]
    assert applies(lines, scope=Scope(categories=("кОФЕ",)))
    assert not applies(lines, scope=Scope(categories=("кофейник",)))


def test_a_returned_line_is_not_there() -> None:
    gone = Line(amount=0, price=100_00, quantity_milli=0, category="coffee")
    assert not applies([gone, line(500_00)], scope=COFFEE)
    assert not applies([gone])
    assert applies([gone, line(500_00)])


def test_what_is_weighed_counts_as_one_piece() -> None:
    weighed = [Line(amount=350_00, price=200_00, quantity_milli=1750, category="cake")]
    assert applies(weighed, min_pieces=1)
    assert not applies(weighed, min_pieces=2)


@pytest.mark.parametrize(
    ("when", "moment", "expected"),
    [
        ({"weekdays": (1, 2, 3, 4, 5)}, "2026-03-06T09:00", True),
        ({"weekdays": (1, 2, 3, 4, 5)}, "2026-03-07T09:00", False),
        ({"from_minute": 480, "to_minute": 660}, "2026-03-02T08:00", True),
        ({"from_minute": 480, "to_minute": 660}, "2026-03-02T07:59", False),
        ({"from_minute": 480, "to_minute": 660}, "2026-03-02T10:59", True),
        ({"from_minute": 480, "to_minute": 660}, "2026-03-02T11:00", False),
        ({"from_minute": 1080}, "2026-03-02T23:59", True),
        ({"from_minute": 1080}, "2026-03-02T17:59", False),
        ({"to_minute": 660}, "2026-03-02T00:00", True),
        ({"to_minute": 660}, "2026-03-02T11:00", False),
        ({"from_minute": 0, "to_minute": 1440}, "2026-03-02T23:59", True),
        # Friday's late hours run into Saturday and are still Friday's.
        ({"from_minute": 1320, "to_minute": 120, "weekdays": (5,)}, "2026-03-06T22:00", True),
        ({"from_minute": 1320, "to_minute": 120, "weekdays": (5,)}, "2026-03-07T01:59", True),
        ({"from_minute": 1320, "to_minute": 120, "weekdays": (5,)}, "2026-03-07T02:00", False),
        ({"from_minute": 1320, "to_minute": 120, "weekdays": (5,)}, "2026-03-07T22:00", False),
        ({"from_minute": 1320, "to_minute": 120, "weekdays": (5,)}, "2026-03-06T01:00", False),
        ({"from_minute": 1320, "to_minute": 0}, "2026-03-06T23:59", True),
        ({"from_minute": 1320, "to_minute": 0}, "2026-03-06T00:00", False),
        ({"starts_on": date(2026, 3, 2)}, "2026-03-02T00:00", True),
        ({"starts_on": date(2026, 3, 2)}, "2026-03-01T23:59", False),
        ({"ends_on": date(2026, 3, 2)}, "2026-03-02T23:59", True),
        ({"ends_on": date(2026, 3, 2)}, "2026-03-03T00:00", False),
        # The last night of a promotion ends in the morning after.
        (
            {"ends_on": date(2026, 3, 2), "from_minute": 1320, "to_minute": 120},
            "2026-03-03T01:00",
            True,
        ),
    ],
)
def test_moments(when: dict[str, Any], moment: str, expected: bool) -> None:
    assert applies(about=at(moment), **when) is expected


def test_hours_are_those_of_the_outlet() -> None:
    utc = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
    morning = {"from_minute": 480, "to_minute": 660}
    assert applies(about=facts(utc.astimezone(ZONE)), **morning)
    assert not applies(about=facts(utc), **morning)


@pytest.mark.parametrize(
    ("when", "about", "expected"),
    [
        ({"outlets": ("7", "8")}, {"outlet_id": 7}, True),
        ({"outlets": ("7", "8")}, {"outlet_id": 9}, False),
        ({"outlets": ("7",)}, {"outlet_id": None}, False),
        ({}, {"outlet_id": 9}, True),
        ({"segments": ("tag:vip", "tier:gold")}, {"segments": {"tier:gold", "active"}}, True),
        ({"segments": ("tag:vip",)}, {"segments": {"active"}}, False),
        ({"not_segments": ("lost",)}, {"segments": {"active"}}, True),
        ({"not_segments": ("lost",)}, {"segments": {"lost"}}, False),
        ({"first_purchase": True}, {"first_purchase": True}, True),
        ({"first_purchase": True}, {"first_purchase": False}, False),
        ({"first_purchase": False}, {"first_purchase": True}, False),
        ({"first_purchase": False}, {"first_purchase": False}, True),
        ({"birthday_week": True}, {"birthday_week": True}, True),
        ({"birthday_week": True}, {"birthday_week": False}, False),
        ({}, {"birthday_week": True}, True),
    ],
)
def test_people_and_places(when: dict[str, Any], about: dict[str, Any], expected: bool) -> None:
    if "segments" in about:
        about = {**about, "segments": frozenset(about["segments"])}
    assert applies(about=facts(**about), **when) is expected


@pytest.mark.parametrize(
    ("effect", "when", "expected"),
    [
        (Discount(rate_bp=1000), {"members_only": False}, True),
        (Discount(rate_bp=1000), {}, False),
        # Without a customer there is nobody to give points to, to be in a segment, to be new.
        (GIFT, {"members_only": False}, False),
        (Discount(rate_bp=1000), {"members_only": False, "segments": ("active",)}, False),
        (Discount(rate_bp=1000), {"members_only": False, "first_purchase": True}, False),
        (Discount(rate_bp=1000), {"members_only": False, "birthday_week": True}, False),
        (Discount(rate_bp=1000), {"members_only": False, "not_segments": ("lost",)}, True),
    ],
)
def test_a_sale_without_a_card(effect: Any, when: dict[str, Any], expected: bool) -> None:
    stranger = facts(has_customer=False, first_purchase=True, birthday_week=True)
    assert bool(choose([live(effect, **when)], LINES, stranger)) is expected


@pytest.mark.parametrize(
    ("effect", "when", "expected"),
    [
        (NthFree(n=4), {}, True),
        (NthFree(n=5), {}, False),
        (NthFree(n=2), {"scope": COFFEE}, True),
        (NthFree(n=2), {"scope": CAKE}, False),
        (Progressive(steps=(Step(threshold=360_00, rate_bp=500),)), {}, True),
        (Progressive(steps=(Step(threshold=360_01, rate_bp=500),)), {}, False),
        (Progressive(by="purchases", steps=(Step(threshold=3, rate_bp=500),)), {}, True),
        (Progressive(by="purchases", steps=(Step(threshold=4, rate_bp=500),)), {}, False),
        (Bundle(items=(BundleItem(scope=COFFEE), BundleItem(scope=CAKE)), price=249_99), {}, True),
        # Dearer than the pieces, or a piece too many: no bundle.
        (Bundle(items=(BundleItem(scope=COFFEE), BundleItem(scope=CAKE)), price=250_00), {}, False),
        (Bundle(items=(BundleItem(scope=COFFEE, quantity=3),), price=1), {}, False),
    ],
)
def test_one_that_can_do_nothing_stands_in_nobodys_way(
    effect: Any, when: dict[str, Any], expected: bool
) -> None:
    alone = live(effect, exclusive=True, priority=9, **when)
    other = live(GIFT)
    chosen = choose([other, alone], LINES, facts(purchases_before=3))
    assert chosen == ([alone] if expected else [other])


def _names(chosen: list[Live], every: list[Live]) -> str:
    return "".join("abcdef"[every.index(one)] for one in chosen)


@pytest.mark.parametrize(
    ("priorities", "exclusive", "expected"),
    [
        ((0, 0, 0), "", "abc"),
        ((0, 5, -1), "", "bac"),
        ((5, 0, 0), "a", "a"),
        ((0, 5, 0), "a", "bc"),
        ((0, 0, 0), "b", "ac"),
        ((0, 5, 4), "bc", "b"),
        ((9, 5, 4), "bc", "a"),
    ],
)
def test_priority_and_exclusion(priorities: tuple[int, ...], exclusive: str, expected: str) -> None:
    every = [
        live(GIFT, priority=priority, exclusive=name in exclusive)
        for name, priority in zip("abc", priorities, strict=True)
    ]
    assert _names(choose(every, LINES, facts()), every) == expected
    assert _names(choose(every[::-1], LINES, facts()), every) == expected


def test_an_exclusive_one_that_does_not_apply_is_not_there() -> None:
    alone = live(GIFT, exclusive=True, priority=9, weekdays=(7,))
    other = live(ExtraRate(extra_bp=100))
    assert choose([alone, other], LINES, facts()) == [other]


def test_nothing_runs() -> None:
    assert choose([], LINES, facts()) == []


def test_goals_are_found_among_the_others() -> None:
    goal = live(Goal(target=3, gift=PointsGift(points=100)))
    assert goals_of([live(GIFT), goal]) == [goal]


def test_facts_come_back_from_a_purchase_as_they_went() -> None:
    told = facts(
        outlet_id=2**62,
        segments=frozenset({"active", "tier:gold"}),
        first_purchase=True,
        birthday_week=True,
        purchases_before=7,
    )
    back = Facts.of_json(told.as_json())
    assert back == told
    assert (back.local.hour, back.local.isoweekday()) == (9, 1)
    assert told.as_json()["segments"] == ["active", "tier:gold"]


def test_facts_of_an_older_purchase_may_lack_what_was_not_asked_then() -> None:
    back = Facts.of_json({"local": MORNING.isoformat()})
    assert back == Facts(local=MORNING)
