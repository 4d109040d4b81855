"""What the clock sets off. Every tick is short, may run late, twice, or on another machine."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta

from sqlalchemy.orm import Session

from loyalty import (
    birthdays,
    chains,
    checkup,
    clock,
    delivery,
    guards,
    jobs,
    privacy,
    program,
    referrals,
    tiers,
    wallet,
    webhooks,
)
from loyalty.db import Database
from loyalty.purchases import drafts
from loyalty.tokens import Keys
from scheduler.goods import learn_pairs
from scheduler.reviews import review_tiers
from scheduler.sweeps import sweep

log = logging.getLogger(__name__)

RECONCILE_AT = time(3, 0)
"""Business time of the nightly check."""

_LOOK_BACK_S = 15.0
"""How often webhooks look again at events that may have been committed late."""

_ROUNDS = 200
"""Bounded units in one tick: the rest is left to the next."""

_PLAN_ROUNDS = 5
"""Units of planning in one tick: many customers are planned while events go on being read."""

Tick = Callable[[], Awaitable[int]]


class Ticks:
    """The ticks of a database. Each returns how much it did.

    ``keys`` make the pseudonyms of erased customers.
    """

    def __init__(self, db: Database, *, time_zone: str, keys: Keys | None = None) -> None:
        self._db = db
        self._time_zone = time_zone
        self._keys = keys
        self._more_to_plan = False
        self._planning_at: datetime | None = None
        self._looked_back_at = float("-inf")
        # For the time machine: nobody starts a chain by time alone before this moment.
        self._ahead: datetime | None = None
        self._may_skip_planning = False

    async def install(self) -> None:
        """Write down what comes with the program, once."""

        def unit(session: Session) -> None:
            now = clock.now()
            program.ensure_default(session, now=now)
            chains.ensure_shipped(session, now=now)

        await self._db.transact(unit)

    async def chains(self) -> int:
        """Enrol whom events concern, then move everybody who is due."""
        done = await self._db.transact(
            lambda session: chains.enrol_from_events(session, now=clock.now())
        )
        for _ in range(_ROUNDS):
            moved = await self._db.transact(
                lambda session: chains.advance(session, now=clock.now(), time_zone=self._time_zone)
            )
            done += moved.moved
            if not moved.more:
                break
        return done

    async def plan(self) -> int:
        """Enrol those whose chains start with time: a day, a silence, a segment, expiring
        points. What is left after a few units waits for ``plan_on``."""
        # One moment for all of its units: with a later one each, the first chains would be due
        # again by the time the last ones are reached, and no plan would ever come to its end.
        now = self._planning_at or clock.now()
        done = 0
        for _ in range(_PLAN_ROUNDS):
            planned = await self._db.transact(
                lambda session: chains.plan(
                    session, now=now, time_zone=self._time_zone, only=chains.BY_TIME
                )
            )
            done += planned.enrolled
            self._more_to_plan = planned.more
            self._planning_at = now if planned.more else None
            if not planned.more:
                break
        return done

    async def plan_on(self) -> int:
        """Go on with planning that was left; nothing if none was."""
        return await self.plan() if self._more_to_plan else 0

    async def plan_all(self) -> int:
        """Plan until nothing is left, up to this moment."""
        self._planning_at = None
        done = await self.plan()
        for _ in range(_ROUNDS):
            if not self._more_to_plan:
                break
            done += await self.plan()
        return done

    async def plan_expiry(self) -> int:
        """Enrol those whose points have a last day soon."""
        return await self._db.transact(
            lambda session: chains.plan_expiry(session, now=clock.now(), time_zone=self._time_zone)
        )

    async def birthdays(self) -> int:
        """Give birthday points to those whose day comes near, a few at a time."""
        done = 0
        for _ in range(_ROUNDS):
            given = await self._db.transact(
                lambda session: birthdays.grant_due(
                    session, now=clock.now(), time_zone=self._time_zone
                )
            )
            done += given.customers
            if not given.more:
                break
        return done

    async def expire(self) -> int:
        """Expire points whose time has passed, a few customers at a time."""

        def unit(session: Session) -> wallet.Expired:
            now = clock.now()
            rules = program.current(session, now=now).program
            return wallet.expire_due(
                session,
                now=now,
                grace_days=rules.expiry_grace_days,
                lead_hours=rules.reminder_lead_hours,
            )

        done = 0
        for _ in range(_ROUNDS):
            expired = await self._db.transact(unit)
            done += expired.lots
            if not expired.more:
                break
        return done

    async def holds(self) -> int:
        """Let go of points that were set aside for too long."""
        return await self._db.transact(
            lambda session: wallet.time_out_holds(session, now=clock.now())
        )

    async def drafts(self) -> int:
        """Close sales nobody has finished."""
        return await self._db.transact(lambda session: drafts.expire_old(session, clock.now()))

    async def referrals(self) -> int:
        """Reward whoever brought a friend whose receipt has stood, and the friend."""
        done = 0
        for _ in range(_ROUNDS):
            settled = await self._db.transact(
                lambda session: referrals.settle_due(
                    session, now=clock.now(), time_zone=self._time_zone
                )
            )
            done += settled.total
            if not settled.more:
                break
        return done

    async def tiers(self) -> int:
        """Review tiers daily, warn monthly, each once; how many customers it concerned."""
        return await review_tiers(self._db, time_zone=self._time_zone)

    async def goods(self) -> int:
        """Look up what goes with what, once a night; how many pairs there are."""
        return await learn_pairs(self._db, time_zone=self._time_zone)

    async def privacy(self) -> int:
        """Erase those who asked for it and whose days of thinking it over have passed.

        Raises:
            RuntimeError: somebody is due, and there are no keys.
        """
        done = 0
        for _ in range(_ROUNDS):
            found = await self._db.transact(
                lambda session: privacy.erase_due(
                    session, keys=self._keys, time_zone=self._time_zone, now=clock.now()
                )
            )
            done += found.total
            if not found.more:
                break
        return done

    async def guards(self) -> int:
        """Flag what looks odd; how many flags are new."""
        return await self._db.transact(
            lambda session: guards.sweep(session, now=clock.now(), time_zone=self._time_zone)
        )

    async def webhooks(self) -> int:
        """Queue what the shop's other systems want to be told; how much."""
        look_back = clock.monotonic() - self._looked_back_at >= _LOOK_BACK_S
        queued = await self._db.transact(
            lambda session: webhooks.queue_events(session, now=clock.now(), look_back=look_back)
        )
        if look_back:
            self._looked_back_at = clock.monotonic()
        return queued

    async def sweep(self) -> int:
        """Forget what has had its time."""
        return await self._db.transact(lambda session: sweep(session, now=clock.now()))

    async def reconcile(self) -> int:
        """The nightly check, if tonight's has not run yet; how many faults it found."""
        now = clock.now()
        scheduled_for = self._last(RECONCILE_AT, now)
        taken = await self._db.transact(
            lambda session: jobs.start_run(
                session, job="reconcile", scheduled_for=scheduled_for, now=now
            )
        )
        if not taken:
            return 0
        found = await self._db.read(checkup.check)
        for line in checkup.lines(found):
            log.error("%s", line)

        def unit(session: Session) -> None:
            moment = clock.now()
            settled = checkup.settle(session, found, now=moment)
            jobs.finish_run(
                session,
                job="reconcile",
                scheduled_for=scheduled_for,
                result=f"{len(found.faults)} faults, {settled.frozen} frozen,"
                f" {settled.released} released",
                now=moment,
            )

        await self._db.transact(unit)
        return len(found.faults)

    def _last(self, at: time, now: datetime) -> datetime:
        """The latest ``at`` (business time) that is not in the future."""
        today = clock.local_date(now, self._time_zone)
        moment = clock.local_instant(today, at, self._time_zone)
        if moment > now:
            moment = clock.local_instant(today - timedelta(days=1), at, self._time_zone)
        return moment.astimezone(UTC)

    async def everything(self) -> int:
        """Every tick that business time sets off, in the order a day brings them; how much
        they did. For the time machine."""
        done = 0
        for tick in (
            self.holds,
            self.drafts,
            self.birthdays,
            self.referrals,
            self.tiers,
            self._plan_if_due,
            self.chains,
            self.expire,
            self.privacy,
            self.guards,
            self.webhooks,
        ):
            done += await tick()
        return done

    async def _plan_if_due(self) -> int:
        """Plan, unless the step before has just said that nobody starts until later."""
        if self._may_skip_planning and self._ahead is not None and clock.now() < self._ahead:
            # What was given on the way may end soon: nobody could tell its last day ahead.
            return await self.plan_expiry()
        self._ahead, self._may_skip_planning = None, False
        return await self.plan_all()

    def stay(self) -> None:
        """The time machine has come to its end: what is known of the time ahead is forgotten."""
        self._may_skip_planning = False

    async def next_due(self) -> datetime | None:
        """The first moment after now at which a tick or the dispatcher has something to do."""

        def unit(session: Session) -> datetime | None:
            now = clock.now()
            if self._ahead is None or self._ahead <= now:
                self._ahead = chains.next_planned(session, now=now, time_zone=self._time_zone)
            moments = (
                self._ahead,
                chains.next_step(session, now=now),
                delivery.next_due(session, now=now),
                wallet.next_due(session, now=now),
                birthdays.next_due(session, now=now, time_zone=self._time_zone),
                referrals.next_due(session, now=now),
                tiers.next_due(session, now=now, time_zone=self._time_zone),
                guards.next_due(session, now=now, time_zone=self._time_zone),
                privacy.next_due(session, now=now),
            )
            return min((m for m in moments if m is not None and m > now), default=None)

        found = await self._db.read(unit)
        self._may_skip_planning = True
        return found
