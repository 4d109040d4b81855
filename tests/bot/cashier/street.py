"""A street with a shop: a bot at the local Telegram, cashiers and customers with phones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import sqlalchemy as sa
from sqlalchemy.orm import Session

import bot
from emulator import RunningEmulator
from loyalty import clock, customers, joining, staff, wallet
from loyalty.db import Database
from loyalty.messaging.tables import outbox
from loyalty.receipts import purchase
from loyalty.settings import Settings
from loyalty.tokens import Keys

TOKEN = f"1000001:{'A' * 35}"
KEYS = Keys("a secret for tests that is long enough")
ZONE = "Europe/Moscow"
Json = dict[str, Any]


class Phone:
    """A person with a phone in hand."""

    def __init__(self, street: Street, user_id: int) -> None:
        self.street = street
        self.id = user_id

    async def _act(self, what: str, body: Json) -> Json:
        before = self.street.bot.handled
        answer = await self.street.control("POST", f"/users/{self.id}/{what}", body)
        await until(lambda: self.street.bot.handled > before)
        await self.street.bot.idle()
        return answer

    async def send(self, text: str) -> str:
        """Type something; the words of the bot's last message then."""
        await self._act("send", {"text": text})
        return await self.words()

    async def send_photo(self) -> str:
        """Send a picture; the words of the bot's last message then."""
        await self._act("send", {"photo": True})
        return await self.words()

    async def open(self, payload: str) -> str:
        """Follow a deep link, as a camera does; the words of the bot's last message then."""
        link = f"https://t.me/{self.street.bot.username}?start={payload}"
        await self._act("open", {"link": link})
        return await self.words()

    async def tap(self, label: str, *, message: Json | None = None) -> str | None:
        """Tap the button whose label contains ``label``; what the tap was answered with."""
        message = message or await self.last()
        buttons = [button for row in message["buttons"] for button in row]
        found = next(b for b in buttons if label in b["text"])
        body = {"message_id": message["message_id"], "button": found["callback_data"]}
        answer = (await self._act("tap", body))["answer"]
        return (answer or {}).get("text")

    async def tap_data(self, message: Json, data: str) -> str | None:
        """A tap on a button that the chat does not show (any more), as an old or a changed
        client may send it; what the tap was answered with."""
        me = (await self.chat())[0]["from"]
        self.street.forged += 1
        query = {
            "id": str(self.street.forged),
            "from": me,
            "chat_instance": "1",
            "data": data,
            "message": {
                "message_id": message["message_id"],
                "date": message["date"],
                "chat": {"id": self.id, "type": "private", "first_name": me["first_name"]},
                "from": message["from"],
                "text": message["text"],
            },
        }
        update = {"update_id": 2**40 + self.street.forged, "callback_query": query}
        await self.street.bot.intake.put([update])
        await self.street.bot.idle()
        calls = await self.street.control("GET", "/requests")
        answers = [
            call["parameters"]
            for call in calls
            if call["method"].lower() == "answercallbackquery"
            and call["parameters"].get("callback_query_id") == query["id"]
        ]
        assert len(answers) == 1, "every tap is answered, once"
        return answers[0].get("text")

    async def chat(self) -> list[Json]:
        """Everything on the screen."""
        return await self.street.control("GET", f"/users/{self.id}/messages")

    async def last(self) -> Json:
        """The bot's last message."""
        return [m for m in await self.chat() if m["from"]["is_bot"]][-1]

    async def words(self) -> str:
        """The words of the bot's last message, spaces as on a keyboard."""
        text = (await self.last())["text"] or ""
        return text.replace("\u00a0", " ").replace("\u202f", " ")

    async def buttons(self) -> list[str]:
        """The labels under the bot's last message, spaces as on a keyboard."""
        rows = (await self.last())["buttons"]
        return [b["text"].replace("\u00a0", " ").replace("\u202f", " ") for r in rows for b in r]

    async def commands(self) -> list[str]:
        """The command menu of the chat."""
        screen = await self.street.control("GET", f"/users/{self.id}/screen")
        return [command["command"] for command in screen["commands"]]


