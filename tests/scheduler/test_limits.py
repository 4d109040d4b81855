"""Permits: so many a second, one a second to a chat, none during a pause; answers first; shared
through Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import RedisError

from loyalty import clock
from scheduler.limits import TALK, Limits, LocalLimits, RedisLimits


@pytest.fixture(params=["local", "redis"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Limits, Limits]]:
    """The limits as two instances see them (one instance, without Redis)."""
    if request.param == "local":
        alone = LocalLimits(per_second=20, chat_s=0.3)
        yield alone, alone
        return
    url = request.getfixturevalue("redis_url")
    both = [RedisLimits(url, bot_id=1, per_second=20, chat_s=0.3) for _ in range(2)]
    yield both[0], both[1]
    for limits in both:
        await limits.close()


async def test_a_burst_is_small_and_the_rate_holds(pair: tuple[Limits, Limits]) -> None:
    started, taken, turn = clock.monotonic(), 0, 0
    while clock.monotonic() - started < 1.0:
        turn += 1
        granted, wait = await pair[turn % 2].take(50)
        taken += granted
        if not granted:
            assert 0 < wait <= 0.1
            await asyncio.sleep(wait)
    # 20 a second and a burst of a fifth of that; a busy machine may take fewer.
    assert 10 <= taken <= 25


async def test_permits_not_used_come_back(pair: tuple[Limits, Limits]) -> None:
    granted, _ = await pair[0].take(4)
    assert granted == 4
    await pair[0].give_back(3)
    assert (await pair[1].take(3))[0] == 3


async def test_a_chat_waits_its_time(pair: tuple[Limits, Limits]) -> None:
    assert await pair[0].chats([1, 2]) == [0, 0]
    again = await pair[1].chats([1, 3])
    assert 0 < again[0] <= 0.3
    assert again[1] == 0
    await asyncio.sleep(again[0] + 0.01)
    assert await pair[1].chats([1]) == [0]


async def test_a_pause_stops_everybody_and_the_longer_one_counts(
    pair: tuple[Limits, Limits],
) -> None:
    await pair[0].pause(30)
    await pair[1].pause(1)
    granted, wait = await pair[1].take(1)
    assert granted == 0
    assert 28 < wait <= 30


async def test_answers_stand_in_line_and_the_rest_gives_way(pair: tuple[Limits, Limits]) -> None:
    started = clock.monotonic()
    # A burst of four at once, then 20 a second.
    turns = [await pair[n % 2].answer(n) for n in range(16)]
    assert all(counted for counted, _ in turns)
    assert turns[0][1] == 0
    waits = [wait for _, wait in turns]
    assert waits == sorted(waits)
    assert 0.3 < waits[-1] <= 0.6
    granted, wait = await pair[1].take(5)
    assert granted == 0
    assert wait >= pair[1].behind() > 0.2
    async with asyncio.timeout(5):
        while not granted:
            await asyncio.sleep(wait)
            granted, wait = await pair[1].take(1)
    # Seventeen left: the burst and 13 of 20 a second.
    assert clock.monotonic() - started >= 13 / 20 - 0.1
    assert pair[1].behind() == 0


async def test_a_chat_is_answered_in_bursts_that_telegram_bears(
    pair: tuple[Limits, Limits],
) -> None:
    burst = [(await pair[n % 2].in_turn(0, chat_id=7))[0] for n in range(TALK)]
    assert all(burst)
    counted, wait = await pair[0].answer(7)
    assert not counted
    assert 0 < wait <= 0.3
    # What nobody waits for does not go on top of it, nor is another chat concerned.
    assert (await pair[1].chats([7]))[0] > 0
    assert (await pair[1].answer(8))[0]
    await asyncio.sleep(wait + 0.02)
    assert (await pair[1].answer(7))[0]


async def test_answers_are_held_by_a_pause(pair: tuple[Limits, Limits]) -> None:
    await pair[0].pause(20)
    counted, wait = await pair[1].answer(1)
    assert not counted
    assert 18 < wait <= 20


async def test_without_redis_answers_go_by_this_process_alone() -> None:
    limits = RedisLimits("redis://127.0.0.1:9/0", bot_id=1, per_second=20)
    started = clock.monotonic()
    turns = [await limits.answer(n) for n in range(10)]
    assert clock.monotonic() - started < 2
    assert all(counted for counted, _ in turns)
    assert turns[0][1] == 0
    assert turns[-1][1] > 0
    with pytest.raises(RedisError):
        await limits.pause(10)
    # Known here all the same.
    assert not (await limits.answer(1))[0]
    await limits.close()
