"""Fifty people who tap without pause: a process of its own, light, so that it measures and is not
measured. Prints `ready` when every chat is open, waits for a line, taps, and prints a JSON list of
the milliseconds each tap took.

    python -m benchmarks.tap_phones API_URL TAPS
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress
from typing import Any

import aiohttp

PHONES = 50
BUTTONS = ("balance", "menu")
WAIT_S = 30


class Phones:
    """Fifty people with one message each."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._messages: dict[int, int] = {}
        self._changed: dict[int, asyncio.Event] = {n: asyncio.Event() for n in range(1, PHONES + 1)}

    async def control(self, method: str, path: str, body: Any) -> Any:
        """A control call; its JSON."""
        async with self._http.request(method, f"/control{path}", json=body) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def watch(self) -> None:
        """Note every message of the bot that comes or changes."""
        limit = aiohttp.ClientTimeout(total=None)
        async with self._http.get("/control/events", timeout=limit) as events:
            async for line in events.content:
                if not line.startswith(b"data: "):
                    continue
                event = json.loads(line[6:])
                if event["kind"] == "message" and event["message"]["from"]["is_bot"]:
                    self._messages[event["user"]] = event["message"]["message_id"]
                    self._changed[event["user"]].set()

    async def open(self, number: int) -> None:
        """Ask for the menu and wait for it."""
        self._changed[number].clear()
        await self.control("POST", f"/users/{number}/send", {"bot": 42, "text": "/menu"})
        async with asyncio.timeout(WAIT_S):
            await self._changed[number].wait()

    async def tap(self, number: int, button: str) -> float:
        """Tap; milliseconds until the message has changed and the tap is answered."""
        changed = self._changed[number]
        changed.clear()
        body = {"bot": 42, "message_id": self._messages[number], "button": button, "wait": WAIT_S}
        began = time.perf_counter()
        done = await self.control("POST", f"/users/{number}/tap", body)
        async with asyncio.timeout(WAIT_S):
            await changed.wait()
        assert done["answer"] is not None, "a tap was left without an answer"
        return (time.perf_counter() - began) * 1000

    async def play(self, number: int, count: int) -> list[float]:
        """Tap one button after the other."""
        return [await self.tap(number, BUTTONS[turn % 2]) for turn in range(count)]


async def play_all(url: str, count: int) -> None:
    """Open every chat, say so, wait for a line, tap, print what each tap took."""
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as http:
        phones = Phones(http)
        watching = asyncio.create_task(phones.watch())
        numbers = range(1, PHONES + 1)
        await asyncio.gather(*(phones.open(number) for number in numbers))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        waited = await asyncio.gather(*(phones.play(number, count) for number in numbers))
        watching.cancel()
        with suppress(asyncio.CancelledError):  # it ends because we end it
            await watching
    print(json.dumps([round(one, 3) for row in waited for one in row]), flush=True)


if __name__ == "__main__":
    asyncio.run(play_all(sys.argv[1], int(sys.argv[2])))
