"""The dashboard: how the programme stands, in one reading.

The chart covers twelve calendar months. When nothing was sold in the twelve months up to
today (an imported history of other years), it covers the twelve months up to the last sale
and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.customers import customer
from loyalty.reports import points, sales
from loyalty.reports.sales import MonthSales, Sales

MONTHS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerCounts:
    """People by status. ``anonymous`` cards (paper or imported) have not been claimed yet."""

    joined: int
    anonymous: int
    blocked: int
    joined_this_month: int

    @property
    def total(self) -> int:
        """Everybody who was not erased."""
        return self.joined + self.anonymous + self.blocked


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The twelve months of the chart, both days included.

    ``kind``: "recent" (up to today), "past" (up to the last sale, as nothing is newer) or
    "year" (a calendar year that was asked for).
    """

    kind: str
    start: date
    end: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """Everything the first page shows."""

    customers: CustomerCounts
    all_time: Sales
    period: Period
    sales: Sales
    months: list[MonthSales]
    # This month so far and the same days of the month before; None where the period is past.
    this_month: Sales | None
    last_month: Sales | None
    points: points.PointsStanding
    years: list[int]


def dashboard(
    session: Session, *, now: datetime, time_zone: str, year: int | None = None
) -> Dashboard:
    """The dashboard at ``now``; ``year`` asks for a calendar year instead of the last 12 months."""
    today = clock.local_date(now, time_zone)
    span = sales.span(session)
    period = _period(today, span, year)
    this_month = last_month = None
    if period.kind == "recent":
        first = today.replace(day=1)
        this_month = sales.sales(session, start=first, end=today)
        last_month = sales.sales(
            session, start=clock.add_months(first, -1), end=clock.add_months(today, -1)
        )
    return Dashboard(
        customers=customer_counts(session, now=now, time_zone=time_zone),
        all_time=sales.sales(session),
        period=period,
        sales=sales.sales(session, start=period.start, end=period.end),
        months=sales.by_month(session, start=period.start, end=period.end),
        this_month=this_month,
        last_month=last_month,
        points=points.standing(session, now=now),
        years=list(range(span[1].year, span[0].year - 1, -1)) if span else [],
    )


def customer_counts(session: Session, *, now: datetime, time_zone: str) -> CustomerCounts:
    """How many customers there are, by status, and how many joined in this calendar month."""
    query = sa.select(customer.c.status, sa.func.count()).group_by(customer.c.status)
    counts = {str(status): int(n) for status, n in session.execute(query)}
    month = clock.local_date(now, time_zone).replace(day=1)
    newcomers = session.scalar(
        sa.select(sa.func.count())
        .select_from(customer)
        .where(customer.c.status == "active")
        .where(customer.c.joined_at >= clock.start_of_day(month, time_zone))
    )
    return CustomerCounts(
        joined=counts.get("active", 0),
        anonymous=counts.get("anonymous", 0),
        blocked=counts.get("blocked", 0),
        joined_this_month=int(newcomers or 0),
    )


def _period(today: date, span: tuple[date, date] | None, year: int | None) -> Period:
    if year is not None and span is not None and span[0].year <= year <= span[1].year:
        return Period(kind="year", start=date(year, 1, 1), end=date(year, 12, 31))
    start = _twelve_months_to(today)
    if span is not None and span[1] < start:
        return Period(kind="past", start=_twelve_months_to(span[1]), end=span[1])
    return Period(kind="recent", start=start, end=today)


def _twelve_months_to(last: date) -> date:
    return clock.add_months(last.replace(day=1), 1 - MONTHS)
