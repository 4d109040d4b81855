"""Sends what is due: takes permits, claims, begins, calls, settles; in rounds, without a gap."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Sequence
from datetime import timedelta

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from loyalty import clock, delivery
from loyalty.db import Database
from loyalty.delivery import LEASE, Outcome, Outgoing, Place
from loyalty.errors import DatabaseBusy
from scheduler.limits import Limits
from scheduler.telegram import CONNECTIONS, TOTAL_S, Reply, Telegram

log = logging.getLogger(__name__)

POLL_S = 0.25
"""How often the outbox is looked at when nobody says that there is something."""

RECOVER_S = 5.0
BATCH = 300
IN_FLIGHT = 2 * BATCH
"""Messages begun and not answered: so many that the connections never wait for the database."""

WAIT_S = LEASE.total_seconds() - TOTAL_S - 1
"""A message that could not be called for so long goes back: its lease would end in the call."""

GATHER_S = 0.02
"""So long outcomes gather while calls go on, so that one statement settles many."""

_TROUBLE_S = 1.0
_TROUBLE = (SQLAlchemyError, RedisError, OSError, DatabaseBusy)
_HOLD_S = (0.5, 30.0)


class Dispatcher:
    """The hands of one process. ``start`` inside an event loop, end with ``stop``."""

    def __init__(
        self,
        db: Database,
        *,
        telegram: Telegram,
        limits: Limits,
        place: Place,
        owner: str | None = None,
    ) -> None:
        self.owner = owner or f"d-{secrets.token_hex(8)}"
        self._db = db
        self._telegram = telegram
        self._limits = limits
        self._place = place
        self._wake = asyncio.Event()
        self._outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        # Begun, and until when each may wait for a connection.
        self._begun: asyncio.Queue[tuple[Outgoing, float]] = asyncio.Queue()
        self._callers: list[asyncio.Task[None]] = []
        self._tasks: list[asyncio.Task[None]] = []
        # Begun and not answered; begun and not settled.
        self._in_flight = 0
        self._unsettled = 0
        self._room = asyncio.Event()
        self._stopping = False
        self._refusals = 0
        self._held_until = 0.0
        self._paused_until = 0.0
        self._recover_at = 0.0
        # Who waits for quiet asks with a number; a round that began later and found nothing
        # to do answers it.
        self._asked = 0
        self._answered = 0
        self._answer = asyncio.Condition()

    def start(self) -> None:
        """Begin to send."""
        self._tasks = [
            asyncio.create_task(self._run(), name="dispatcher"),
            asyncio.create_task(self._settle_all(), name="dispatcher-settle"),
        ]
        self._callers = [asyncio.create_task(self._call_on()) for _ in range(CONNECTIONS)]

    def wake(self) -> None:
        """There is something in the outbox: look at once."""
        self._wake.set()

    async def stop(self, *, deadline_s: float = 28.0) -> None:
        """Claim no more, let calls under way finish and settle them, give the rest back."""
        self._stopping = True
        self._wake.set()
        if not self._tasks:
            return
        runner, settler = self._tasks
        await asyncio.wait([runner], timeout=deadline_s)
        # What is not settled by then is found by its lease and counts as unknown.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._begun.join(), timeout=deadline_s)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._outcomes.join(), timeout=5.0)
        everybody = (runner, settler, *self._callers)
        for task in everybody:
            task.cancel()
        await asyncio.gather(*everybody, return_exceptions=True)
        self._tasks, self._callers = [], []
        await self._db.transact(lambda session: delivery.release(session, owner=self.owner))

    async def until_idle(self, *, timeout_s: float = 60.0) -> bool:
        """Wait until nothing is due and nothing is on its way; False if that took too long."""
        self._asked += 1
        number = self._asked
        self.wake()
        try:
            async with asyncio.timeout(timeout_s), self._answer:
                await self._answer.wait_for(lambda: self._answered >= number)
        except TimeoutError:
            return False
        return True

    # --- rounds ------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._stopping:
            # A call that ends while the queue is looked at may leave a copy behind the look.
            asked = self._answered if self._unsettled else self._asked
            self._wake.clear()
            try:
                await self._recover()
                pause_s = await self._round()
            except _TROUBLE as problem:
                log.error("the dispatcher cannot go on: %s", type(problem).__name__)
                pause_s = _TROUBLE_S
            except Exception:
                log.exception("the dispatcher failed")
                pause_s = _TROUBLE_S
            if pause_s is None:
                if not self._unsettled:
                    await self._say_idle(asked)
                pause_s = POLL_S
            if pause_s > 0:
                await self._rest(pause_s)

    async def _round(self) -> float | None:
        """One claim and what follows; seconds to rest, None if there was nothing to do."""
        held = self._held_until - clock.monotonic()
        if held > 0:
            return min(held, _TROUBLE_S)
        if self._in_flight > IN_FLIGHT - BATCH:
            self._room.clear()
            await self._room.wait()
            return 0.0
        permits, wait_s = await self._limits.take(BATCH)
        if not permits:
            return min(wait_s, _TROUBLE_S)
        used = 0
        try:
            outgoing, claimed = await self._take(permits)
            used = len(outgoing)
        finally:
            if used < permits:
                await self._limits.give_back(permits - used)
        self._in_flight += used
        self._unsettled += used
        until = clock.monotonic() + WAIT_S
        for message in outgoing:
            self._begun.put_nowait((message, until))
        return 0.0 if claimed else None

    async def _take(self, permits: int) -> tuple[list[Outgoing], int]:
        """Claim as many rows as there are permits and begin those whose chats are free."""
        rows = await self._db.transact(
            lambda session: delivery.claim(
                session,
                owner=self.owner,
                limit=permits,
                now=clock.now(),
                real_now=clock.real_now(),
            )
        )
        if not rows:
            return [], 0
        waits = await self._limits.chats([row.chat_id for row in rows])
        late = [row.id for row, wait in zip(rows, waits, strict=True) if wait > 0]
        if late:
            await self._postpone(late, min(wait for wait in waits if wait > 0))
        ready = [row.id for row, wait in zip(rows, waits, strict=True) if wait <= 0]
        if not ready or self._stopping:
            return [], len(rows)
        outgoing = await self._db.transact(
            lambda session: delivery.begin(
                session,
                ids=ready,
                owner=self.owner,
                now=clock.now(),
                real_now=clock.real_now(),
                place=self._place,
            )
        )
        return outgoing, len(rows)

    async def _postpone(self, ids: Sequence[int], wait_s: float) -> None:
        until = clock.now() + timedelta(seconds=wait_s)
        await self._db.transact(
            lambda session: delivery.postpone(session, owner=self.owner, ids=ids, until=until)
        )

    async def _recover(self) -> None:
        if clock.monotonic() < self._recover_at:
            return
        self._recover_at = clock.monotonic() + RECOVER_S
        found = await self._db.transact(
            lambda session: delivery.recover(session, now=clock.now(), real_now=clock.real_now())
        )
        if found:
            log.warning("took back %s messages whose lease had run out", found)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            # Time to look again, though nobody has called.
            await asyncio.wait_for(self._wake.wait(), timeout=seconds)

    async def _say_idle(self, asked: int) -> None:
        if asked > self._answered:
            async with self._answer:
                self._answered = asked
                self._answer.notify_all()

    # --- calls -------------------------------------------------------------------------------

    async def _call_on(self) -> None:
        """One connection's worth of calls, one after another."""
        while True:
            message, until = await self._begun.get()
            now = clock.monotonic()
            held = now < max(self._held_until, self._paused_until)
            if held or self._stopping or now > until:
                # Not called at all: back to the queue, and no attempt is counted.
                outcome = Outcome(message, "limited")
            else:
                outcome = await self._send(message)
            self._outcomes.put_nowait(outcome)
            self._begun.task_done()
            self._in_flight -= 1
            if self._in_flight <= IN_FLIGHT - BATCH:
                self._room.set()

    async def _send(self, message: Outgoing) -> Outcome:
        try:
            reply = await self._telegram.call(message.method, message.params)
        except Exception:
            # A fault of ours, but the message may have arrived.
            log.exception("a call failed")
            return Outcome(message, "unknown", reason="failed")
        kind: delivery.Kind
        if reply.kind == "unauthorised" or reply.kind == "limited":
            await self._slow_down(reply)
            kind = "limited"
        else:
            kind = reply.kind
        if reply.kind == "refused":
            # No connection at all: do not use up the attempts of everything that waits.
            first, longest = _HOLD_S
            hold = min(longest, first * 2**self._refusals)
            self._held_until = max(self._held_until, clock.monotonic() + hold)
            self._refusals += 1
        elif reply.kind == "sent":
            self._refusals = 0
        return Outcome(message, kind, message_id=reply.message_id, reason=reply.reason)

    async def _slow_down(self, reply: Reply) -> None:
        self._paused_until = max(self._paused_until, clock.monotonic() + reply.retry_after)
        log.warning("Telegram asks to wait %.0f s (%s)", reply.retry_after, reply.kind)
        try:
            await self._limits.pause(reply.retry_after)
        except _TROUBLE as problem:
            log.error("the pause could not be shared: %s", type(problem).__name__)
            self._held_until = max(self._held_until, clock.monotonic() + reply.retry_after)

    async def _settle_all(self) -> None:
        while True:
            batch = [await self._outcomes.get()]
            if self._in_flight > CONNECTIONS // 2:
                await asyncio.sleep(GATHER_S)
            while len(batch) < BATCH and not self._outcomes.empty():
                batch.append(self._outcomes.get_nowait())
            await self._settle(batch)
            self._unsettled -= len(batch)
            for _ in batch:
                self._outcomes.task_done()
            if not self._unsettled:
                self._wake.set()

    async def _settle(self, batch: Sequence[Outcome]) -> None:
        """Until it is written: a message that left must not be forgotten."""
        while True:
            try:
                settled = await self._db.transact(
                    lambda session: delivery.settle(
                        session, batch, owner=self.owner, now=clock.now()
                    )
                )
            except Exception as problem:  # noqa: BLE001 - tried again, whatever it was
                log.error("outcomes not settled yet: %s", type(problem).__name__)
                await asyncio.sleep(_TROUBLE_S)
                continue
            if settled.dead:
                log.error("%s messages were given up after every attempt", settled.dead)
            return
