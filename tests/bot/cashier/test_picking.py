"""Lines and pieces of a return, kept in 64 bytes of a button."""

from __future__ import annotations

from bot.cashier import picking
from bot.cashier.screens import base36
from loyalty.purchases.till import SoldLine


def line(n: int, pieces: float, left: float | None = None) -> SoldLine:
    left = pieces if left is None else left
    milli = (int(pieces * 1000), int(left * 1000))
    return SoldLine(n=n, name=None, amount=100, quantity_milli=milli[0], left_milli=milli[1])


def test_what_is_written_is_read() -> None:
    lines = [line(1, 1), line(2, 3, 2), line(3, 0.35), line(4, 60), line(5, 2, 0)]
    for chosen in ({}, {1: 1}, {2: 1}, {2: 2, 3: 1}, {4: 34}, {1: 1, 4: 60}):
        assert picking.read(lines, picking.write(lines, chosen)) == chosen
    assert picking.write(lines, {}) == ""
    assert picking.read(lines, picking.write(lines, {4: 40})) == {4: 60}, "more than fits is all"


def test_forged_signs_mean_nothing() -> None:
    lines = [line(1, 1), line(2, 3), line(3, 2, 0)]
    assert picking.read(lines, "??!") == {}
    assert picking.read(lines, "9zz9999") == {1: 1, 2: 3}


def test_the_last_pieces_take_what_is_left_to_the_gram() -> None:
    (weighed,) = picking.returned([line(1, 0.35, 0.2)], {1: 1}) or ()
    assert weighed.quantity_milli == 200
    (part,) = picking.returned([line(1, 3)], {1: 2}) or ()
    assert part.quantity_milli == 2000
    assert picking.returned([line(1, 3)], {}) is None


def test_the_longest_receipt_fits_a_button() -> None:
    lines = [line(n, 35) for n in range(1, picking.MOST_LINES + 1)]
    code = picking.write(lines, {one.n: 34 for one in lines})
    assert len(f"ret:pick:{base36(2**63 - 1)}:{code}") <= 64
