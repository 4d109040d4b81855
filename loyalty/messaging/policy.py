"""What we may say, and when: a pure function of facts. It reads nothing and writes nothing.

It is asked twice about each message: when it is planned, and again just before it leaves.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from loyalty import clock
from loyalty.messaging.outbox import MASS, SERVICE, TRIGGER
from loyalty.program import Program

WEEK_DAYS = 7

PRIORITY = (
    "bonus_expiry:1",
    "abandoned_cart",
    "birthday",
    "post_purchase",
    "rating",
    "bonus_expiry:3",
    "welcome",
    "renewal",
    "replenishment",
    "tier_progress",
    "abandoned_view",
    "referral",
    "anniversary",
    "bonus_expiry:14",
    "seasonal",
    "win_back",
)
"""Of two triggers on one day the earlier here goes first; those not named come last."""

LAST = len(PRIORITY)
"""The place of those that are not named."""

CONSENT_ASKED_WITHIN = timedelta(minutes=10)
"""Who has just joined is asked about news a moment later: so long the first message waits."""
_FIRST_LOOK = timedelta(seconds=2)
_EXPIRY, _EXPIRY_PLACES = "bonus_expiry", (1, 3, 14)
_FURTHEST = ("14",)


def rank(source: str, step: str, urgency: str | None = None) -> int:
    """The place of a chain's step in the order of triggers; 0 goes first.

    ``source`` is ``chain:KEY``; ``urgency`` is what the chain is like where its key does not
    say so. Reminders of points have three places, told by the days in the step's name.
    """
    key = urgency or source.partition(":")[2] or source
    if key == _EXPIRY:
        days = int((re.search(r"\d+", step) or _FURTHEST)[0])
        key = f"{_EXPIRY}:{next(place for place in _EXPIRY_PLACES if days <= place or place == 14)}"
    return PRIORITY.index(key) if key in PRIORITY else LAST


@dataclass(frozen=True, slots=True)
class PolicyRules:
    """The program's part: quiet hours in minutes of the day, caps by local calendar, and the
    caps of segments that have their own."""

    quiet_start: int = 21 * 60
    quiet_end: int = 9 * 60
    trigger_per_day: int = 1
    trigger_per_week: int = 4
    mass_per_day: int = 1
    mass_per_week: int = 2
    marketing_per_week: int = 5
    by_segment: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, program: Program) -> PolicyRules:
        """The rules of a program version."""
        return cls(
            quiet_start=program.quiet_hours.start_minute,
            quiet_end=program.quiet_hours.end_minute,
            **program.caps.model_dump(),
            by_segment={row.segment: row.caps.model_dump() for row in program.caps_by_segment},
        )

    def for_segments(self, segments: Collection[str]) -> PolicyRules:
        """The rules for somebody in these segments: of the rows that match, each cap is the most
        favourable; the program's own where none does."""
        rows = [caps for key, caps in self.by_segment.items() if key in segments]
        if not rows:
            return self
        best: dict[str, Any] = {name: max(row[name] for row in rows) for name in rows[0]}
        return replace(self, **best)


@dataclass(frozen=True, slots=True)
class Left:
    """A marketing message that left (or, when planning, is on its way), and when."""

    message_class: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Today's facts about one message and the person it is for."""

    message_class: str
    now: datetime
    due_at: datetime
    deadline: datetime
    time_zone: str
    reachable: bool
    # None: the person has not been asked yet.
    consent: bool | None = None
    # Their own quiet hours, minutes of the local day (equal: never quiet); None: the program's.
    quiet: tuple[int, int] | None = None
    left: Sequence[Left] = ()
    # Places (``rank``) of this and of the person's other triggers: those due by now; when a mass
    # message is asked about, those due today.
    rank: int = LAST
    rivals: Sequence[int] = ()
    # Those of the segments with caps of their own that the person is in.
    segments: Collection[str] = ()
    paused: bool = False
    held_out: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    """It may leave now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now; every check runs again at ``until``."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Skip:
    """It never leaves, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class HeldOut:
    """It would have left; the person is in a control group."""

    reason: str = "holdout"


Decision = Send | Wait | Skip | HeldOut


def decide(facts: Facts, rules: PolicyRules) -> Decision:
    """Whether the message may leave at ``facts.now``.

    A wait is over at the first moment that everything allows, as far as is known today: quiet
    hours and caps together. One that would end after the deadline is a skip for the same reason.
    The holdout is looked at last: held-out people are those who would have been sent to.
    """
    if not facts.reachable:
        return Skip("unreachable")
    if facts.now > facts.deadline:
        return Skip("late")
    if facts.message_class == SERVICE:
        return Send()
    if facts.paused:
        return Skip("paused")
    decision = _consent(facts) or _when(facts, rules.for_segments(facts.segments))
    if isinstance(decision, Wait) and decision.until > facts.deadline:
        return Skip(decision.reason)
    if decision is not None:
        return decision
    return HeldOut() if facts.held_out else Send()


