"""The wallet's rules written a second time, as plainly as they can be said, to test against."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from loyalty import clock
from tests.world import ZONE

RATE_BP = 500
NEVER = datetime.max


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
class Purchase:
    seq: int
    quantity: int
    amount: int
    redeemed: int
    base: int
    earned: int
    taken: list[tuple[Lot, int]]
    returned: int = 0
    reversed: int = 0
    lot: Lot | None = None
    expired: int = 0


@dataclass
class Model:
    """Amounts in points; money in minor units."""

    lots: list[Lot] = field(default_factory=list)
    debt: int = 0
    holds: dict[int, list[tuple[Lot, int]]] = field(default_factory=dict)
    numbers: count[int] = field(default_factory=count)

    def in_order(self) -> list[Lot]:
        far = datetime.max.replace(tzinfo=self.lots[0].earned.tzinfo) if self.lots else None
        return sorted(self.lots, key=lambda lot: (lot.expires or far, lot.earned, lot.seq))

    def available(self, now: datetime) -> int:
        held = sum(lot.held for lot in self.lots)
        return max(0, sum(lot.remaining for lot in self.lots if lot.spendable(now)) - held)

    def pending(self, now: datetime) -> int:
        return sum(lot.remaining for lot in self.lots if lot.active > now)

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
    ) -> Lot:
        repaid = min(self.debt, points)
        self.debt -= repaid
        lot = Lot(points - repaid, active, expires, now, next(self.numbers), purchase)
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

    def hold(self, number: int, points: int, now: datetime) -> None:
        shares = []
        for lot in self.in_order():
            n = min(points, lot.free) if lot.spendable(now) else 0
            if n:
                lot.held += n
                shares.append((lot, n))
                points -= n
        self.holds[number] = shares

    def release(self, number: int) -> list[tuple[Lot, int]]:
        shares = self.holds.pop(number)
        for lot, n in shares:
            lot.held -= n
        return shares

    def sell(
        self,
        quantity: int,
        price: int,
        redeem: int,
        now: datetime,
        held: list[tuple[Lot, int]] | None = None,
    ) -> Purchase:
        amount = quantity * price
        if held is None:
            taken = self.spend(redeem, now) if redeem else []
        else:
            taken = held
            for lot, n in held:
                lot.remaining -= n
        base = amount - redeem * 100
        earned = base * RATE_BP // 1_000_000
        bought = Purchase(next(self.numbers), quantity, amount, redeem, base, earned, taken)
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

    def give_back(self, bought: Purchase, quantity: int, now: datetime) -> None:
        before, after = bought.returned, bought.returned + quantity
        bought.returned = after
        start = bought.redeemed * before // bought.quantity
        stop = bought.redeemed * after // bought.quantity
        earliest = clock.end_of_validity(clock.local_date(now, ZONE), 14, ZONE)
        position = 0
        for lot, n in bought.taken:
            part = min(position + n, stop) - max(position, start)
            position += n
            if part > 0:
                expires = None if lot.expires is None else max(lot.expires, earliest)
                self.lots.append(Lot(part, now, expires, now, next(self.numbers)))
        base_left = bought.base - bought.base * after // bought.quantity
        kept = bought.earned - bought.reversed - bought.expired
        claim = max(0, kept - base_left * RATE_BP // 1_000_000)
        bought.reversed += claim
        own = [lot for lot in self.in_order() if lot is bought.lot]
        others = [
            lot
            for lot in self.in_order()
            if lot is not bought.lot and (lot.expires is None or now < lot.expires)
        ]
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
