"""Another system of the shop: a real HTTP server that remembers what it was told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Told:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The body read."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """Answers each request with the next of ``plan`` (a status, ``hang``, ``drop``), else 200."""

    told: list[Told] = field(default_factory=list)
    plan: list[int | str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    address: str = ""
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Remember, and do as planned."""
        self.told.append(Told(request.path, dict(request.headers), await request.read()))
        todo = self.plan.pop(0) if self.plan else 200
        if todo == "hang":
            await self.released.wait()
            return web.Response()
        if todo == "drop":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.Response(status=int(todo), headers=self.headers, text="thanks")


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    """One on a free port of this machine."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", receiver.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        receiver.released.set()
        await runner.cleanup()
