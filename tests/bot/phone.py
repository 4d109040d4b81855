"""A person with a phone in hand, on the local Telegram, and a bot to talk to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

import bot
from bot.app import RunningBot
from loyalty.db import Database
from loyalty.settings import Settings
from loyalty.tokens import Keys

T = TypeVar("T")
TOKEN = "42:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
KEYS = Keys("a secret for tests")
DEADLINE_S = 30.0


async def until(look: Callable[[], Any], what: str) -> Any:
    """Wait until ``look`` (sync or async) gives something true; fail after the deadline."""
    end = time.monotonic() + DEADLINE_S
    while True:
        found = look()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < end, f"in vain: {what}"
        await asyncio.sleep(0.02)


@dataclass
class Telegram:
    """The local Telegram's control address."""

    url: str
    http: aiohttp.ClientSession

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """A control call; its JSON."""
        async with self.http.request(
            method, f"{self.url}/control{path}", json=body, params=query
        ) as answer:
            content = await answer.json()
            assert answer.status < 300, content
            return content

    async def requests(self, method: str) -> list[dict[str, Any]]:
        """Calls of a Bot API method so far."""
        found = await self.call("GET", "/requests")
        rows = found["requests"] if isinstance(found, dict) else found
        return [row for row in rows if row["method"] == method]

    async def mischief(
        self,
        *,
        seed: int = 1,
        duplicate: float = 0.3,
        swap: float = 0.3,
        delay: float = 0.3,
        seconds: tuple[float, float] = (0.02, 0.2),
    ) -> None:
        """From now on some updates come twice, some out of order, some late (shares 0 to 1)."""
        late = {"share": delay, "seconds": list(seconds)}
        body = {"duplicate": duplicate, "swap": swap, "delay": late, "seed": seed}
        await self.call("PUT", "/delivery", body)

    async def mischief_done(self) -> dict[str, Any]:
        """Update ids that were `duplicated`, `swapped` (pairs) and `delayed` since then."""
        found = await self.call("GET", "/delivery")
        return dict(found["done"])

    async def forged(self, **update: Any) -> int:
        """Hand the bot an update nobody's phone would send; its id."""
        body = {"bot": 42, "update": update}
        return int((await self.call("POST", "/updates", body))["update_id"])

    async def person(self, number: int, **about: Any) -> Phone:
        """A new person."""
        facts = {"first_name": f"Guest{number}", "language_code": "en", **about}
        facts.setdefault("phone", f"+7999{number:07d}")
        await self.call("PUT", f"/users/{number}", facts)
        return Phone(self, number, facts["phone"])


@dataclass
class Phone:
    """One person's chat with the bot."""

    telegram: Telegram
    id: int
    phone: str

    async def _post(self, what: str, body: Any) -> Any:
        return await self.telegram.call("POST", f"/users/{self.id}/{what}", {"bot": 42, **body})

    async def send(self, text: str) -> Any:
        """Type a text."""
        return await self._post("send", {"text": text})

    async def share(self, contact: Any = "own") -> Any:
        """Share a contact."""
        return await self._post("send", {"contact": contact})

    async def post(self, **content: Any) -> Any:
        """Send something else: a photo, a sticker."""
        return await self._post("send", content)

    async def tap(self, label: str, *, message_id: int | None = None) -> Any:
        """Tap the button with that label (or data) on the newest message that has it."""
        if message_id is None:
            message_id = (await self.with_button(label))["message_id"]
        return await self._post("tap", {"message_id": message_id, "button": label})

    async def block(self) -> None:
        """Block the bot."""
        await self._post("block", {})

    async def unblock(self) -> None:
        """Unblock the bot."""
        await self._post("unblock", {})

    async def messages(self) -> list[dict[str, Any]]:
        """The chat as this person sees it now."""
        found = await self.telegram.call("GET", f"/users/{self.id}/messages", bot=42)
        return list(found["messages"] if isinstance(found, dict) else found)

    async def from_bot(self) -> list[dict[str, Any]]:
        """What the bot has written."""
        return [m for m in await self.messages() if not _mine(m, self.id)]

    async def reads(self, part: str) -> dict[str, Any]:
        """Wait for a message of the bot with ``part`` in it; that message."""

        async def look() -> Any:
            for message in reversed(await self.from_bot()):
                if part in (message.get("text") or message.get("caption") or ""):
                    return message
            return None

        found: dict[str, Any] = await until(look, f"{part!r} in the chat of {self.id}")
        return found

    async def with_button(self, label: str) -> dict[str, Any]:
        """Wait for a message of the bot with that button."""

        async def look() -> Any:
            for message in reversed(await self.from_bot()):
                for row in message.get("buttons") or []:
                    if any(label in (b["text"], b.get("callback_data")) for b in row):
                        return message
            return None

        found: dict[str, Any] = await until(look, f"button {label!r} for {self.id}")
        return found

    async def joins(self, *, ads: bool = True, russian: bool = False) -> None:
        """Go all the way to the menu."""
        await self.send("/start")
        await self.tap("Принять и вступить ✅" if russian else "Agree and join ✅")
        await self.reads("Последний шаг" if russian else "One last step")
        await self.share()
        await self.tap("ads_yes" if ads else "ads_no")
        await self.with_button("card")


def _mine(message: dict[str, Any], telegram_id: int) -> bool:
    sender = message.get("from")
    if isinstance(sender, dict):
        return bool(sender.get("id") == telegram_id)
    return sender in (telegram_id, "user", "me", "person")


def settings_for(database_url: str, **more: Any) -> Settings:
    """Settings that depend on nothing around the test."""
    known: dict[str, Any] = {
        "time_zone": "Europe/Moscow",
        "language": "ru",
        "currency": "RUB",
        "public_url": "http://localhost:8080",
        "telegram_mode": "polling",
    }
    return Settings(database_url=database_url, **{**known, **more})


@asynccontextmanager
async def running_bot(
    db: Database, telegram: Telegram, **options: Any
) -> AsyncIterator[RunningBot]:
    """The bot at work on ``db``."""
    settings = options.pop("settings", None) or settings_for(db.url)
    running = await bot.start(
        db, settings=settings, keys=KEYS, token=TOKEN, api_url=telegram.url, **options
    )
    try:
        yield running
    finally:
        await running.stop(5)
