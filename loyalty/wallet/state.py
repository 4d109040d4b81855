"""A locked wallet in memory: its lots in spending order, and the moves that change it.

Made by ``locking.lock``. Moves change the state and add rows; ``finish`` adds what became of
the account and its lots.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from loyalty.db.rows import Rows
from loyalty.errors import InsufficientPoints, RedemptionFrozen
from loyalty.ids import new_id
from loyalty.wallet.lots import Lot, Shares
from loyalty.wallet.tables import account, debt, entry, lot


@dataclass(frozen=True, slots=True)
class Cause:
    """What makes a posting: its source (kind and id; each posts at most once), who, when."""

    kind: str
    id: str
    actor: str
    at: datetime


@dataclass(slots=True)
class Wallet:
    """An account under lock. All amounts are whole points."""

    customer_id: int
    posted: int
    held: int
    debt: int
    frozen_until: datetime | None
    frozen_reason: str | None
    lots: list[Lot] = field(default_factory=list)
    changed: bool = False
    # Points in lots that were left in the database, as they stood when the wallet was read: a
    # sale takes along only the lots it will spend, however many the customer has.
    spendable_elsewhere: int = 0
    pending_elsewhere: int = 0

    def available(self, now: datetime) -> int:
        """What may be spent at ``now``."""
        spendable = sum(item.remaining for item in self.lots if item.is_spendable(now))
        return max(0, spendable + self.spendable_elsewhere - self.held)

    def pending(self, now: datetime) -> int:
        """What has been earned but cannot be spent yet."""
        pending = sum(item.remaining for item in self.lots if item.active_from > now)
        return pending + self.pending_elsewhere

    def check_not_frozen(self, now: datetime) -> None:
        """Refuse to spend from a frozen account.

        Raises:
            RedemptionFrozen: facts ``until``, ``reason``.
        """
        if self.frozen_until is not None and now < self.frozen_until:
            raise RedemptionFrozen(until=self.frozen_until, reason=self.frozen_reason)

    def accrue(
        self,
        rows: Rows,
        *,
        points: int,
        kind: str,
        cause: Cause,
        active_from: datetime,
        expires_at: datetime | None,
        purchase_id: int | None = None,
        note: str | None = None,
    ) -> tuple[int, int]:
        """A new lot with its entry; debt is repaid from it first. (lot id, points repaid)"""
        parts = [(points, expires_at)]
        ids, repaid = self.accrue_parts(
            rows,
            parts=parts,
            kind=kind,
            cause=cause,
            active_from=active_from,
            purchase_id=purchase_id,
            note=note,
        )
        return ids[0], repaid

    def accrue_parts(
        self,
        rows: Rows,
        *,
        parts: Sequence[tuple[int, datetime | None]],
        kind: str,
        cause: Cause,
        active_from: datetime,
        purchase_id: int | None = None,
        note: str | None = None,
    ) -> tuple[list[int], int]:
        """One entry with a lot per part (points, expiry); debt is repaid from them in order."""
        items = [
            self._new_lot(
                points,
                kind=kind,
                now=cause.at,
                active_from=active_from,
                expires_at=expires_at,
                purchase_id=purchase_id,
            )
            for points, expires_at in parts
        ]
        total = sum(points for points, _ in parts)
        shares = [(item.id, item.granted) for item in items]
        self._post(rows, total, shares, kind=kind, cause=cause, note=note)
        repaid = min(self.debt, total)
        if repaid:
            taken: Shares = []
            for item in items:
                n = min(item.remaining, repaid - sum(-less for _, less in taken))
                if n:
                    item.remaining -= n
                    taken.append((item.id, -n))
            entry_id = self._post(rows, -repaid, taken, kind="repayment", cause=cause)
            self._owe(rows, -repaid, cause=Cause("entry", str(entry_id), cause.actor, cause.at))
        return [item.id for item in items], repaid

    def redeem(
        self,
        rows: Rows,
        *,
        points: int,
        cause: Cause,
        lines: Shares | None = None,
    ) -> Shares:
        """Spend ``points``, soonest to expire first; which lots gave how much.

        Raises:
            RedemptionFrozen: the account is frozen.
            InsufficientPoints: more than is available.
        """
        self.check_not_frozen(cause.at)
        available = self.available(cause.at)
        if points > available:
            raise InsufficientPoints(available=available, requested=points)
        taken = self._take(points, (item for item in self.lots if item.is_spendable(cause.at)))
        shares = [(i, -n) for i, n in taken]
        self._post(rows, -points, shares, kind="redemption", cause=cause, lines=lines)
        return taken

    def redeem_held(
        self,
        rows: Rows,
        *,
        shares: Shares,
        cause: Cause,
        lines: Shares | None = None,
    ) -> None:
        """Spend what a hold has set aside (its lots cannot have expired meanwhile)."""
        points = self.release(shares)
        by_id = {item.id: item for item in self.lots}
        for lot_id, n in shares:
            by_id[lot_id].remaining -= n
        spent = [(i, -n) for i, n in shares]
        self._post(rows, -points, spent, kind="redemption", cause=cause, lines=lines)

    def set_aside(self, *, points: int, now: datetime) -> Shares:
        """Reserve points against named lots, for a hold.

        Raises:
            RedemptionFrozen, InsufficientPoints: as in ``redeem``.
        """
        self.check_not_frozen(now)
        available = self.available(now)
        if points > available:
            raise InsufficientPoints(available=available, requested=points)
        left, shares = points, []
        for item in sorted(self.lots, key=Lot.spending_key):
            n = min(left, item.free) if item.is_spendable(now) else 0
            if n:
                item.held += n
                item.changed = True
                shares.append((item.id, n))
                left -= n
        self.held += points
        self.changed = True
        return shares

    def release(self, shares: Shares) -> int:
        """Give back what ``set_aside`` reserved; how many points."""
        by_id = {item.id: item for item in self.lots}
        for lot_id, n in shares:
            by_id[lot_id].held -= n
            by_id[lot_id].changed = True
        points = sum(n for _, n in shares)
        self.held -= points
        self.changed = True
        return points

    def give_back(
        self,
        rows: Rows,
        *,
        shares: Iterable[tuple[int, int, datetime | None]],
        cause: Cause,
    ) -> int:
        """Spent points come back as new lots (origin lot id, points, expiry); how many."""
        lots: Shares = []
        for origin_lot_id, points, expires_at in shares:
            item = self._new_lot(
                points,
                kind="refund",
                now=cause.at,
                active_from=cause.at,
                expires_at=expires_at,
                purchase_id=None,
            )
            item.origin_lot_id = origin_lot_id
            lots.append((item.id, points))
        total = sum(points for _, points in lots)
        if total:
            self._post(rows, total, lots, kind="refund", cause=cause)
        return total

    def claw_back(
        self,
        rows: Rows,
        *,
        points: int,
        purchase_id: int | None,
        cause: Cause,
        kind: str = "clawback",
        note: str | None = None,
        own_lots: Collection[int] = (),
    ) -> int:
        """Take points: the purchase's own lots or ``own_lots``, others, then as debt; the new debt.

        Held points are never taken, nor are lots that have expired (but for one's own).
        """
        own = [
            i
            for i in self.lots
            if i.id in own_lots or (purchase_id is not None and i.purchase_id == purchase_id)
        ]
        others = [i for i in self.lots if i not in own and not i.is_expired(cause.at)]
        free = sum(item.free for item in (*own, *others))
        takable = min(points, free)
        if takable:
            taken = self._take(min(points, sum(i.free for i in own)), own)
            taken += self._take(takable - sum(n for _, n in taken), others)
            shares = [(i, -n) for i, n in taken]
            self._post(rows, -takable, shares, kind=kind, cause=cause, note=note)
        owed = points - takable
        if owed:
            self._owe(rows, owed, cause=cause)
        return owed

    def forgive(self, rows: Rows, *, cause: Cause) -> None:
        """Write off the whole debt: somebody else owes it from now on."""
        self._owe(rows, -self.debt, cause=cause)

    def expire(self, rows: Rows, item: Lot, *, now: datetime) -> int:
        """One entry for one lot whose time has passed; nothing while any of it is held."""
        points = item.remaining
        if not points or item.held or not item.is_expired(now):
            return 0
        item.remaining = 0
        item.changed = True
        self._post(
            rows,
            -points,
            [(item.id, -points)],
            kind="expiry",
            cause=Cause("lot", str(item.id), "system", now),
        )
        return points

    def finish(self, rows: Rows) -> None:
        """Add what became of the account and of its lots."""
        for item in self.lots:
            if item.is_new:
                rows.insert(lot, item.row(self.customer_id))
                item.is_new = item.changed = False
            elif item.changed:
                rows.update(lot, {"id": item.id, "remaining": item.remaining, "held": item.held})
                item.changed = False
        if self.changed:
            rows.update(
                account,
                {
                    "customer_id": self.customer_id,
                    "posted": self.posted,
                    "held": self.held,
                    "debt": self.debt,
                },
            )
            self.changed = False

    def _take(self, points: int, lots: Iterable[Lot]) -> Shares:
        left, taken = points, []
        for item in sorted(lots, key=Lot.spending_key):
            n = min(left, item.free)
            if n > 0:
                item.remaining -= n
                item.changed = True
                taken.append((item.id, n))
                left -= n
        if left:
            raise AssertionError("lots do not hold what the account says is available")
        return taken

    def _new_lot(
        self,
        points: int,
        *,
        kind: str,
        now: datetime,
        active_from: datetime,
        expires_at: datetime | None,
        purchase_id: int | None,
    ) -> Lot:
        if points <= 0:
            raise ValueError("a lot holds at least one point")
        item = Lot(
            new_id(),
            points,
            points,
            0,
            now,
            active_from,
            expires_at,
            kind,
            purchase_id,
            is_new=True,
        )
        self.lots.append(item)
        return item

    def _post(
        self,
        rows: Rows,
        amount: int,
        shares: Shares,
        *,
        kind: str,
        cause: Cause,
        lines: Shares | None = None,
        note: str | None = None,
    ) -> int:
        self.posted += amount
        self.changed = True
        if self.posted < 0:
            raise AssertionError("an account never goes below zero")
        entry_id = new_id()
        rows.insert(
            entry,
            {
                "id": entry_id,
                "customer_id": self.customer_id,
                "at": cause.at,
                "amount": amount,
                "kind": kind,
                "source_kind": cause.kind,
                "source_id": cause.id,
                "actor": cause.actor,
                "balance_after": self.posted,
                "lots": shares,
                "lines": lines,
                "note": note,
            },
        )
        return entry_id

    def _owe(self, rows: Rows, amount: int, *, cause: Cause) -> None:
        self.debt += amount
        self.changed = True
        rows.insert(
            debt,
            {
                "id": new_id(),
                "customer_id": self.customer_id,
                "at": cause.at,
                "amount": amount,
                "source_kind": cause.kind,
                "source_id": cause.id,
            },
        )
