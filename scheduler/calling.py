"""The calls: so many connections, the urgent first, none during a pause."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from redis.exceptions import RedisError

from loyalty import clock
from loyalty.delivery import Outcome, Outgoing
from scheduler.lane import Lane
from scheduler.limits import Limits
from scheduler.pictures import Pictures
from scheduler.telegram import CONNECTIONS, URGENT_CONNECTIONS, Reply, Telegram

log = logging.getLogger(__name__)

_HOLD_S = (0.5, 30.0)
"""Nobody at the other end: so long at first, and at the longest, until the next try."""


class Calling:
    """Calls what it is given and tells ``ended`` how each ended. Inside one event loop."""

    def __init__(
        self,
        telegram: Telegram,
        limits: Limits,
        pictures: Pictures,
        *,
        ended: Callable[[Outcome], None],
    ) -> None:
        self._telegram = telegram
        self._limits = limits
        self._pictures = pictures
        self._ended = ended
        self._lane: Lane[Outgoing] = Lane()
        # Begun and not answered, and until when each may be called.
        self._until: dict[int, float] = {}
        self._calling: dict[int, Outgoing] = {}
        self._callers: list[asyncio.Task[None]] = []
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._stopping = False
        self._refusals = 0
        self._held_until = 0.0

    def start(self) -> None:
        """Open the lanes."""
        self._callers = [
            asyncio.create_task(self._call_on(urgent_only=n < URGENT_CONNECTIONS))
            for n in range(CONNECTIONS)
        ]

    def put(self, message: Outgoing, until: float) -> None:
        """Call this one; not later than ``until`` (monotonic), or its lease would end meanwhile."""
        self._until[message.id] = until
        self._quiet.clear()
        self._lane.put(message, urgent=message.urgent)

    def keep(self, asked: Sequence[int], kept: set[int], until: float) -> None:
        """Of these leases some were extended; the rest are somebody else's by now."""
        for id_ in asked:
            if id_ in self._until:
                self._until[id_] = max(self._until[id_], until) if id_ in kept else 0.0

    def held(self) -> float:
        """Seconds for which nothing may be called; 0: go on."""
        return max(self._held_until - clock.monotonic(), self._limits.paused(), 0.0)

    async def stop(self, *, deadline_s: float) -> None:
        """Begin no call, and wait for those under way; what lasts longer is unknown."""
        self._stopping = True
        for message in self._lane.drain():
            self._end(Outcome(message, "limited"))
        # What lasts longer is cut off below.
        await clock.within(deadline_s, self._quiet.wait())
        await clock.end(*self._callers)
        for message in list(self._calling.values()):
            self._end(Outcome(message, "unknown", reason="stopped"))
        self._callers = []

    def _may_call(self, message: Outgoing) -> bool:
        in_time = clock.monotonic() <= self._until.get(message.id, 0.0)
        return in_time and not self._stopping and self.held() <= 0

    def _end(self, outcome: Outcome) -> None:
        id_ = outcome.outgoing.id
        self._until.pop(id_, None)
        self._calling.pop(id_, None)
        if not self._until:
            self._quiet.set()
        self._ended(outcome)

    async def _call_on(self, *, urgent_only: bool) -> None:
        """One connection's worth of calls, one after another."""
        while True:
            message = await self._lane.get(urgent_only=urgent_only)
            outcome = Outcome(message, "limited")
            # Not called at all: back to the queue, and no attempt is counted.
            if self._may_call(message):
                self._calling[message.id] = message
                outcome = await self._send(message)
            self._end(outcome)

    async def _send(self, message: Outgoing) -> Outcome:
        try:
            reply = await self._ask(message)
        except Exception:
            # A fault of ours, but the message may have arrived.
            log.exception("a call failed")
            return Outcome(message, "unknown", reason="failed")
        if reply is None:
            return Outcome(message, "limited")
        if reply.kind == "unauthorised" or reply.kind == "limited":
            await self._slow_down(reply)
            return Outcome(message, "limited", reason=reply.reason)
        if reply.kind == "refused":
            # No connection at all: do not use up the attempts of everything that waits.
            first, longest = _HOLD_S
            hold = min(longest, first * 2**self._refusals)
            self._held_until = max(self._held_until, clock.monotonic() + hold)
            self._refusals += 1
        elif reply.kind == "sent":
            self._refusals = 0
        return Outcome(message, reply.kind, message_id=reply.message_id, reason=reply.reason)

    async def _ask(self, message: Outgoing) -> Reply | None:
        if message.picture is None:
            return await self._telegram.call(message.method, message.params)
        return await self._pictures.send(message, may_call=lambda: self._may_call(message))

    async def _slow_down(self, reply: Reply) -> None:
        # Here at once; the others hear of it a moment later.
        self._held_until = max(self._held_until, clock.monotonic() + reply.retry_after)
        log.warning("Telegram asks to wait %.0f s (%s)", reply.retry_after, reply.kind)
        try:
            await self._limits.pause(reply.retry_after)
        except (RedisError, OSError) as problem:
            log.error("the pause could not be shared: %s", type(problem).__name__)
