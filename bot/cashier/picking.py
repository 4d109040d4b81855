"""Which lines of a sale come back and how many pieces of each: kept in the buttons themselves.

One sign a line, in the order of the receipt: how many pieces come back, ``z`` for all that is
left of it; what follows the last sign is nothing. No line at all is the whole sale.
"""

from __future__ import annotations

from collections.abc import Sequence

from loyalty.purchases import ReturnedLine
from loyalty.purchases.till import SoldLine
from loyalty.receipts import MILLI

MOST_LINES = 40
"""Lines that can be chosen one by one; a longer receipt comes back whole."""

_SIGNS = "0123456789abcdefghijklmnopqrstuvwxy"
ALL = "z"


def pieces_left(line: SoldLine) -> int:
    """Whole pieces of the line that have not come back; 1 for what is weighed."""
    if line.left_milli <= 0:
        return 0
    if line.left_milli % MILLI or line.quantity_milli % MILLI:
        return 1
    return line.left_milli // MILLI


def by_piece(line: SoldLine) -> bool:
    """Whether a part of the line can be chosen."""
    return pieces_left(line) > 1


def read(lines: Sequence[SoldLine], text: str) -> dict[int, int]:
    """Pieces that come back by line, as the button says; forged signs mean nothing."""
    chosen = {}
    for line, sign in zip(lines, text[:MOST_LINES], strict=False):
        left = pieces_left(line)
        wanted = left if sign == ALL else max(0, _SIGNS.find(sign))
        if left and wanted:
            chosen[line.n] = min(wanted, left)
    return chosen


def write(lines: Sequence[SoldLine], chosen: dict[int, int]) -> str:
    """The same, for a button; at most ``MOST_LINES`` signs."""
    signs = []
    for line in lines:
        pieces = chosen.get(line.n, 0)
        whole = pieces >= pieces_left(line) or pieces >= len(_SIGNS)
        signs.append("0" if not pieces else ALL if whole else _SIGNS[pieces])
    return "".join(signs).rstrip("0")


def returned(lines: Sequence[SoldLine], chosen: dict[int, int]) -> list[ReturnedLine] | None:
    """What ``record_return`` takes; None: all that is left of the sale."""
    found = [
        ReturnedLine(
            n=line.n,
            quantity_milli=line.left_milli
            if chosen[line.n] >= pieces_left(line)
            else chosen[line.n] * MILLI,
        )
        for line in lines
        if chosen.get(line.n)
    ]
    return found or None
