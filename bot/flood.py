"""Nobody can keep the bot busy alone: so many updates at once, then so many a second.

The marks lie far above what two thumbs can do. Time is the update's own (a message carries it),
so what has gathered while the bot was away is not taken for a flood.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

BURST = 40
PER_SECOND = 20.0
WARN_EVERY_S = 30.0
_CHATS = 50_000


class Verdict(Enum):
    """What to do with an update."""

    HANDLE = "handle"
    WARN = "warn"
    """Too many: say so, once in a while."""
    DROP = "drop"


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float
    warned_at: float = float("-inf")


@dataclass(slots=True)
class Flood:
    """Buckets of the chats that have written lately. ``burst`` 0 lets everything through."""

    burst: int = BURST
    per_second: float = PER_SECOND
    _buckets: OrderedDict[int, _Bucket] = field(default_factory=OrderedDict)

    def look(self, chat_id: int, update: dict[str, Any], *, now: float) -> Verdict:
        """Count an update of a person at ``now`` (seconds since 1970, real time); groups (their
        ids are negative) are not counted."""
        if chat_id <= 0 or not self.burst:
            return Verdict.HANDLE
        at = _moment(update, now)
        bucket = self._buckets.get(chat_id)
        if bucket is None:
            bucket = self._buckets[chat_id] = _Bucket(float(self.burst), at)
            if len(self._buckets) > _CHATS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(chat_id)
        gained = max(0.0, at - bucket.at) * self.per_second
        bucket.left = min(float(self.burst), bucket.left + gained)
        bucket.at = max(bucket.at, at)
        if bucket.left >= 1:
            bucket.left -= 1
            return Verdict.HANDLE
        if at - bucket.warned_at >= WARN_EVERY_S:
            bucket.warned_at = at
            return Verdict.WARN
        return Verdict.DROP


def _moment(update: dict[str, Any], now: float) -> float:
    """When the update was made, as far as it says; never later than now."""
    message = update.get("message")
    date = message.get("date") if isinstance(message, dict) else None
    return min(float(date), now) if isinstance(date, (int, float)) else now
