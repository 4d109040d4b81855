"""One statement for everybody who asks at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Batcher(Generic[K, V]):
    """Gathers the keys asked for while a query runs and asks for all of them next.

    A key is always looked up after it was asked for, never answered from an earlier look.
    """

    def __init__(
        self, load: Callable[[list[K]], Awaitable[dict[K, V]]], *, limit: int = 64
    ) -> None:
        self._load = load
        self._limit = limit
        self._waiting: dict[K, asyncio.Future[V]] = {}
        self._task: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V:
        """The value of ``key`` as it is now.

        Raises:
            whatever the query raised.
        """
        future = self._waiting.get(key)
        if future is None:
            future = self._waiting[key] = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        # Several may wait for one key, and one of them being cancelled is not the others' end.
        return await asyncio.shield(future)

    async def _run(self) -> None:
        try:
            while self._waiting:
                keys = list(self._waiting)[: self._limit]
                futures = {key: self._waiting.pop(key) for key in keys}
                await self._answer(futures)
        finally:
            self._task = None

    async def _answer(self, futures: dict[K, asyncio.Future[V]]) -> None:
        try:
            values = await self._load(list(futures))
        except Exception as problem:  # noqa: BLE001 - handed to everybody who asked
            for future in futures.values():
                if not future.done():
                    future.set_exception(problem)
                    # Marked as seen: an asker who was cancelled leaves nobody to look at it.
                    future.exception()
            return
        for key, future in futures.items():
            if not future.done():
                future.set_result(values[key])
