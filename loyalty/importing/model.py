"""What an import is asked for, what it reads, what it says at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any

from loyalty.importing.problems import Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a file is to be read. ``now`` is the same for the whole run."""

    now: datetime
    time_zone: str
    language: str
    currency: str
    system: str = "import"
    columns: Mapping[str, str] = field(default_factory=dict)
    profile: str | None = None
    delimiter: str | None = None
    date_format: str | None = None
    earn: bool = False


@dataclass(slots=True)
class Item:
    """One row of a receipt. Money in minor units; all amounts are above zero."""

    line: int
    quantity_milli: int
    price: int
    amount: int
    sku: str | None = None
    name: str | None = None
    category: str | None = None


@dataclass(slots=True)
class Sale:
    """Rows that are one receipt: what was bought and what came back with it."""

    identity: str
    line: int
    customer: str | None
    phone: str | None
    sold_at: datetime
    day: date
    number: str | None = None
    # The id under which Regulars itself once wrote it to a file: P… a purchase, R… a return.
    receipt_id: str | None = None
    register: str = ""
    outlet: str | None = None
    # What it would be called without that id.
    also: str | None = None
    bought: list[Item] = field(default_factory=list)
    returned: list[Item] = field(default_factory=list)
    last_row: int = 0

    @property
    def total(self) -> int:
        """Σ of what was bought, minor units."""
        return sum(item.amount for item in self.bought)

    @property
    def rows(self) -> int:
        """How many rows of the file it is made of."""
        return len(self.bought) + len(self.returned)


@dataclass(slots=True)
class Batch:
    """A piece of the file that is written in one transaction."""

    sales: list[Sale] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    rows: int = 0


@dataclass(slots=True, kw_only=True)
class Summary:
    """What an import did. Money in minor units, points whole."""

    rows: int = 0
    rows_rejected: int = 0
    rows_known: int = 0
    purchases: int = 0
    purchases_known: int = 0
    lines: int = 0
    customers_created: int = 0
    customers_updated: int = 0
    customers_known: int = 0
    outlets_created: int = 0
    anonymous: int = 0
    revenue: int = 0
    # Return rows that found what was bought, and their receipts; rows that found nothing.
    returns: int = 0
    return_lines: int = 0
    returned: int = 0
    unlinked_lines: int = 0
    unlinked: int = 0
    points: int = 0
    points_reversed: int = 0

    def add(self, other: Summary) -> None:
        """Count another piece in."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def as_dict(self) -> dict[str, Any]:
        """Every figure by its name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(slots=True)
class Outcome:
    """What one batch did, and the rows it could not take."""

    summary: Summary
    rejected: list[Rejected] = field(default_factory=list)
