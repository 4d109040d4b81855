"""The demo's tills: sales, points, returns and what happens at night, by the real rules."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from loyalty import clock
from loyalty.amounts import points_for
from loyalty.db.rows import Rows
from loyalty.demo.catalogue import Chain, Good
from loyalty.demo.guests import Guest, Visit, basket
from loyalty.ids import new_id
from loyalty.program import Version
from loyalty.purchases.model import MILLI, Line, Receipt
from loyalty.purchases.pricing import Priced, price, redeem_limit
from loyalty.receipts import (
    customer_day,
    customer_stats,
    purchase,
    purchase_line,
    purchase_return,
)
from loyalty.wallet import Cause, Lot, Wallet

SYSTEM = "system"

# What a rouble of the menu costs in minor units of other money, about.
_MINOR_PER_ROUBLE = {"USD": 2, "EUR": 2, "GBP": 2, "KZT": 600, "BYN": 4}


@dataclass(slots=True)
class Till:
    """All tills of the chain, the wallets of its guests, and the rows not yet written."""

    rng: random.Random
    chain: Chain
    currency: str
    time_zone: str
    version: Version
    outlets: Sequence[int]
    cashiers: Sequence[Sequence[int]]
    rows: Rows = field(default_factory=Rows)
    totals: Counter[str] = field(default_factory=Counter)
    wallets: dict[int, Wallet] = field(default_factory=dict)
    stats: dict[int, dict[str, Any]] = field(default_factory=dict)
    days: dict[tuple[int, date], dict[str, Any]] = field(default_factory=dict)
    _expiring: dict[datetime, list[tuple[Wallet, Lot]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _birthdays: dict[tuple[int, int], list[Guest]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def join(self, guest: Guest) -> None:
        """A guest takes a card and gets the welcome points."""
        self.wallets[guest.customer_id] = Wallet(guest.customer_id, 0, 0, 0, None, None)
        if guest.born is not None:
            self._birthdays[guest.born[1], guest.born[0]].append(guest)
        rules, day = self.version.program, guest.joined_at.date()
        self._give(
            guest,
            points=rules.welcome_points,
            kind="welcome",
            source=("phone", f"demo:{guest.phone}"),
            at=guest.joined_at.astimezone(UTC),
            expires_at=self._end(day, rules.expiry_days),
        )

    def night(self, midnight: datetime, day: date) -> None:
        """What the night does: lots of the past expire, birthdays of the coming week are paid."""
        for wallet, lot in self._expiring.pop(midnight, ()):
            at = midnight + timedelta(minutes=5)
            self.totals["expired"] += wallet.expire(self.rows, lot, now=at)
        rules = self.version.program
        ahead = day + timedelta(days=rules.birthday_days_before)
        dates = [(ahead.month, ahead.day)]
        if (ahead.month, ahead.day) == (2, 28) and clock.birthday_in(
            ahead.year, month=2, day=29
        ) == ahead:
            dates.append((2, 29))
        for key in dates:
            for guest in self._birthdays.get(key, ()):
                self._give(
                    guest,
                    points=rules.birthday_points,
                    kind="birthday",
                    source=("birthday", f"{guest.customer_id}:{ahead.year}"),
                    at=midnight + timedelta(hours=7),
                    expires_at=self._end(day, rules.birthday_valid_days),
                )

    def sell(self, visit: Visit) -> None:
        """One sale, with the points it earns and spends; now and then something comes back."""
        order = basket(self.rng, visit, self.chain)
        lines = tuple(self._line(good, pieces) for good, pieces in order)
        at = visit.at.astimezone(UTC)
        receipt = Receipt(sold_at=at, lines=lines)
        guest, rules = visit.guest, self.version.program
        wallet = self.wallets[guest.customer_id] if guest is not None else None
        redeem = self._redeem(guest, wallet, receipt, at)
        rate = rules.tiers[0].earn_rate_bp if wallet is not None else 0
        priced = price(receipt, redeem=redeem, rate_bp=rate)
        cashier = self.rng.choice(self.cashiers[visit.outlet])
        day = visit.at.date()
        row = self._purchase_row(visit, receipt, priced, redeem=redeem, rate=rate, cashier=cashier)
        written = self._line_rows(row["id"], receipt, priced)
        self.totals["purchases"] += 1
        self.totals["lines"] += len(lines)
        self.totals["revenue"] += receipt.total
        if wallet is None:
            return
        cause = Cause("purchase", str(row["id"]), f"staff:{cashier}", at)
        if redeem:
            wallet.redeem(self.rows, points=redeem, cause=cause, lines=priced.points_by_line())
            self.totals["spent"] += redeem
        if priced.earned:
            wallet.accrue(
                self.rows,
                points=priced.earned,
                kind="accrual",
                cause=cause,
                active_from=at + timedelta(days=rules.pending_days),
                expires_at=self._end(day, rules.expiry_days),
                purchase_id=row["id"],
            )
            self._watch(wallet)
            self.totals["issued"] += priced.earned
        self._count(wallet.customer_id, at, orders=1, spent=receipt.total)
        if not redeem and self.rng.random() < 0.006:
            self._take_back(wallet, row, written, cashier, at)

    def close(self) -> None:
        """Write what became of every wallet and rollup."""
        for wallet in self.wallets.values():
            wallet.finish(self.rows)
        for row in self.stats.values():
            self.rows.insert(customer_stats, row)
        for row in self.days.values():
            self.rows.insert(customer_day, row)

    def _redeem(
        self, guest: Guest | None, wallet: Wallet | None, receipt: Receipt, at: datetime
    ) -> int:
        if guest is None or wallet is None or self.rng.random() > guest.thrift:
            return 0
        most = min(wallet.available(at), redeem_limit(receipt, self.version.program))
        return most if most >= 10 else 0

    def _line(self, good: Good, pieces: int) -> Line:
        unit = good.price * _MINOR_PER_ROUBLE.get(self.currency, 100)
        return Line(
            amount=unit * pieces,
            price=unit,
            quantity_milli=pieces * MILLI,
            sku=good.sku,
            name=good.name,
            category=good.category,
        )

    def _purchase_row(
        self,
        visit: Visit,
        receipt: Receipt,
        priced: Priced,
        *,
        redeem: int,
        rate: int,
        cashier: int,
    ) -> dict[str, Any]:
        row = {
            "id": new_id(),
            "customer_id": visit.guest.customer_id if visit.guest is not None else None,
            "outlet_id": self.outlets[visit.outlet],
            "staff_id": cashier,
            "source": "demo",
            "business_date": visit.at.date(),
            "sold_at": receipt.sold_at,
            "recorded_at": receipt.sold_at,
            "gross": receipt.gross,
            "discount": 0,
            "total": receipt.total,
            "redeemed": redeem,
            "earn_base": priced.earn_base,
            "earn_rate_bp": rate,
            "earned": priced.earned,
            "returned": 0,
            "program_version_id": self.version.id,
        }
        self.rows.insert(purchase, row)
        return row

    def _line_rows(
        self, purchase_id: int, receipt: Receipt, priced: Priced
    ) -> list[dict[str, Any]]:
        written = []
        for n, line in enumerate(receipt.lines, 1):
            row = {
                "purchase_id": purchase_id,
                "n": n,
                "sku": line.sku,
                "name": line.name,
                "category": line.category,
                "quantity_milli": line.quantity_milli,
                "price": line.price,
                "amount": line.amount,
                "points_paid": priced.points_paid[n - 1],
                "earn_base": priced.base_of[n - 1],
                "earned": priced.earned_of[n - 1],
                "returned_milli": 0,
            }
            self.rows.insert(purchase_line, row)
            written.append(row)
        return written

    def _take_back(
        self,
        wallet: Wallet,
        bought: dict[str, Any],
        lines: list[dict[str, Any]],
        cashier: int,
        sold_at: datetime,
    ) -> None:
        """One line of a sale that was paid in money comes back a few minutes later."""
        line = self.rng.choice(lines)
        at, return_id = sold_at + timedelta(minutes=self.rng.randint(1, 4)), new_id()
        left = points_for(bought["earn_base"] - line["earn_base"], bought["earn_rate_bp"])
        taken = max(0, bought["earned"] - left)
        owed = 0
        if taken:
            owed = wallet.claw_back(
                self.rows,
                points=taken,
                purchase_id=bought["id"],
                cause=Cause("return", str(return_id), f"staff:{cashier}", at),
            )
        bought["returned"] = line["amount"]
        line["returned_milli"] = line["quantity_milli"]
        self.rows.insert(
            purchase_return,
            {
                "id": return_id,
                "purchase_id": bought["id"],
                "customer_id": wallet.customer_id,
                "at": at,
                "actor": f"staff:{cashier}",
                "amount": line["amount"],
                "money_back": line["amount"],
                "earned_reversed": taken,
                "debt": owed,
                "lines": [{"n": line["n"], "quantity_milli": line["quantity_milli"]}],
            },
        )
        self._count(wallet.customer_id, sold_at, orders=0, spent=-line["amount"])
        self.totals["returns"] += 1
        self.totals["revenue"] -= line["amount"]

    def _give(
        self,
        guest: Guest,
        *,
        points: int,
        kind: str,
        source: tuple[str, str],
        at: datetime,
        expires_at: datetime | None,
    ) -> None:
        if not points:
            return
        wallet = self.wallets[guest.customer_id]
        wallet.accrue(
            self.rows,
            points=points,
            kind=kind,
            cause=Cause(source[0], source[1], SYSTEM, at),
            active_from=at,
            expires_at=expires_at,
        )
        self._watch(wallet)
        self.totals["issued"] += points

    def _watch(self, wallet: Wallet) -> None:
        lot = wallet.lots[-1]
        if lot.expires_at is not None:
            self._expiring[lot.expires_at].append((wallet, lot))

    def _end(self, first_day: date, days: int | None) -> datetime | None:
        return None if days is None else clock.end_of_validity(first_day, days, self.time_zone)

    def _count(self, customer_id: int, at: datetime, *, orders: int, spent: int) -> None:
        row = self.stats.setdefault(
            customer_id,
            {
                "customer_id": customer_id,
                "orders": 0,
                "spent": 0,
                "first_purchase_at": at,
                "last_purchase_at": at,
            },
        )
        row["orders"] += orders
        row["spent"] += spent
        row["last_purchase_at"] = at
        day = clock.local_date(at, self.time_zone)
        of_day = self.days.setdefault(
            (customer_id, day), {"customer_id": customer_id, "day": day, "orders": 0, "spent": 0}
        )
        of_day["orders"] += orders
        of_day["spent"] += spent
