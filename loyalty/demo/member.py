"""A guest with a card: wallet, spend, tier and stamps as they stand at each moment of the year."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from loyalty.db.rows import Rows
from loyalty.demo.guests import Guest
from loyalty.receipts import customer_day, customer_stats
from loyalty.stamps import Standing
from loyalty.wallet import Wallet


@dataclass(slots=True)
class Day:
    """What a member bought on a business day, net of returns, minor units."""

    day: date
    orders: int = 0
    spent: int = 0


@dataclass(slots=True)
class LastSale:
    """A sale that a return could take back: what it brought."""

    purchase_id: int
    sold_at: datetime
    earned: int
    stamps: int


@dataclass(slots=True)
class Member:
    """A member in memory. Sums in minor units, net of returns."""

    guest: Guest
    wallet: Wallet
    tier: str
    tier_since: datetime | None = None
    warned_at: datetime | None = None
    warned_for: date | None = None
    standing: Standing | None = None
    # Rewards of full stamp cards still to be used, as rows of their table; the oldest first.
    rewards: list[dict[str, Any]] = field(default_factory=list)
    orders: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    days: list[Day] = field(default_factory=list)
    # The rolling 12 months: which day they begin, its place in ``days``, what was spent.
    window_from: date | None = None
    window_place: int = 0
    window_spent: int = 0
    # The latest sale that was paid in money alone, and the latest one that brought stamps.
    last_plain: LastSale | None = None
    last_stamped: LastSale | None = None

    @property
    def customer_id(self) -> int:
        """The member's row."""
        return self.guest.customer_id

    def spent_since(self, first_day: date) -> int:
        """Net spend from ``first_day`` on."""
        return sum(day.spent for day in self.days if day.day >= first_day)

    def move_window(self, first_day: date) -> int:
        """Let the rolling 12 months begin on ``first_day``; what was spent in them."""
        while self.window_place < len(self.days):
            oldest = self.days[self.window_place]
            if oldest.day >= first_day:
                break
            self.window_spent -= oldest.spent
            self.window_place += 1
        self.window_from = first_day
        return self.window_spent

    def count(self, day: date, at: datetime, total: int) -> None:
        """Add a sale of ``total``."""
        if self.first_at is None:
            self.first_at = at
        self.last_at = at
        self.orders += 1
        if not self.days or self.days[-1].day != day:
            self.days.append(Day(day))
        self.days[-1].orders += 1
        self.days[-1].spent += total
        self.window_spent += total

    def take_off(self, amount: int) -> None:
        """Take a return of today's goods out of the sums."""
        self.days[-1].spent -= amount
        self.window_spent -= amount

    def put_sums(self, rows: Rows) -> None:
        """Write the rollups, if there were sales."""
        if self.first_at is None:
            return
        rows.insert(
            customer_stats,
            {
                "customer_id": self.customer_id,
                "orders": self.orders,
                "spent": sum(day.spent for day in self.days),
                "first_purchase_at": self.first_at,
                "last_purchase_at": self.last_at,
                "window_spent": self.window_spent,
                "window_from": self.window_from,
            },
        )
        for day in self.days:
            rows.insert(
                customer_day,
                {
                    "customer_id": self.customer_id,
                    "day": day.day,
                    "orders": day.orders,
                    "spent": day.spent,
                },
            )
