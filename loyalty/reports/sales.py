"""Sales: what was sold, to how many, and how many came again.

Formulas (days are the purchases' business dates, both ends included; money in minor units):

- gross = Σ total of receipts, after discounts and before returns; what was paid with points
  is part of it
- returned = Σ of what came back from those receipts, whenever it came back, plus unlinked
  returns (they match no purchase) of the period
- revenue = gross − returned
- receipts = purchases without unlinked returns; one of 0.00 is a receipt too
- buyers = distinct customers with at least one receipt in the period; a sale to nobody in
  particular is a receipt without a buyer
- repeat buyers = buyers with two receipts or more in the period
- repeat rate = repeat buyers ÷ buyers
- average receipt = revenue ÷ receipts
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.receipts import customer_stats, purchase, purchase_return

# A business date and its instant in UTC are never further apart than this.
_ZONE_MARGIN = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sales:
    """Sales of a period; money in minor units. The formulas stand in the module's head."""

    start: date | None
    end: date | None
    gross: int
    returned: int
    revenue: int
    # Revenue of receipts that had a customer; the rest was sold to nobody in particular.
    known_revenue: int
    receipts: int
    buyers: int
    repeat_buyers: int

    @property
    def repeat_rate(self) -> float | None:
        """Repeat buyers ÷ buyers, 0 to 1; None when nobody bought."""
        return self.repeat_buyers / self.buyers if self.buyers else None

    @property
    def average_receipt(self) -> int | None:
        """Revenue ÷ receipts in minor units, rounded to the nearest; None without receipts."""
        return round_half_up(self.revenue, self.receipts) if self.receipts else None

    @property
    def known_share(self) -> float | None:
        """Revenue with a known customer ÷ revenue; None when there was no revenue."""
        return self.known_revenue / self.revenue if self.revenue > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthSales:
    """One calendar month. ``month`` is its first day; money in minor units."""

    month: date
    revenue: int
    receipts: int
    buyers: int


def round_half_up(amount: int, parts: int) -> int:
    """``amount`` ÷ ``parts`` (> 0) to the nearest whole; a half goes up."""
    return (2 * amount + parts) // (2 * parts)


def sales(
    session: Session,
    *,
    start: date | None = None,
    end: date | None = None,
    outlet_id: int | None = None,
) -> Sales:
    """Sales from ``start`` to ``end``, both included; None leaves that side open.

    ``outlet_id`` narrows to one outlet.
    """
    p = purchase.c
    linked = p.unlinked_return.is_(sa.false())
    net = p.total - p.returned
    query = sa.select(
        _sum(sa.case((linked, p.total), else_=0)),
        _sum(net),
        _sum(sa.case((p.customer_id.is_not(None), net), else_=0)),
        _sum(sa.case((linked, 1), else_=0)),
    ).where(*within(start, end, outlet_id))
    gross, revenue, known, receipts = session.execute(query).one()
    buyers, repeat_buyers = _buyers(session, start, end, outlet_id)
    return Sales(
        start=start,
        end=end,
        gross=int(gross),
        returned=int(gross) - int(revenue),
        revenue=int(revenue),
        known_revenue=int(known),
        receipts=int(receipts),
        buyers=buyers,
        repeat_buyers=repeat_buyers,
    )


def by_month(
    session: Session, *, start: date, end: date, outlet_id: int | None = None
) -> list[MonthSales]:
    """Every calendar month from ``start``'s to ``end``'s, oldest first; empty months are zeros.

    The first and last month count only their days within ``start`` … ``end``.
    """
    p = purchase.c
    linked = p.unlinked_return.is_(sa.false())
    # "2026-03": the date as text is the same on both databases and cheap to cut.
    month = sa.func.substr(sa.cast(p.business_date, sa.String), 1, 7)
    per_customer = (
        sa.select(
            month.label("month"),
            p.customer_id,
            _sum(p.total - p.returned).label("revenue"),
            _sum(sa.case((linked, 1), else_=0)).label("receipts"),
        )
        .where(*within(start, end, outlet_id))
        .group_by(month, p.customer_id)
        .subquery()
    )
    each = per_customer.c
    bought = sa.and_(each.receipts > 0, each.customer_id.is_not(None))
    query = sa.select(
        each.month,
        _sum(each.revenue),
        _sum(each.receipts),
        _sum(sa.case((bought, 1), else_=0)),
    ).group_by(each.month)
    found = {
        date.fromisoformat(f"{name}-01"): (int(revenue), int(receipts), int(buyers))
        for name, revenue, receipts, buyers in session.execute(query)
    }
    months: list[MonthSales] = []
    first = start.replace(day=1)
    while first <= end:
        revenue, receipts, buyers = found.get(first, (0, 0, 0))
        months.append(MonthSales(month=first, revenue=revenue, receipts=receipts, buyers=buyers))
        first = clock.add_months(first, 1)
    return months


def span(session: Session) -> tuple[date, date] | None:
    """The business dates of the first and the last receipt; None before the first sale."""
    by_time = sa.select(purchase.c.business_date).where(purchase.c.unlinked_return.is_(sa.false()))
    first = session.scalar(by_time.order_by(purchase.c.sold_at).limit(1))
    last = session.scalar(by_time.order_by(purchase.c.sold_at.desc()).limit(1))
    return (first, last) if first and last else None


def within(
    start: date | None, end: date | None, outlet_id: int | None
) -> Sequence[sa.ColumnElement[bool]]:
    """Conditions on ``purchase`` for a period of business dates and an outlet.

    The same period is named by ``sold_at`` with room for any time zone: that one is indexed.
    A sale that was undone at the till never was: it counts nowhere.
    """
    undone = sa.select(purchase_return.c.purchase_id).where(purchase_return.c.undo)
    found: list[sa.ColumnElement[bool]] = [purchase.c.id.not_in(undone)]
    if start is not None:
        found.append(purchase.c.business_date >= start)
        found.append(purchase.c.sold_at >= _midnight(start) - _ZONE_MARGIN)
    if end is not None:
        found.append(purchase.c.business_date <= end)
        found.append(purchase.c.sold_at < _midnight(end) + _ZONE_MARGIN)
    if outlet_id is not None:
        found.append(purchase.c.outlet_id == outlet_id)
    return found


def _buyers(
    session: Session, start: date | None, end: date | None, outlet_id: int | None
) -> tuple[int, int]:
    if start is None and end is None and outlet_id is None:
        # The rollup is written with every sale, so for all time it is the same and faster.
        per_customer = (
            sa.select(customer_stats.c.orders.label("n"))
            .where(customer_stats.c.orders >= 1)
            .subquery()
        )
    else:
        per_customer = (
            sa.select(sa.func.count().label("n"))
            .select_from(purchase)
            .where(
                purchase.c.customer_id.is_not(None),
                purchase.c.unlinked_return.is_(sa.false()),
                *within(start, end, outlet_id),
            )
            .group_by(purchase.c.customer_id)
            .subquery()
        )
    buyers, repeat_buyers = session.execute(
        sa.select(sa.func.count(), _sum(sa.case((per_customer.c.n >= 2, 1), else_=0))).select_from(
            per_customer
        )
    ).one()
    return int(buyers), int(repeat_buyers)


def _sum(expression: Any) -> sa.Function[Any]:
    return sa.func.coalesce(sa.func.sum(expression), 0)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), UTC)
