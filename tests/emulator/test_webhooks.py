"""Webhooks: secret, order, retries with back-off, 410, answers that are calls."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from tests.emulator.client import ANNA, BORIS, Client


class Receiver:
    """A bot's own web server: notes what arrives, answers as told."""

    def __init__(self) -> None:
        self.seen: asyncio.Queue[tuple[str | None, dict[str, Any]]] = asyncio.Queue()
        self.statuses: list[int] = []
        self.answer: dict[str, Any] | None = None
        self.hold: asyncio.Event | None = None
        self.held_chat = 0
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        update = await request.json()
        await self.seen.put((request.headers.get("X-Telegram-Bot-Api-Secret-Token"), update))
        if self.hold is not None and update["message"]["chat"]["id"] == self.held_chat:
            await self.hold.wait()
        status = self.statuses.pop(0) if self.statuses else 200
        if self.answer is not None and status == 200:
            return web.json_response(self.answer)
        return web.Response(status=status)

    async def text(self) -> str:
        """The text of the next message that arrives."""
        _, update = await asyncio.wait_for(self.seen.get(), 5)
        return str(update["message"]["text"])


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.add_routes([web.post("/hook", receiver.handle)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


async def say(client: Client, text: str, user_id: int = ANNA) -> None:
    await client.control("POST", f"/users/{user_id}/send", {"text": text})


async def settled(client: Client) -> None:
    """Wait until nothing is queued for the bot."""
    while (await client.call("getWebhookInfo"))["pending_update_count"]:
        await asyncio.sleep(0.005)


async def test_updates_are_posted_with_the_secret(client: Client, receiver: Receiver) -> None:
    await client.meet()
    await say(client, "before")
    await client.call("setWebhook", url=receiver.url, secret_token="s-3_cret")
    secret, update = await asyncio.wait_for(receiver.seen.get(), 5)
    assert (secret, update["message"]["text"]) == ("s-3_cret", "before")
    await say(client, "after")
    assert await receiver.text() == "after"
    await settled(client)
    assert (await client.refused("getUpdates")).startswith(
        "Conflict: can't use getUpdates method while webhook is active"
    )
    await client.call("deleteWebhook")
    await say(client, "polled")
    assert [u["message"]["text"] for u in await client.updates()] == ["polled"]


async def test_failed_delivery_is_retried_in_order(client: Client, receiver: Receiver) -> None:
    await client.meet()
    await client.control("PUT", "/delivery", {"retry_base": 0.01})
    receiver.statuses = [500, 503, 302]
    await client.call("setWebhook", url=receiver.url)
    for text in ("1", "2"):
        await say(client, text)
    assert [await receiver.text() for _ in range(5)] == ["1", "1", "1", "1", "2"]
    await settled(client)
    info = await client.call("getWebhookInfo")
    assert info["last_error_message"].startswith("Wrong response from the webhook: 302")


async def test_dead_address_is_tried_until_it_lives(client: Client, receiver: Receiver) -> None:
    await client.meet()
    await client.control("PUT", "/delivery", {"retry_base": 0.01})
    await client.call("setWebhook", url="http://127.0.0.1:9/hook")
    await say(client, "patient")
    while "last_error_message" not in await client.call("getWebhookInfo"):
        await asyncio.sleep(0.005)
    await client.call("setWebhook", url=receiver.url)
    assert await receiver.text() == "patient"


async def test_one_slow_chat_does_not_hold_another(client: Client, receiver: Receiver) -> None:
    await client.meet(ANNA)
    await client.meet(BORIS)
    receiver.hold, receiver.held_chat = asyncio.Event(), ANNA
    await client.call("setWebhook", url=receiver.url)
    await say(client, "slow", ANNA)
    await say(client, "next", ANNA)
    await say(client, "other", BORIS)
    assert {await receiver.text(), await receiver.text()} == {"slow", "other"}
    assert receiver.seen.empty()
    receiver.hold.set()
    assert await receiver.text() == "next"


async def test_answer_may_be_a_call(client: Client, receiver: Receiver) -> None:
    await client.meet()
    receiver.answer = {"method": "sendMessage", "chat_id": ANNA, "text": "from the answer"}
    await client.call("setWebhook", url=receiver.url)
    await say(client, "x")
    await settled(client)
    assert (await client.screen())[-1]["text"] == "from the answer"


async def test_gone_for_23_hours_ends_the_webhook(client: Client, receiver: Receiver) -> None:
    await client.meet()
    await client.control("PUT", "/delivery", {"retry_base": 0.01})
    receiver.statuses = [410] * 1000
    await client.call("setWebhook", url=receiver.url)
    await say(client, "x")
    assert await receiver.text() == "x"
    assert await receiver.text() == "x"
    await client.control("POST", "/clock", {"advance": "23h"})
    while (await client.call("getWebhookInfo"))["url"]:
        await asyncio.sleep(0.005)
    assert [u["message"]["text"] for u in await client.updates(timeout=0)] == ["x"]


async def test_webhooks_telegram_refuses(client: Client) -> None:
    await client.call("getMe")
    assert "bad webhook" in await client.refused("setWebhook", url="ftp://x")
    assert await client.refused("setWebhook", url="https://a.bc", secret_token="пароль") == (
        "Bad Request: secret token contains unallowed characters"
    )


async def test_pending_updates_can_be_dropped(client: Client) -> None:
    await client.meet()
    await say(client, "x")
    assert await client.call("deleteWebhook", drop_pending_updates=True)
    assert await client.updates(timeout=0) == []
