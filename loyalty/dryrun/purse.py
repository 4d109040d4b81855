"""A customer's points in a replay: lots in the order in which they are spent."""

from __future__ import annotations

from datetime import UTC, datetime

_NEVER = datetime.max.replace(tzinfo=UTC)


class Lot:
    """Points of one date."""

    __slots__ = ("active_from", "earned_at", "expires_at", "remaining")

    def __init__(
        self, remaining: int, earned_at: datetime, active_from: datetime, expires_at: datetime
    ) -> None:
        self.remaining = remaining
        self.earned_at = earned_at
        self.active_from = active_from
        self.expires_at = expires_at


class Purse:
    """Lots of points; what has run out is dropped and counted in ``expired``."""

    __slots__ = ("_lots", "_sorted", "expired")

    def __init__(self) -> None:
        self._lots: list[Lot] = []
        self._sorted = True
        self.expired = 0

    def copy(self) -> Purse:
        """The same points once more."""
        twin = Purse()
        twin._lots = [
            Lot(lot.remaining, lot.earned_at, lot.active_from, lot.expires_at) for lot in self._lots
        ]
        twin._sorted, twin.expired = self._sorted, self.expired
        return twin

    def add(
        self, points: int, *, at: datetime, active_from: datetime, expires_at: datetime | None
    ) -> None:
        """Put ``points`` in, spendable from ``active_from`` until before ``expires_at``."""
        if points > 0:
            self._lots.append(Lot(points, at, active_from, expires_at or _NEVER))
            self._sorted = False

    def available(self, now: datetime) -> int:
        """What can be spent at ``now``."""
        self.expire(now)
        return sum(lot.remaining for lot in self._lots if lot.active_from <= now)

    def spend(self, points: int, now: datetime) -> None:
        """Take ``points`` that are available: the soonest to end first, then the oldest."""
        self._take(points, now)

    def take_away(self, points: int, now: datetime) -> int:
        """Take up to ``points``, pending ones too; how many were there."""
        self.expire(now)
        return points - self._take(points, None)

    def expire(self, now: datetime) -> None:
        """Drop what has run out by ``now``, and what is used up."""
        kept = []
        for lot in self._lots:
            if lot.expires_at <= now:
                self.expired += lot.remaining
            elif lot.remaining:
                kept.append(lot)
        self._lots = kept

    def outstanding(self) -> int:
        """All that is there, pending points too."""
        return sum(lot.remaining for lot in self._lots)

    def _take(self, points: int, now: datetime | None) -> int:
        if not self._sorted:
            # A stable sort: what was put in first goes first.
            self._lots.sort(key=lambda lot: (lot.expires_at, lot.earned_at))
            self._sorted = True
        for lot in self._lots:
            if not points:
                break
            if now is None or lot.active_from <= now:
                taken = min(points, lot.remaining)
                lot.remaining -= taken
                points -= taken
        return points
