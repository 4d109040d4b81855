"""Sends what is due: takes permits, claims, begins, calls, settles; in rounds, without a gap."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Sequence
from datetime import timedelta

from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from loyalty import clock, delivery
from loyalty.db import ConnectionLost, Database
from loyalty.delivery import LEASE, Outcome, Outgoing, Place
from loyalty.errors import DatabaseBusy
from scheduler.calling import Calling
from scheduler.halting import Halting
from scheduler.limits import Limits
from scheduler.pictures import Pictures
from scheduler.telegram import CONNECTIONS, TOTAL_S, Telegram
from scheduler.who import new_name

log = logging.getLogger(__name__)

POLL_S = 0.25
"""How often the outbox is looked at when nobody says that there is something."""

RECOVER_S = 5.0
KEEP_S = LEASE.total_seconds() / 5
"""How often leases of rows in hand are extended while the process lives."""

BATCH = 300
IN_FLIGHT = 2 * BATCH
"""Messages begun and not answered: so many that the connections never wait for the database.
Service messages have this room for themselves."""

ROUND_S = (0.1, 0.25)
"""Rounds shorter than the first take more rows next time, longer than the second fewer: whoever
waits for a receipt waits for the round that is under way."""

WAIT_S = LEASE.total_seconds() - TOTAL_S - 1
"""A message that could not be called for so long since its lease was last extended goes back:
the lease would end in the call."""

GATHER_S = 0.05
"""So long outcomes gather while calls go on, so that one statement settles many."""

_TROUBLE_S = 1.0
# The database or Redis is away or busy: it is nobody's message that is at fault.
_AWAY = (ConnectionLost, DatabaseBusy, OSError, PoolTimeout, RedisError)
CROWDED_S = 0.5
IN_LINE = 3
"""With answers worth so many seconds in line, so many receipts stand in that line with them."""

# It may be, and it may not.
_UNCLEAR = (InterfaceError, OperationalError, sqlite3.OperationalError)
_LATER_S = 10.0
_TROUBLE = (SQLAlchemyError, sqlite3.Error, *_AWAY)


class Dispatcher:
    """The hands of one process. ``start`` inside an event loop, end with ``stop``.

    ``bot_id``: the bot that speaks; what its Telegram calls a picture is kept by it.
    """

    def __init__(
        self,
        db: Database,
        *,
        telegram: Telegram,
        limits: Limits,
        place: Place,
        owner: str | None = None,
        bot_id: int = 0,
    ) -> None:
        self.owner = owner or new_name()
        self._db = db
        self._limits = limits
        self._place = place
        self._bot_id = bot_id
        self._wake = asyncio.Event()
        pictures = Pictures(db, telegram, bot_id=bot_id)
        self._calling = Calling(telegram, limits, pictures, ended=self._ended)
        self._halting = Halting(db)
        self._outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        # Claimed or begun here, and not settled: what leases are extended for.
        self._in_hand: set[int] = set()
        # Begun and not answered, by whether somebody waits for it; begun and not settled.
        self._in_flight = {True: 0, False: 0}
        self._unsettled = 0
        self._room = asyncio.Event()
        self._batch = BATCH
        self._stopping = False
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
            asyncio.create_task(self._keep_all(), name="dispatcher-keep"),
        ]
        self._calling.start()

    def wake(self) -> None:
        """There is something in the outbox: look at once."""
        self._wake.set()

    async def stop(self, *, deadline_s: float = 28.0) -> None:
        """Claim no more, let calls under way finish and settle them, give the rest back.

        Calls that last beyond ``deadline_s`` are cut off, and their messages are unknown.
        """
        self._stopping = True
        self._wake.set()
        if not self._tasks:
            return
        until = clock.monotonic() + deadline_s
        runner = self._tasks[0]
        await asyncio.wait([runner], timeout=deadline_s)
        await self._calling.stop(deadline_s=max(0.0, until - clock.monotonic()))
        # What cannot be settled either is found by its lease and counts as unknown.
        await clock.within(5.0, self._outcomes.join())
        await clock.end(*self._tasks)
        self._tasks = []
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
        held = self._calling.held()
        if held > 0:
            return min(held, _TROUBLE_S)
        full = IN_FLIGHT - BATCH
        if self._in_flight[True] > full:
            self._room.clear()
            await self._room.wait()
            return 0.0
        # However slowly the rest leaves, what somebody waits for is still taken.
        urgent_only = self._in_flight[False] > full
        permits, wait_s = await self._limits.take(self._batch)
        if not permits and self._limits.behind() > CROWDED_S:
            permits, urgent_only = await self._stand_in_line(), True
        if not permits:
            return min(wait_s, _TROUBLE_S)
        used, started = 0, clock.monotonic()
        try:
            outgoing, claimed = await self._take(permits, urgent_only)
            used = len(outgoing)
        finally:
            if used < permits:
                await self._limits.give_back(permits - used)
        self._measure(clock.monotonic() - started)
        self._unsettled += used
        until = clock.monotonic() + WAIT_S
        for message in outgoing:
            self._in_flight[message.urgent] += 1
            self._calling.put(message, until)
        if claimed:
            return 0.0
        return POLL_S if urgent_only else None

    async def _stand_in_line(self) -> int:
        """Permits among the bot's answers, so that no crowd of them holds up a receipt."""
        counted, wait_s = await self._limits.in_turn(IN_LINE)
        if not counted:
            return 0
        await asyncio.sleep(wait_s)
        return IN_LINE

    def _measure(self, took_s: float) -> None:
        short, long = ROUND_S
        if took_s > long:
            self._batch = max(BATCH // 16, self._batch // 2)
        elif took_s < short:
            self._batch = min(BATCH, self._batch * 2)

    async def _take(self, permits: int, urgent_only: bool) -> tuple[list[Outgoing], int]:
        """Claim as many rows as there are permits and begin those whose chats are free."""
        rows = await self._db.transact(
            lambda session: delivery.claim(
                session,
                owner=self.owner,
                limit=permits,
                now=clock.now(),
                real_now=clock.real_now(),
                urgent_only=urgent_only,
            )
        )
        if not rows:
            return [], 0
        claimed = {row.id for row in rows}
        self._in_hand |= claimed
        outgoing: list[Outgoing] = []
        try:
            waits = await self._limits.chats([row.chat_id for row in rows])
            late = [row.id for row, wait in zip(rows, waits, strict=True) if wait > 0]
            if late:
                await self._postpone(late, min(wait for wait in waits if wait > 0))
            ready = [row.id for row, wait in zip(rows, waits, strict=True) if wait <= 0]
            if ready and not self._stopping:
                outgoing = await self._begin(ready)
        except _AWAY:
            # Not in hand any more: if the way back is cut off, too, the lease ends soon.
            self._in_hand -= claimed
            await self._give_back(claimed)
            raise
        self._in_hand -= claimed - {message.id for message in outgoing}
        return outgoing, len(rows)

    async def _begin(self, ids: Sequence[int]) -> list[Outgoing]:
        """Begin rows together; if one of them spoils that, each alone, and leave that one out."""
        try:
            return await self._begin_now(ids)
        except _AWAY:
            raise
        except Exception:
            log.exception("a batch of messages could not be begun")
        outgoing: list[Outgoing] = []
        for id_ in ids:
            try:
                outgoing += await self._begin_now([id_])
            except _AWAY:
                # What has been begun is called; the rest is left to its lease.
                log.error("a batch was begun in part")
                break
            except _UNCLEAR as problem:
                log.error("outbox row %s not begun yet: %s", id_, type(problem).__name__)
                await self._postpone([id_], _LATER_S)
            except Exception as problem:  # noqa: BLE001 - this row is at fault, whatever it is
                log.error("outbox row %s cannot be begun: %s", id_, type(problem).__name__)
                await self._give_up(id_)
        return outgoing

    async def _give_up(self, id_: int) -> None:
        await self._db.transact(
            lambda session: delivery.give_up(
                session, outbox_id=id_, owner=self.owner, now=clock.now()
            )
        )

    async def _begin_now(self, ids: Sequence[int]) -> list[Outgoing]:
        return await self._db.transact(
            lambda session: delivery.begin(
                session,
                ids=ids,
                owner=self.owner,
                now=clock.now(),
                real_now=clock.real_now(),
                place=self._place,
                bot_id=self._bot_id,
            )
        )

    async def _give_back(self, ids: set[int]) -> None:
        with contextlib.suppress(*_TROUBLE):
            # Best effort: a lease ends by itself.
            await self._db.transact(
                lambda session: delivery.release(session, owner=self.owner, ids=sorted(ids))
            )

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

    async def _keep_all(self) -> None:
        """Extend leases: a slow Telegram must not make living hands look dead."""
        while True:
            await asyncio.sleep(KEEP_S)
            ids, until = sorted(self._in_hand), clock.monotonic() + WAIT_S
            if not ids:
                continue
            try:
                kept = await self._keep(ids)
            except Exception as problem:  # noqa: BLE001 - tried again, whatever it was
                log.error("leases not extended: %s", type(problem).__name__)
                continue
            self._calling.keep(ids, kept, until)

    async def _keep(self, ids: Sequence[int]) -> set[int]:
        return await self._db.transact(
            lambda session: delivery.keep(
                session, owner=self.owner, ids=ids, real_now=clock.real_now()
            )
        )

    async def _rest(self, seconds: float) -> None:
        await clock.within(seconds, self._wake.wait())

    async def _say_idle(self, asked: int) -> None:
        if asked > self._answered:
            async with self._answer:
                self._answered = asked
                self._answer.notify_all()

    # --- outcomes ----------------------------------------------------------------------------

    def _ended(self, outcome: Outcome) -> None:
        """A call has ended, or was not made."""
        self._outcomes.put_nowait(outcome)
        urgent = outcome.outgoing.urgent
        self._in_flight[urgent] -= 1
        if self._in_flight[urgent] == IN_FLIGHT - BATCH:
            self._room.set()
            self._wake.set()

    async def _settle_all(self) -> None:
        while True:
            batch = [await self._outcomes.get()]
            if sum(self._in_flight.values()) > CONNECTIONS // 2:
                await asyncio.sleep(GATHER_S)
            while len(batch) < BATCH and not self._outcomes.empty():
                batch.append(self._outcomes.get_nowait())
            await self._settle(batch)
            self._in_hand.difference_update(outcome.outgoing.id for outcome in batch)
            await self._halting.note(batch)
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
