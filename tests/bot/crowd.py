"""Many people at once on the local Telegram, watched through its stream of events."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.bot.phone import Telegram

REAL = {"global_per_second": 30, "per_chat_per_second": 1, "burst": 20}
"""What the real Telegram lets through."""

PATIENCE_S = 45.0


@dataclass
class Crowd:
    """What each person of a crowd has on the screen."""

    telegram: Telegram
    _seen: dict[int, dict[int, dict[str, Any]]] = field(default_factory=dict)
    _news: dict[int, asyncio.Event] = field(default_factory=dict)

    async def bring(self, numbers: range, **about: Any) -> None:
        """People with phones in hand; ``started``: the bot may write to them."""
        for number in numbers:
            await self.telegram.person(number, **about)

    async def send(self, number: int, **what: Any) -> None:
        """Type or share something."""
        await self.telegram.call("POST", f"/users/{number}/send", {"bot": 42, **what})

    async def tap(self, number: int, button: str) -> None:
        """Tap a button that is on the screen, or will be."""
        message = await self.sees(number, button)
        body = {"bot": 42, "message_id": message["message_id"], "button": button}
        await self.telegram.call("POST", f"/users/{number}/tap", body)

    async def sees(self, number: int, what: str) -> dict[str, Any]:
        """Wait for a message of the bot with these words or this button."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                news = self._news.setdefault(number, asyncio.Event())
                news.clear()
                for message in self._seen.get(number, {}).values():
                    if what in (message.get("text") or "") or what in _buttons(message):
                        return message
                await news.wait()

    async def join(self, number: int) -> float:
        """All the way from the first word to the menu; the seconds that took."""
        began = time.monotonic()
        await self.send(number, text="/start")
        await self.tap(number, "Agree and join ✅")
        await self.sees(number, "One last step")
        await self.send(number, contact="own")
        await self.tap(number, "ads_yes")
        await self.sees(number, "card")
        return time.monotonic() - began

    async def refused(self) -> int:
        """How many calls of the bot were too many for Telegram."""
        calls = await self.telegram.call("GET", "/requests")
        rows = calls["requests"] if isinstance(calls, dict) else calls
        return sum((row["answer"] or {}).get("error_code") == 429 for row in rows)

    async def watch(self) -> None:
        """Note what comes to every screen."""
        limit = aiohttp.ClientTimeout(total=None)
        address = f"{self.telegram.url}/control/events"
        async with self.telegram.http.get(address, timeout=limit) as events:
            async for line in events.content:
                if line.startswith(b"data: "):
                    self._note(json.loads(line[6:]))

    def _note(self, event: dict[str, Any]) -> None:
        if event["kind"] != "message" or not event["message"]["from"]["is_bot"]:
            return
        number, message = event["user"], event["message"]
        self._seen.setdefault(number, {})[message["message_id"]] = message
        self._news.setdefault(number, asyncio.Event()).set()


def _buttons(message: dict[str, Any]) -> set[str]:
    rows = message.get("buttons") or []
    return {name for row in rows for b in row for name in (b["text"], b.get("callback_data"))}


@asynccontextmanager
async def open_crowd(telegram: Telegram) -> AsyncIterator[Crowd]:
    """A crowd on a Telegram with its real limits."""
    crowd = Crowd(telegram)
    watching = asyncio.create_task(crowd.watch())
    await telegram.call("PUT", "/limits", REAL)
    try:
        yield crowd
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):  # it ends because we end it
            await watching
