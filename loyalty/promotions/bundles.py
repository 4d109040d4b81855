"""Fixed-price bundles: how many are on a receipt, and of which pieces.

A piece may fit several parts of a bundle ("any coffee" and "any drink"). By Hall's theorem
``b`` bundles are there if for every set of parts enough pieces fit one of them; under the same
conditions, taking the dearest piece that still leaves the rest possible gives the dearest
bundles. With at most five parts there are at most 31 such sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loyalty.promotions.scopes import Goods
from loyalty.receipts import Line


class Wanted:
    """What one bundle is made of, and what it costs (minor units)."""

    __slots__ = ("_needs", "_scopes", "price")

    def __init__(self, scopes: Sequence[Goods], quantities: Sequence[int], price: int) -> None:
        self._scopes = scopes
        self.price = price
        # By set of parts (a bit for each): how many pieces one bundle needs for all of them.
        self._needs = [
            sum(q for part, q in enumerate(quantities) if members >> part & 1)
            for members in range(1 << len(scopes))
        ]

    def parts_of(self, line: Line) -> int:
        """The parts that a piece of this line may be, a bit for each."""
        return sum(1 << part for part, scope in enumerate(self._scopes) if scope.covers(line))

    def fitting(self, stock: Sequence[Stock]) -> int:
        """How many whole bundles the pieces make."""
        return min(
            sum(one.pieces for one in stock if one.parts & members) // need
            for members, need in enumerate(self._needs)
            if members
        )

    def pick(self, count: int, stock: Sequence[Stock]) -> list[int]:
        """How many pieces of each stock make ``count`` bundles (that do fit), the dearest."""
        room = [count * need for need in self._needs]
        taken = [0] * len(stock)
        for i in sorted(range(len(stock)), key=lambda i: -stock[i].amount / stock[i].pieces):
            one = stock[i]
            holders = [s for s in range(len(room)) if s & one.parts == one.parts]
            taken[i] = min(one.pieces, *(room[s] for s in holders))
            for s in holders:
                room[s] -= taken[i]
        return taken


@dataclass(frozen=True, slots=True)
class Stock:
    """Pieces of one line that may go into a bundle, and what they cost together."""

    place: int
    parts: int
    pieces: int
    amount: int

    def worth(self, pieces: int) -> int:
        """What so many of the pieces cost, floored; all of them exactly."""
        return self.amount * pieces // self.pieces


@dataclass(frozen=True, slots=True)
class Picked:
    """The bundles found: pieces and their worth by stock, and what they save."""

    taken: Sequence[int]
    worth: Sequence[int]
    saving: int


def _tried(wanted: Wanted, count: int, stock: Sequence[Stock]) -> Picked:
    taken = wanted.pick(count, stock)
    worth = [one.worth(n) for one, n in zip(stock, taken, strict=True)]
    return Picked(taken, worth, sum(worth) - count * wanted.price)


def find(wanted: Wanted, stock: Sequence[Stock]) -> Picked | None:
    """As many bundles as fit and still save something; None if none does.

    Every further bundle is made of cheaper pieces and saves less, so the last one that is
    worth it is looked for by halving.
    """
    most = wanted.fitting(stock) if stock else 0
    if not most:
        return None
    low, high = 0, most
    found = _tried(wanted, most, stock)
    if found.saving <= _tried(wanted, most - 1, stock).saving:
        high = most - 1
        while low < high:
            middle = (low + high + 1) // 2
            saved = _tried(wanted, middle, stock).saving
            if saved > _tried(wanted, middle - 1, stock).saving:
                low = middle
            else:
                high = middle - 1
        found = _tried(wanted, low, stock)
    return found if found.saving > 0 else None


def saves(wanted: Wanted, lines: Sequence[Line], places: Sequence[int]) -> bool:
    """Whether there is a bundle among the lines at these places that saves anything."""
    stock = [
        Stock(i, parts, lines[i].pieces, lines[i].net)
        for i in places
        if (parts := wanted.parts_of(lines[i])) and lines[i].pieces
    ]
    return find(wanted, stock) is not None
