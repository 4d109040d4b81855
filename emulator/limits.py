"""Flood limits: token buckets over all chats of a bot and over each chat, in real time."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from emulator.errors import ApiError

PAID_PER_SECOND = 1_000


@dataclass(slots=True)
class Bucket:
    """Fills at `rate` a second up to `size`."""

    level: float
    at: float

    def wait(self, now: float, rate: float, size: float) -> float:
        """Refill; seconds until one more may leave (0: now). Takes nothing."""
        self.level = min(size, self.level + (now - self.at) * rate)
        self.at = now
        return 0.0 if self.level >= 1 else (1 - self.level) / rate


class Limits:
    """Per-bot and per-chat rates; a rate of 0 switches that limit off."""

    def __init__(self) -> None:
        self.default: dict[str, float] = {
            "global_per_second": 30,
            "per_chat_per_second": 1,
            "burst": 20,
        }
        self._bots: dict[tuple[int, bool], Bucket] = {}
        self._chats: dict[tuple[int, int], Bucket] = {}
        self.reset()

    def reset(self) -> None:
        """Back to the rates given at the start, with full buckets."""
        self.set(self.default)

    def set(self, rates: dict[str, float]) -> None:
        """Change some or all rates; buckets start full again."""
        merged = {**self.default, **rates}
        self.global_per_second = merged["global_per_second"]
        self.per_chat_per_second = merged["per_chat_per_second"]
        self.burst = merged["burst"]
        self._bots.clear()
        self._chats.clear()

    def as_json(self) -> dict[str, float]:
        """The rates in force."""
        return {
            "global_per_second": self.global_per_second,
            "per_chat_per_second": self.per_chat_per_second,
            "burst": self.burst,
        }

    def take(self, bot_id: int, chat_id: int, *, paid: bool) -> None:
        """Count one message; raises 429 with `retry_after` in whole seconds when over a limit."""
        now = time.monotonic()
        buckets = []
        waits = 0.0
        if self.global_per_second:
            rate = max(self.global_per_second, PAID_PER_SECOND if paid else 0)
            size = max(rate, 1)
            bucket = self._bots.setdefault((bot_id, paid), Bucket(size, now))
            waits = max(waits, bucket.wait(now, rate, size))
            buckets.append(bucket)
        if self.per_chat_per_second:
            size = max(self.burst, 1)
            bucket = self._chats.setdefault((bot_id, chat_id), Bucket(size, now))
            waits = max(waits, bucket.wait(now, self.per_chat_per_second, size))
            buckets.append(bucket)
        if waits > 0:
            seconds = max(1, math.ceil(waits))
            raise ApiError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        for bucket in buckets:
            bucket.level -= 1
