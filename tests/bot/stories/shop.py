"""A shop whose people act out a story, plainly or under hardship.

The hardships: every tap comes twice; updates are delivered twice, swapped and late; the bot is
torn down in the middle of every single step. Taps name callback data, so a story is the same in
every language.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import bot
from bot.app import RunningBot
from loyalty import clock, staff
from loyalty.db import Database
from loyalty.staff import CASHIER
from tests.bot.phone import KEYS, TOKEN, Phone, Telegram, settings_for, until

ZONE = "Europe/Moscow"
OUTLETS = ("Tverskaya", "Arbat")


class Hardship(Enum):
    """What the story has to live through."""

    NONE = "none"
    DOUBLED = "doubled"
    MISCHIEF = "mischief"
    RESTARTED = "restarted"


@dataclass
class Shop:
    """The bot at work, and who talks to it."""

    db: Database
    telegram: Telegram
    hardship: Hardship
    language: str
    running: RunningBot = field(init=False)
    people: list[Actor] = field(default_factory=list)

    async def open(self) -> None:
        """Start the bot."""
        settings = settings_for(self.db.url)
        self.running = await bot.start(
            self.db, settings=settings, keys=KEYS, token=TOKEN, api_url=self.telegram.url
        )

    async def settle(self) -> None:
        """Wait until nothing is held back any more and everything has been dealt with."""
        await until(self._nothing_waits, "the last updates")
        await self.running.idle()
        await self.running.ctx.living.flush()

    async def _nothing_waits(self) -> bool:
        found = await self.telegram.call("GET", "/delivery")
        state = await self.telegram.call("GET", "/state")
        return not found["done"]["waiting"] and not any(one["pending"] for one in state["bots"])

    async def restart(self) -> None:
        """Tear the bot down without waiting for what it is doing, and start it again."""
        await self.running.stop(0)
        await self.open()

    async def person(self, number: int, **about: Any) -> Actor:
        """Somebody with a phone in the story's language."""
        facts = {"language_code": self.language, **about}
        actor = Actor(self, await self.telegram.person(number, **facts))
        self.people.append(actor)
        return actor

    async def cashier(self, number: int, name: str, *outlets: str) -> Actor:
        """Somebody who has joined the till of the outlets by a link."""
        actor = await self.person(number, first_name=name)
        for outlet in outlets or OUTLETS[:1]:
            await actor.open(await self._invitation(name, outlet))
            await actor.sees("till:sale")
        return actor

    async def _invitation(self, name: str, outlet: str) -> str:
        def unit(session: Any) -> str:
            now = clock.now()
            place = staff.find_outlet(session, name=outlet) or staff.add_outlet(
                session, name=outlet, time_zone=ZONE, now=now
            )
            person = staff.add(
                session, name=name, role=CASHIER, outlet_id=place.id, now=now, actor="system"
            )
            return "j_" + staff.invite(session, staff_id=person.id, now=now)

        return await self.db.transact(unit)


@dataclass
class Actor:
    """One person of the story."""

    shop: Shop
    phone: Phone

    @property
    def id(self) -> int:
        """The Telegram id."""
        return self.phone.id

    async def say(self, text: str) -> None:
        """Type a text."""
        await self._act("send", {"bot": 42, "text": text})

    async def share(self) -> None:
        """Share one's own contact."""
        await self._act("send", {"bot": 42, "contact": "own"})

    async def open(self, payload: str) -> None:
        """Follow a deep link."""
        link = f"https://t.me/{self.shop.running.username}?start={payload}"
        await self._act("open", {"link": link})

    async def sees(self, what: str) -> dict[str, Any]:
        """Wait for the newest message to hold these words, or a button whose data begins so."""

        return await self._find(lambda m: what in _plain(m) or _button(m, what), what)

    async def _find(self, fits: Callable[[dict[str, Any]], Any], what: str) -> dict[str, Any]:
        async def look() -> Any:
            return next((m for m in reversed(await self.phone.from_bot()) if fits(m)), None)

        found: dict[str, Any] = await until(look, f"{what!r} for {self.id}: {await self._screen()}")
        return found

    async def tap(self, data: str) -> None:
        """Tap the newest button whose data begins so, as soon as there is one."""
        message = await self._find(lambda m: _button(m, data), data)
        body = {
            "bot": 42,
            "message_id": message["message_id"],
            "button": _button(message, data),
        }
        await self._act("tap", body)
        if self.shop.hardship is Hardship.DOUBLED:
            # The second tap of a nervous finger: on the same message, whatever became of it.
            await self._again(message, str(_button(message, data)))

    async def _act(self, what: str, body: dict[str, Any]) -> None:
        running = self.shop.running
        before = running.handled
        path = f"/users/{self.id}/{what}"
        call = asyncio.create_task(self.shop.telegram.call("POST", path, body))
        if self.shop.hardship is Hardship.RESTARTED:
            await until(
                lambda: running.intake._in_hand or running.handled > before or call.done(),
                f"{what} arrived",
            )
            await self.shop.restart()
        await call
        if self.shop.hardship in (Hardship.NONE, Hardship.DOUBLED):
            await until(lambda: running.handled > before, f"{what} handled")
        if self.shop.hardship is not Hardship.MISCHIEF:
            await self.shop.running.idle()

    async def _again(self, message: dict[str, Any], data: str) -> None:
        person = {"id": self.id, "is_bot": False, "first_name": "X"}
        query = {
            "id": f"again{time.monotonic_ns()}",
            "from": {**person, "language_code": self.shop.language},
            "chat_instance": "1",
            "data": data,
            "message": {
                "message_id": message["message_id"],
                "date": message["date"],
                "chat": {"id": self.id, "type": "private", "first_name": "X"},
                **({"text": message["text"]} if message.get("text") else {}),
            },
        }
        await self.shop.telegram.forged(callback_query=query)
        await until(lambda: self._answered(query["id"]), "the second tap's answer")
        await self.shop.running.idle()

    async def _answered(self, query_id: str) -> bool:
        calls = await self.shop.telegram.requests("answerCallbackQuery")
        return any(c["parameters"].get("callback_query_id") == query_id for c in calls)

    async def _screen(self) -> list[str]:
        return [_plain(m)[:80] for m in (await self.phone.from_bot())[-3:]]


def _plain(message: dict[str, Any]) -> str:
    text = message.get("text") or message.get("caption") or ""
    return str(text).replace("\u00a0", " ").replace("\u202f", " ")


def _button(message: dict[str, Any], data: str) -> str | None:
    """The whole data of the first button of that name: ``birthday`` is not ``birthday_skip``."""
    for row in message.get("buttons") or []:
        for one in row:
            found = one.get("callback_data") or ""
            named = data if data.endswith((":", "_")) else f"{data}:"
            if f"{found}:".startswith(named) and not one.get("disabled"):
                return str(found)
    return None


@asynccontextmanager
async def open_shop(
    db: Database, telegram: Telegram, *, hardship: Hardship, language: str
) -> AsyncIterator[Shop]:
    """The shop, open until the story ends."""
    shop = Shop(db, telegram, hardship, language)
    await shop.open()
    if hardship is Hardship.MISCHIEF:
        await telegram.mischief(seed=11)
    try:
        yield shop
    finally:
        await shop.running.stop(5)
