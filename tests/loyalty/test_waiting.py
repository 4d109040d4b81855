"""Waiting: at most so long, and never longer than one is let."""

from __future__ import annotations

import asyncio

from loyalty import clock


async def test_a_loop_that_waits_can_be_stopped_in_the_moment_it_is_woken() -> None:
    event = asyncio.Event()

    async def loop() -> None:
        while True:
            await clock.within(60, event.wait())
            event.clear()

    for _ in range(20):
        task = asyncio.create_task(loop())
        await asyncio.sleep(0)
        event.set()
        await asyncio.sleep(0)
        task.cancel()
        assert await asyncio.wait({task}, timeout=5) == ({task}, set())
        assert task.cancelled()
    assert not await clock.within(0.001, asyncio.Event().wait())
