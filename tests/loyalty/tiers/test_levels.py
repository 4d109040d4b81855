"""The pure part of tiers: what a spend reaches, what a sale makes of it, the window, the bar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty import tiers
from loyalty.customers import customer
from loyalty.db import Rows
from loyalty.events import event
from loyalty.program import LocalText, Program, TierRule
from loyalty.texts import translator
from loyalty.tiers import Progress

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PROGRAM = Program()


def sold(*, tier: str = "bronze", floor: str | None = None, spent: int) -> tuple[str, Rows]:
    rows = Rows()
    new = tiers.after_sale(
        rows,
        program=PROGRAM,
        customer_id=7,
        tier=tier,
        floor=floor,
        spent_12m=spent,
        now=NOW,
        actor="staff:1",
    )
    return new, rows


@pytest.mark.parametrize(
    ("before", "order", "expected"),
    [
        (0, 6000, "bronze"),
        (0, 15000, "silver"),
        (0, 25000, "gold"),
        (4000, 500, "bronze"),
        (8000, 3000, "silver"),
        (18000, 3000, "gold"),
        (22000, 5000, "gold"),
    ],
)
def test_s09_the_tier_of_what_was_spent_and_this_order(
    before: int, order: int, expected: str
) -> None:
    """S09 (ERPNext test_tier_selection), amounts in whole roubles."""
    held = tiers.reached(PROGRAM, before * 100)
    new, _ = sold(tier=held, spent=(before + order) * 100)
    assert new == expected


def test_a_threshold_is_reached_by_its_very_sum() -> None:
    assert tiers.reached(PROGRAM, 999_999) == "bronze"
    assert tiers.reached(PROGRAM, 1_000_000) == "silver"
    assert tiers.reached(PROGRAM, -500) == "bronze"


def test_a_rise_is_written_with_its_event_and_ends_a_warning() -> None:
    new, rows = sold(spent=2_100_000)
    assert new == "gold"
    (row,) = rows.rows_of(customer)
    assert row["tier"] == "gold"
    assert row["tier_warned_for"] is None
    (told,) = rows.rows_of(event)
    assert told["type"] == "tier.changed"
    assert told["data"] == {
        "from": "bronze",
        "to": "gold",
        "rise": True,
        "reason": "sale",
        "spent": 2_100_000,
    }


@pytest.mark.parametrize(("tier", "spent"), [("gold", 0), ("silver", 1_500_000), ("gold", -100)])
def test_a_sale_never_lowers_a_tier_and_then_writes_nothing(tier: str, spent: int) -> None:
    new, rows = sold(tier=tier, spent=spent)
    assert new == tier
    assert not rows


def test_a_floor_lifts_and_a_tier_that_is_gone_counts_as_none() -> None:
    assert sold(floor="gold", spent=100)[0] == "gold"
    assert sold(tier="platinum", spent=100)[0] == "bronze"
    assert tiers.order(PROGRAM, "gold") == 2
    assert tiers.order(PROGRAM, "platinum") == -1


@pytest.mark.parametrize(
    ("day", "first"),
    [
        (date(2026, 3, 2), date(2025, 3, 3)),
        (date(2026, 4, 1), date(2025, 4, 2)),
        (date(2024, 2, 29), date(2023, 3, 1)),
        (date(2025, 2, 28), date(2024, 2, 29)),
        (date(2026, 12, 31), date(2026, 1, 1)),
    ],
)
def test_the_window_is_twelve_months_that_end_today(day: date, first: date) -> None:
    assert tiers.window_start(day) == first


@given(st.dates(date(2001, 1, 1), date(2100, 1, 1)))
def test_the_window_only_moves_ahead(day: date) -> None:
    today, tomorrow = tiers.window_start(day), tiers.window_start(day + timedelta(days=1))
    assert today <= tomorrow
    assert 364 <= (day - today).days <= 365


@given(
    st.lists(st.integers(1, 10**9), min_size=1, max_size=6, unique=True),
    st.integers(-(10**6), 2 * 10**9),
)
def test_what_is_reached_is_the_highest_threshold_not_above_the_spend(
    thresholds: list[int], spent: int
) -> None:
    rules = [TierRule(key="t0", threshold=0, earn_rate_bp=0)]
    for n, threshold in enumerate(sorted(thresholds), 1):
        rules.append(TierRule(key=f"t{n}", threshold=threshold, earn_rate_bp=n))
    program = Program(tiers=tuple(rules))
    fits = [rule for rule in rules if rule.threshold <= max(0, spent)]
    assert tiers.reached(program, spent) == fits[-1].key


def standing(spent: int, *, tier: int = 1, program: Program = PROGRAM) -> Progress:
    above = program.tiers[tier + 1] if tier + 1 < len(program.tiers) else None
    return Progress(
        tier=program.tiers[tier],
        spent=spent,
        next_tier=above,
        to_next=above.threshold - spent if above else 0,
        floor=None,
        warned_for=None,
        to_keep=0,
    )


def line(shown: Progress, language: str) -> str:
    said = tiers.progress_line(translator(language), shown, currency="RUB")
    return str(said).replace("\u00a0", " ").replace("\u202f", " ")


def test_the_bar_says_how_much_is_missing() -> None:
    assert line(standing(1_880_000), "ru") == "▰▰▰▰▱ 1 200 ₽ до Золота"
    assert line(standing(1_880_000), "en") == "▰▰▰▰▱ ₽1,200 to Gold"
    assert line(standing(1_200_000), "ru") == "▰▰▰▱▱ 8 000 ₽ до Золота"
    assert line(standing(600_000, tier=0), "ru") == "▰▰▰▱▱ 4 000 ₽ до Серебра"
    assert line(standing(2_500_000, tier=2), "ru") == "▰▰▰▰▰ Золото, самый высокий уровень"


def test_a_level_of_the_owner_s_own_is_named_as_it_is() -> None:
    program = Program(
        tiers=(
            TierRule(key="bronze", threshold=0, earn_rate_bp=0),
            TierRule(
                key="star",
                threshold=1000,
                earn_rate_bp=1,
                name=LocalText(ru="Звезда", en="Star"),
            ),
        )
    )
    shown = standing(0, tier=0, program=program)
    assert line(shown, "ru") == "▱▱▱▱▱ 10 ₽ до уровня «Звезда»"
    assert line(shown, "en") == "▱▱▱▱▱ ₽10 to “Star”"


@given(st.integers(-100, 10**7), st.integers(1, 10**7))
def test_the_bar_is_full_exactly_when_the_threshold_is_reached(spent: int, threshold: int) -> None:
    cells = tiers.bar(spent=spent, threshold=threshold)
    assert len(cells) == 5
    assert ("▱" not in cells) == (spent >= threshold)
