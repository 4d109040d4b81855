"""What a return would do, worked out from the purchase: goods, points to give and to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.amounts import points_for, points_to_money
from loyalty.db.fast import is_postgres
from loyalty.errors import (
    NothingToReturn,
    PurchaseNotFound,
    ReceiptInvalid,
    ReturnExceedsPurchase,
)
from loyalty.purchases.model import ReturnedLine
from loyalty.receipts import purchase, purchase_line, purchase_return
from loyalty.wallet.tables import entry, lot


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """A purchase's line and how much of it has come back before and after this return."""

    row: Any
    before: int
    after: int
    points: int

    def part(self, whole: int) -> int:
        """What this return takes of a line's ``whole``; all parts add up to it exactly."""
        quantity = self.row.quantity_milli
        return int(whole * self.after // quantity - whole * self.before // quantity)

    @property
    def amount(self) -> int:
        """Minor units that come back."""
        return self.part(self.row.amount - self.row.discount)

    @property
    def base_left(self) -> int:
        """What still earns after this return, minor units."""
        base = int(self.row.earn_base)
        return base - base * self.after // int(self.row.quantity_milli)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a return will do, before the wallet is touched."""

    bought: Any
    lines: Sequence[PlannedLine]
    amount: int
    spent_returned: int
    to_reverse: int
    # (origin lot, points): where the spent points came from.
    origins: Sequence[tuple[int, int]]

    @property
    def money_back(self) -> int:
        """Minor units of money to give back; the rest comes back as points."""
        return max(0, self.amount - points_to_money(self.spent_returned))


def plan_return(
    session: Session,
    purchase_id: int,
    asked: Sequence[ReturnedLine] | None,
    *,
    for_update: bool,
) -> Plan:
    """The plan for returning ``asked`` (None: all that is left). Locks the purchase if asked to.

    Raises:
        PurchaseNotFound, NothingToReturn, ReturnExceedsPurchase, ReceiptInvalid: see
        ``record_return``.
    """
    query = sa.select(purchase).where(purchase.c.id == purchase_id)
    if for_update and is_postgres(session):
        query = query.with_for_update()
    bought = session.execute(query).one_or_none()
    if bought is None or bought.unlinked_return:
        raise PurchaseNotFound()
    posted = _redemption(session, purchase_id)
    points_of = dict(posted.lines or ()) if posted else {}
    lines = _lines(session, purchase_id, asked, points_of)
    spent = sum(line.part(line.points) for line in lines)
    before = sum(line.points * line.before // line.row.quantity_milli for line in lines)
    origins = _slice(posted.lots if posted else (), before, before + spent)
    left = points_for(sum(line.base_left for line in lines), bought.earn_rate_bp)
    kept = bought.earned - _reversed_before(session, purchase_id)
    kept -= _expired_of(session, purchase_id)
    return Plan(
        bought=bought,
        lines=lines,
        amount=sum(line.amount for line in lines),
        spent_returned=spent,
        to_reverse=max(0, kept - left) if bought.customer_id is not None else 0,
        origins=origins,
    )


def _lines(
    session: Session,
    purchase_id: int,
    asked: Sequence[ReturnedLine] | None,
    points_of: dict[int, int],
) -> list[PlannedLine]:
    query = (
        sa.select(purchase_line)
        .where(purchase_line.c.purchase_id == purchase_id)
        .order_by(purchase_line.c.n)
    )
    rows = session.execute(query).all()
    wanted: dict[int, int] = {}
    for item in asked or ():
        wanted[item.n] = wanted.get(item.n, 0) + item.quantity_milli
    unknown = set(wanted) - {row.n for row in rows}
    if unknown or any(quantity <= 0 for quantity in wanted.values()):
        raise ReceiptInvalid(field="lines", problem="unknown_line" if unknown else "quantity")
    lines = []
    for row in rows:
        left = row.quantity_milli - row.returned_milli
        quantity = left if asked is None else wanted.get(row.n, 0)
        if quantity > left and left:
            raise ReturnExceedsPurchase(line=row.n, left=left)
        lines.append(
            PlannedLine(
                row,
                row.returned_milli,
                row.returned_milli + min(quantity, left),
                points_of.get(row.n, 0),
            )
        )
    if all(line.after == line.before for line in lines):
        raise NothingToReturn()
    return lines


def _redemption(session: Session, purchase_id: int) -> Any:
    query = sa.select(entry.c.lots, entry.c.lines).where(
        entry.c.source_kind == "purchase",
        entry.c.source_id == str(purchase_id),
        entry.c.kind == "redemption",
    )
    return session.execute(query).one_or_none()


def _slice(shares: Sequence[Sequence[int]], start: int, stop: int) -> list[tuple[int, int]]:
    """Points number ``start`` to ``stop`` of a redemption, by the lot each was taken from."""
    found, position = [], 0
    for lot_id, amount in shares:
        points = -amount
        n = min(position + points, stop) - max(position, start)
        if n > 0:
            found.append((lot_id, n))
        position += points
    return found


def _reversed_before(session: Session, purchase_id: int) -> int:
    query = sa.select(sa.func.coalesce(sa.func.sum(purchase_return.c.earned_reversed), 0)).where(
        purchase_return.c.purchase_id == purchase_id
    )
    return int(session.execute(query).scalar_one())


def _expired_of(session: Session, purchase_id: int) -> int:
    """Points of the purchase's own lot that expired unspent: they were not kept."""
    query = (
        sa.select(sa.func.coalesce(sa.func.sum(-entry.c.amount), 0))
        .select_from(lot)
        .join(
            entry,
            sa.and_(
                entry.c.source_kind == "lot",
                entry.c.source_id == sa.cast(lot.c.id, sa.String),
                entry.c.kind == "expiry",
            ),
        )
        .where(lot.c.purchase_id == purchase_id)
    )
    return int(session.execute(query).scalar_one())
