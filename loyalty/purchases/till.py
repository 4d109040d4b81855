"""What a till asks about its own sales: today's, one by its number, a cashier's shift."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.customers import customer
from loyalty.errors import DuplicateReceipt, PurchaseNotFound
from loyalty.receipts import Receipt, purchase, purchase_line, purchase_return
from loyalty.stamps.model import EARNED, GIFT
from loyalty.stamps.tables import stamp_entry
from loyalty.vouchers.model import GIFT_CARD
from loyalty.vouchers.tables import voucher, voucher_use

_DIGITS = 1_000_000
NUMBER_LENGTH = 6
SEARCHED = timedelta(days=90)
"""How far back a receipt is looked for by its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """A sale of this outlet. Money in minor units; ``returned`` is what has come back of it."""

    purchase_id: int
    number: str
    sold_at: datetime
    total: int
    redeemed: int
    earned: int
    returned: int
    customer_id: int | None
    customer_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldLine:
    """A line of a sale and how much of it (thousandths) has not come back yet."""

    n: int
    name: str | None
    amount: int
    quantity_milli: int
    left_milli: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A cashier's day. Money in minor units; what was undone is in no other number.

    ``returns`` and ``returned`` are what this cashier took back that day, whoever had sold it.
    """

    sales: int
    total: int
    earned: int
    redeemed: int
    stamps: int
    coupons: int
    returns: int
    returned: int
    undone: int
    undone_total: int

    @property
    def average(self) -> int:
        """The average receipt, minor units, rounded to the nearest; 0 without sales."""
        return round(self.total / self.sales) if self.sales else 0


def short_number(purchase_id: int) -> str:
    """Six digits by which people name a sale that has no number of a till.

    Two sales of one outlet may share them once in a long while: ``find_sales`` gives both.
    """
    return f"{purchase_id % _DIGITS:0{NUMBER_LENGTH}d}"


def ensure_new(session: Session, receipt: Receipt, *, outlet_id: int, time_zone: str) -> None:
    """Nothing, unless the outlet has recorded this receipt number of this till that day.

    Raises:
        DuplicateReceipt: it has; with the first purchase's id.
    """
    first = sa.select(purchase.c.id).where(
        purchase.c.outlet_id == outlet_id,
        purchase.c.register == receipt.register,
        purchase.c.business_date == clock.local_date(receipt.sold_at, time_zone),
        purchase.c.number == receipt.number,
    )
    known = session.execute(first).scalar_one_or_none()
    if known is not None:
        raise DuplicateReceipt(purchase_id=known)


_SALES = sa.select(
    purchase.c.id,
    purchase.c.number,
    purchase.c.sold_at,
    purchase.c.total,
    purchase.c.redeemed,
    purchase.c.earned,
    purchase.c.returned,
    purchase.c.customer_id,
    customer.c.name,
).select_from(purchase.outerjoin(customer, customer.c.id == purchase.c.customer_id))


def _as_sale(row: Any) -> Sale:
    return Sale(
        purchase_id=row.id,
        number=row.number or short_number(row.id),
        sold_at=row.sold_at,
        total=row.total,
        redeemed=row.redeemed,
        earned=row.earned,
        returned=row.returned,
        customer_id=row.customer_id,
        customer_name=row.name,
    )


def recent_sales(
    session: Session, *, outlet_id: int, time_zone: str, now: datetime, limit: int = 10
) -> list[Sale]:
    """The outlet's latest sales of today that can still come back, newest first."""
    day = clock.start_of_day(clock.local_date(now, time_zone), time_zone)
    query = (
        _SALES.where(
            purchase.c.outlet_id == outlet_id,
            purchase.c.sold_at >= day,
            purchase.c.sold_at <= now,
            purchase.c.returned < purchase.c.total,
            sa.not_(purchase.c.unlinked_return),
        )
        .order_by(purchase.c.sold_at.desc(), purchase.c.id.desc())
        .limit(limit)
    )
    return [_as_sale(row) for row in session.execute(query)]


def find_sales(session: Session, *, outlet_id: int, number: str, now: datetime) -> list[Sale]:
    """The outlet's sales by a till's number or by ``short_number``, newest first, ten at most."""
    named = purchase.c.number == number
    if number.isascii() and number.isdigit() and len(number) == NUMBER_LENGTH:
        ours = sa.and_(purchase.c.number.is_(None), purchase.c.id % _DIGITS == int(number))
        named = sa.or_(named, ours)
    query = (
        _SALES.where(
            purchase.c.outlet_id == outlet_id,
            purchase.c.sold_at >= now - SEARCHED,
            sa.not_(purchase.c.unlinked_return),
            named,
        )
        .order_by(purchase.c.sold_at.desc(), purchase.c.id.desc())
        .limit(10)
    )
    return [_as_sale(row) for row in session.execute(query)]


