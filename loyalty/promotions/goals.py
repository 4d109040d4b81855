"""Goals: so many purchases or so much spent within a period, and a gift once a period."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from loyalty.program.effects import Gift
from loyalty.promotions.engine import Live, goals_of
from loyalty.promotions.model import Goal, Promotion
from loyalty.receipts import Line

# Stretches of days without a first day are counted from this Monday on.
_FIRST = date(2024, 1, 1)

Standing = Mapping[tuple[int, date], tuple[int, int, object]]
"""(purchases, minor units spent, reached or not) by promotion and first day of the period."""


@dataclass(frozen=True, slots=True)
class GoalStep:
    """What a receipt does for a goal.

    ``period``: the period's first day; ``ends_on``: the last on which it can be reached;
    ``spent_delta``: minor units. ``reached_now``: with this receipt, so the gift is due.
    """

    live: Live
    period: date
    ends_on: date
    purchases_delta: int
    spent_delta: int
    reached_now: bool

    @property
    def gift(self) -> Gift:
        """What reaching it gives.

        Raises:
            TypeError: the promotion is no goal.
        """
        return goal_in(self.live.rules).gift


def goal_in(rules: Promotion) -> Goal:
    """The goal that a promotion is.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(rules.effect, Goal):
        raise TypeError("not a goal")
    return rules.effect


def period_of(rules: Promotion, day: date) -> tuple[date, date]:
    """First and last day of the goal's period that ``day`` is in.

    The last day is never after the promotion's own.

    Raises:
        TypeError: the promotion is no goal.
    """
    goal = goal_in(rules)
    first = last = day
    if goal.period == "week":
        first = day - timedelta(days=day.weekday())
        last = first + timedelta(days=6)
    elif goal.period == "month":
        first = day.replace(day=1)
        last = day.replace(day=calendar.monthrange(day.year, day.month)[1])
    elif goal.days is not None:
        begun = rules.when.starts_on or _FIRST
        first = begun + timedelta(days=(day - begun).days // goal.days * goal.days)
        last = first + timedelta(days=goal.days - 1)
    ends_on = rules.when.ends_on
    return first, last if ends_on is None or ends_on < day else min(last, ends_on)


def is_reached(goal: Goal, purchases: int, spent: int) -> bool:
    """Whether so much is enough."""
    return (purchases if goal.measure == "purchases" else spent) >= goal.target


def goals_step(
    chosen_goals: Sequence[Live],
    standing: Standing,
    *,
    day: date,
    paid: int,
    lines: Sequence[Line] = (),
    paid_of: Sequence[int] = (),
) -> list[GoalStep]:
    """What a receipt of ``day`` (business date) does for the goals it counts for.

    ``paid``: minor units; nothing paid, nothing counted. With ``lines`` and what was paid for
    each, only the goods in a goal's scope count as spent. Of ``chosen_goals``, promotions that
    are no goals are passed over.
    """
    if paid <= 0:
        return []
    steps = []
    for one in goals_of(chosen_goals):
        first, last = period_of(one.rules, day)
        purchases, spent, reached = standing.get((one.promotion_id, first), (0, 0, None))
        more = paid
        if lines and paid_of:
            more = sum(paid_of[i] for i in one.ready.goods.within(lines))
        goal = goal_in(one.rules)
        steps.append(
            GoalStep(
                live=one,
                period=first,
                ends_on=last,
                purchases_delta=1,
                spent_delta=more,
                reached_now=not reached and is_reached(goal, purchases + 1, spent + more),
            )
        )
    return steps
