"""How often one key may call: a bucket per key in this process, refilled steadily."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from aiohttp import web

from loyalty import clock

MOST_KEYS = 10_000
"""Buckets kept; the longest unused is forgotten, which only ever helps its key."""


@dataclass(slots=True)
class Limits:
    """``rate`` calls a second on average, ``burst`` at once. Real time, never the demo's."""

    rate: float = 500.0
    burst: float = 2000.0
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, name: str) -> int:
        """0 if ``name`` may call now, else the whole seconds to wait."""
        now = clock.monotonic()
        left, at = self._buckets.pop(name, (self.burst, now))
        left = min(self.burst, left + (now - at) * self.rate)
        wait = 0 if left >= 1 else max(1, -int(-(1 - left) // self.rate))
        self._buckets[name] = (left if wait else left - 1, now)
        if len(self._buckets) > MOST_KEYS:
            self._buckets.popitem(last=False)
        return wait


LIMITS: web.AppKey[Limits] = web.AppKey("api_limits", Limits)
