"""The wallet's rules written a second time, as plainly as they can be said, to test against."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import count

from loyalty import clock
from tests.world import ZONE

RATE_BP = 500
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class Lot:
    remaining: int
    active: datetime
    expires: datetime | None
    earned: datetime
    seq: int
    purchase: int | None = None
    held: int = 0

    @property
    def free(self) -> int:
        return self.remaining - self.held

    def spendable(self, now: datetime) -> bool:
        return self.active <= now and (self.expires is None or now < self.expires)


@dataclass
class Line:
    quantity: int
    net: int
    points: int
    base: int
    returned: int = 0


@dataclass
class Purchase:
    seq: int
    lines: list[Line]
    earned: int
    taken: list[tuple[Lot, int]]
    reversed: int = 0
    lot: Lot | None = None
    expired: int = 0


@dataclass
class Hold:
    shares: list[tuple[Lot, int]]
    until: datetime


def shared(total: int, weights: list[int]) -> list[int]:
    """Hamilton's method: whole parts, the largest remainders rounded up, earlier ones first."""
    if not sum(weights):
        return [total, *(0 for _ in weights[1:])]
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    parts = [int(one) for one in exact]
    order = sorted(range(len(parts)), key=lambda n: (parts[n] - exact[n], n))
    for n in order[: total - sum(parts)]:
        parts[n] += 1
    return parts


@dataclass
class Model:
    """Amounts in points; money in minor units."""

    lots: list[Lot] = field(default_factory=list)
    debt: int = 0
    holds: dict[int, Hold] = field(default_factory=dict)
    frozen_until: datetime | None = None
    imported: set[object] = field(default_factory=set)
    numbers: count[int] = field(default_factory=count)

    def in_order(self) -> list[Lot]:
        return sorted(self.lots, key=lambda lot: (lot.expires or NEVER, lot.earned, lot.seq))

    def available(self, now: datetime) -> int:
        held = sum(lot.held for lot in self.lots)
        return max(0, sum(lot.remaining for lot in self.lots if lot.spendable(now)) - held)

    def pending(self, now: datetime) -> int:
        return sum(lot.remaining for lot in self.lots if lot.active > now)

    def frozen(self, now: datetime) -> bool:
        return self.frozen_until is not None and now < self.frozen_until

    def standing(self) -> list[tuple[object, ...]]:
        """Every lot that has something left, to compare."""
        return sorted(
            (lot.remaining, lot.held, lot.active, lot.expires or NEVER, lot.earned)
            for lot in self.lots
            if lot.remaining
        )

    @property
    def posted(self) -> int:
        return sum(lot.remaining for lot in self.lots)

    def accrue(
        self,
        points: int,
        *,
        now: datetime,
        active: datetime,
        expires: datetime | None,
        purchase: int | None = None,
        earned: datetime | None = None,
    ) -> Lot:
        repaid = min(self.debt, points)
        self.debt -= repaid
        lot = Lot(points - repaid, active, expires, earned or now, next(self.numbers), purchase)
        self.lots.append(lot)
        return lot

    def take(self, points: int, lots: list[Lot]) -> list[tuple[Lot, int]]:
        taken = []
        for lot in lots:
            n = min(points, lot.free)
            if n > 0:
                lot.remaining -= n
                taken.append((lot, n))
                points -= n
        assert points == 0
        return taken

    def spend(self, points: int, now: datetime) -> list[tuple[Lot, int]]:
        return self.take(points, [lot for lot in self.in_order() if lot.spendable(now)])

    def free_to_take(self, now: datetime) -> list[Lot]:
        """What a correction may take from, spendable already or not."""
        return [
            lot for lot in self.in_order() if lot.free and (not lot.expires or now < lot.expires)
        ]

    def adjust(self, points: int, now: datetime, expires: datetime | None) -> None:
        if points > 0:
            self.accrue(points, now=now, active=now, expires=expires)
        else:
            self.take(-points, self.free_to_take(now))

    def hold(self, number: int, points: int, now: datetime, until: datetime) -> None:
        shares = []
        for lot in self.in_order():
            n = min(points, lot.free) if lot.spendable(now) else 0
            if n:
                lot.held += n
                shares.append((lot, n))
                points -= n
        self.holds[number] = Hold(shares, until)

    def release(self, number: int) -> list[tuple[Lot, int]]:
        shares = self.holds.pop(number).shares
        for lot, n in shares:
            lot.held -= n
        return shares

    def sell(
        self,
        items: list[tuple[int, int]],
        redeem: int,
        now: datetime,
        held: list[tuple[Lot, int]] | None = None,
    ) -> Purchase:
        nets = [quantity * price for quantity, price in items]
        if held is None:
            taken = self.spend(redeem, now) if redeem else []
        else:
            taken = held
            for lot, n in held:
                lot.remaining -= n
        paid, points = shared(redeem * 100, nets), shared(redeem, nets)
        lines = [
            Line(quantity, net, points[n], max(0, net - paid[n]))
            for n, ((quantity, _), net) in enumerate(zip(items, nets, strict=True))
        ]
        earned = sum(line.base for line in lines) * RATE_BP // 1_000_000
        bought = Purchase(next(self.numbers), lines, earned, taken)
        if earned:
            day = clock.local_date(now, ZONE)
            bought.lot = self.accrue(
                earned,
                now=now,
                active=now + timedelta(days=1),
                expires=clock.end_of_validity(day, 365, ZONE),
                purchase=bought.seq,
            )
        return bought

    def give_back(self, bought: Purchase, quantities: dict[int, int], now: datetime) -> None:
        """Take back so many pieces of each line (by its place)."""
        start = sum(line.points * line.returned // line.quantity for line in bought.lines)
        for place, quantity in quantities.items():
            bought.lines[place].returned += quantity
        stop = sum(line.points * line.returned // line.quantity for line in bought.lines)
        earliest = clock.end_of_validity(clock.local_date(now, ZONE), 14, ZONE)
        position = 0
        for lot, n in bought.taken:
            part = min(position + n, stop) - max(position, start)
            position += n
            if part > 0:
                expires = None if lot.expires is None else max(lot.expires, earliest)
                self.lots.append(Lot(part, now, expires, now, next(self.numbers)))
        left = sum(line.base - line.base * line.returned // line.quantity for line in bought.lines)
        kept = bought.earned - bought.reversed - bought.expired
        claim = max(0, kept - left * RATE_BP // 1_000_000)
        bought.reversed += claim
        own = [lot for lot in self.in_order() if lot is bought.lot]
        others = [lot for lot in self.free_to_take(now) if lot is not bought.lot]
        takable = min(claim, sum(lot.free for lot in [*own, *others]))
        from_own = min(takable, sum(lot.free for lot in own))
        self.take(from_own, own)
        self.take(takable - from_own, others)
        self.debt += claim - takable

    def expire(self, now: datetime, purchases: list[Purchase]) -> None:
        for lot in self.lots:
            late = lot.expires is not None and lot.expires <= now - timedelta(days=7)
            if late and not lot.held and lot.remaining:
                for bought in purchases:
                    if bought.lot is lot:
                        bought.expired += lot.remaining
                lot.remaining = 0
