"""What a return would do, worked out from the purchase: goods, points to give and to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import promotions
from loyalty.amounts import points_to_money, split
from loyalty.db.fast import is_postgres
from loyalty.errors import (
    NothingToReturn,
    PurchaseNotFound,
    ReceiptInvalid,
    ReturnExceedsPurchase,
)
from loyalty.promotions import Facts, Live
from loyalty.purchases.model import ReturnedLine
from loyalty.purchases.pricing import accrual
from loyalty.receipts import MILLI, Line, purchase, purchase_line, purchase_return
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
        return self._left(int(self.row.earn_base))

    @property
    def left(self) -> Line:
        """What the customer keeps of the line; nothing of it: a line without pieces."""
        return self.left_before(0)

    def left_before(self, taken_off: int) -> Line:
        """The same as promotions saw it, before ``taken_off`` minor units were taken off it."""
        row = self.row
        return Line(
            amount=self._left(row.amount),
            price=row.price,
            quantity_milli=pieces_left(row.quantity_milli, self.after),
            sku=row.sku,
            name=row.name,
            category=row.category,
            discount=self._left(row.amount) - self._left(row.amount - row.discount + taken_off),
            no_earn=row.no_earn,
            no_redeem=row.no_redeem,
        )

    def _left(self, whole: int) -> int:
        return int(whole - whole * self.after // int(self.row.quantity_milli))


def pieces_left(quantity_milli: int, returned_milli: int) -> int:
    """Thousandths that are kept of a line as promotions and stamps count them.

    A piece of which anything is kept counts whole, and what was weighed stays one piece until
    all of it is back: else what is kept would bring more after a further return.
    """
    left = quantity_milli - returned_milli
    if left <= 0:
        return 0
    return quantity_milli if quantity_milli % MILLI else -(-left // MILLI) * MILLI


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a purchase: its lines, what they earn and the stamps promotions add."""

    lines: Sequence[Line]
    free_pieces: Sequence[int]
    points: int
    stamps: Mapping[str, int]


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
    rest: Rest
    # Minor units that go back on gift cards.
    gift_returned: int
    # What went back with earlier returns: minor units on gift cards, stamps by card.
    gift_before: int
    stamps_before: Mapping[str, int]
    # Minor units of money that earlier returns gave back.
    money_before: int

    @property
    def money_back(self) -> int:
        """Minor units of money to give back; the rest comes back as points and on gift cards.

        Counted over all returns so far: points come back whole, and on a line of a few kopecks
        one may be worth more than the goods. What that is too much is kept from the next.
        """
        points = points_to_money(self.points_back)
        due = self.bought.returned + self.amount - points - self.gift_before - self.gift_returned
        paid = self.bought.total - points_to_money(self.bought.redeemed) - self.bought.gift_paid
        return max(0, int(min(due, paid)) - self.money_before)

    @property
    def points_back(self) -> int:
        """Spent points given back by this return and the ones before it."""
        return sum(line.points * line.after // line.row.quantity_milli for line in self.lines)

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the purchase is kept after this return."""
        return all(line.after == line.row.quantity_milli for line in self.lines)


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
    if for_update:
        lock_purchase(session, purchase_id)
    bought = session.execute(sa.select(purchase).where(purchase.c.id == purchase_id)).one_or_none()
    if bought is None or bought.unlinked_return:
        raise PurchaseNotFound()
    posted = _redemption(session, purchase_id)
    points_of = dict(posted.lines or ()) if posted else {}
    lines = _lines(session, purchase_id, asked, points_of)
    spent = sum(line.part(line.points) for line in lines)
    before = sum(line.points * line.before // line.row.quantity_milli for line in lines)
    origins = _slice(posted.lots if posted else (), before, before + spent)
    rest = rest_of(session, bought, lines)
    before_this = _before(session, purchase_id)
    kept = bought.earned - before_this.points - _expired_of(session, purchase_id)
    return Plan(
        bought=bought,
        lines=lines,
        # An import may have given back a kopeck more than a part's share.
        amount=min(sum(line.amount for line in lines), bought.total - bought.returned),
        spent_returned=spent,
        to_reverse=max(0, kept - rest.points) if bought.customer_id is not None else 0,
        origins=origins,
        rest=rest,
        gift_returned=_gift_part(bought, lines),
        gift_before=before_this.gift,
        stamps_before=before_this.stamps,
        money_before=before_this.money,
    )


def lock_purchase(session: Session, purchase_id: int) -> None:
    """Lock the purchase's row; what is read after this is what the last return left."""
    if is_postgres(session):
        query = sa.select(purchase.c.id).where(purchase.c.id == purchase_id)
        session.execute(query.with_for_update())


def rest_of(session: Session, bought: Any, lines: Sequence[PlannedLine]) -> Rest:
    """The rest of the purchase, by the rate, the facts and the promotions that priced it."""
    pricing = bought.pricing or {}
    kept = [line for line in lines if line.after < line.row.quantity_milli]
    off, free = pricing.get("off"), pricing.get("free")
    # Promotions are asked about the goods as they were asked at the sale: before discounts.
    asked = [line.left_before(off[line.row.n - 1] if off else 0) for line in kept]
    free_pieces = [free[line.row.n - 1] if free else 0 for line in kept]
    chosen: Sequence[Live] = ()
    facts = None
    if pricing.get("promotions") and kept:
        known = promotions.by_ids(session, pricing["promotions"])
        facts = Facts.of_json(pricing["facts"])
        chosen = promotions.choose([known[i] for i in pricing["promotions"]], asked, facts)
    points, _, _, stamps = accrual(
        asked,
        bases=[line.base_left for line in kept],
        rate_bp=bought.earn_rate_bp,
        chosen=chosen,
        facts=facts,
        free_pieces=free_pieces,
    )
    return Rest([line.left for line in kept], free_pieces, points, stamps)


def _gift_part(bought: Any, lines: Sequence[PlannedLine]) -> int:
    """What of the goods that come back was paid by gift cards, minor units."""
    if not bought.gift_paid:
        return 0
    weights = [line.row.amount - line.row.discount - line.row.points_paid for line in lines]
    shares = split(bought.gift_paid, weights)
    return sum(line.part(paid) for line, paid in zip(lines, shares, strict=True))


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


@dataclass(slots=True)
class _Before:
    """What earlier returns of a purchase took back and gave back."""

    points: int = 0
    gift: int = 0
    money: int = 0
    stamps: dict[str, int] = field(default_factory=dict)


def _before(session: Session, purchase_id: int) -> _Before:
    r = purchase_return.c
    query = sa.select(r.earned_reversed, r.gift_returned, r.money_back, r.effects).where(
        r.purchase_id == purchase_id
    )
    found = _Before()
    for row in session.execute(query):
        found.points += row.earned_reversed
        found.gift += row.gift_returned
        found.money += row.money_back
        for card, n in ((row.effects or {}).get("stamps") or {}).items():
            found.stamps[card] = found.stamps.get(card, 0) + n
    return found


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
