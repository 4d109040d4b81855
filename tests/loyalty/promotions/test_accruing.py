"""What promotions give: each kind, together, and where every point comes from."""

from __future__ import annotations

import pytest

from loyalty.promotions import Part, accrue
from loyalty.promotions.model import (
    BonusStamps,
    Discount,
    ExtraRate,
    FixedPoints,
    Multiplier,
    PointsPerStep,
)
from tests.loyalty.promotions.builders import CAKE, COFFEE, facts, line, live, points_of

LINES = [line(200_00, pieces=2, category="coffee"), line(100_00, category="cake")]


def test_without_promotions_the_tiers_rate_floored_once() -> None:
    found = points_of([], [line(19_99), line(19_99)], rate_bp=500)
    assert (found.points, found.by_line, found.stamps) == (1, [1, 0], {})
    assert found.parts == [Part("base", None, 1, 500)]
    assert points_of([], [line(5)]).parts == []


@pytest.mark.parametrize(
    ("effect", "scope", "points", "by_line"),
    [
        (ExtraRate(extra_bp=300), None, 24, [16, 8]),
        (ExtraRate(extra_bp=300), COFFEE, 21, [16, 5]),
        (Multiplier(times_bp=20_000), None, 30, [20, 10]),
        (Multiplier(times_bp=20_000), COFFEE, 25, [20, 5]),
        (Multiplier(times_bp=15_000), CAKE, 17, [10, 7]),
        (FixedPoints(points=50), None, 65, [43, 22]),
        (FixedPoints(points=50), COFFEE, 65, [60, 5]),
        (FixedPoints(points=50, per="piece"), COFFEE, 115, [110, 5]),
        (FixedPoints(points=50, per="piece"), None, 165, [110, 55]),
        (PointsPerStep(points=10, step=70_00), None, 55, [37, 18]),
        (PointsPerStep(points=10, step=70_00), COFFEE, 35, [30, 5]),
        (PointsPerStep(points=10, step=300_01), None, 15, [10, 5]),
    ],
)
def test_each_kind(effect: ExtraRate, scope: object, points: int, by_line: list[int]) -> None:
    when = {} if scope is None else {"scope": scope}
    found = points_of([live(effect, **when)], LINES)
    assert (found.points, found.by_line) == (points, by_line)
    assert found.parts[0] == Part("base", None, 15, 500)
    assert sum(part.points for part in found.parts) == points


def test_multipliers_add_up() -> None:
    twice, thrice = Multiplier(times_bp=20_000), Multiplier(times_bp=30_000)
    found = points_of([live(twice), live(thrice)], [line(100_00)])
    # Five from the tier, five more, ten more: four times, not six.
    assert [(part.kind, part.points, part.rate_bp) for part in found.parts] == [
        ("base", 5, 500),
        ("multiplier", 5, 20_000),
        ("multiplier", 10, 30_000),
    ]


def test_a_multiplier_is_of_the_tiers_accrual_not_of_other_promotions() -> None:
    found = points_of(
        [live(ExtraRate(extra_bp=500)), live(Multiplier(times_bp=20_000))], [line(100_00)]
    )
    assert found.points == 15


def test_shares_are_floored_together() -> None:
    # 0.6 from the tier, 0.6 from the promotion: one point, though neither makes one.
    found = points_of([live(ExtraRate(extra_bp=500))], [line(12_00)])
    assert found.points == 1
    assert sum(part.points for part in found.parts) == 1


def test_only_money_earns() -> None:
    chosen = [live(FixedPoints(points=50, per="piece")), live(PointsPerStep(points=1, step=10_00))]
    # The cake was not paid with money: it is a piece that gives nothing.
    found = points_of(chosen, LINES, bases=[150_00, 0])
    assert [(part.kind, part.points) for part in found.parts] == [
        ("base", 7),
        ("points", 100),
        ("per_step", 15),
    ]
    assert found.by_line == [122, 0]


def test_nothing_paid_gives_nothing() -> None:
    chosen = [live(FixedPoints(points=50)), live(BonusStamps(card="coffee", stamps=2))]
    found = points_of(chosen, LINES, bases=[0, 0])
    assert (found.points, found.parts, found.by_line, found.stamps) == (0, [], [0, 0], {})


def test_goods_that_were_free_still_bring_what_they_were_chosen_for() -> None:
    found = points_of([live(FixedPoints(points=50), scope=COFFEE)], LINES, bases=[0, 100_00])
    assert (found.points, found.by_line) == (55, [50, 5])


def test_free_pieces_earn_no_points_by_the_piece() -> None:
    chosen = [live(FixedPoints(points=10, per="piece"), scope=COFFEE)]
    found = accrue(
        chosen, LINES, bases=[100_00, 100_00], rate_bp=0, facts=facts(), free_pieces=[1, 0]
    )
    assert found.points == 10


def test_stamps_by_card() -> None:
    chosen = [
        live(BonusStamps(card="coffee", stamps=2)),
        live(BonusStamps(card="lunch", stamps=1)),
        live(BonusStamps(card="coffee", stamps=1)),
        live(Discount(rate_bp=1000)),
    ]
    found = points_of(chosen, LINES)
    assert (found.stamps, found.points) == ({"coffee": 3, "lunch": 1}, 15)


def test_points_of_a_promotion_may_end_by_themselves() -> None:
    one = live(FixedPoints(points=50, valid_days=14))
    assert points_of([one], LINES).parts[1] == Part("points", one.id, 50, None, 14)


def test_parts_come_back_from_a_purchase_as_they_went() -> None:
    for part in (Part("base", None, 15, 500), Part("points", 2**62, 50, None, 14)):
        assert Part.of_json(part.as_json()) == part
    assert Part("rate", 7, 3, 100).as_json() == {
        "kind": "rate",
        "version": "7",
        "points": 3,
        "rate_bp": 100,
    }
