"""What promotions take off: each kind, several after another, and the kopecks."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty.program import Scope
from loyalty.promotions import choose, reduce
from loyalty.promotions.model import (
    Bundle,
    BundleItem,
    Discount,
    FixedPoints,
    NthFree,
    Progressive,
    Step,
)
from loyalty.receipts import Line
from tests.loyalty.promotions.builders import CAKE, COFFEE, facts, line, live, off


@pytest.mark.parametrize(
    ("effect", "nets", "expected"),
    [
        (Discount(rate_bp=1000), [100_00, 50_00], [10_00, 5_00]),
        # Floored once for the receipt: 10 % of 0.99 × 3 is 0.29, not three times 0.09.
        (Discount(rate_bp=1000), [99, 99, 99], [10, 10, 9]),
        (Discount(rate_bp=1000), [9], [0]),
        (Discount(rate_bp=10_000), [99, 1], [99, 1]),
        (Discount(rate_bp=1000, up_to=8_00), [100_00, 50_00], [5_33, 2_67]),
        (Discount(rate_bp=1000, up_to=20_00), [100_00, 50_00], [10_00, 5_00]),
        (Discount(amount=30_00), [100_00, 50_00], [20_00, 10_00]),
        # Never more than the goods cost.
        (Discount(amount=300_00), [100_00, 50_00], [100_00, 50_00]),
        (Discount(amount=10), [0, 50], [0, 10]),
    ],
)
def test_discounts(effect: Discount, nets: list[int], expected: list[int]) -> None:
    assert off(effect, [line(net) for net in nets]) == expected


def test_a_discount_touches_its_goods_only_and_counts_after_the_tills_own() -> None:
    lines = [line(100_00, category="coffee", discount=20_00), line(50_00, category="cake")]
    assert off(Discount(rate_bp=1000), lines, scope=COFFEE) == [10_00, 0]
    assert off(Discount(rate_bp=1000), lines, scope=Scope(categories=("tea",))) == [0, 0]


STEPS = (Step(threshold=100_00, rate_bp=500), Step(threshold=200_00, rate_bp=1000))


@pytest.mark.parametrize(
    ("net", "expected"), [(99_99, 0), (100_00, 5_00), (199_99, 9_99), (200_00, 20_00)]
)
def test_progressive_by_receipt(net: int, expected: int) -> None:
    assert off(Progressive(steps=STEPS), [line(net)]) == [expected]


def test_progressive_by_receipt_counts_the_goods_in_scope() -> None:
    lines = [line(150_00, category="coffee"), line(500_00)]
    assert off(Progressive(steps=STEPS), lines, scope=COFFEE) == [7_50, 0]


@pytest.mark.parametrize(("before", "expected"), [(0, 0), (2, 0), (3, 5_00), (9, 5_00), (10, 7_00)])
def test_progressive_by_purchases_so_far(before: int, expected: int) -> None:
    effect = Progressive(
        by="purchases", steps=(Step(threshold=3, rate_bp=500), Step(threshold=10, rate_bp=700))
    )
    assert off(effect, [line(100_00)], about=facts(purchases_before=before)) == [expected]


def given(effect: NthFree, *lines: Line, **when: Any) -> tuple[list[int], list[int]]:
    """Discounts and free pieces by line."""
    about = facts()
    found = reduce(choose([live(effect, **when)], lines, about), lines, about)
    return found.discounts, found.free_pieces


def test_the_cheapest_of_every_n_is_free() -> None:
    third = NthFree(n=3)
    assert given(third, line(300), line(100), line(200)) == ([0, 100, 0], [0, 1, 0])
    assert given(third, line(300), line(100)) == ([0, 0], [0, 0])
    # Five pieces give one, six give two; a line may hold several.
    assert given(third, line(1000, pieces=5)) == ([200], [1])
    assert given(third, line(1200, pieces=6)) == ([400], [2])
    assert given(third, line(600, pieces=2), line(800, pieces=4)) == ([0, 400], [0, 2])
    assert given(third, line(500, pieces=5), line(10)) == ([100, 10], [1, 1])
    # What a till has taken off already makes a piece cheaper.
    assert given(NthFree(n=2), line(100, discount=200), line(150)) == ([100, 0], [1, 0])


def test_of_an_odd_price_the_free_pieces_cost_no_more_than_the_line() -> None:
    assert given(NthFree(n=2), line(100, pieces=3)) == ([33], [1])
    assert given(NthFree(n=2), line(101, pieces=6)) == ([50], [3])


def test_only_pieces_in_scope_count() -> None:
    lines = (line(100, category="coffee"), line(50, category="cake"), line(120, category="coffee"))
    assert given(NthFree(n=2), *lines, scope=COFFEE) == ([100, 0, 0], [1, 0, 0])


def test_a_line_given_away_whole_has_free_pieces_only() -> None:
    about, lines = facts(), [line(300, pieces=3), line(100)]
    every = [live(Discount(rate_bp=10_000))]
    assert reduce(every, lines, about).free_pieces == [3, 1]
    assert reduce([live(Discount(rate_bp=9_900))], lines, about).free_pieces == [0, 0]


BREAKFAST = Bundle(items=(BundleItem(scope=COFFEE), BundleItem(scope=CAKE)), price=250_00)


def test_a_bundle_costs_its_price() -> None:
    lines = [line(200_00, category="coffee"), line(120_00, category="cake"), line(50_00)]
    assert off(BREAKFAST, lines) == [43_75, 26_25, 0]  # 70 off, by what they cost


def test_as_many_bundles_as_fit_of_the_dearest_pieces() -> None:
    lines = [
        line(200_00, category="coffee"),
        line(500_00, pieces=2, category="coffee"),
        line(240_00, pieces=2, category="cake"),
    ]
    found = off(BREAKFAST, lines)
    # Two bundles: both coffees at 250 and both cakes at 120, 740 for 500.
    assert sum(found) == 240_00
    assert found[0] == 0


def test_bundles_that_would_cost_more_are_left_out() -> None:
    lines = [
        line(200_00, category="coffee"),
        line(90_00, category="coffee"),
        line(240_00, pieces=2, category="cake"),
    ]
    assert sum(off(BREAKFAST, lines)) == 70_00  # the second would be 210 for 250


def test_a_piece_that_fits_two_parts_goes_where_it_is_needed() -> None:
    drinks = Scope(categories=("coffee", "tea"))
    two = Bundle(items=(BundleItem(scope=drinks), BundleItem(scope=COFFEE)), price=100)
    # The only coffee is the dearest drink as well: it has to be the coffee.
    assert sum(off(two, [line(90, category="coffee"), line(80, category="tea")])) == 70
    assert sum(off(two, [line(90, category="tea"), line(80, category="tea")])) == 0
    # Three coffees and a tea make two.
    lines = [line(270, pieces=3, category="coffee"), line(50, category="tea")]
    assert sum(off(two, lines)) == 320 - 200


def test_a_bundle_of_several_of_a_kind() -> None:
    three = Bundle(items=(BundleItem(scope=COFFEE, quantity=3),), price=500)
    assert off(three, [line(1600, pieces=8, category="coffee")]) == [1200 - 1000]
    assert off(three, [line(400, pieces=2, category="coffee")]) == [0]


def test_bundles_on_a_huge_line_take_no_longer() -> None:
    lines = [
        line(900_000_000, pieces=900_000, category="coffee"),
        line(90_000_000, pieces=900_000, category="cake"),
    ]
    cheap = Bundle(items=BREAKFAST.items, price=1000)
    assert off(cheap, lines) == [pytest.approx(81_818_182, abs=2), pytest.approx(8_181_818, abs=2)]
    assert sum(off(cheap, lines)) == 990_000_000 - 900_000 * 1000


def test_each_promotion_takes_its_share_of_what_is_left() -> None:
    about, lines = facts(), [line(100_00, category="coffee"), line(100_00, category="cake")]
    ten = live(Discount(rate_bp=1000), priority=5)
    fixed = live(Discount(amount=50_00), scope=COFFEE)
    found = reduce(choose([fixed, ten], lines, about), lines, about)
    assert found.discounts == [60_00, 10_00]
    assert [(one.version_id, one.amount) for one in found.applied] == [
        (ten.id, 20_00),
        (fixed.id, 50_00),
    ]
    assert (found.applied[0].promotion_id, found.total) == (ten.promotion_id, 70_00)
    # The other way round the percentage is of less.
    last = live(Discount(rate_bp=1000), priority=-5)
    assert reduce(choose([fixed, last], lines, about), lines, about).discounts == [55_00, 10_00]


def test_a_piece_is_given_or_bundled_once() -> None:
    about = facts()
    lines = [line(400_00, pieces=2, category="coffee"), line(100_00, category="cake")]
    bundle = live(BREAKFAST, priority=5)
    second = live(NthFree(n=2), scope=COFFEE)
    found = reduce(choose([bundle, second], lines, about), lines, about)
    # One coffee went into the bundle, so the other has no second to it.
    assert [one.version_id for one in found.applied] == [bundle.id]
    assert (sum(found.discounts), found.free_pieces) == (50_00, [0, 0])
    # First come, first served: now one coffee is free and the other in a bundle.
    first = live(NthFree(n=2), scope=COFFEE, priority=9)
    found = reduce(choose([bundle, first], lines, about), lines, about)
    assert [one.amount for one in found.applied] == [200_00, 50_00]
    assert found.free_pieces == [1, 0]


def test_a_discount_after_a_bundle_is_of_its_price() -> None:
    about = facts()
    lines = [line(200_00, category="coffee"), line(120_00, category="cake")]
    chosen = choose([live(BREAKFAST, priority=5), live(Discount(rate_bp=1000))], lines, about)
    assert [one.amount for one in reduce(chosen, lines, about).applied] == [70_00, 25_00]


def test_what_gives_nothing_is_not_told() -> None:
    about, lines = facts(), [line(5)]
    chosen = choose([live(Discount(rate_bp=1000)), live(FixedPoints(points=5))], lines, about)
    found = reduce(chosen, lines, about)
    assert (len(chosen), found.applied, found.discounts) == (2, [], [0])
