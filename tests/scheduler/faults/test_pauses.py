"""Telegram asks to slow down: everybody who shares the bot waits, and no attempt is counted."""

from __future__ import annotations

import asyncio

import pytest

from loyalty import clock
from scheduler.dispatcher import Dispatcher
from scheduler.limits import RedisLimits
from scheduler.telegram import Telegram
from tests.emulator.client import BOT_ID, TOKEN
from tests.scheduler.stage import PLACE, Stage

CHATS = range(800, 860)
ON_THE_WAY_S = 0.4
"""What was called before the answer came may still be arriving."""


Hands = tuple[Dispatcher, Telegram, RedisLimits]


async def _four(stage: Stage, redis_url: str, *, rate: float) -> list[Hands]:
    made = []
    for _ in range(4):
        telegram = Telegram(token=TOKEN, api_url=stage.client.emulator.url)
        limits = RedisLimits(redis_url, bot_id=BOT_ID, per_second=rate, chat_s=0.001)
        hands = Dispatcher(stage.world.db, telegram=telegram, limits=limits, place=PLACE)
        made.append((hands, telegram, limits))
    return made


async def _run(stage: Stage, redis_url: str, *, retry_after: int) -> None:
    await stage.running.dispatcher.stop()
    for chat in CHATS:
        await stage.client.meet(chat)
        await stage.queue(chat)
    await stage.fault("429", retry_after=retry_after, chat_id=CHATS[20])
    team = await _four(stage, redis_url, rate=50)
    for hands, _, _ in team:
        hands.start()
    async with asyncio.timeout(retry_after + 60):
        while set(await stage.states()) != {"sent"}:
            await asyncio.sleep(0.05)
    for hands, telegram, limits in team:
        await hands.stop()
        await telegram.close()
        await limits.close()
    calls = await stage.calls()
    refused = next(call["time"] for call in calls if not call["answer"]["ok"])
    early = [
        call["time"] - refused
        for call in calls
        if refused + ON_THE_WAY_S < call["time"] < refused + retry_after - 0.1
    ]
    assert early == []
    assert max(call["time"] for call in calls) >= refused + retry_after - 0.1
    # One call was refused; each message was taken once, and one attempt is all that is counted.
    assert len(calls) == len(CHATS) + 1
    assert {row.attempts for row in await stage.outbox()} == {1}


async def test_four_dispatchers_wait_together(stage: Stage, redis_url: str) -> None:
    await _run(stage, redis_url, retry_after=3)


@pytest.mark.slow
async def test_nobody_calls_for_thirty_seconds(stage: Stage, redis_url: str) -> None:
    await _run(stage, redis_url, retry_after=30)


async def test_a_pause_is_heard_by_those_who_have_permits(redis_url: str) -> None:
    first = RedisLimits(redis_url, bot_id=BOT_ID, per_second=100)
    second = RedisLimits(redis_url, bot_id=BOT_ID, per_second=100)
    late = RedisLimits(redis_url, bot_id=BOT_ID, per_second=100)
    assert (await first.take(5))[0] > 0
    assert (await second.take(5))[0] > 0
    await first.pause(20)
    async with asyncio.timeout(1):
        while not second.paused():
            await asyncio.sleep(0.001)
    assert 19 < second.paused() <= 20
    # Whoever starts in the middle of it hears of it, too; a shorter one does not end it.
    assert (await late.take(1))[0] == 0
    assert late.paused() > 19
    await late.pause(1)
    assert (await first.take(1))[0] == 0
    assert first.paused() > 18
    for limits in (first, second, late):
        await limits.close()


async def test_without_redis_nobody_sends(stage: Stage) -> None:
    await stage.running.dispatcher.stop()
    await stage.client.meet(CHATS[0])
    await stage.queue(CHATS[0])
    telegram = Telegram(token=TOKEN, api_url=stage.client.emulator.url)
    limits = RedisLimits("redis://127.0.0.1:9/0", bot_id=BOT_ID, per_second=100)
    hands = Dispatcher(stage.world.db, telegram=telegram, limits=limits, place=PLACE)
    hands.start()
    assert not await hands.until_idle(timeout_s=3)
    started = clock.monotonic()
    await hands.stop()
    await telegram.close()
    await limits.close()
    assert clock.monotonic() - started < 10
    assert await stage.states() == ["queued"]
    assert await stage.calls() == []
