"""Whatever is asked of the policy, in whatever zone: nobody is written to at night or too often."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loyalty import clock
from loyalty.messaging import MASS, SERVICE, TRIGGER, Facts, Left, PolicyRules, Send, Skip, Wait
from loyalty.messaging.policy import PRIORITY, decide, quiet_until, rank

ZONES = (
    "Europe/Moscow",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour of summer time
    "America/Asuncion",  # changes its clocks at midnight
    "Pacific/Kiritimati",  # fourteen hours ahead
    "Atlantic/Azores",
    "Asia/Kathmandu",
)
CHANGES = [
    datetime(2026, 3, 28, tzinfo=UTC),
    datetime(2026, 10, 24, tzinfo=UTC),
    datetime(2026, 3, 7, tzinfo=UTC),
    datetime(2026, 10, 31, tzinfo=UTC),
    datetime(2026, 4, 4, tzinfo=UTC),
    datetime(2026, 10, 3, tzinfo=UTC),
    datetime(2024, 3, 23, tzinfo=UTC),
    datetime(2024, 10, 5, tzinfo=UTC),
    datetime(2028, 2, 28, tzinfo=UTC),
]
"""Days around which clocks change, and a leap day."""

minutes = st.integers(0, 24 * 60 - 1)
moments = st.builds(
    lambda day, after: day + timedelta(seconds=after),
    st.sampled_from(CHANGES),
    st.integers(0, 3 * 86_400),
)
rules = st.builds(
    PolicyRules,
    quiet_start=minutes,
    quiet_end=minutes,
    trigger_per_day=st.integers(0, 3),
    trigger_per_week=st.integers(0, 5),
    mass_per_day=st.integers(0, 2),
    mass_per_week=st.integers(0, 4),
    marketing_per_week=st.integers(0, 6),
)


@dataclass(frozen=True, order=True)
class Message:
    """One that somebody wants to send."""

    due_at: datetime
    number: int
    message_class: str
    deadline: datetime
    place: int


@dataclass(frozen=True)
class Said:
    """One that left."""

    message: Message
    at: datetime


@st.composite
def queues(draw: st.DrawFn) -> list[Message]:
    """Up to a dozen messages to one person within two weeks."""
    start = draw(moments)
    made = []
    for number in range(draw(st.integers(1, 12))):
        due_at = start + timedelta(minutes=draw(st.integers(0, 14 * 24 * 60)))
        made.append(
            Message(
                due_at=due_at,
                number=number,
                message_class=draw(st.sampled_from((TRIGGER, TRIGGER, MASS))),
                deadline=due_at + timedelta(hours=draw(st.integers(1, 240))),
                place=draw(st.integers(0, len(PRIORITY))),
            )
        )
    return made


def play(queue: list[Message], zone: str, rules: PolicyRules) -> Iterator[Said | Skip]:
    """Ask about each message when it is due and when its wait is over, as the dispatcher does."""
    coming = [(message.due_at, message.place, message) for message in queue]
    heapq.heapify(coming)
    left: list[Left] = []
    for _ in range(2000):
        if not coming:
            return
        now, _, message = heapq.heappop(coming)
        decision = decide(
            Facts(
                message_class=message.message_class,
                now=now,
                due_at=message.due_at,
                deadline=message.deadline,
                time_zone=zone,
                reachable=True,
                consent=True,
                left=left,
                rank=message.place,
                rivals=[
                    place
                    for due_at, place, other in coming
                    if due_at <= now and other.message_class == TRIGGER
                ],
            ),
            rules,
        )
        if isinstance(decision, Wait):
            assert decision.until > now, "a wait goes on"
            assert decision.until <= message.deadline, "nobody waits for what comes too late"
            heapq.heappush(coming, (decision.until, message.place, message))
        elif isinstance(decision, Send):
            left.append(Left(message.message_class, now))
            yield Said(message, now)
        else:
            assert isinstance(decision, Skip)
            yield decision
    raise AssertionError("the waits never end")


def is_quiet(moment: datetime, zone: str, rules: PolicyRules) -> bool:
    """By the clock on the wall, worked out in another way than the policy does."""
    local = moment.astimezone(clock.zone(zone))
    minute, start, end = local.hour * 60 + local.minute, rules.quiet_start, rules.quiet_end
    inside = (minute - start) % 1440 < (end - start) % 1440
    return start != end and inside


@settings(max_examples=300, deadline=None)
@given(queue=queues(), zone=st.sampled_from(ZONES), rules=rules)
def test_never_at_night_never_too_often_never_late(
    queue: list[Message], zone: str, rules: PolicyRules
) -> None:
    ended = list(play(queue, zone, rules))
    assert len(ended) == len(queue)
    said = [one for one in ended if isinstance(one, Said)]
    days = [(one.message.message_class, clock.local_date(one.at, zone)) for one in said]
    for one in said:
        assert not is_quiet(one.at, zone, rules)
        assert one.message.due_at <= one.at <= one.message.deadline
        today = clock.local_date(one.at, zone)
        week = [name for name, day in days if today - timedelta(days=7) < day <= today]
        same_day = [name for name, day in days if day == today]
        assert len(week) <= rules.marketing_per_week
        assert week.count(TRIGGER) <= rules.trigger_per_week
        assert week.count(MASS) <= rules.mass_per_week
        assert same_day.count(TRIGGER) <= rules.trigger_per_day
        assert same_day.count(MASS) <= rules.mass_per_day
    for n, one in enumerate(said):
        if one.message.message_class == MASS:
            earlier = [name for name, day in days[:n] if day == days[n][1]]
            assert TRIGGER not in earlier, "where a trigger went, no campaign goes that day"


@settings(max_examples=300, deadline=None)
@given(
    moment=moments, zone=st.sampled_from(ZONES), start=minutes, end=minutes, seconds=st.booleans()
)
@example(  # The clocks go back at 03:00 to 02:00: the window's end comes twice.
    moment=datetime(2026, 10, 25, 1, 10, tzinfo=UTC),
    zone="Europe/Berlin",
    start=21 * 60,
    end=150,
    seconds=False,
)
@example(  # The clocks go forward over the window's end.
    moment=datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
    zone="Europe/Berlin",
    start=21 * 60,
    end=150,
    seconds=False,
)
def test_quiet_hours_end_and_then_it_is_not_quiet(
    moment: datetime, zone: str, start: int, end: int, seconds: bool
) -> None:
    rules = PolicyRules(quiet_start=start, quiet_end=end)
    now = moment if seconds else moment.replace(second=0)
    until = quiet_until(now, time_zone=zone, start=start, end=end)
    assert (until is not None) == is_quiet(now, zone, rules)
    if until is not None:
        assert now < until <= now + timedelta(hours=25)
        assert not is_quiet(until, zone, rules)


@given(moment=moments, zone=st.sampled_from(ZONES), rules=rules, messages=st.integers(0, 30))
def test_what_somebody_asked_for_never_waits(
    moment: datetime, zone: str, rules: PolicyRules, messages: int
) -> None:
    facts = Facts(
        message_class=SERVICE,
        now=moment,
        due_at=moment,
        deadline=moment + timedelta(hours=48),
        time_zone=zone,
        reachable=True,
        consent=False,
        left=[Left(TRIGGER, moment)] * messages,
        rivals=[0] * messages,
        paused=True,
        held_out=True,
    )
    assert decide(facts, rules) == Send()


NOON = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)


def _at_noon(segments: set[str], left: list[Left], rules: PolicyRules) -> object:
    return decide(
        Facts(
            message_class=TRIGGER,
            now=NOON,
            due_at=NOON,
            deadline=NOON + timedelta(hours=1),
            time_zone="Europe/Moscow",
            reachable=True,
            consent=True,
            left=left,
            segments=segments,
        ),
        rules,
    )


CAPS = {"trigger_per_week": 9, "mass_per_day": 1, "mass_per_week": 2, "marketing_per_week": 9}


@pytest.mark.parametrize(
    ("segments", "earlier_today", "expected"),
    [
        (set(), 0, Send()),
        (set(), 1, Skip("cap_day")),
        ({"vip"}, 1, Send()),
        ({"vip"}, 3, Skip("cap_day")),
        ({"one_time"}, 0, Skip("cap_day")),
        # Of the rows that match, the most favourable; the program's own is none of them.
        ({"vip", "one_time"}, 2, Send()),
        ({"somebody_else"}, 1, Skip("cap_day")),
    ],
)
def test_caps_of_segments(segments: set[str], earlier_today: int, expected: object) -> None:
    rules = PolicyRules(
        by_segment={
            "vip": {**CAPS, "trigger_per_day": 3},
            "one_time": {**CAPS, "trigger_per_day": 0},
        }
    )
    assert _at_noon(segments, [Left(TRIGGER, NOON)] * earlier_today, rules) == expected


@pytest.mark.parametrize(
    ("step", "place"),
    [("1", 0), ("day_1", 0), ("3", 5), ("2", 5), ("14", 13), ("7", 13), ("90", 13), ("hello", 13)],
)
def test_reminders_of_points_have_three_places(step: str, place: int) -> None:
    assert rank("chain:bonus_expiry", step) == place
    assert rank("chain:of_their_own", step, "bonus_expiry") == place


def test_a_chain_of_one_s_own_goes_where_its_urgency_says() -> None:
    assert rank("chain:oil", "first", "renewal") == rank("chain:renewal", "x")
    assert rank("chain:oil", "first", "other") == rank("chain:oil", "first") == len(PRIORITY)
