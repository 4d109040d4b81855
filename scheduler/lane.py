"""What waits for a connection: what somebody waits for first, on lanes of its own if need be."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Lane(Generic[T]):
    """Two queues in one. ``put`` with ``urgent``; ``get`` takes the urgent first, ``get`` with
    ``urgent_only`` nothing else. Used inside one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[bool, deque[T]] = {True: deque(), False: deque()}
        self._takers: dict[bool, deque[asyncio.Future[T]]] = {True: deque(), False: deque()}

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._waiting.values())

    def put(self, item: T, *, urgent: bool) -> None:
        """Hand it to whoever is free, or let it wait."""
        # Those who may take anything go first: the others are kept for when they are busy.
        for urgent_only in (False, True) if urgent else (False,):
            takers = self._takers[urgent_only]
            while takers:
                taker = takers.popleft()
                if not taker.done():
                    taker.set_result(item)
                    return
        self._waiting[urgent].append(item)

    async def get(self, *, urgent_only: bool = False) -> T:
        """The next one; waits for it."""
        for urgent in (True,) if urgent_only else (True, False):
            if self._waiting[urgent]:
                return self._waiting[urgent].popleft()
        taker: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._takers[urgent_only].append(taker)
        return await taker

    def drain(self) -> list[T]:
        """Take out everything that waits."""
        items = [*self._waiting[True], *self._waiting[False]]
        for queue in self._waiting.values():
            queue.clear()
        return items