class Street:
    """The shop, its bot, and who passes by."""

    def __init__(self, db: Database, running: bot.RunningBot, http: aiohttp.ClientSession) -> None:
        self.db = db
        self.bot = running
        self.http = http
        self.forged = 0

    async def control(self, verb: str, path: str, body: Any = None) -> Any:
        """One control call to the local Telegram."""
        async with self.http.request(verb, f"/control{path}", json=body) as answer:
            data = await answer.json()
        assert answer.status < 400, data
        return data

    async def phone(self, user_id: int, name: str, language: str = "en") -> Phone:
        """Somebody new to the bot."""
        facts = {"first_name": name, "language_code": language, "phone": f"+7900{user_id:07d}"}
        await self.control("PUT", f"/users/{user_id}", facts)
        return Phone(self, user_id)

    async def invitation(self, name: str, outlet: str = "Tverskaya") -> tuple[int, str]:
        """A cashier who was not here yet: their id and the link's payload."""

        def unit(session: Session) -> tuple[int, str]:
            now = clock.now()
            place = staff.find_outlet(session, name=outlet) or staff.add_outlet(
                session, name=outlet, time_zone=ZONE, now=now
            )
            person = staff.add(
                session, name=name, role="cashier", outlet_id=place.id, now=now, actor="system"
            )
            return person.id, "j_" + staff.invite(session, staff_id=person.id, now=now)

        return await self.db.transact(unit)

    async def cashier(
        self, user_id: int, name: str, *, outlet: str = "Tverskaya", language: str = "en"
    ) -> Phone:
        """A cashier who has joined by the link."""
        phone = await self.phone(user_id, name, language)
        _, payload = await self.invitation(name, outlet)
        await phone.open(payload)
        return phone

    async def customer(
        self, user_id: int, name: str, *, points: int = 0, language: str = "en"
    ) -> int:
        """A customer with ``points`` to spend; their id."""

        def unit(session: Session) -> int:
            now = clock.now()
            customers.open_chat(session, telegram_id=user_id, language=language, now=now)
            joined = joining.join(
                session,
                keys=KEYS,
                telegram_id=user_id,
                phone=f"+7900{user_id:07d}",
                name=name,
                agreement=joining.Agreement(version=1, language=language, at=now, evidence="test"),
                source=None,
                time_zone=ZONE,
                now=now,
            )
            have = wallet.balance(session, customer_id=joined.customer_id, now=now).available
            if points != have:
                wallet.adjust(
                    session,
                    customer_id=joined.customer_id,
                    points=points - have,
                    reason="test",
                    actor="system",
                    key=f"test:{user_id}",
                    now=now,
                )
            return joined.customer_id

        return await self.db.transact(unit)

    async def show(self, customer_id: int) -> customers.ShownCard:
        """The customer opens their card."""
        return await self.db.transact(
            lambda s: customers.show_card(s, keys=KEYS, customer_id=customer_id, now=clock.now())
        )

    async def balance(self, customer_id: int) -> wallet.Balance:
        """What the customer owns."""
        return await self.db.read(
            lambda s: wallet.balance(s, customer_id=customer_id, now=clock.now())
        )

    async def sales(self) -> int:
        """How many purchases were recorded."""
        count = sa.select(sa.func.count()).select_from(purchase)
        return await self.db.read(lambda s: s.execute(count).scalar_one())

    async def told(self, template: str) -> list[Json]:
        """What waits to be told to customers by that template."""
        rows = await self.db.read(lambda s: s.execute(sa.select(outbox.c.payload)).scalars().all())
        return [p["values"] for p in rows if p.get("template") == template]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens elsewhere, 10 s at most."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def open_street(database_url: str, emulator: RunningEmulator) -> AsyncIterator[Street]:
    """The shop opens; everything is put away at the end."""
    db = Database(database_url)
    settings = Settings(database_url=database_url, language="en", time_zone=ZONE)
    running = await bot.start(
        db, settings=settings, keys=KEYS, token=TOKEN, api_url=emulator.url, poll=True
    )
    try:
        async with aiohttp.ClientSession(emulator.url) as http:
            yield Street(db, running, http)
    finally:
        await running.stop()
        await db.close()
        clock.set_offset(timedelta())
