"""Waiting: at most so long, and never longer than one is let."""

from __future__ import annotations

import asyncio
import contextlib

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


async def test_whoever_swallows_a_cancellation_is_told_again() -> None:
    began = asyncio.Event()

    async def library_call() -> None:
        # As 3.11's wait_for does when the work ends in that very moment.
        began.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    async def loop() -> None:
        while True:
            await library_call()
            await asyncio.Event().wait()

    async def fails() -> None:
        raise ValueError("before it was told")

    tasks = [asyncio.create_task(loop()), asyncio.create_task(fails())]
    await began.wait()
    assert await clock.within(10, clock.end(*tasks))
    assert tasks[0].cancelled()
    assert isinstance(tasks[1].exception(), ValueError)
    await clock.end()
