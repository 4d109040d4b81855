"""Permits: so many a second, one a second to a chat, none during a pause; shared through Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from loyalty import clock
from scheduler.limits import Limits, LocalLimits, RedisLimits


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
