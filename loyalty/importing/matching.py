"""Returns find what was bought: the newest purchase of that article by that customer first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from loyalty.db.fast import as_time
from loyalty.db.rows import Rows
from loyalty.importing.lookups import fetch_in
from loyalty.importing.model import Item
from loyalty.receipts import purchase, purchase_line

Article = tuple[int, str]
"""A customer's id and a sku."""

_BOUGHT = (
    "SELECT p.customer_id, l.sku, p.sold_at, p.id, l.n, l.quantity_milli, l.amount,"
    " l.returned_milli, p.total, p.returned, p.earned, p.earn_rate_bp, p.earn_base, p.business_date"
    " FROM purchase p JOIN purchase_line l ON l.purchase_id = p.id"
    " WHERE p.customer_id {in} AND p.source = 'import' AND p.redeemed = 0"
    " AND l.quantity_milli > l.returned_milli"
)


@dataclass(slots=True)
class Purchase:
    """A purchase that something may come back from. Money in minor units, points whole."""

    id: int
    sold_at: datetime
    day: date
    total: int
    returned: int
    earned: int
    rate_bp: int
    base: int
    # The row about to be inserted, when it is of this very batch.
    row: dict[str, Any] | None = None


@dataclass(slots=True)
class Bought:
    """A line of a purchase and what of it has come back (thousandths of a piece)."""

    purchase: Purchase
    n: int
    quantity_milli: int
    amount: int
    returned_milli: int
    row: dict[str, Any] | None = None

    @property
    def left_milli(self) -> int:
        """What has not come back yet."""
        return self.quantity_milli - self.returned_milli

    def worth(self, milli: int) -> int:
        """What was paid for so much of it, minor units, rounded up."""
        return -(-self.amount * milli // self.quantity_milli)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a return row that found its purchase."""

    bought: Bought
    quantity_milli: int
    amount: int


class Pool:
    """Everything that the returns of a batch may be returns of."""

    def __init__(self, session: Session, wanted: Iterable[Article]) -> None:
        self.wanted = set(wanted)
        self._lines: dict[Article, list[Bought]] = {}
        purchases: dict[int, Purchase] = {}
        skus = {sku for _, sku in self.wanted}
        found: list[Any] = fetch_in(session, _BOUGHT, {owner for owner, _ in self.wanted})
        for owner, sku, sold_at, purchase_id, n, milli, amount, back, *sums, day in found:
            if sku not in skus or (owner, sku) not in self.wanted:
                continue
            at = as_time(sold_at)
            if at is None:
                raise AssertionError("a purchase has its time")
            of = purchases.setdefault(purchase_id, Purchase(purchase_id, at, as_day(day), *sums))
            self.add((owner, sku), Bought(of, n, milli, amount, back))

    def add(self, article: Article, line: Bought) -> None:
        """A line that may come back; also one that is about to be written."""
        self._lines.setdefault(article, []).append(line)

    def take(self, article: Article, item: Item, *, at: datetime) -> list[Part]:
        """Take the returned quantity from what was bought before ``at``, newest first.

        A purchase that cost less than what is given back is another purchase. What finds
        nothing stays in ``item``.
        """
        parts: list[Part] = []
        lines = [line for line in self._lines.get(article, ()) if line.purchase.sold_at <= at]
        lines.sort(key=lambda line: (line.purchase.sold_at, line.purchase.id, line.n), reverse=True)
        for line in lines:
            milli = min(line.left_milli, item.quantity_milli)
            if milli <= 0:
                continue
            amount = item.amount * milli // item.quantity_milli
            of = line.purchase
            if amount > line.worth(milli) or amount > of.total - of.returned:
                continue
            line.returned_milli += milli
            of.returned += amount
            item.quantity_milli -= milli
            item.amount -= amount
            parts.append(Part(line, milli, amount))
            if not item.quantity_milli:
                break
        return parts


def as_day(value: date | str) -> date:
    """A day as the driver gives it: SQLite keeps text."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def write_back(rows: Rows, parts: Iterable[Part]) -> None:
    """Note on the purchases and lines what came back from them."""
    purchases: dict[int, Purchase] = {}
    lines: dict[tuple[int, int], Bought] = {}
    for part in parts:
        of = part.bought.purchase
        purchases[of.id] = of
        lines[of.id, part.bought.n] = part.bought
    for of in purchases.values():
        if of.row is not None:
            of.row["returned"] = of.returned
        else:
            rows.update(purchase, {"id": of.id, "returned": of.returned})
    for line in lines.values():
        if line.row is not None:
            line.row["returned_milli"] = line.returned_milli
        else:
            rows.update(
                purchase_line,
                {
                    "purchase_id": line.purchase.id,
                    "n": line.n,
                    "returned_milli": line.returned_milli,
                },
            )
