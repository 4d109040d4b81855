"""Tiers through the demo's year: up with a sale, a warning, and down at a monthly review."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from loyalty import clock, events, tiers
from loyalty.customers import customer
from loyalty.db.rows import Rows
from loyalty.demo.member import Member
from loyalty.program import Program
from loyalty.tiers.timing import AT


class Ladder:
    """Who stands where; the rules of ``loyalty.tiers`` on members in memory."""

    def __init__(self, rows: Rows, *, time_zone: str) -> None:
        self._rows = rows
        self._time_zone = time_zone
        self._above: dict[int, Member] = {}
        self._window_from = date.min

    def begin_day(self, day: date, program: Program, now: datetime) -> None:
        """What the night does: who was warned goes down, who will fall short is warned."""
        self._window_from = tiers.window_start(day)
        at = clock.local_instant(day, AT, self._time_zone)
        if at > now:
            return
        if day.day == 1:
            for member in list(self._above.values()):
                self._review(member, program, day, at)
        review_day = tiers.review_day(day, program.tier_warning_days)
        if review_day - timedelta(days=program.tier_warning_days) == day:
            for member in self._above.values():
                self._warn(member, program, review_day, at)

    def spent_before(self, member: Member) -> int:
        """Net spend of the rolling 12 months that end today."""
        return member.move_window(self._window_from)

    def after_sale(self, member: Member, program: Program, at: datetime, actor: str) -> None:
        """Up at once."""
        reached = tiers.reached(program, member.window_spent)
        if tiers.order(program, reached) > tiers.order(program, member.tier):
            self._change(member, reached, "sale", member.window_spent, at, actor)

    def _review(self, member: Member, program: Program, day: date, at: datetime) -> None:
        if member.warned_for is None or member.warned_for > day:
            return
        spent = member.spent_since(tiers.window_start(day))
        has = tiers.order(program, member.tier)
        member.warned_at = member.warned_for = None
        if tiers.order(program, tiers.reached(program, spent)) < has:
            lower = program.tiers[has - 1].key
            self._change(member, lower, "review", spent, at, events.SYSTEM)

    def _warn(self, member: Member, program: Program, review_day: date, at: datetime) -> None:
        kept = member.spent_since(tiers.window_start(review_day))
        has = tiers.order(program, member.tier)
        if tiers.order(program, tiers.reached(program, kept)) >= has:
            return
        member.warned_at, member.warned_for = at, review_day
        events.record(
            self._rows,
            type="tier.warned",
            customer_id=member.customer_id,
            actor=events.SYSTEM,
            data={
                "tier": member.tier,
                "falls_to": program.tiers[has - 1].key,
                "for": review_day.isoformat(),
                "to_keep": program.tier(member.tier).threshold - kept,
            },
            now=at,
        )

    def _change(
        self, member: Member, new: str, reason: str, spent: int, at: datetime, actor: str
    ) -> None:
        events.record(
            self._rows,
            type="tier.changed",
            customer_id=member.customer_id,
            actor=actor,
            data={
                "from": member.tier,
                "to": new,
                "rise": reason == "sale",
                "reason": reason,
                "spent": spent,
            },
            now=at,
        )
        member.tier, member.tier_since = new, at
        member.warned_at = member.warned_for = None
        self._above[member.customer_id] = member

    def close(self) -> None:
        """Write the tiers that are not the first."""
        for member in self._above.values():
            self._rows.update(
                customer,
                {
                    "id": member.customer_id,
                    "tier": member.tier,
                    "tier_since": member.tier_since,
                    "tier_warned_at": member.warned_at,
                    "tier_warned_for": member.warned_for,
                },
            )