def get_sale(session: Session, *, purchase_id: int, outlet_id: int) -> Sale:
    """One sale of this outlet.

    Raises:
        PurchaseNotFound: there is none, or it was sold elsewhere.
    """
    query = _SALES.where(purchase.c.id == purchase_id, purchase.c.outlet_id == outlet_id)
    row = session.execute(query).one_or_none()
    if row is None:
        raise PurchaseNotFound()
    return _as_sale(row)


def lines_of(session: Session, *, purchase_id: int) -> list[SoldLine]:
    """The lines of a sale, in order."""
    query = (
        sa.select(purchase_line)
        .where(purchase_line.c.purchase_id == purchase_id)
        .order_by(purchase_line.c.n)
    )
    return [
        SoldLine(
            n=row.n,
            name=row.name or row.sku,
            amount=row.amount - row.discount,
            quantity_milli=row.quantity_milli,
            left_milli=row.quantity_milli - row.returned_milli,
        )
        for row in session.execute(query)
    ]


def shift(session: Session, *, staff_id: int, outlet_id: int, time_zone: str, day: date) -> Shift:
    """What this cashier has sold at this outlet on that day of the outlet's calendar."""
    begin = clock.start_of_day(day, time_zone)
    end = clock.start_of_day(day + timedelta(days=1), time_zone)
    mine = sa.and_(
        purchase.c.staff_id == staff_id,
        purchase.c.outlet_id == outlet_id,
        purchase.c.sold_at >= begin,
        purchase.c.sold_at < end,
        sa.not_(_was_undone()),
    )
    sums = [sa.func.coalesce(sa.func.sum(purchase.c[name]), 0) for name in _SUMMED]
    sold = session.execute(sa.select(sa.func.count(), *sums).where(mine)).one()
    r = purchase_return.c
    taken_back = (
        sa.select(r.undo, sa.func.count(), sa.func.sum(r.amount))
        .join(purchase, purchase.c.id == r.purchase_id)
        .where(
            r.actor == f"staff:{staff_id}",
            r.at >= begin,
            r.at < end,
            purchase.c.outlet_id == outlet_id,
        )
        .group_by(r.undo)
    )
    back = {bool(row[0]): (int(row[1]), int(row[2])) for row in session.execute(taken_back)}
    returns, undone = back.get(False, (0, 0)), back.get(True, (0, 0))
    sales, total, earned, redeemed = map(int, sold)
    return Shift(
        sales=sales,
        total=total,
        earned=earned,
        redeemed=redeemed,
        stamps=_stamps(session, mine),
        coupons=_coupons(session, mine),
        returns=returns[0],
        returned=returns[1],
        undone=undone[0],
        undone_total=undone[1],
    )


_SUMMED = ("total", "earned", "redeemed")


def _was_undone() -> sa.ColumnElement[bool]:
    return sa.exists().where(purchase_return.c.purchase_id == purchase.c.id, purchase_return.c.undo)


def _stamps(session: Session, mine: sa.ColumnElement[bool]) -> int:
    """Stamps these sales have brought."""
    e = stamp_entry.c
    bought = sa.and_(e.source_kind == "purchase", e.source_id == sa.cast(purchase.c.id, sa.String))
    query = (
        sa.select(sa.func.coalesce(sa.func.sum(e.amount), 0))
        .select_from(purchase)
        .join(stamp_entry, bought)
        .where(mine, e.kind.in_((EARNED, GIFT)))
    )
    return int(session.execute(query).scalar_one())


def _coupons(session: Session, mine: sa.ColumnElement[bool]) -> int:
    """Coupons and codes these sales have used, gift cards left out: those are money."""
    query = (
        sa.select(sa.func.count())
        .select_from(purchase)
        .join(voucher_use, voucher_use.c.purchase_id == purchase.c.id)
        .join(voucher, voucher.c.id == voucher_use.c.voucher_id)
        .where(mine, voucher_use.c.returned_at.is_(None), voucher.c.kind != GIFT_CARD)
    )
    return int(session.execute(query).scalar_one())
