"""Durable intake: updates are kept before they are acknowledged, then handled chat by chat.

One pump puts down what arrived, writes off what was handled and claims what is next, all that
has gathered in one transaction. Each chat with something in hand has a task of its own, so a
chat's updates keep their order and different chats run side by side.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import traceback
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from aiogram.exceptions import (
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from sqlalchemy.orm import Session

from loyalty import clock, inbox
from loyalty.db import Database
from loyalty.inbox import Claimed, Incoming, Settled

log = structlog.get_logger("bot.intake")

IN_FLIGHT = 32
IN_HAND = 256
"""Updates an instance takes at once; the rest is left for other instances."""

_TURN_S = 2.0
"""How long a stop waits for the transaction in hand."""

RETRY_DELAYS_S = (0.2, 1.0, 4.0)
WEATHER_DELAYS_S = (0.2, 1.0, 4.0, 10.0, 30.0, 60.0)
"""The same while Telegram cannot be reached or is broken itself: that passes, and only this
chat's queue waits for it."""

IDLE_CLAIM_S = 1.0
RENEW_S = inbox.LEASE.total_seconds() / 3
_BIGGEST = 2**63

WEATHER = (TelegramNetworkError, TelegramServerError, TelegramRetryAfter)
LONGEST_PAUSE_S = 3600.0

Handle = Callable[[dict[str, Any]], Awaitable[None]]
GiveUp = Callable[[dict[str, Any]], Awaitable[None]]


class Undecodable(Exception):
    """No trial will ever make sense of this update."""


class _Stopping(Exception):
    """The bot stops: what has not begun is left for the next start."""


def incoming(update: Any) -> Incoming | None:
    """A raw update as the inbox keeps it, or None if it does not even have a number."""
    if not isinstance(update, dict):
        return None
    update_id = update.get("update_id")
    if not isinstance(update_id, int) or not 0 <= update_id < _BIGGEST:
        return None
    update = _without_keyboard(update)
    # ASCII: a zero byte or half a surrogate pair in a text would not go into every database.
    return Incoming(update_id, chat_of(update), json.dumps(update, separators=(",", ":")))


def _without_keyboard(update: dict[str, Any]) -> dict[str, Any]:
    """A tap without the buttons of the message it was on: its data says which one it was, and
    a model of each would cost more than all the rest of the update."""
    query = update.get("callback_query")
    message = query.get("message") if isinstance(query, dict) else None
    if not isinstance(query, dict) or not isinstance(message, dict):
        return update
    bare = {name: value for name, value in message.items() if name != "reply_markup"}
    return {**update, "callback_query": {**query, "message": bare}}


def chat_of(update: dict[str, Any]) -> int:
    """The chat whose order the update keeps; 0 for those that belong to none."""
    for value in update.values():
        if not isinstance(value, dict):
            continue
        message = value.get("message")
        for holder in (value, message if isinstance(message, dict) else {}):
            chat = holder.get("chat")
            if isinstance(chat, dict) and _is_id(chat.get("id")):
                return int(chat["id"])
        sender = value.get("from") or value.get("user")
        if isinstance(sender, dict) and _is_id(sender.get("id")):
            return int(sender["id"])
    return 0


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -_BIGGEST <= value < _BIGGEST


def _pause_s(delay_s: float, problem: Exception) -> float:
    """Seconds until the next trial: at least as long as Telegram asks for."""
    asked = problem.retry_after if isinstance(problem, TelegramRetryAfter) else 0.0
    return max(delay_s, min(asked, LONGEST_PAUSE_S))


@dataclass(slots=True)
class _Batch:
    """Updates that wait to be kept, and who waits for that."""

    updates: list[Incoming]
    kept: asyncio.Future[None]


