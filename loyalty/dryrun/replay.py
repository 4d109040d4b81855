"""One purchase by one set of rules, with the functions of the sale itself. Nothing is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache

from loyalty import clock, promotions, segments
from loyalty.amounts import points_to_money
from loyalty.dryrun.ladder import Ladder
from loyalty.dryrun.model import Bought, Guest, Outcome, Points, Rules
from loyalty.dryrun.prices import key_of
from loyalty.dryrun.purse import Purse
from loyalty.dryrun.taking import Covered, Taken
from loyalty.program import PointsGift, StampsGift
from loyalty.program.rules import StampCardRule
from loyalty.promotions import Facts, GoalStep, Live, Part
from loyalty.purchases.pricing import redeem_limit
from loyalty.receipts import Receipt
from loyalty.stamps import Standing
from loyalty.stamps.model import add, capped

WELCOME, BIRTHDAY = "welcome", "birthday"

_end_of_validity = lru_cache(maxsize=8192)(clock.end_of_validity)

_Goals = dict[tuple[int, date], tuple[int, int, object]]


class State:
    """A customer in a replay by one set of rules."""

    __slots__ = ("caps", "goals", "ladder", "purse", "stamps")

    def __init__(self, ladder: Ladder, purse: Purse) -> None:
        self.ladder = ladder
        self.purse = purse
        self.stamps: dict[str, Standing] = {}
        # Stamps earned by (card, outlet, day), where a cap is set: the last day's only.
        self.caps: dict[tuple[str, int | None, date], int] = {}
        # (promotion, first day of its period) → purchases, spent, whether the gift was given
        self.goals: _Goals = {}


class History:
    """What has happened until a purchase, the same by all rules."""

    __slots__ = ("last_at", "orders")

    def __init__(self, orders: int, last_at: datetime | None) -> None:
        self.orders = orders
        self.last_at = last_at


class Replay:
    """Replays purchases by ``rules``; keeps nothing of them, only what is made of the rules."""

    def __init__(self, rules: Rules, *, other: Rules) -> None:
        self.rules = rules
        self._program = rules.program
        self._live = rules.live
        self._other = other.program
        self._pending = timedelta(days=self._program.pending_days)
        self._covered = {card.key: Covered(card.scope) for card in self._program.stamp_cards}
        self._top = self._program.tiers[-1].key
        self._prizes = {
            (card.key, at): key_of(gift)
            for card in self._program.stamp_cards
            for at, gift in (
                (card.stamps, card.reward),
                *((prize.at, prize.gift) for prize in card.interim),
            )
        }

    def begin(self, guest: Guest) -> State:
        """A customer before the first purchase."""
        return State(Ladder(self._program, guest.floor), Purse())

    def take_over(self, state: State, before: Rules, guest: Guest, day: date) -> State:
        """Go on from ``day`` with a customer whom ``before`` has brought there."""
        ladder = state.ladder.copy(before.program, self._program, guest.floor, day)
        twin = State(ladder, state.purse.copy())
        twin.stamps, twin.caps = dict(state.stamps), dict(state.caps)
        twin.goals = dict(state.goals)
        return twin

    def receive(self, state: State, given: Points, zone: str) -> int:
        """Points from elsewhere, as many as these rules give; how many."""
        program, points, ends = self._program, given.points, given.expires_at
        if points < 0:
            return -state.purse.take_away(-points, given.earned_at)
        day = clock.local_date(given.earned_at, zone)
        if given.kind == WELCOME:
            if program.welcome_points != self._other.welcome_points:
                points = program.welcome_points
            if program.expiry_days != self._other.expiry_days:
                ends = self._ends(day, program.expiry_days, zone)
        elif given.kind == BIRTHDAY:
            if program.birthday_points != self._other.birthday_points:
                points = program.birthday_points
            if program.birthday_valid_days != self._other.birthday_valid_days:
                ends = self._ends(day, program.birthday_valid_days, zone)
        state.purse.add(points, at=given.earned_at, active_from=given.active_from, expires_at=ends)
        return points

    def sell(self, state: State, guest: Guest, history: History, bought: Bought) -> Outcome:
        """What the purchase comes to; ``state`` is moved on by it."""
        outcome, program = Outcome(), self._program
        rule = program.tiers[state.ladder.come_to(program, bought.day)]
        taken = self._take(rule.key, guest, history, bought)
        outcome.discount = taken.discount
        spent = self._spend(state, bought, taken) if bought.wants else 0
        outcome.earned, parts, stamps = taken.earned(rule.earn_rate_bp, spent)
        kept = bought.total - bought.returned
        self._move_points(state, bought, outcome, parts, spent, kept)
        if kept <= 0 < bought.total:
            return outcome
        state.ladder.buy(program, bought.day, _part(taken.total, kept, bought.total))
        gifts: Mapping[str, int] = {}
        if taken.chosen:
            gifts = self._goals(state, bought, taken, spent, outcome)
        if program.stamp_cards:
            self._stamps(state, bought, taken, stamps, gifts, outcome)
        return outcome

    def _take(self, tier: str, guest: Guest, history: History, bought: Bought) -> Taken:
        """The receipt after promotions; if the other side came to the same, that one."""
        if not self._live:
            return bought.taken.get(()) or self._keep(bought, (), None)
        facts, chosen = self._choose(tier, guest, history, bought)
        key = tuple(one.id for one in chosen)
        return bought.taken.get(key) or self._keep(bought, chosen, facts)

    def _choose(
        self, tier: str, guest: Guest, history: History, bought: Bought
    ) -> tuple[Facts, Sequence[Live]]:
        asks = tier, self._top, self._program.leap_day
        for live, whose, facts, chosen in bought.asked:
            if whose == asks:
                if live is self._live:
                    return facts, chosen
                return facts, promotions.choose(self._live, bought.lines, facts)
        facts = self._facts(tier, guest, history, bought)
        chosen = promotions.choose(self._live, bought.lines, facts)
        bought.asked.append((self._live, asks, facts, chosen))
        return facts, chosen

    def _keep(self, bought: Bought, chosen: Sequence[Live], facts: Facts | None) -> Taken:
        taken = bought.taken[tuple(one.id for one in chosen)] = Taken(bought, chosen, facts)
        return taken

    def _facts(self, tier: str, guest: Guest, history: History, bought: Bought) -> Facts:
        today = bought.local.date()
        found = segments.ready_made(
            tier=tier,
            top_tier=self._program.tiers[-1].key,
            tags=guest.tags,
            joined_at=guest.joined_at,
            orders=history.orders,
            last_purchase_at=history.last_at,
            birth_day=guest.birth_day,
            birth_month=guest.birth_month,
            today=today,
            leap_day=self._program.leap_day,
            now=bought.at,
        )
        return Facts(
            local=bought.local,
            outlet_id=bought.outlet_id,
            has_customer=True,
            segments=found,
            first_purchase=history.orders == 0,
            birthday_week=segments.BIRTHDAY_WEEK in found,
            purchases_before=history.orders,
        )

    def _spend(self, state: State, bought: Bought, taken: Taken) -> int:
        """As many points as were spent, if these rules and the balance let."""
        receipt = Receipt(sold_at=bought.at, lines=taken.lines)
        limit = redeem_limit(receipt, self._program)
        spent = min(bought.wants, limit, state.purse.available(bought.at))
        return spent if spent >= self._program.redeem_minimum else 0

    def _move_points(
        self,
        state: State,
        bought: Bought,
        outcome: Outcome,
        parts: Sequence[Part],
        spent: int,
        kept: int,
    ) -> None:
        """Into the purse and out of it; what goods that came back undo never gets there."""
        program, purse = self._program, state.purse
        if spent:
            outcome.spent = _part(spent, kept, bought.total)
            purse.spend(outcome.spent, bought.at)
        if not outcome.earned:
            return
        active_from = bought.at + self._pending
        if not parts:
            self._put(
                purse, bought, outcome, outcome.earned, program.expiry_days, active_from, kept
            )
            return
        by_days: dict[int | None, int] = {}
        for part in parts:
            days = part.valid_days or program.expiry_days
            by_days[days] = by_days.get(days, 0) + part.points
        for days, points in by_days.items():
            self._put(purse, bought, outcome, points, days, active_from, kept)

    def _put(
        self,
        purse: Purse,
        bought: Bought,
        outcome: Outcome,
        points: int,
        days: int | None,
        active_from: datetime,
        kept: int,
    ) -> None:
        stays = _part(points, kept, bought.total)
        outcome.returned += points - stays
        purse.add(
            stays,
            at=bought.at,
            active_from=active_from,
            expires_at=self._ends(bought.day, days, bought.zone),
        )

    def _ends(self, day: date, days: int | None, zone: str) -> datetime | None:
        return None if days is None else _end_of_validity(day, days, zone)

    def _goals(
        self,
        state: State,
        bought: Bought,
        taken: Taken,
        spent: int,
        outcome: Outcome,
    ) -> dict[str, int]:
        """Count towards goals; the stamps that they give, by card."""
        stamps: dict[str, int] = {}
        goals = promotions.goals_of(taken.chosen)
        if not goals:
            return stamps
        steps = promotions.goals_step(
            goals,
            state.goals,
            day=bought.day,
            paid=taken.total - points_to_money(spent),
            lines=taken.lines,
            paid_of=taken.bases(spent)[1],
        )
        for step in steps:
            self._step(state, bought, step, outcome, stamps)
        return stamps

    def _step(
        self,
        state: State,
        bought: Bought,
        step: GoalStep,
        outcome: Outcome,
        stamps: dict[str, int],
    ) -> None:
        place = (step.live.promotion_id, step.period)
        purchases, paid, reached = state.goals.get(place, (0, 0, False))
        state.goals[place] = (
            purchases + step.purchases_delta,
            paid + step.spent_delta,
            bool(reached) or step.reached_now,
        )
        if not step.reached_now:
            return
        gift = step.gift
        if isinstance(gift, PointsGift):
            outcome.gifts += gift.points
            days = gift.valid_days or self._program.expiry_days
            state.purse.add(
                gift.points,
                at=bought.at,
                active_from=bought.at,
                expires_at=self._ends(bought.day, days, bought.zone),
            )
        elif isinstance(gift, StampsGift):
            stamps[gift.card] = stamps.get(gift.card, 0) + gift.stamps
        else:
            outcome.rewards.append(key_of(gift))

    def _stamps(
        self,
        state: State,
        bought: Bought,
        taken: Taken,
        promoted: Mapping[str, int],
        gifts: Mapping[str, int],
        outcome: Outcome,
    ) -> None:
        for card in self._program.stamp_cards:
            number = taken.pieces(card, self._covered[card.key])
            number += promoted.get(card.key, 0) + bought.counted.get(card.key, 0)
            gift = gifts.get(card.key, 0)
            if not number + gift:
                continue
            earned = self._capped(state, card, number, bought)
            if not earned + gift:
                continue
            outcome.stamps += earned + gift
            standing = state.stamps.get(card.key) or Standing(card.key)
            on_card = standing.stamps + earned + gift
            if on_card < card.stamps and not card.interim and not standing.debt:
                # Most sales: some stamps more on the open card, as ``add`` would say too.
                state.stamps[card.key] = Standing(card.key, on_card, 0, standing.cards)
                continue
            move = add(card, standing, earned=earned, gift=gift)
            state.stamps[card.key] = move.standing
            outcome.rewards += [self._prizes[(card.key, prize.at)] for prize in move.given]

    def _capped(self, state: State, card: StampCardRule, number: int, bought: Bought) -> int:
        if not (card.daily_cap or card.outlet_caps):
            return number
        place = (card.key, bought.outlet_id, bought.day)
        today = state.caps.get(place, 0)
        earned = capped(card, number, today=today, outlet_id=bought.outlet_id)
        if len(state.caps) > 16:
            state.caps = {key: had for key, had in state.caps.items() if key[2] == bought.day}
        state.caps[place] = today + earned
        return earned


def _part(amount: int, kept: int, total: int) -> int:
    """What stays of ``amount`` when ``kept`` of ``total`` did; all of it if nothing came back."""
    return amount if kept >= total else amount * max(0, kept) // total