def quiet_until(moment: datetime, *, time_zone: str, start: int, end: int) -> datetime | None:
    """When the quiet hours around ``moment`` end; None outside them.

    ``start`` and ``end`` are minutes of the local day, end exclusive; a window may cross
    midnight, and equal minutes mean no quiet hours at all.
    """
    local = moment.astimezone(clock.zone(time_zone))
    minute = local.hour * 60 + local.minute
    if start <= end:
        quiet, days = start <= minute < end, 0
    else:
        quiet, days = minute >= start or minute < end, 1 if minute >= start else 0
    if not quiet:
        return None
    day = local.date() + timedelta(days=days)
    until = clock.local_instant(day, time(end // 60, end % 60), time_zone)
    if until > moment:
        return until
    # On the night the clocks go back an hour comes twice: this is its second time.
    second = datetime.combine(day, time(end // 60, end % 60), tzinfo=local.tzinfo)
    return second.replace(fold=1).astimezone(UTC)


def _consent(facts: Facts) -> Decision | None:
    if facts.consent:
        return None
    age = facts.now - facts.due_at
    if facts.consent is None and age < CONSENT_ASKED_WITHIN:
        return Wait(facts.now + max(_FIRST_LOOK, age), "no_consent")
    return Skip("no_consent")


def _when(facts: Facts, rules: PolicyRules) -> Decision | None:
    """What keeps it from leaving now, and until when: a night may follow a day that is full, and
    a full day the night. What takes a whole day is told before the quiet hours around it."""
    moment, reason = facts.now, None
    while moment <= facts.deadline:
        told: Wait | Skip | None = _quiet(facts, rules, moment)
        if told is None and moment == facts.now:
            told = _rivals(facts, rules)
        if told is None:
            told = _caps(facts, rules, moment)
        if told is None:
            break
        if isinstance(told, Skip):
            return told
        moment = told.until
        if reason is None or told.reason != "quiet_hours":
            reason = told.reason
    return None if reason is None else Wait(moment, reason)


def _quiet(facts: Facts, rules: PolicyRules, moment: datetime) -> Wait | None:
    start, end = facts.quiet or (rules.quiet_start, rules.quiet_end)
    until = quiet_until(moment, time_zone=facts.time_zone, start=start, end=end)
    return Wait(until, "quiet_hours") if until else None


def _rivals(facts: Facts, rules: PolicyRules) -> Wait | Skip | None:
    if facts.message_class == MASS:
        return Skip("trigger_first") if facts.rivals else None
    ahead = sum(other < facts.rank for other in facts.rivals)
    if not ahead:
        return None
    # There may be room for them and for this one, too.
    taken = [*facts.left, *(Left(TRIGGER, facts.now),) * ahead]
    if _caps(replace(facts, left=taken), rules, facts.now) is None:
        return None
    tomorrow = clock.local_date(facts.now, facts.time_zone) + timedelta(days=1)
    return Wait(clock.start_of_day(tomorrow, facts.time_zone), "another_first")


def _caps(facts: Facts, rules: PolicyRules, moment: datetime) -> Wait | Skip | None:
    today = clock.local_date(moment, facts.time_zone)
    days = [(left.message_class, clock.local_date(left.at, facts.time_zone)) for left in facts.left]
    own = [day for name, day in days if name == facts.message_class]
    if facts.message_class == MASS:
        if (TRIGGER, today) in days:
            return Skip("trigger_first")
        per_day, per_week = rules.mass_per_day, rules.mass_per_week
    else:
        per_day, per_week = rules.trigger_per_day, rules.trigger_per_week
    everything = [day for _, day in days]
    limits = (
        (own, 1, per_day, "cap_day"),
        (own, WEEK_DAYS, per_week, "cap_week"),
        (everything, WEEK_DAYS, rules.marketing_per_week, "cap_all_week"),
    )
    for counted, window, cap, reason in limits:
        if _within(counted, today, window) >= cap:
            if facts.message_class == MASS:
                return Skip(reason)
            free = _first_free(counted, today, window, cap)
            if free is None:
                return Skip(reason)
            return Wait(clock.start_of_day(free, facts.time_zone), reason)
    return None


def _within(days: Sequence[date], last: date, window: int) -> int:
    """How many fall into the ``window`` local days that end with ``last``."""
    first = last - timedelta(days=window - 1)
    return sum(first <= day <= last for day in days)


def _first_free(days: Sequence[date], today: date, window: int, cap: int) -> date | None:
    for ahead in range(1, window + 1):
        day = today + timedelta(days=ahead)
        if _within(days, day, window) < cap:
            return day
    return None
