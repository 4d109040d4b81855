"""Answers and the scheduler's messages leave within one budget: answers first, none in a pause."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy.orm import Session

from bot.app import RunningBot
from loyalty import clock, consent, messaging
from loyalty.consent import ADS_TELEGRAM
from loyalty.db import Database, Rows
from loyalty.delivery import Place
from loyalty.ids import new_id
from scheduler.dispatcher import Dispatcher
from scheduler.limits import Limits, LocalLimits, RedisLimits
from scheduler.telegram import Telegram as Hands
from tests.bot.crowd import Crowd, open_crowd
from tests.bot.phone import TOKEN, Telegram, running_bot
from tests.world import World

PEOPLE = range(1, 41)
RATE = 25.0
PLACE = Place("Europe/Moscow", "RUB", "en")


@dataclass
class House:
    """A bot and a dispatcher, each with its own view of the limits."""

    db: Database
    crowd: Crowd
    bot: RunningBot
    hands: Dispatcher
    of_bot: Limits
    of_hands: Limits

    async def queue(self, chat: int) -> None:
        """A receipt on its way to a chat."""

        def unit(session: Session) -> None:
            rows = Rows()
            messaging.enqueue(
                rows,
                customer_id=None,
                chat_id=chat,
                message_class="service",
                key=f"test:{new_id()}",
                payload={"text": "Hello"},
                now=clock.now(),
            )
            rows.put(session)

        await self.db.transact(unit)
        self.hands.wake()

    async def calls(self, words: str = "") -> list[dict[str, Any]]:
        """Every message that was sent or tried, with these words in it."""
        seen = await self.crowd.telegram.requests("sendMessage")
        return [call for call in seen if words in call["parameters"]["text"]]


@asynccontextmanager
async def open_house(
    db: Database, telegram: Telegram, limits: Callable[[], Limits]
) -> AsyncIterator[House]:
    """Bot and dispatcher at work under the real Telegram's limits."""
    of_bot, of_hands = limits(), limits()
    api = Hands(token=TOKEN, api_url=telegram.url)
    async with (
        open_crowd(telegram) as crowd,
        running_bot(db, telegram, budget=of_bot) as running,
    ):
        hands = Dispatcher(db, telegram=api, limits=of_hands, place=PLACE)
        hands.start()
        try:
            yield House(db, crowd, running, hands, of_bot, of_hands)
        finally:
            await hands.stop()
            await api.close()
            await of_bot.close()
            await of_hands.close()


def _together(request: pytest.FixtureRequest, kind: str) -> Callable[[], Limits]:
    """One object in one process, or two instances that meet in Redis."""
    if kind == "local":
        alone = LocalLimits(per_second=RATE)
        return lambda: alone
    url = request.getfixturevalue("redis_url")
    return lambda: RedisLimits(url, bot_id=42, per_second=RATE)


@pytest.fixture(params=["local", "redis"])
async def house(
    request: pytest.FixtureRequest, db: Database, telegram: Telegram
) -> AsyncIterator[House]:
    """Bot and dispatcher in one process, or as two that share Redis."""
    async with open_house(db, telegram, _together(request, request.param)) as opened:
        yield opened


async def test_forty_join_at_once(house: House) -> None:
    await house.crowd.bring(PEOPLE)
    began = time.monotonic()
    took = await asyncio.gather(*(house.crowd.join(number) for number in PEOPLE))
    spent = time.monotonic() - began
    print(f"forty joined in {spent:.1f} s, the slowest in {max(took):.1f} s")
    await house.bot.idle()
    assert len(took) == len(PEOPLE)
    assert house.bot.intake.failed == 0
    assert await house.crowd.refused() == 0


async def _is_held(limits: Limits) -> bool:
    granted, wait_s = await limits.take(1)
    return not granted and wait_s > 1


async def _pause_is_kept(house: House, start: Callable[[], Awaitable[None]]) -> None:
    """After a 429 of 3 s that ``start`` runs into, nobody sends; then both do."""
    await house.crowd.bring(range(1, 4), started=True)
    fault = {"method": "sendMessage", "kind": "429", "times": 1, "retry_after": 3}
    await house.crowd.telegram.call("POST", "/faults", fault)
    await start()
    async with asyncio.timeout(20):
        while not (await _is_held(house.of_bot) and await _is_held(house.of_hands)):
            await asyncio.sleep(0.01)
    await house.queue(2)
    await house.crowd.send(3, text="/start")
    await house.crowd.sees(3, "Agree and join ✅")
    await house.crowd.sees(2, "Hello")
    first, *rest = await house.calls()
    assert not first["answer"]["ok"]
    assert rest
    assert min(call["time"] for call in rest) >= first["time"] + 2.9
    assert {int(call["parameters"]["chat_id"]) for call in rest} >= {2, 3}
    assert await house.crowd.refused() == 1


async def _offers(house: House, chats: range) -> None:
    """An offer on its way to each, who has said yes to them; at no quiet hour."""
    world = World(house.db, 0, 0, now=clock.now())
    quiet = {"start_minute": 0, "end_minute": 0}
    await world.set_program(global_holdout_bp=0, quiet_hours=quiet)
    people = {chat: await world.customer(chat=chat) for chat in chats}

    def unit(session: Session) -> None:
        rows, now = Rows(), clock.now()
        for chat, customer_id in people.items():
            consent.record(
                session,
                customer_id=customer_id,
                purpose=ADS_TELEGRAM,
                granted=True,
                language="ru",
                channel="telegram",
                evidence=str(chat),
                now=now,
            )
            messaging.enqueue(
                rows,
                customer_id=customer_id,
                chat_id=chat,
                message_class="trigger",
                key=f"offer:{chat}",
                payload={"text": "Hello"},
                now=now,
            )
        rows.put(session)

    await house.db.transact(unit)
    house.hands.wake()


async def test_offers_do_not_delay_an_answer(house: House) -> None:
    many, people = range(1000, 1250), range(1, 6)
    await house.crowd.bring(many, started=True)
    await house.crowd.bring(people)
    await _offers(house, many)
    async with asyncio.timeout(30):
        while len(await house.calls("Hello")) < RATE:
            await asyncio.sleep(0.05)
    waited = []
    for number in people:
        began = time.monotonic()
        await house.crowd.send(number, text="/start")
        await house.crowd.sees(number, "Agree and join ✅")
        waited.append(time.monotonic() - began)
    print(f"answers among offers took {', '.join(f'{s:.2f}' for s in waited)} s")
    assert len(await house.calls("Hello")) < len(many)
    assert sorted(waited)[2] < 1.2
    assert await house.crowd.refused() == 0


async def test_a_429_of_the_bot_holds_the_dispatcher(house: House) -> None:
    async def start() -> None:
        await house.crowd.send(1, text="/start")

    await _pause_is_kept(house, start)
    await house.crowd.sees(1, "Agree and join ✅")


async def test_a_429_of_the_dispatcher_holds_the_bot(house: House) -> None:
    async def start() -> None:
        await house.queue(1)

    await _pause_is_kept(house, start)
    await house.crowd.sees(1, "Hello")