@dataclass(slots=True)
class Intake:
    """The inbox of one bot at work in this process."""

    db: Database
    bot_id: int
    handle: Handle
    give_up: GiveUp
    handled: int = 0
    failed: int = 0
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    _batches: list[_Batch] = field(default_factory=list)
    _settled: list[Settled] = field(default_factory=list)
    _queues: dict[int, deque[Claimed]] = field(default_factory=dict)
    _in_hand: set[int] = field(default_factory=set)
    _chats: set[asyncio.Task[None]] = field(default_factory=set)
    _loops: list[asyncio.Task[None]] = field(default_factory=list)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(IN_FLIGHT))
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _quiet: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _claiming: bool = True
    _ending: bool = False
    _more: bool = True

    async def start(self) -> None:
        """Take up what an earlier run left, and go on."""
        if not self.db.is_postgres:
            await self.db.transact(lambda session: inbox.take_over(session, bot_id=self.bot_id))
        self._wake.set()
        self._loops = [asyncio.create_task(self._pump()), asyncio.create_task(self._keep_leases())]

    async def put(self, updates: Iterable[Any]) -> None:
        """Keep raw updates; returns when they are on the disk (or were known already).

        Raises:
            whatever the database raised: nothing is kept then.
        """
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        rows = [row for update in updates if (row := incoming(update)) is not None]
        self._batches.append(_Batch(rows, kept))
        self._wake.set()
        await kept

    async def idle(self) -> None:
        """Wait until every update that was kept has been handled."""
        while True:
            self._quiet.clear()
            if not (self._in_hand or self._batches or self._settled):
                waiting = await self.db.read(
                    lambda session: inbox.waiting(session, bot_id=self.bot_id)
                )
                if not waiting and not (self._in_hand or self._batches or self._settled):
                    return
            # Another instance may be the one that handles the rest: look again now and then.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._quiet.wait()

    async def stop(self, deadline_s: float) -> None:
        """Begin nothing new, let handlers in flight finish within ``deadline_s``, put back the
        rest: the next start (or another instance) takes it up."""
        self._claiming = False
        self._stopping.set()
        for queue in self._queues.values():
            queue.clear()
        if self._chats:
            _, late = await asyncio.wait(self._chats, timeout=deadline_s)
            await clock.end(*late)
        # The pump ends its turn by itself: cut short, a claim of it might yet be committed behind
        # our back, and those updates would wait for a lease to run out.
        self._ending = True
        self._wake.set()
        await asyncio.wait(self._loops[:1], timeout=max(deadline_s, _TURN_S))
        await clock.end(*self._loops)
        settled, self._settled = self._settled, []
        now = clock.real_now()

        def unit(session: Session) -> None:
            inbox.settle(session, bot_id=self.bot_id, settled=settled, now=now)
            inbox.release(session, bot_id=self.bot_id, owner=self.owner)

        await self.db.transact(unit)
        for batch in self._batches:
            batch.kept.cancel()

    # --- the pump ------------------------------------------------------------------------

    async def _pump(self) -> None:
        failures = 0
        while not self._ending:
            if not self._more:
                # Not wait_for: up to Python 3.11 it may swallow the cancellation of a stop.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_CLAIM_S):
                        await self._wake.wait()
            self._wake.clear()
            batches, self._batches = self._batches, []
            settled, self._settled = self._settled, []
            try:
                claimed = await self._turn(batches, settled)
                failures = 0
            except asyncio.CancelledError:
                self._settled = settled + self._settled
                raise
            except Exception as problem:  # noqa: BLE001 - the database may come back
                failures += 1
                self._settled = settled + self._settled
                for batch in batches:
                    if not batch.kept.done():
                        batch.kept.set_exception(problem)
                log.error("inbox_failed", error=type(problem).__name__, failures=failures)
                await asyncio.sleep(min(5.0, 0.1 * 2 ** min(failures, 6)))
                continue
            self._in_hand.difference_update(item.update_id for item in settled)
            for batch in batches:
                if not batch.kept.done():
                    batch.kept.set_result(None)
            self._take(claimed)
            if not self._in_hand:
                self._quiet.set()

    async def _turn(self, batches: list[_Batch], settled: list[Settled]) -> list[Claimed]:
        """One transaction: keep, write off, claim."""
        room = IN_HAND - len(self._in_hand) + len(settled) if self._claiming else 0
        updates = [update for batch in batches for update in batch.updates]
        now = clock.real_now()

        def unit(session: Session) -> list[Claimed]:
            inbox.put(session, bot_id=self.bot_id, updates=updates, now=now)
            inbox.settle(session, bot_id=self.bot_id, settled=settled, now=now)
            if room <= 0:
                return []
            return inbox.claim(session, bot_id=self.bot_id, owner=self.owner, limit=room, now=now)

        claimed = await self.db.transact(unit)
        # As many as there was room for: more may be waiting.
        self._more = room > 0 and len(claimed) == room
        return claimed

    def _take(self, claimed: list[Claimed]) -> None:
        for row in claimed:
            if row.update_id in self._in_hand:
                continue
            self._in_hand.add(row.update_id)
            queue = self._queues.get(row.chat_id)
            if queue is not None:
                queue.append(row)
                continue
            self._queues[row.chat_id] = deque([row])
            task = asyncio.create_task(self._chat(row.chat_id))
            self._chats.add(task)
            task.add_done_callback(self._chats.discard)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            now = clock.real_now()

            def unit(session: Session, now: datetime = now) -> int:
                return inbox.renew(session, bot_id=self.bot_id, owner=self.owner, now=now)

            try:
                if self.db.is_postgres and self._in_hand:
                    await self.db.transact(unit)
            except Exception as problem:  # noqa: BLE001 - tried again at the next beat
                log.error("lease_not_renewed", error=type(problem).__name__)

    # --- one chat ------------------------------------------------------------------------

    async def _chat(self, chat_id: int) -> None:
        queue = self._queues[chat_id]
        try:
            while queue:
                await self._one(queue.popleft())
        except _Stopping:
            log.info("update_left_for_later", waiting=len(queue) + 1)
        finally:
            del self._queues[chat_id]

    async def _one(self, row: Claimed) -> None:
        error = "too_many_attempts" if row.attempts > inbox.ATTEMPTS else await self._try(row)
        if error is None:
            self.handled += 1
        else:
            self.failed += 1
            log.error("update_failed", update_id=row.update_id, error=error)
        self._settled.append(Settled(row.update_id, error))
        self._wake.set()

    async def _try(self, row: Claimed) -> str | None:
        """Handle an update, again after a pause if it fails; how it failed in the end."""
        update = json.loads(row.body)
        for trial in itertools.count():
            try:
                async with self._slots:
                    if not self._claiming:
                        raise _Stopping
                    await self.handle(update)
            except _Stopping:
                raise
            except Undecodable:
                return "undecodable"
            except Exception as problem:  # noqa: BLE001 - told below, by kind and place
                delays = WEATHER_DELAYS_S if isinstance(problem, WEATHER) else RETRY_DELAYS_S
                if trial >= len(delays):
                    # Not the message: a database error repeats its values, a name or a phone.
                    where = [
                        f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
                        for frame in traceback.extract_tb(problem.__traceback__)[-8:]
                    ]
                    log.error("handler_failed", error=type(problem).__name__, where=where)
                    await self._apologize(update)
                    return type(problem).__name__
                log.warning(
                    "handler_retried", update_id=row.update_id, error=type(problem).__name__
                )
                await self._pause(_pause_s(delays[trial], problem))
            else:
                return None
        raise AssertionError("the trials end above")

    async def _pause(self, seconds: float) -> None:
        """Wait before the next trial; a stop does not wait for it.

        Raises:
            _Stopping: the bot stops.
        """
        with contextlib.suppress(TimeoutError):  # nobody stops us: on to the next trial
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        if not self._claiming:
            raise _Stopping

    async def _apologize(self, update: dict[str, Any]) -> None:
        try:
            await self.give_up(update)
        except Exception as problem:  # noqa: BLE001 - the update is given up either way
            log.warning("apology_failed", error=type(problem).__name__)
