"""Points of the demo's members beside those of sales: given, and ended on their day."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta

from loyalty import clock, events
from loyalty.db.rows import Rows
from loyalty.demo.member import Member
from loyalty.wallet import Cause, Lot, Wallet


class Points:
    """Gives points and lets them end; counts both in ``totals``."""

    def __init__(self, rows: Rows, totals: Counter[str], *, time_zone: str) -> None:
        self._rows, self._totals, self._time_zone = rows, totals, time_zone
        self._day = date.min
        self._ends: dict[int, datetime] = {}
        self._expiring: dict[datetime, list[tuple[Wallet, Lot]]] = defaultdict(list)

    def begin_day(self, midnight: datetime, day: date, now: datetime) -> None:
        """Lots whose last day is over end."""
        self._day, self._ends = day, {}
        at = midnight + timedelta(minutes=5)
        if at <= now:
            for wallet, lot in self._expiring.pop(midnight, ()):
                self._totals["expired"] += wallet.expire(self._rows, lot, now=at)

    def give(
        self,
        member: Member,
        points: int,
        *,
        kind: str,
        source: tuple[str, str],
        at: datetime,
        days: int | None,
        actor: str = events.SYSTEM,
    ) -> None:
        """Points beside those of a sale, good for so many days from today on."""
        if not points:
            return
        member.wallet.accrue(
            self._rows,
            points=points,
            kind=kind,
            cause=Cause(source[0], source[1], actor, at),
            active_from=at,
            expires_at=self.end(days),
        )
        self.watch(member.wallet)
        self._totals["issued"] += points

    def watch(self, wallet: Wallet) -> None:
        """Let the wallet's latest lot end on its day."""
        lot = wallet.lots[-1]
        if lot.expires_at is not None:
            self._expiring[lot.expires_at].append((wallet, lot))

    def end(self, days: int | None) -> datetime | None:
        """The end of points that are good for so many days from today on."""
        if days is None:
            return None
        if days not in self._ends:
            self._ends[days] = clock.end_of_validity(self._day, days, self._time_zone)
        return self._ends[days]
