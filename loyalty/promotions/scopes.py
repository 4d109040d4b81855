"""Which lines of a receipt a scope means."""

from __future__ import annotations

from collections.abc import Sequence

from loyalty.program.effects import Scope
from loyalty.receipts import Line


class Goods:
    """A scope made ready to be asked: names folded once."""

    __slots__ = ("_categories", "_skus", "everything")

    def __init__(self, scope: Scope) -> None:
        self._categories = frozenset(name.casefold() for name in scope.categories)
        self._skus = frozenset(name.casefold() for name in scope.skus)
        self.everything = not self._categories and not self._skus

    def covers(self, line: Line) -> bool:
        """Whether the line is meant; case does not matter."""
        if self.everything:
            return True
        category, sku = line.category, line.sku
        return (category is not None and category.casefold() in self._categories) or (
            sku is not None and sku.casefold() in self._skus
        )

    def within(self, lines: Sequence[Line]) -> list[int]:
        """Places of the lines that are meant and still there (a returned one has no pieces)."""
        if self.everything:
            return [i for i, line in enumerate(lines) if line.quantity_milli > 0]
        return [i for i, line in enumerate(lines) if line.quantity_milli > 0 and self.covers(line)]
