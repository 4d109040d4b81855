"""What a replay adds up to, by both sets of rules. Points whole, money in minor units."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from loyalty.amounts import points_to_money
from loyalty.dryrun.model import Outcome, Question, Rules
from loyalty.dryrun.prices import Prices
from loyalty.dryrun.replay import State
from loyalty.program import Program

TOP = 10
"""How many winners and losers are named."""


@dataclass(slots=True)
class Month:
    """Sums of one month by one set of rules."""

    issued: int = 0
    spent: int = 0
    discounts: int = 0
    rewards: int = 0


@dataclass(slots=True)
class Sums:
    """Sums by one set of rules. ``issued``: for receipts; ``gifts``: for goals reached;
    ``other``: welcome, birthdays, friends, corrections."""

    issued: int = 0
    gifts: int = 0
    other: int = 0
    spent: int = 0
    returned: int = 0
    expired: int = 0
    outstanding: int = 0
    discounts: int = 0
    stamps: int = 0
    rewards: dict[str, int] = field(default_factory=dict)
    months: dict[tuple[int, int], Month] = field(default_factory=dict)

    def take(self, outcome: Outcome, day: date) -> None:
        """Add a purchase of ``day``."""
        key = (day.year, day.month)
        month = self.months.get(key)
        if month is None:
            month = self.months[key] = Month()
        self.issued += outcome.earned
        month.issued += outcome.earned
        self.returned += outcome.returned
        self.stamps += outcome.stamps
        if outcome.gifts:
            self.gifts += outcome.gifts
            month.issued += outcome.gifts
        if outcome.spent:
            self.spent += outcome.spent
            month.spent += outcome.spent
        if outcome.discount:
            self.discounts += outcome.discount
            month.discounts += outcome.discount
        for reward in outcome.rewards:
            month.rewards += 1
            self.rewards[reward] = self.rewards.get(reward, 0) + 1

    def as_json(self, prices: Prices) -> dict[str, Any]:
        """The figures of one side."""
        rewards = prices.sum(self.rewards)
        points = self.issued + self.gifts + self.other
        return {
            "issued": self.issued,
            "gifts": self.gifts,
            "other": self.other,
            "spent": self.spent,
            "returned": self.returned,
            "expired": self.expired,
            "outstanding": self.outstanding,
            "stamps": self.stamps,
            "rewards": rewards["number"],
            "rewards_cost": rewards["cost"],
            "rewards_uncounted": rewards["uncounted"],
            "discounts": self.discounts,
            "cost": points_to_money(points - self.returned) + self.discounts + rewards["cost"],
        }


class Tally:
    """Both sides, and who has more or less by the new rules."""

    def __init__(self, question: Question, prices: Prices) -> None:
        self._question = question
        self._prices = prices
        self.sides = (Sums(), Sums())
        self.purchases = self.nameless = self.customers = 0
        self._moves: dict[tuple[int, int], int] = {}
        self._gain = self._lose = self._same = 0
        # (difference in money, customer, points, discounts), the least of the best on top
        self._best: list[tuple[int, int, int, int]] = []
        self._worst: list[tuple[int, int, int, int]] = []

    def guest(
        self,
        customer_id: int,
        states: Sequence[State],
        places: Sequence[int],
        own: Sequence[Sequence[int]],
    ) -> None:
        """A customer at the end: ``own`` is (points, discounts) they got by each side."""
        self.customers += 1
        for side, state in zip(self.sides, states, strict=True):
            side.outstanding += state.purse.outstanding()
        move = (places[0], places[1])
        self._moves[move] = self._moves.get(move, 0) + 1
        points, discounts = own[1][0] - own[0][0], own[1][1] - own[0][1]
        worth = points_to_money(points) + discounts
        if not worth:
            self._same += 1
        elif worth > 0:
            self._gain += 1
            _keep(self._best, (worth, -customer_id, points, discounts))
        else:
            self._lose += 1
            _keep(self._worst, (-worth, -customer_id, points, discounts))

    def result(self, first: date | None, last: date | None) -> dict[str, Any]:
        """Everything as the run's row keeps it."""
        baseline, candidate = self.sides
        months = sorted({*baseline.months, *candidate.months})
        return {
            "purchases": self.purchases,
            "nameless": self.nameless,
            "customers": self.customers,
            "first": first.isoformat() if first else None,
            "last": last.isoformat() if last else None,
            "baseline": baseline.as_json(self._prices),
            "candidate": candidate.as_json(self._prices),
            "months": [
                {
                    "month": f"{key[0]:04d}-{key[1]:02d}",
                    "baseline": _month(baseline.months.get(key)),
                    "candidate": _month(candidate.months.get(key)),
                }
                for key in months
            ],
            "tiers": {
                "from": _titles(self._question.baseline),
                "to": _titles(self._question.candidate),
                "moves": [[a, b, number] for (a, b), number in sorted(self._moves.items())],
            },
            "people": {"gain": self._gain, "lose": self._lose, "same": self._same},
            "winners": _named(self._best),
            "losers": _named(self._worst),
        }


def _keep(heap: list[tuple[int, int, int, int]], item: tuple[int, int, int, int]) -> None:
    if len(heap) < TOP:
        heapq.heappush(heap, item)
    else:
        heapq.heappushpop(heap, item)


def _named(heap: Sequence[tuple[int, int, int, int]]) -> list[list[str | int]]:
    """[customer, points, discounts], the largest difference first."""
    return [
        [str(-customer), points, discounts]
        for _, customer, points, discounts in sorted(heap, reverse=True)
    ]


def _month(month: Month | None) -> dict[str, int]:
    found = month or Month()
    return {
        "issued": found.issued,
        "spent": found.spent,
        "discounts": found.discounts,
        "rewards": found.rewards,
    }


def _titles(rules: Rules) -> list[dict[str, str]]:
    program: Program = rules.program
    return [
        {"key": tier.key, "ru": tier.title("ru"), "en": tier.title("en")} for tier in program.tiers
    ]
