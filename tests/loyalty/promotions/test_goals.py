"""Goals: periods, counting, and the one gift a period."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from loyalty.program import PointsGift
from loyalty.promotions import Live, goals_step, period_of
from loyalty.promotions.model import FixedPoints, Goal
from tests.loyalty.promotions.builders import COFFEE, line, live, promo

GIFT = PointsGift(points=100)
DAY = date(2026, 3, 4)  # a Wednesday


def goal(when: dict[str, Any] | None = None, **parts: Any) -> Live:
    """Three purchases a week, unless told otherwise."""
    return live(Goal(**{"target": 3, "gift": GIFT, **parts}), **(when or {}))


@pytest.mark.parametrize(
    ("period", "days", "day", "first", "last"),
    [
        ("day", None, DAY, DAY, DAY),
        ("week", None, DAY, date(2026, 3, 2), date(2026, 3, 8)),
        ("week", None, date(2026, 3, 8), date(2026, 3, 2), date(2026, 3, 8)),
        ("week", None, date(2027, 1, 1), date(2026, 12, 28), date(2027, 1, 3)),
        ("month", None, DAY, date(2026, 3, 1), date(2026, 3, 31)),
        ("month", None, date(2028, 2, 29), date(2028, 2, 1), date(2028, 2, 29)),
        # Without a first day, stretches are counted from Monday, 1 January 2024.
        ("days", 7, DAY, date(2026, 3, 2), date(2026, 3, 8)),
        ("days", 10, date(2024, 1, 11), date(2024, 1, 11), date(2024, 1, 20)),
        ("days", 10, date(2023, 12, 31), date(2023, 12, 22), date(2023, 12, 31)),
    ],
)
def test_periods(period: str, days: int | None, day: date, first: date, last: date) -> None:
    rules = promo(Goal(target=3, gift=GIFT, period=period, days=days))
    assert period_of(rules, day) == (first, last)


def test_stretches_begin_with_the_promotion_and_end_with_it() -> None:
    rules = promo(
        Goal(target=3, gift=GIFT, period="days", days=10),
        starts_on=date(2026, 3, 3),
        ends_on=date(2026, 3, 15),
    )
    assert period_of(rules, DAY) == (date(2026, 3, 3), date(2026, 3, 12))
    assert period_of(rules, date(2026, 3, 13)) == (date(2026, 3, 13), date(2026, 3, 15))


def test_what_is_no_goal_has_no_period() -> None:
    with pytest.raises(TypeError):
        period_of(promo(FixedPoints(points=5)), DAY)


def step(one: Live, standing: tuple[int, int, object] | None, **rest: Any) -> Any:
    """The one step of a receipt of 500 on that Wednesday."""
    first, _last = period_of(one.rules, DAY)
    before = {} if standing is None else {(one.promotion_id, first): standing}
    (found,) = goals_step([one], before, **{"day": DAY, "paid": 500_00, **rest})
    return found


@pytest.mark.parametrize(
    ("standing", "now"),
    [
        (None, False),
        ((1, 100_00, None), False),
        ((2, 100_00, None), True),
        # Reached before: the gift was given.
        ((2, 100_00, True), False),
        ((5, 900_00, True), False),
        # Taken back below the goal after the gift and reached again: still one gift a period.
        ((2, 100_00, "2026-03-03"), False),
        # The rules were made easier meanwhile.
        ((7, 100_00, None), True),
    ],
)
def test_so_many_purchases(standing: tuple[int, int, object] | None, now: bool) -> None:
    one = goal()
    found = step(one, standing)
    assert (found.reached_now, found.purchases_delta, found.spent_delta) == (now, 1, 500_00)
    assert (found.live, found.period, found.ends_on) == (one, date(2026, 3, 2), date(2026, 3, 8))
    assert found.gift == GIFT


@pytest.mark.parametrize(("spent", "now"), [(499_99, False), (500_00, True)])
def test_so_much_spent(spent: int, now: bool) -> None:
    assert step(goal(measure="spend", target=1000_00), (9, spent, None)).reached_now is now


def test_of_a_receipt_only_the_goods_in_scope_count_as_spent() -> None:
    one = goal({"scope": COFFEE}, measure="spend", target=200_00)
    lines = [line(150_00, category="coffee"), line(350_00)]
    found = step(one, None, lines=lines, paid_of=[150_00, 350_00])
    assert (found.spent_delta, found.reached_now) == (150_00, False)


def test_nothing_paid_counts_for_nothing() -> None:
    assert goals_step([goal()], {}, day=DAY, paid=0) == []


def test_a_new_period_begins_at_nothing() -> None:
    one = goal()
    last_week = {(one.promotion_id, date(2026, 2, 23)): (2, 0, None)}
    (found,) = goals_step([one], last_week, day=DAY, paid=1)
    assert not found.reached_now


def test_other_promotions_are_passed_over() -> None:
    one = goal()
    found = goals_step([live(FixedPoints(points=5)), one], {}, day=DAY, paid=1)
    assert [each.live for each in found] == [one]
