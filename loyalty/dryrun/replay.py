"""One purchase by one set of rules, with the functions of the sale itself. Nothing is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache

from loyalty import clock, promotions, segments
from loyalty.amounts import points_for, points_to_money, split
from loyalty.dryrun.ladder import Ladder
from loyalty.dryrun.model import Bought, Guest, Outcome, Points, Rules
from loyalty.dryrun.prices import key_of
from loyalty.dryrun.purse import Purse
from loyalty.program import PointsGift, StampsGift, VoucherGift
from loyalty.program.rules import StampCardRule
from loyalty.promotions import Facts, GoalStep, Live, Part
from loyalty.purchases.pricing import accrual, redeem_limit
from loyalty.receipts import Line, Receipt
from loyalty.stamps import Standing, pieces
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
        chosen: Sequence[Live] = ()
        facts = None
        if self._live:
            facts = self._facts(rule.key, guest, history, bought)
            chosen = promotions.choose(self._live, bought.lines, facts)
        lines, free = take_off(bought, chosen, facts, outcome)
        spent = self._spend(state, bought, lines)
        bases, paid_of = _bases(bought, lines, spent)
        parts, stamps = _earn(rule.earn_rate_bp, lines, bases, chosen, facts, free, outcome)
        total = sum(line.net for line in lines)
        kept = bought.total - bought.returned
        self._move_points(state, bought, outcome, parts, spent, kept)
        if kept <= 0 < bought.total:
            return outcome
        state.ladder.buy(program, bought.day, _part(total, kept, bought.total))
        gifts = self._goals(state, bought, lines, paid_of, chosen, spent, total, outcome)
        if program.stamp_cards:
            self._stamps(state, bought, lines, free, stamps, gifts, outcome)
        return outcome

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

    def _spend(self, state: State, bought: Bought, lines: Sequence[Line]) -> int:
        """As many points as were spent, if these rules and the balance let."""
        if not bought.wants:
            return 0
        receipt = Receipt(sold_at=bought.at, lines=lines)
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
        by_days: dict[int | None, int] = {}
        for part in parts:
            days = part.valid_days or program.expiry_days
            by_days[days] = by_days.get(days, 0) + part.points
        active_from = bought.at + timedelta(days=program.pending_days)
        for days, points in (by_days or {program.expiry_days: outcome.earned}).items():
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
        lines: Sequence[Line],
        paid_of: Sequence[int],
        chosen: Sequence[Live],
        spent: int,
        total: int,
        outcome: Outcome,
    ) -> dict[str, int]:
        """Count towards goals; the stamps that they give, by card."""
        stamps: dict[str, int] = {}
        goals = promotions.goals_of(chosen)
        if not goals:
            return stamps
        steps = promotions.goals_step(
            goals,
            state.goals,
            day=bought.day,
            paid=total - points_to_money(spent),
            lines=lines,
            paid_of=paid_of,
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
        lines: Sequence[Line],
        free: Sequence[int],
        promoted: Mapping[str, int],
        gifts: Mapping[str, int],
        outcome: Outcome,
    ) -> None:
        for card in self._program.stamp_cards:
            number = pieces(card, lines, free)
            number += promoted.get(card.key, 0) + bought.counted.get(card.key, 0)
            gift = gifts.get(card.key, 0)
            if not number + gift:
                continue
            earned = self._capped(state, card, number, bought)
            if not earned + gift:
                continue
            move = add(
                card, state.stamps.get(card.key) or Standing(card.key), earned=earned, gift=gift
            )
            state.stamps[card.key] = move.standing
            outcome.stamps += earned + gift
            for prize in move.given:
                outcome.rewards.append(key_of(_prize(card, prize.at)))

    def _capped(self, state: State, card: StampCardRule, number: int, bought: Bought) -> int:
        if not (card.daily_cap or card.outlet_caps):
            return number
        place = (card.key, bought.outlet_id, bought.day)
        today = state.caps.get(place, 0)
        earned = capped(card, number, today=today, outlet_id=bought.outlet_id)
        if len(state.caps) > 16:
            state.caps.clear()
        state.caps[place] = today + earned
        return earned


def _prize(card: StampCardRule, at: int) -> VoucherGift:
    if at == card.stamps:
        return card.reward
    return next(prize.gift for prize in card.interim if prize.at == at)


def _part(amount: int, kept: int, total: int) -> int:
    """What stays of ``amount`` when ``kept`` of ``total`` did; all of it if nothing came back."""
    return amount if kept >= total else amount * max(0, kept) // total


def take_off(
    bought: Bought, chosen: Sequence[Live], facts: Facts | None, outcome: Outcome
) -> tuple[Sequence[Line], Sequence[int]]:
    """The lines after promotions and vouchers, and the pieces that are free by line."""
    lines, free = bought.lines, bought.voucher_free
    if chosen and facts is not None and not bought.fixed:
        found = promotions.reduce(chosen, lines, facts)
        if found.applied:
            outcome.discount = found.total
            lines = _lower(lines, found.discounts)
            free = _sum(found.free_pieces, free)
    if any(bought.voucher_off):
        # The same sum off, as far as there is something left to take it off.
        lines = _lower(
            lines, [min(off, line.net) for off, line in zip(bought.voucher_off, lines, strict=True)]
        )
    return lines, free


def _sum(these: Sequence[int], those: Sequence[int]) -> Sequence[int]:
    return [a + b for a, b in zip(these, those, strict=True)] if those else these


def _lower(lines: Sequence[Line], off: Sequence[int]) -> list[Line]:
    return [
        replace(line, discount=line.discount + less) if less else line
        for line, less in zip(lines, off, strict=True)
    ]


def _bases(
    bought: Bought, lines: Sequence[Line], spent: int
) -> tuple[Sequence[int], Sequence[int]]:
    """What earns of each line, and what of it is not paid with points (as ``pricing.price``)."""
    nets = [line.net for line in lines]
    paid_of = nets
    if spent:
        payable = [0 if line.no_redeem else net for line, net in zip(lines, nets, strict=True)]
        paid_of = [
            net - paid
            for net, paid in zip(nets, split(points_to_money(spent), payable), strict=True)
        ]
    if bought.other:
        bases = [
            0 if line.no_earn else max(0, paid - less)
            for line, paid, less in zip(lines, paid_of, bought.other, strict=True)
        ]
    else:
        bases = [0 if line.no_earn else paid for line, paid in zip(lines, paid_of, strict=True)]
    return bases, paid_of


def _earn(
    rate_bp: int,
    lines: Sequence[Line],
    bases: Sequence[int],
    chosen: Sequence[Live],
    facts: Facts | None,
    free: Sequence[int],
    outcome: Outcome,
) -> tuple[Sequence[Part], Mapping[str, int]]:
    """What the receipt earns, into ``outcome``; the parts by promotion and their stamps."""
    if not chosen:
        outcome.earned = points_for(sum(bases), rate_bp)
        return (), {}
    outcome.earned, parts, _, stamps = accrual(
        lines,
        bases=bases,
        rate_bp=rate_bp,
        chosen=chosen,
        facts=facts,
        free_pieces=free or [0] * len(lines),
    )
    return parts, stamps
