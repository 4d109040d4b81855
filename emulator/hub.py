"""What just happened, for the pages that are watching."""

from __future__ import annotations

import asyncio
from typing import Any

BACKLOG = 1_000


class Hub:
    """Fans events out to watchers; one that lags is told to load everything again."""

    def __init__(self) -> None:
        self._watchers: set[asyncio.Queue[dict[str, Any] | None]] = set()

    @property
    def watched(self) -> bool:
        """Whether anybody is watching: events nobody sees need not be built."""
        return bool(self._watchers)

    def watch(self) -> asyncio.Queue[dict[str, Any] | None]:
        """Open a queue of events; None in it means the emulator is closing."""
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._watchers.add(queue)
        return queue

    def unwatch(self, queue: asyncio.Queue[dict[str, Any] | None]) -> None:
        """Stop feeding a queue."""
        self._watchers.discard(queue)

    def publish(self, event: dict[str, Any]) -> None:
        """Hand an event to every watcher."""
        for queue in self._watchers:
            if queue.qsize() < BACKLOG:
                queue.put_nowait(event)
            elif queue.qsize() == BACKLOG:
                queue.put_nowait({"kind": "reset"})

    def close(self) -> None:
        """Tell every watcher that the emulator is closing."""
        for queue in self._watchers:
            queue.put_nowait(None)
