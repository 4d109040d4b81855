"""A customer's tier in a replay: up at once, down one level at a monthly review."""

from __future__ import annotations

from collections import deque
from datetime import date, timedelta
from functools import lru_cache

from loyalty import clock, tiers
from loyalty.program import Program

window_start = lru_cache(maxsize=4096)(tiers.window_start)
"""The first day of the 12 months that end with a day; asked for few days, very often."""


@lru_cache(maxsize=4096)
def _next_first(day: date) -> date:
    return clock.add_months(day.replace(day=1), 1)


class Ladder:
    """The tier and the net spend of 12 months (minor units) it stands on."""

    __slots__ = ("_days", "_floor", "_reviewed", "_since", "_spent", "place")

    def __init__(self, program: Program, floor: str | None) -> None:
        self._floor = max(0, tiers.order(program, floor))
        self.place = self._floor
        self._since = date.min
        self._reviewed: date | None = None
        self._days: deque[tuple[date, int]] = deque()
        self._spent = 0

    def copy(self, old: Program, new: Program, floor: str | None, day: date) -> Ladder:
        """The same customer under ``new`` rules from ``day`` on: at once up, if they say so."""
        twin = Ladder(new, floor)
        twin._days, twin._spent = deque(self._days), self._spent
        twin._since, twin._reviewed = self._since, self._reviewed
        twin.place = max(twin._floor, tiers.order(new, old.tiers[self.place].key))
        twin._forget(day)
        twin._rise(new, day)
        return twin

    def come_to(self, program: Program, day: date) -> int:
        """The tier's place on ``day``, after the reviews since the last visit."""
        seen = self._reviewed
        if seen is None:
            self._reviewed = day
        elif day > seen:
            if self.place > self._floor:
                first = _next_first(seen)
                while first <= day:
                    self._review(program, first)
                    first = _next_first(first)
            self._reviewed = day
        return self.place

    def buy(self, program: Program, day: date, amount: int) -> None:
        """Count ``amount`` as spent on ``day``."""
        if amount:
            self._days.append((day, amount))
            self._spent += amount
        self._forget(day)
        self._rise(program, day)

    def _rise(self, program: Program, day: date) -> None:
        above = self.place + 1
        if above >= len(program.tiers) or self._spent < program.tiers[above].threshold:
            return
        place = tiers.order(program, tiers.reached(program, self._spent))
        if place > self.place:
            self.place, self._since = place, day

    def _review(self, program: Program, first: date) -> None:
        self._forget(first)
        if self._spent >= program.tiers[self.place].threshold:
            return
        place = max(tiers.order(program, tiers.reached(program, self._spent)), self._floor)
        # Only who was warned goes down, so a tier is kept for the time of the warning at least.
        warned = self._since <= first - timedelta(days=program.tier_warning_days)
        if place < self.place and warned:
            self.place, self._since = self.place - 1, first

    def _forget(self, day: date) -> None:
        window = window_start(day)
        while self._days and self._days[0][0] < window:
            self._spent -= self._days.popleft()[1]
