"""A lot in memory: one accrual, its time and what is left of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

Shares = list[tuple[int, int]]
"""[(lot id, points), …]"""


@dataclass(slots=True)
class Lot:
    """One accrual and what is left of it. ``held`` of ``remaining`` is set aside by holds."""

    id: int
    granted: int
    remaining: int
    held: int
    earned_at: datetime
    active_from: datetime
    expires_at: datetime | None
    kind: str
    purchase_id: int | None
    origin_lot_id: int | None = None
    changed: bool = False
    # Made in this unit: written whole by ``finish``, as it stands after every move.
    is_new: bool = False

    @property
    def free(self) -> int:
        """Points no hold has set aside."""
        return self.remaining - self.held

    def is_expired(self, now: datetime) -> bool:
        """Whether it can no longer be spent; a lot that expires at ``now`` has expired."""
        return self.expires_at is not None and self.expires_at <= now

    def is_spendable(self, now: datetime) -> bool:
        """Active and not expired."""
        return self.active_from <= now and not self.is_expired(now)

    def row(self, customer_id: int) -> dict[str, object]:
        """The lot as a row of its table."""
        return {
            "id": self.id,
            "customer_id": customer_id,
            "granted": self.granted,
            "remaining": self.remaining,
            "held": self.held,
            "earned_at": self.earned_at,
            "active_from": self.active_from,
            "expires_at": self.expires_at,
            "kind": self.kind,
            "purchase_id": self.purchase_id,
            "origin_lot_id": self.origin_lot_id,
        }

    def spending_key(self) -> tuple[bool, datetime, datetime, int]:
        """Soonest to expire first, never-expiring last; then earned time, then id."""
        return (
            self.expires_at is None,
            self.expires_at or self.earned_at,
            self.earned_at,
            self.id,
        )
