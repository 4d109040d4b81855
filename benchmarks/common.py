"""What a measurement is: a path, its ceiling in the same run, ours, and the goal for the ratio."""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    ``ours / ceiling`` is the ratio; with ``smaller_is_better`` the goal is a most, else a least.
    """

    path: str
    ceiling: float
    ours: float
    unit: str
    goal: float
    smaller_is_better: bool = False
    note: str = ""

    @property
    def ratio(self) -> float:
        """Ours by the ceiling."""
        return self.ours / self.ceiling if self.ceiling else float("nan")

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.ratio <= self.goal if self.smaller_is_better else self.ratio >= self.goal

    def as_json(self) -> str:
        """The row as one line of JSON."""
        known = {
            "path": self.path,
            "ceiling": round(self.ceiling, 2),
            "ours": round(self.ours, 2),
            "unit": self.unit,
            "ratio": round(self.ratio, 2),
            "goal": self.goal,
            "note": self.note,
        }
        return json.dumps(known, ensure_ascii=False)


def median(values: Sequence[float]) -> float:
    """The middle of several runs."""
    return statistics.median(values)


def as_the_product_does(main: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop, with start-up's objects out of the collector's sight."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
