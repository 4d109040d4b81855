"""Ready-made segments: names from facts, and their edges in days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty import segments

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def of(**facts: Any) -> frozenset[str]:
    given_: dict[str, Any] = {
        "tier": "silver",
        "joined_at": NOW - timedelta(days=400),
        "orders": 5,
        "last_purchase_at": NOW - timedelta(days=1),
        "now": NOW,
        **facts,
    }
    return segments.ready_made(**given_)


@pytest.mark.parametrize(
    ("days", "name"),
    [
        (0, "active"),
        (30, "active"),
        (31, "at_risk"),
        (60, "at_risk"),
        (61, "sleeping"),
        (90, "sleeping"),
        (91, "lost"),
        (4000, "lost"),
    ],
)
def test_the_lifecycle_by_days_since_the_last_purchase(days: int, name: str) -> None:
    found = of(last_purchase_at=NOW - timedelta(days=days))
    assert found & set(segments.LIFECYCLE) == {name}


def test_newcomers_and_those_who_bought_never_or_once() -> None:
    assert "newcomers" in of(joined_at=NOW - timedelta(days=30))
    assert "newcomers" not in of(joined_at=NOW - timedelta(days=30, seconds=1))
    assert "newcomers" not in of(joined_at=None)
    assert "one_time" in of(orders=1)
    never = of(orders=0, last_purchase_at=None)
    assert "no_purchases" in never
    assert not never & {"one_time", *segments.LIFECYCLE}


def test_tier_and_tags_are_segments_too() -> None:
    found = of(tags=["regular", "cat person"], top_tier="silver")
    assert {"tier:silver", "tag:regular", "tag:cat person", "vip"} <= found
    assert "vip" not in of(top_tier="gold")


@pytest.mark.parametrize(
    ("today", "month", "day", "is_in"),
    [
        (date(2026, 3, 2), 3, 5, True),
        (date(2026, 3, 2), 3, 6, False),
        (date(2026, 3, 2), 2, 27, True),
        (date(2026, 1, 1), 12, 30, True),
        (date(2026, 12, 30), 1, 2, True),
        (date(2026, 3, 3), 2, 29, True),
        (date(2026, 3, 4), 2, 29, False),
        (date(2024, 3, 3), 2, 29, True),
    ],
)
def test_the_birthday_week_over_any_year_s_end(
    today: date, month: int, day: int, is_in: bool
) -> None:
    assert segments.in_birthday_week(today, month=month, day=day) is is_in
    assert ("birthday_week" in of(today=today, birth_month=month, birth_day=day)) is is_in


@given(
    st.integers(0, 5),
    st.integers(0, 200),
    st.sampled_from(["bronze", "gold"]),
)
def test_somebody_who_bought_is_in_exactly_one_part_of_the_lifecycle(
    orders: int, days: int, tier: str
) -> None:
    found = of(orders=orders, last_purchase_at=NOW - timedelta(days=days), tier=tier)
    assert len(found & set(segments.LIFECYCLE)) == (orders > 0)
    assert found <= {*segments.READY_MADE, f"tier:{tier}"}
