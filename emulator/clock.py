"""The emulator's own clock: the wall clock plus an offset that the control API moves."""

from __future__ import annotations

import re
import time

_SPAN = re.compile(r"\s*(\d{1,9})\s*([smhd])\s*")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_span(text: str) -> int:
    """Seconds in a span such as `90s`, `5m`, `2h` or `3d`.

    Raises ValueError for any other form.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError("a span is a whole number and one of s, m, h, d, such as 3d")
    return int(found[1]) * _SECONDS[found[2]]


class Clock:
    """Unix time in seconds, shifted by `offset`. Rates never use it: they stay on real time."""

    __slots__ = ("offset",)

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset

    def now(self) -> float:
        """The moment by this clock, in unix seconds."""
        return time.time() + self.offset

    def stamp(self) -> int:
        """The moment as Telegram writes it: whole unix seconds."""
        return int(time.time() + self.offset)
