"""From a chain's message in the chat, over its link, to the shop and to who wants to know."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa

from admin import make_app
from admin import start as serve
from loyalty import clock, messaging, webhooks
from loyalty.db import Rows, stamp_installation
from loyalty.delivery import Place
from loyalty.delivery.tracking import Links
from loyalty.ids import number_of
from loyalty.messaging.tables import click
from loyalty.settings import Settings
from loyalty.tokens import Keys
from scheduler.dispatcher import Dispatcher
from scheduler.limits import LocalLimits
from scheduler.running import _links
from scheduler.telegram import Telegram
from scheduler.webhooks import Caller
from tests.emulator.client import TOKEN
from tests.loyalty.delivery.letters import MENU, SHOP, publish
from tests.scheduler.receiver import open_receiver
from tests.scheduler.stage import Stage
from tests.world import ZONE

ANNA = 501
KEYS = Keys("k" * 40)


async def say(stage: Stage, customer_id: int, public_url: str, *, service: bool = False) -> int:
    """A chain's message (or the same as a service message) is queued and leaves; its id."""
    payload: dict[str, Any] = {"text": "x", "buttons": [[{"text": "Go", "url": SHOP}]]}
    if not service:
        payload = {"chain_version": await publish(stage.world), "step": "look"}
        payload["occurrence"] = "once"

    def unit(session: Any) -> int:
        rows = Rows()
        queued = messaging.enqueue(
            rows,
            customer_id=customer_id,
            chat_id=ANNA,
            message_class="service" if service else "trigger",
            key=f"test:{clock.real_now().isoformat()}",
            payload=payload,
            now=clock.now(),
        )
        rows.put(session)
        return queued

    telegram = Telegram(token=TOKEN, api_url=stage.client.emulator.url, total_s=5.0)
    hands = Dispatcher(
        stage.world.db,
        telegram=telegram,
        limits=LocalLimits(per_second=1000, chat_s=0.0),
        place=Place(ZONE, "RUB", "ru", Links(KEYS, public_url)),
    )
    await stage.running.dispatcher.stop()
    queued = await stage.world.db.transact(unit)
    hands.start()
    assert await hands.until_idle(timeout_s=20)
    await hands.stop()
    await telegram.close()
    return queued


async def test_a_link_is_followed_counted_and_told(stage: Stage) -> None:
    db = stage.world.db
    await db.transact(lambda s: stamp_installation(s, wanted="demo", now=clock.now()))
    anna = await stage.person(ANNA)
    settings = Settings.model_validate({"database_url": db.url, "language": "en"})
    panel = await serve(make_app(db, settings=settings, keys=KEYS), "127.0.0.1", 0)
    async with open_receiver() as receiver:
        wanted = ["message.clicked"]
        await db.transact(
            lambda s: webhooks.add(
                s, url=receiver.address, wanted=wanted, actor="test", now=clock.now()
            )
        )
        sent = await say(stage, anna, panel.address)
        (message,) = await stage.client.screen(ANNA)
        (card, shop), (menu,) = message["buttons"]
        data, _, short = card["callback_data"].partition("~")
        assert (data, number_of(short)) == ("go:card", sent)
        hrefs = [entity["url"] for entity in message["entities"] if entity["type"] == "text_link"]
        addresses = [shop["url"], menu["url"], *hrefs]
        assert all(one.startswith(f"{panel.address}/r/") for one in addresses)
        async with aiohttp.ClientSession() as http:
            for address, target in zip(addresses, (SHOP, MENU, SHOP), strict=True):
                async with http.get(address, allow_redirects=False) as answer:
                    assert (answer.status, answer.headers["Location"]) == (302, target)
        await panel.stop()
        query = sa.select(click.c.target, click.c.customer_id).order_by(click.c.id)
        rows = await db.read(lambda s: s.execute(query).all())
        assert [(row.target, row.customer_id) for row in rows] == [
            ("1", anna), ("2", anna), ("t0", anna)
        ]  # fmt: skip
        assert await stage.running.ticks.webhooks() == 3
        caller = Caller(db, keys=KEYS, timeout_s=5.0)
        while await caller.round():
            await caller.finish()
        await caller.stop()
        said = [json.loads(told.body)["data"] for told in receiver.told]
    assert {one["target"] for one in said} == {"1", "2", "t0"}
    assert {(one["customer_id"], one["message_id"]) for one in said} == {(str(anna), str(sent))}


async def test_a_service_message_keeps_its_links(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    await say(stage, anna, "https://loyal.example", service=True)
    (message,) = await stage.client.screen(ANNA)
    assert message["buttons"][0][0]["url"] == SHOP


@pytest.mark.parametrize(
    ("stamp", "public_url", "counted"),
    [
        ("demo", "http://localhost:8080", True),
        ("live", "http://localhost:8080", False),
        ("live", "http://127.0.0.1:8080", False),
        ("live", "https://loyal.example", True),
    ],
)
async def test_links_are_counted_where_telegram_takes_them(
    stage: Stage, stamp: str, public_url: str, counted: bool
) -> None:
    db = stage.world.db
    await db.transact(lambda s: stamp_installation(s, wanted=stamp, now=clock.now()))
    settings = Settings.model_validate({"database_url": db.url, "public_url": public_url})
    assert (await _links(db, settings, KEYS) is not None) == counted
    assert await _links(db, settings, None) is None
    assert clock.offset() > timedelta()
