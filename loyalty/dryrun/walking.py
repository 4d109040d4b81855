"""The replay from the first purchase to the last, by both sets of rules side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from loyalty import clock, promotions
from loyalty.dryrun.model import Bought, Guest, Outcome, Question
from loyalty.dryrun.prices import Prices
from loyalty.dryrun.reading import Reader
from loyalty.dryrun.replay import History, Replay
from loyalty.dryrun.taking import Taken
from loyalty.dryrun.tally import Tally
from loyalty.promotions import Facts, Live

Progress = Callable[[int, int], None]
"""Told how many purchases are replayed, of how many."""

Watch = Callable[[Bought, Outcome, Outcome], None]
"""Shown every purchase of the asked days with what it comes to by both sets of rules."""

_EVERY = 500


def replay(
    session: Session,
    question: Question,
    *,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Replay the asked days by both sets of rules; what comes of it, as ``Tally.result``."""
    return _Walk(session, question, progress, watch).run()


class _Walk:
    def __init__(
        self,
        session: Session,
        question: Question,
        progress: Progress | None,
        watch: Watch | None,
    ) -> None:
        self.question = question
        self.sides = (
            Replay(question.baseline, other=question.baseline),
            Replay(question.candidate, other=question.baseline),
        )
        self.first = question.from_day or date.min
        self.start: datetime | None = None
        if question.from_day is not None:
            self.start = clock.start_of_day(question.from_day, question.time_zone)
        self.end = clock.start_of_day(question.to_day + timedelta(days=1), question.time_zone)
        self._reader = Reader(session, question)
        self._prices = Prices(question.baseline, question.candidate)
        self.tally = Tally(question, self._prices)
        self._progress, self._watch = progress, watch
        self._done = self._total = 0

    def run(self) -> dict[str, Any]:
        """All purchases with a card, then those without if a promotion is for them too."""
        extent = self._reader.extent()
        nameless = any(
            not one.rules.when.members_only for side in self.sides for one in side.rules.live
        )
        self._total = extent.all if nameless else extent.known
        self._tell()
        walking: _Guest | None = None
        for guest, bought in self._reader.by_guest():
            if walking is None or walking.guest is not guest:
                if walking is not None:
                    walking.leave()
                walking = _Guest(self, guest)
            walking.buy(bought)
            self._step()
        if walking is not None:
            walking.leave()
        if nameless:
            self._without_card()
        self._tell()
        asked = self._reader.extent(self.question.from_day)
        return self.tally.result(asked.first, asked.last)

    def saw(self, bought: Bought, outcomes: Sequence[Outcome]) -> None:
        """Take note of a purchase of the asked days."""
        self.tally.purchases += 1
        for line in bought.lines:
            self._prices.see(line)
        if self._watch is not None:
            self._watch(bought, outcomes[0], outcomes[1])

    def _step(self) -> None:
        self._done += 1
        if self._done % _EVERY == 0:
            self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._done, self._total)

    def _without_card(self) -> None:
        """Promotions for everybody lower what is paid without a card too; there are no points."""
        for bought in self._reader.nameless():
            self._step()
            if bought.day < self.first:
                continue
            self.tally.nameless += 1
            facts = Facts(local=bought.local, outlet_id=bought.outlet_id)
            for side, sums in zip(self.sides, self.tally.sides, strict=True):
                taken = Taken(bought, _chosen(side.rules.live, bought, facts), facts)
                sums.take(Outcome(discount=taken.discount), bought.day)


def _chosen(live: tuple[Live, ...], bought: Bought, facts: Facts) -> list[Live]:
    return promotions.choose(live, bought.lines, facts) if live else []


class _Guest:
    """One customer on the way, by both sides."""

    def __init__(self, walk: _Walk, guest: Guest) -> None:
        self.guest = guest
        self._walk = walk
        self._history = History(guest.orders, guest.last_at)
        # Until the asked days both live by the rules in force.
        self._states = [walk.sides[0].begin(guest)]
        if walk.start is None:
            self._states.append(walk.sides[1].begin(guest))
        # Points and discounts they get, by each side.
        self._own = [[0, 0], [0, 0]]
        self._received = 0

    def buy(self, bought: Bought) -> None:
        """The next purchase, after the points that came before it."""
        walk, outcomes = self._walk, []
        asked = bought.day >= walk.first
        if asked and len(self._states) == 1:
            self._part_ways()
        self._receive(bought.at)
        for n, state in enumerate(self._states):
            outcome = walk.sides[n].sell(state, self.guest, self._history, bought)
            outcomes.append(outcome)
            if asked:
                walk.tally.sides[n].take(outcome, bought.day)
                self._own[n][0] += outcome.earned + outcome.gifts - outcome.returned
                self._own[n][1] += outcome.discount
        self._history.orders += 1
        if self._history.last_at is None or bought.at > self._history.last_at:
            self._history.last_at = bought.at
        if asked:
            walk.saw(bought, outcomes)

    def leave(self) -> None:
        """The end of the asked days: what has run out by then is gone."""
        if len(self._states) == 1:
            return  # bought nothing on the asked days
        walk = self._walk
        self._receive(walk.end)
        places = []
        for n, state in enumerate(self._states):
            state.purse.expire(walk.end)
            walk.tally.sides[n].expired += state.purse.expired
            program = walk.sides[n].rules.program
            places.append(state.ladder.come_to(program, walk.question.to_day))
        walk.tally.guest(self.guest.id or 0, self._states, places, self._own)

    def _part_ways(self) -> None:
        """The asked days begin: from here on each side goes by its own rules."""
        walk, state = self._walk, self._states[0]
        if walk.start is not None:
            self._receive(walk.start - timedelta(microseconds=1))
            state.purse.expire(walk.start)
            state.purse.expired = 0
        twin = walk.sides[1].take_over(state, walk.question.baseline, self.guest, walk.first)
        self._states.append(twin)

    def _receive(self, until: datetime) -> None:
        walk, points = self._walk, self.guest.points
        zone = walk.question.time_zone
        while self._received < len(points) and points[self._received].earned_at <= until:
            given = points[self._received]
            self._received += 1
            asked = walk.start is None or given.earned_at >= walk.start
            for n, state in enumerate(self._states):
                got = walk.sides[n].receive(state, given, zone)
                if asked:
                    walk.tally.sides[n].other += got
                    self._own[n][0] += got
