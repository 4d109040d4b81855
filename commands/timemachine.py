"""The demo's time machine: moves the business clock from due moment to due moment.

Only while the local Telegram is in use. The offset is kept in the database; leases and rate
limits stay on real time.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp import web

from loyalty import clock
from loyalty.db import Database
from loyalty.db.installation import set_clock_offset

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SPAN = re.compile(r"([0-9]{1,9})\s*([smhd])")
LONGEST = timedelta(days=5 * 366)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Scheduler(Protocol):
    """What the time machine needs of the scheduler."""

    async def run_due(self) -> int:
        """Do all that is due now."""

    async def next_due(self) -> datetime | None:
        """The next moment at which something is due."""


class TimeMachine:
    """Moves ``clock.now`` ahead, step by step, one journey at a time."""

    def __init__(
        self,
        db: Database,
        scheduler: Scheduler,
        *,
        settled: Callable[[], Awaitable[None]],
        moved: Callable[[int], Awaitable[None]],
    ) -> None:
        """``settled`` waits until the bot is idle and shows the new time; ``moved`` is told by
        how many seconds."""
        self._db = db
        self._scheduler = scheduler
        self._settled = settled
        self._moved = moved
        self._journey = asyncio.Lock()

    async def advance(self, span: timedelta) -> datetime:
        """Move by ``span``, stopping wherever something is due; the new now.

        What the bot was handling is let finish at every stop.
        """
        async with self._journey:
            target = clock.offset() + span
            await self._stop_at(clock.offset())
            while True:
                due = await self._scheduler.next_due()
                if due is None:
                    break
                step = max(clock.offset(), due - clock.real_now())
                if step >= target:
                    break
                await self._stop_at(step)
            await self._stop_at(target)
        return clock.now()

    async def _stop_at(self, offset: timedelta) -> None:
        # Whole seconds, rounded up, so that what is due at a moment is due on arrival.
        whole = timedelta(seconds=-(-offset // timedelta(seconds=1)))
        ahead = int((whole - clock.offset()).total_seconds())
        if ahead > 0:
            await self._db.transact(lambda session: set_clock_offset(session, offset=whole))
            clock.set_offset(whole)
            await self._moved(ahead)
        await self._settled()
        await self._scheduler.run_due()


def parse_span(text: object) -> timedelta | None:
    """ "3d", "90m", "1d12h" as a span; None if it is none or longer than five years."""
    if not isinstance(text, str) or not re.fullmatch(rf"(?:{_SPAN.pattern}\s*)+", text.strip()):
        return None
    parts = _SPAN.findall(text)
    span = sum((timedelta(**{_UNITS[unit]: int(n)}) for n, unit in parts), timedelta())
    return span if timedelta() < span <= LONGEST else None


def routes(machine: Callable[[], TimeMachine | None]) -> list[web.RouteDef]:
    """``GET`` and ``POST /demo/clock``, for callers on this machine only.

    ``machine`` gives the time machine once everything has started.
    """

    async def read(request: web.Request) -> web.Response:
        _check_host(request)
        return _answer()

    async def move(request: web.Request) -> web.Response:
        _check_host(request)
        if request.content_type != "application/json":
            return _refuse(415, "send application/json")
        try:
            body = await request.json()
        except (json.JSONDecodeError, UnicodeDecodeError):
            return _refuse(400, "the body is not JSON")
        span = parse_span(body.get("advance")) if isinstance(body, dict) else None
        if span is None:
            return _refuse(400, 'say how far, for example {"advance": "3d"} (s, m, h, d)')
        ready = machine()
        if ready is None:
            return _refuse(503, "still starting")
        await ready.advance(span)
        return _answer()

    return [web.get("/demo/clock", read), web.post("/demo/clock", move)]


def _check_host(request: web.Request) -> None:
    # A page elsewhere must not reach this through a name that resolves to this machine.
    host = urlsplit(f"//{request.host}").hostname
    if host not in _LOOPBACK:
        raise web.HTTPForbidden(text="only from this machine")


def _answer() -> web.Response:
    return web.json_response(
        {"now": clock.now().isoformat(), "offset_s": int(clock.offset().total_seconds())}
    )


def _refuse(status: int, problem: str) -> web.Response:
    return web.json_response({"error": problem}, status=status)
