"""Who brought whom in the demo: invitations, their wait, rewards and the review queue."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from loyalty import clock, events, referrals
from loyalty.amounts import points_to_money
from loyalty.db.rows import Rows
from loyalty.demo.guests import Guest, moment
from loyalty.demo.member import Member
from loyalty.program import Program

ADVOCATE_FRIENDS = 14
"""More than a month's rewards: the rest wait for a person."""

RECENT_FRIENDS = 6
"""Whose first receipt still waits out its return window."""

Give = Callable[[Member, int, tuple[str, str], datetime], None]
"""Post a reward: to whom, how many points, source, when."""

_HOURS = (1,) * 12


@dataclass(slots=True)
class _Brought:
    friend: Member
    referrer: Member
    started_at: datetime
    status: str = referrals.INVITED
    purchase_id: int | None = None
    due_at: datetime | None = None
    decided_at: datetime | None = None


def arrange(
    rng: random.Random,
    guests: Sequence[Guest],
    *,
    host: Guest | None,
    now: datetime,
    zone: ZoneInfo,
) -> None:
    """Let one guest bring more friends last month than are rewarded by themselves, and let a
    few friends have come these days; one of them is brought by ``host``."""
    today = now.astimezone(zone).date()
    month = clock.add_months(today.replace(day=1), -1)
    old = [
        guest
        for guest in guests
        if guest.last_day == today
        and not guest.diary
        and guest.joined_at < now - timedelta(days=120)
    ]
    if len(guests) < 2 * (ADVOCATE_FRIENDS + RECENT_FRIENDS) or not old:
        return
    advocate = min(old, key=lambda guest: guest.every_days)
    free = [guest for guest in guests if guest is not advocate and not guest.diary]
    chosen = rng.sample(free, ADVOCATE_FRIENDS + RECENT_FRIENDS)
    inviters = [guest for guest in old if guest not in chosen]
    for friend in chosen[:ADVOCATE_FRIENDS]:
        # Due two weeks later, which is within that month.
        day = month + timedelta(days=rng.randint(1, 25) - 14)
        _come(rng, friend, advocate, day, now=now, zone=zone)
    for n, friend in enumerate(chosen[ADVOCATE_FRIENDS:]):
        inviter = host if n == 0 and host is not None else rng.choice(inviters or [advocate])
        _come(rng, friend, inviter, today - timedelta(days=2 + 2 * n), now=now, zone=zone)


def _come(
    rng: random.Random,
    friend: Guest,
    inviter: Guest,
    day: date,
    *,
    now: datetime,
    zone: ZoneInfo,
) -> None:
    friend.friend_of, friend.source = inviter, "friend"
    friend.joined_at = min(moment(rng, day, _HOURS, zone), now - timedelta(hours=1))
    friend.last_day = max(friend.last_day, day)


class Friends:
    """Referrals in memory; the rules of ``loyalty.referrals``."""

    def __init__(self, rows: Rows, rng: random.Random, give: Give, *, time_zone: str) -> None:
        self._rows, self._rng, self._give = rows, rng, give
        self._time_zone = time_zone
        self._all: dict[int, _Brought] = {}
        self._due: list[tuple[datetime, int]] = []
        self._regulars: list[Member] = []
        self._rewarded: Counter[tuple[int, int, int]] = Counter()

    def join(self, friend: Member, known: Member | None) -> None:
        """A guest has come by an invitation, of ``known`` or of one of the regulars."""
        if known is None and not self._regulars:
            return
        referrer = known or self._rng.choice(self._regulars)
        brought = _Brought(friend, referrer, friend.guest.joined_at)
        self._all[friend.customer_id] = brought
        actor = f"customer:{friend.customer_id}"
        self._note("referral.invited", brought, actor, brought.started_at)

    def after_sale(
        self,
        member: Member,
        program: Program,
        *,
        purchase_id: int,
        total: int,
        redeemed: int,
        at: datetime,
    ) -> bool:
        """A friend's first real receipt starts the wait; whether it did."""
        if member.orders == 3:
            self._regulars.append(member)
        brought = self._all.get(member.customer_id)
        if brought is None or brought.status != referrals.INVITED:
            return False
        if total - points_to_money(redeemed) < max(1, program.referral.minimum):
            return False
        brought.status, brought.purchase_id = referrals.PENDING, purchase_id
        brought.due_at = at + timedelta(days=program.return_window_days)
        heapq.heappush(self._due, (brought.due_at, member.customer_id))
        return True

    def waits_for(self, purchase_id: int, member: Member) -> bool:
        """Whether this purchase is the friend's receipt that waits out its return window."""
        brought = self._all.get(member.customer_id)
        return brought is not None and brought.purchase_id == purchase_id

    def settle(self, until: datetime, program: Program) -> None:
        """Reward both sides of what is due by ``until``, up to the month's number."""
        while self._due and self._due[0][0] <= until:
            due_at, friend_id = heapq.heappop(self._due)
            self._settle(self._all[friend_id], due_at, program)

    def _settle(self, brought: _Brought, at: datetime, program: Program) -> None:
        rule, day = program.referral, clock.local_date(at, self._time_zone)
        key = (brought.referrer.customer_id, day.year, day.month)
        if self._rewarded[key] >= rule.monthly_limit:
            brought.status = referrals.REVIEW
            self._note("referral.review", brought, events.SYSTEM, at)
            return
        self._rewarded[key] += 1
        brought.status, brought.decided_at = referrals.REWARDED, at
        self._note(
            "referral.rewarded",
            brought,
            events.SYSTEM,
            at,
            points=rule.points,
            friend_points=rule.friend_points,
        )
        friend_id = str(brought.friend.customer_id)
        self._give(brought.referrer, rule.points, ("referral", friend_id), at)
        self._give(brought.friend, rule.friend_points, ("referral_friend", friend_id), at)

    def _note(
        self, event_type: str, brought: _Brought, actor: str, at: datetime, **facts: int
    ) -> None:
        events.record(
            self._rows,
            type=event_type,
            customer_id=brought.referrer.customer_id,
            actor=actor,
            data={"friend_id": str(brought.friend.customer_id), **facts},
            now=at,
        )

    def close(self) -> None:
        """Write what became of every invitation."""
        for brought in self._all.values():
            self._rows.insert(
                referrals.referral,
                {
                    "friend_id": brought.friend.customer_id,
                    "referrer_id": brought.referrer.customer_id,
                    "status": brought.status,
                    "started_at": brought.started_at,
                    "purchase_id": brought.purchase_id,
                    "due_at": brought.due_at,
                    "decided_at": brought.decided_at,
                    "decided_by": events.SYSTEM if brought.decided_at else None,
                },
            )
