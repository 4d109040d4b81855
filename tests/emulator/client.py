"""A small client of the local Telegram: a bot's side and a person's side."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import aiohttp

from emulator import RunningEmulator

BOT_ID = 1000001
TOKEN = f"{BOT_ID}:{'A' * 35}"
OTHER_TOKEN = f"1000002:{'B' * 35}"
ANNA = 501
BORIS = 502

Json = dict[str, Any]


class Refused(Exception):
    """A call that was not ok."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(body.get("description") or body.get("error"))
        self.status = status
        self.body = body


class Client:
    """Calls over HTTP."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self.emulator = emulator
        self.http = aiohttp.ClientSession(emulator.url)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.http.close()

    async def call(self, method: str, *, token: str = TOKEN, **params: Any) -> Any:
        """One Bot API call as JSON; returns the result, raises Refused otherwise."""
        async with self.http.post(f"/bot{token}/{method}", json=params) as answer:
            body = await answer.json()
        if not body["ok"]:
            assert body["error_code"] == answer.status
            raise Refused(answer.status, body)
        return body["result"]

    async def refused(self, method: str, **params: Any) -> str:
        """The description of a call that must be refused."""
        try:
            await self.call(method, **params)
        except Refused as error:
            return str(error)
        raise AssertionError(f"{method} was accepted")

    async def control(self, verb: str, path: str, body: Any = None) -> Any:
        """One control call."""
        async with self.http.request(verb, f"/control{path}", json=body) as answer:
            data = await answer.json()
        if answer.status >= 400:
            raise Refused(answer.status, data)
        return data

    async def meet(self, user_id: int = ANNA, **facts: Any) -> None:
        """A person who has started the bot, with nothing left in the queue."""
        facts = {"first_name": "Anna", "phone": "+79001110001", "language_code": "ru", **facts}
        await self.call("getMe")
        await self.control("PUT", f"/users/{user_id}", {**facts, "started": True, "bot": BOT_ID})

    async def updates(self, **params: Any) -> list[Json]:
        """What is queued, at once or after a wait of up to 5 s."""
        found: list[Json] = await self.call("getUpdates", **{"timeout": 5, **params})
        return found

    async def next_of(self, kind: str) -> Json:
        """The next update of a kind; it and what came before it is confirmed."""
        while True:
            for update in await self.updates(limit=1):
                await self.updates(offset=update["update_id"] + 1, timeout=0)
                if kind in update:
                    found: Json = update[kind]
                    return found

    async def screen(self, user_id: int = ANNA, after: int = 0) -> list[Json]:
        """The chat as the person sees it."""
        found: list[Json] = await self.control(
            "GET", f"/users/{user_id}/messages?bot={BOT_ID}&after={after}"
        )
        return found
