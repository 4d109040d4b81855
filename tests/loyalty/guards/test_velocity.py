"""Limits: off unless the owner sets one, then exact."""

from __future__ import annotations

import pytest

from loyalty import guards
from loyalty.errors import VelocityExceeded
from loyalty.program import Guards


def test_nothing_is_refused_unless_the_owner_says_so() -> None:
    guards.check_velocity(Guards(), card_sales_today=10**6, cashier_sales_last_hour=10**6)
    assert not guards.needs_counts(Guards())


@pytest.mark.parametrize("sales", [3, 4])
def test_the_limit_of_a_card(sales: int) -> None:
    rules = Guards(card_sales_limit=3)
    assert guards.needs_counts(rules)
    guards.check_velocity(rules, card_sales_today=2)
    with pytest.raises(VelocityExceeded) as refused:
        guards.check_velocity(rules, card_sales_today=sales)
    assert refused.value.facts == {"of": "card", "limit": 3}


def test_the_limit_of_a_cashier() -> None:
    rules = Guards(cashier_sales_per_hour_limit=1)
    guards.check_velocity(rules, card_sales_today=99)
    with pytest.raises(VelocityExceeded) as refused:
        guards.check_velocity(rules, cashier_sales_last_hour=1)
    assert refused.value.facts == {"of": "cashier", "limit": 1}
