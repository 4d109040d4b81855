"""What promotions cost a sale: CPU time of choosing, reducing and accruing."""

from __future__ import annotations

from time import process_time

import pytest

from loyalty.program import Scope
from loyalty.promotions import Live, accrue, choose, reduce
from loyalty.promotions.model import Discount, ExtraRate, FixedPoints, Multiplier, NthFree
from loyalty.receipts import Line
from tests.loyalty.promotions.builders import facts, line, live

COFFEE = Scope(categories=("Coffee", "кофе"))
LIVE = [
    live(FixedPoints(points=50), scope=COFFEE, weekdays=(1, 2, 3), from_minute=480, to_minute=660),
    live(Multiplier(times_bp=20_000), scope=COFFEE),
    live(Discount(rate_bp=1000), minimum=100_00, segments=("tier:silver",)),
    live(NthFree(n=3), scope=Scope(categories=("buns",))),
    live(ExtraRate(extra_bp=100)),
]
LINES = [
    line(450_00, pieces=3, category="coffee"),
    line(300_00, pieces=3, category="Buns"),
    line(99_99),
]
ABOUT = facts(segments=frozenset({"tier:silver", "active"}))


def sale(lines: list[Line], running: list[Live]) -> int:
    """What a sale asks of promotions."""
    chosen = choose(running, lines, ABOUT)
    found = reduce(chosen, lines, ABOUT)
    bases = [one.net - off for one, off in zip(lines, found.discounts, strict=True)]
    return accrue(chosen, lines, bases=bases, rate_bp=700, facts=ABOUT).points


def microseconds(running: list[Live]) -> float:
    """CPU of one sale, the best of several runs: others use this machine too."""
    best = float("inf")
    for _ in range(15):
        begun = process_time()
        for _ in range(500):
            sale(LINES, running)
        best = min(best, (process_time() - begun) / 500 * 1e6)
    return best


@pytest.mark.slow
def test_five_promotions_on_three_lines_cost_less_than_60_microseconds() -> None:
    assert len(choose(LIVE, LINES, ABOUT)) == 5
    assert microseconds(LIVE) < 60


@pytest.mark.slow
def test_no_promotions_cost_next_to_nothing() -> None:
    # 5 µs measured on the machine this was written on, with the sums for the tier's own rate.
    assert microseconds([]) < 10
