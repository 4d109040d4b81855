"""The policy by its table: consent, quiet hours, deadlines, caps, order, holdout."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.messaging import (
    MASS,
    SERVICE,
    TRIGGER,
    Facts,
    HeldOut,
    Left,
    PolicyRules,
    Send,
    Skip,
    Wait,
    decide,
    rank,
)
from loyalty.messaging.policy import CONSENT_ASKED_WITHIN, quiet_until
from loyalty.program import Program

NOON = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)  # 12:00 in Moscow
MOSCOW, BERLIN = "Europe/Moscow", "Europe/Berlin"
RULES = PolicyRules.of(Program())


def facts(**changed: Any) -> Facts:
    """A trigger that may leave at noon, with what a test changes about it."""
    now = changed.get("now", NOON)
    base: dict[str, Any] = {
        "message_class": TRIGGER,
        "now": now,
        "due_at": now,
        "deadline": now + timedelta(hours=48),
        "time_zone": MOSCOW,
        "reachable": True,
        "consent": True,
    }
    return Facts(**base | changed)


def days_ago(*days: float, name: str = TRIGGER) -> list[Left]:
    """Messages that left so many days before noon."""
    return [Left(name, NOON - timedelta(days=day)) for day in days]


def moscow(day: int, hour: int) -> datetime:
    """An hour of a day in March 2026, Moscow time."""
    return datetime(2026, 3, day, hour, tzinfo=UTC) - timedelta(hours=3)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, Send()),
        ({"consent": False}, Skip("no_consent")),
        ({"consent": None, "due_at": NOON - CONSENT_ASKED_WITHIN}, Skip("no_consent")),
        ({"consent": None}, Wait(NOON + timedelta(seconds=2), "no_consent")),
        ({"reachable": False}, Skip("unreachable")),
        ({"deadline": NOON - timedelta(seconds=1)}, Skip("late")),
        ({"deadline": NOON}, Send()),
        ({"paused": True}, Skip("paused")),
        ({"held_out": True}, HeldOut()),
        ({"held_out": True, "consent": False}, Skip("no_consent")),
        ({"now": moscow(4, 22)}, Wait(moscow(5, 9), "quiet_hours")),
        ({"now": moscow(4, 21)}, Wait(moscow(5, 9), "quiet_hours")),
        ({"now": moscow(4, 8)}, Wait(moscow(4, 9), "quiet_hours")),
        ({"now": moscow(4, 9)}, Send()),
        ({"now": moscow(4, 22), "deadline": moscow(5, 8)}, Skip("quiet_hours")),
        # A day of its own: 23:00 in Moscow is 21:00 in London, 15:00 in New York.
        ({"now": moscow(4, 23), "time_zone": "America/New_York"}, Send()),
        ({"left": days_ago(0.1)}, Wait(moscow(5, 9), "cap_day")),
        # A full day, then the night: neither is forgotten, and the day is what is told.
        ({"left": days_ago(0.1), "deadline": moscow(5, 8)}, Skip("cap_day")),
        ({"left": days_ago(0.1), "deadline": moscow(5, 9)}, Wait(moscow(5, 9), "cap_day")),
        ({"left": days_ago(0.1), "quiet": (0, 0)}, Wait(moscow(5, 0), "cap_day")),
        ({"now": moscow(4, 7), "left": days_ago(0.4)}, Wait(moscow(5, 9), "cap_day")),
        ({"now": moscow(4, 22), "left": days_ago(0.1)}, Wait(moscow(5, 9), "quiet_hours")),
        (
            {"now": moscow(4, 22), "left": days_ago(0.1, 1, 2, 6), "deadline": moscow(9, 9)},
            Wait(moscow(5, 9), "quiet_hours"),
        ),
        (
            {"now": moscow(4, 22), "left": days_ago(0.1, 1, 2, 5), "deadline": moscow(9, 9)},
            Wait(moscow(6, 9), "cap_week"),
        ),
        ({"left": days_ago(0.6)}, Send()),
        ({"left": days_ago(1, 2, 3)}, Send()),
        ({"left": days_ago(1, 2, 3, 4)}, Skip("cap_week")),
        (
            {"left": days_ago(1, 2, 3, 5), "deadline": NOON + timedelta(days=3)},
            Wait(moscow(6, 9), "cap_week"),
        ),
        ({"left": days_ago(7, 8, 9, 10)}, Send()),
        (
            {"left": days_ago(1, 2) + days_ago(1, 2, 3, name=MASS)},
            Skip("cap_all_week"),
        ),
        ({"left": days_ago(0.1, name=MASS)}, Send()),
        ({"rank": 4, "rivals": [5, 9]}, Send()),
        (
            {"rank": 4, "rivals": [5, 0]},
            Wait(moscow(5, 9), "another_first"),
        ),
        (
            {"rank": 4, "rivals": [0], "deadline": NOON + timedelta(hours=6)},
            Skip("another_first"),
        ),
        ({"message_class": MASS}, Send()),
        ({"message_class": MASS, "rivals": [14]}, Skip("trigger_first")),
        ({"message_class": MASS, "left": days_ago(0.1)}, Skip("trigger_first")),
        (
            {"message_class": MASS, "now": moscow(4, 7), "left": days_ago(0.4)},
            Skip("trigger_first"),
        ),
        (
            {"message_class": MASS, "now": moscow(4, 22), "left": days_ago(0.1)},
            Wait(moscow(5, 9), "quiet_hours"),
        ),
        ({"message_class": MASS, "left": days_ago(0.1, name=MASS)}, Skip("cap_day")),
        ({"message_class": MASS, "left": days_ago(1, 5, name=MASS)}, Skip("cap_week")),
        ({"message_class": MASS, "left": days_ago(1, 2, 3, 4, 5)}, Skip("cap_all_week")),
    ],
)
def test_the_table(changed: dict[str, Any], expected: object) -> None:
    assert decide(facts(**changed), RULES) == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"consent": False},
        {"consent": None},
        {"now": moscow(4, 23)},
        {"left": days_ago(0.1, 1, 2, 3, 4)},
        {"held_out": True},
        {"paused": True},
        {"rivals": [0]},
    ],
)
def test_nothing_holds_a_service_message(changed: dict[str, Any]) -> None:
    assert decide(facts(message_class=SERVICE, **changed), RULES) == Send()


def test_a_service_message_needs_a_chat_and_its_time() -> None:
    assert decide(facts(message_class=SERVICE, reachable=False), RULES) == Skip("unreachable")
    late = facts(message_class=SERVICE, deadline=NOON - timedelta(minutes=1))
    assert decide(late, RULES) == Skip("late")


def test_the_looks_for_an_answer_about_news_grow_apart_and_end() -> None:
    born, now, looks = NOON, NOON, 0
    while isinstance(decision := decide(facts(now=now, due_at=born, consent=None), RULES), Wait):
        assert decision.until > now
        now, looks = decision.until, looks + 1
    assert decision == Skip("no_consent")
    assert looks < 15
    assert now - born >= CONSENT_ASKED_WITHIN


def test_who_may_hear_several_a_day_need_not_wait_for_tomorrow() -> None:
    two = PolicyRules(trigger_per_day=2)
    assert decide(facts(rank=4, rivals=[0]), two) == Send()
    assert decide(facts(rank=4, rivals=[0, 1]), two) == Wait(moscow(5, 9), "another_first")
    full = facts(rank=4, rivals=[0], left=days_ago(0.1))
    assert decide(full, two) == Wait(moscow(5, 9), "another_first")


def berlin(month: int, day: int, hour: int, minute: int = 0, *, fold: int = 0) -> datetime:
    """A wall-clock time in Berlin in 2026."""
    from zoneinfo import ZoneInfo

    local = datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo(BERLIN), fold=fold)
    return local.astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "start", "end", "until"),
    [
        # Across midnight, on the nights the clocks change (29 March forward, 25 October back).
        (berlin(3, 28, 22), 21 * 60, 9 * 60, berlin(3, 29, 9)),
        (berlin(10, 24, 22), 21 * 60, 9 * 60, berlin(10, 25, 9)),
        # The window ends in the hour that is skipped: at the end of the gap.
        (berlin(3, 29, 1, 30), 60, 150, berlin(3, 29, 3, 30)),
        # It ends in the hour that comes twice: at the first, or an hour on if that is past.
        (berlin(10, 25, 1, 30), 60, 150, berlin(10, 25, 2, 30)),
        (berlin(10, 25, 2, 15, fold=1), 60, 150, berlin(10, 25, 2, 30, fold=1)),
        # In the daytime, within one day, and none at all.
        (berlin(6, 1, 12), 21 * 60, 9 * 60, None),
        (berlin(6, 1, 13), 12 * 60, 14 * 60, berlin(6, 1, 14)),
        (berlin(6, 1, 14), 12 * 60, 14 * 60, None),
        (berlin(6, 1, 3), 0, 0, None),
    ],
)
def test_quiet_hours_and_the_clock_change(
    moment: datetime, start: int, end: int, until: datetime | None
) -> None:
    assert quiet_until(moment, time_zone=BERLIN, start=start, end=end) == until


@given(
    minutes=st.integers(0, 60 * 24 * 366),
    start=st.integers(0, 1439),
    end=st.integers(0, 1439),
    zone=st.sampled_from([BERLIN, MOSCOW, "America/New_York", "Australia/Lord_Howe"]),
)
def test_a_wait_for_morning_ends_outside_the_quiet_hours(
    minutes: int, start: int, end: int, zone: str
) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    until = quiet_until(moment, time_zone=zone, start=start, end=end)
    if until is not None:
        assert moment < until <= moment + timedelta(hours=26)


def test_the_order_of_triggers() -> None:
    order = [
        rank("chain:bonus_expiry", "1"),
        rank("chain:bonus_expiry", "3"),
        rank("chain:welcome", "hello"),
        rank("chain:bonus_expiry", "14"),
        rank("chain:somebody_s_own", "first"),
    ]
    assert order == sorted(order)
    assert len(set(order)) == len(order)


def test_caps_are_counted_by_the_customer_s_own_day() -> None:
    # 23:30 the evening before in Moscow, this very day in Vladivostok.
    left = [Left(TRIGGER, datetime(2026, 3, 3, 20, 30, tzinfo=UTC))]
    now = datetime(2026, 3, 4, 6, 30, tzinfo=UTC)
    assert decide(facts(now=now, left=left), RULES) == Send()
    far = facts(now=now, left=left, time_zone="Asia/Vladivostok")
    assert isinstance(decide(far, RULES), Wait)
