"""Whole sales at random, everything on: quotes hold, previews hold, and it never matters in how
many steps, or in which order, goods come back.

More of them: ``STORIES=2000 pytest tests/loyalty/purchases/test_stories.py -m slow``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from loyalty.purchases import PurchaseResult, ReturnResult
from tests.loyalty.purchases.stage import PLANS, Plan, Stage, open_stage

STORIES = int(os.environ.get("STORIES", "300"))
STORY = settings(
    deadline=None,
    database=None,
    # Each try costs a good many transactions: what fails is made smaller by the clock only.
    phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if "SHRINK" in os.environ else [])],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def part_of(data: st.DataObject, left: dict[int, int]) -> dict[int, int]:
    """Some of what is left of a purchase: whole pieces as a rule, now and then a fraction."""
    found = {}
    for n, milli in left.items():
        steps = {0, milli, milli // 1000 * 1000, 1000, milli // 3}
        taken = data.draw(
            st.sampled_from(sorted(s for s in steps if 0 <= s <= milli)), label="milli"
        )
        if taken:
            found[n] = taken
    return found


def total(returns: list[ReturnResult]) -> Counter[str]:
    """What returns did, altogether; zeros are left out."""
    found: Counter[str] = Counter()
    for one in returns:
        for name in ("amount", "money_back", "earned_reversed", "spent_returned", "gift_returned"):
            found[name] += getattr(one, name)
        found["stamps"] += sum(one.stamps_taken.values())
    return +found


def twice(stage: Stage, plans: list[Plan]) -> list[tuple[int, list[PurchaseResult]]]:
    """Two customers who buy the same; late ones go without a card until they are attached."""
    found = []
    for _ in range(2):
        who = stage.customer()
        sales = []
        for plan in plans:
            stage.world.pass_time(hours=7)
            sales.append(stage.sell(who, plan))
        found.append((who, sales))
    return found


def check_steps(stage: Stage, plans: list[Plan], data: st.DataObject) -> None:
    (slow, of_slow), (fast, of_fast) = twice(stage, plans)
    stage.world.pass_time(hours=7)
    late = [one.purchase_id for one, plan in zip(of_slow, plans, strict=True) if plan.late]
    for purchase_id in late:
        part = part_of(data, stage.left(purchase_id)) if data.draw(st.booleans()) else {}
        twin = of_fast[[one.purchase_id for one in of_slow].index(purchase_id)].purchase_id
        for who, which in ((slow, purchase_id), (fast, twin)):
            if part:
                stage.take_back(which, part)
            if stage.left(which):
                stage.attach(who, which)
    before = [stage.state(slow), stage.state(fast)]
    assert before[0] == before[1]
    steps: list[list[ReturnResult]] = [[] for _ in plans]
    came: list[Counter[int]] = [Counter() for _ in plans]
    for _ in range(data.draw(st.integers(1, 6), label="steps")):
        which = data.draw(st.integers(0, len(plans) - 1), label="purchase")
        left = stage.left(of_slow[which].purchase_id)
        part = left if data.draw(st.booleans(), label="all") else part_of(data, left)
        if part:
            steps[which].append(stage.take_back(of_slow[which].purchase_id, part))
            came[which].update(part)
    for which, parts in enumerate(came):
        if not parts:
            continue
        at_once = stage.take_back(of_fast[which].purchase_id, dict(parts))
        assert total(steps[which]) == total([at_once])
        sold = of_slow[which]
        if not stage.left(sold.purchase_id) and not plans[which].late:
            assert at_once.money_back == sold.to_pay
            assert (at_once.amount, at_once.gift_returned) == (sold.total, sold.gift_paid)
            assert at_once.spent_returned == sold.redeemed
            assert at_once.earned_reversed == sold.earned
            assert sum(at_once.stamps_taken.values()) == sum(sold.stamps.values())
    assert stage.state(slow) == stage.state(fast)
    assert stage.faults(slow, fast) == []


def check_mixed(stage: Stage, plans: list[Plan], data: st.DataObject) -> None:
    """Sales and returns in between, of one customer: whatever happens, it adds up."""
    who = stage.customer()
    sold: list[PurchaseResult] = []
    money: Counter[int] = Counter()
    waiting: list[int] = []
    for plan in plans:
        stage.world.pass_time(hours=data.draw(st.sampled_from((0, 1, 30, 400)), label="hours"))
        sold.append(stage.sell(who, plan))
        if plan.late:
            waiting.append(sold[-1].purchase_id)
        if data.draw(st.booleans(), label="attach") and waiting:
            purchase_id = waiting.pop()
            if stage.left(purchase_id):
                stage.attach(who, purchase_id)
        if data.draw(st.booleans(), label="return"):
            one = data.draw(st.sampled_from(sold), label="purchase")
            if part := part_of(data, stage.left(one.purchase_id)):
                money[one.purchase_id] += stage.take_back(one.purchase_id, part).money_back
    for one in data.draw(st.permutations(sold), label="order"):
        if left := stage.left(one.purchase_id):
            money[one.purchase_id] += stage.take_back(one.purchase_id, left).money_back
        assert money[one.purchase_id] == one.to_pay
    state = stage.state(who)
    assert all(purchases == spent == 0 for _, _, purchases, spent in state["goals"])
    assert [(spent, window) for _, spent, window in state["sums"]] in ([(0, 0)], [])
    assert stage.faults(who) == []


CHECKS = [check_steps, check_mixed]


def tell(url: str, check: Callable[[Stage, list[Plan], Any], None], stories: int) -> None:
    with open_stage(url) as stage:

        @settings(STORY, max_examples=stories)
        @given(plans=st.lists(PLANS, min_size=1, max_size=4), data=st.data())
        def story(plans: list[Plan], data: st.DataObject) -> None:
            check(stage, plans, data)

        story()


@pytest.mark.parametrize("check", CHECKS)
def test_a_story_of_sales_and_returns_adds_up(
    check: Callable[[Stage, list[Plan], Any], None], database_url: str
) -> None:
    tell(database_url, check, 15)


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
def test_many_stories_of_sales_and_returns_add_up(
    check: Callable[[Stage, list[Plan], Any], None], database_url: str
) -> None:
    tell(database_url, check, STORIES)
