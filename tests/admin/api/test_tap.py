"""The customer's tap, through the whole street: a till, the outbox, the chat, the bot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from sqlalchemy.orm import Session

import admin
import scheduler
from emulator import RunningEmulator
from loyalty import clock, staff, wallet
from loyalty.settings import Settings
from tests.admin.api.shop import Till, receipt
from tests.bot.cashier.street import KEYS, TOKEN, ZONE, Phone, Street, open_street


@pytest.fixture
async def street(database_url: str, emulator: RunningEmulator) -> AsyncIterator[Street]:
    """A shop with its bot, its scheduler and its door for tills."""
    async with open_street(database_url, emulator) as opened:
        settings = Settings(database_url=database_url, language="en", time_zone=ZONE)
        running = await scheduler.start(
            opened.db, settings=settings, token=TOKEN, api_url=emulator.url
        )
        app = admin.make_app(opened.db, settings=settings, keys=KEYS)
        served = await admin.start(app, "127.0.0.1", 0)
        opened.server = served  # type: ignore[attr-defined]
        try:
            yield opened
        finally:
            await served.stop()
            await running.stop()


async def the_till(street: Street, http: aiohttp.ClientSession) -> Till:
    """A till of the place on Tverskaya."""

    def unit(session: Session) -> str:
        now = clock.now()
        place = staff.add_outlet(session, name="Tverskaya", time_zone=ZONE, now=now)
        return staff.add_key(session, outlet_id=place.id, now=now)

    key = await street.db.transact(unit)
    return Till(http, street.server, key)  # type: ignore[attr-defined]


async def the_question(ivan: Phone) -> dict[str, Any]:
    """Waits until the bot has asked; its message."""
    async with asyncio.timeout(20):
        while True:
            message = await ivan.last()
            if "Tverskaya" in (message["text"] or ""):
                return message
            await asyncio.sleep(0.02)


async def test_a_tap_in_the_chat_lets_the_till_go_on(street: Street):
    ivan = await street.phone(701, "Ivan")
    await ivan.send("/start")
    customer_id = await street.customer(701, "Ivan", points=1000)
    async with aiohttp.ClientSession() as http:
        till = await the_till(street, http)
        body = {
            "customer": f"c_{(await street.show(customer_id)).token}",
            "receipt": receipt("3000.00"),
            "redeem": 900,
        }
        waiting = await till.post("/purchases", body, key="big-1")
        assert (waiting.status, waiting.code) == (409, "confirmation_required")
        question = await the_question(ivan)
        words = question["text"].replace("\u00a0", " ")
        assert "Spend 900 points at Tverskaya?" in words
        assert "3,000" in words
        assert "Time left: 2:00" in words
        sly = await street.phone(702, "Sly")
        await sly.send("/start")
        await street.customer(702, "Sly")
        data = question["buttons"][0][0]["callback_data"]
        assert "question is over" in (await sly.tap_data(question, data) or "")
        assert "question is over" in (await sly.tap_data(question, "spend:yes:x") or "")
        await ivan.tap("Yes", message=question)
        assert "the till may take 900 points" in (await ivan.words())
        sold = await till.post("/purchases", body, key="big-1")
        assert sold.status == 201, sold.text
        assert (sold.body["redeemed"], sold.body["balance"]) == (900, 100)
        assert "question is over" in (await ivan.tap_data(question, data) or "")
        body = {**body, "receipt": receipt("3000.00"), "redeem": 50}
        used = await till.post("/purchases", body)
        assert (used.status, used.code) == (403, "presence_required")
    assert await street.sales() == 1
    assert not await street.db.read(wallet.reconcile)


async def test_a_no_in_the_chat_frees_the_points(street: Street):
    ivan = await street.phone(701, "Ivan")
    await ivan.send("/start")
    customer_id = await street.customer(701, "Ivan", points=1000)
    async with aiohttp.ClientSession() as http:
        till = await the_till(street, http)
        code = (await street.show(customer_id)).code
        hold = await till.post("/holds", {"customer": code, "points": 800})
        assert (hold.status, hold.body["needs_tap"]) == (201, True), hold.text
        question = await the_question(ivan)
        await ivan.tap("No", message=question)
        assert "No points were spent" in await ivan.words()
        path = f"/holds/{hold.body['hold_id']}"
        assert (await till.call("GET", path)).body["status"] == "voided"
        assert (await till.post(f"{path}/confirm")).code == "hold_already_resolved"
    assert (await street.balance(customer_id)).available == 1000
