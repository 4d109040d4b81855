"""What promotions cost a sale: choosing, reducing and accruing, CPU only.

Five promotions on three lines, and none at all. The ceiling is the goal of the design, in
microseconds of CPU a sale, scaled by how fast this machine is just now: the time of a fixed loop
of plain Python against what it took where the goal was set.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import process_time

from benchmarks.common import Row
from loyalty.program import Scope
from loyalty.promotions import Live, accrue, choose, reduce
from loyalty.promotions.model import Discount, ExtraRate, FixedPoints, Multiplier, NthFree
from tests.loyalty.promotions.builders import facts, line, live

GOAL_FIVE_US, GOAL_NONE_US = 60.0, 10.0
LOOP_US = 390.0
"""CPU of ``_loop`` where the goals were set."""
_COFFEE = Scope(categories=("Coffee", "кофе"))
_LIVE = [
    live(FixedPoints(points=50), scope=_COFFEE, weekdays=(1, 2, 3), from_minute=480, to_minute=660),
    live(Multiplier(times_bp=20_000), scope=_COFFEE),
    live(Discount(rate_bp=1000), minimum=100_00, segments=("tier:silver",)),
    live(NthFree(n=3), scope=Scope(categories=("buns",))),
    live(ExtraRate(extra_bp=100)),
]
_LINES = [
    line(450_00, pieces=3, category="coffee"),
    line(300_00, pieces=3, category="Buns"),
    line(99_99),
]
_ABOUT = facts(segments=frozenset({"tier:silver", "active"}))


def measure() -> list[Row]:
    """CPU of a sale's promotions; smaller is better."""
    slower = _best(_loop, 20) / LOOP_US
    rows = []
    for name, running, goal in (("five", _LIVE, GOAL_FIVE_US), ("none", [], GOAL_NONE_US)):
        ours = _best(partial(_sale, running), 500)
        rows.append(
            Row(f"promotions on a sale: {name}", goal * slower, ours, "µs", 1.0,
                smaller_is_better=True, note="CPU, best of 15")
        )  # fmt: skip
    return rows


def _sale(running: list[Live]) -> int:
    chosen = choose(running, _LINES, _ABOUT)
    found = reduce(chosen, _LINES, _ABOUT)
    bases = [one.net - off for one, off in zip(_LINES, found.discounts, strict=True)]
    return accrue(chosen, _LINES, bases=bases, rate_bp=700, facts=_ABOUT).points


def _loop() -> int:
    total = 0
    for number in range(10_000):
        total += number % 7
    return total


def _best(work: Callable[[], object], times: int) -> float:
    """Microseconds of CPU a call, the best of several runs: others use this machine too."""
    best = float("inf")
    for _ in range(15):
        begun = process_time()
        for _ in range(times):
            work()
        best = min(best, (process_time() - begun) / times * 1e6)
    return best
