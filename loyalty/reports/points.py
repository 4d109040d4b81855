"""Points: what was given, what was spent, what is still owed to customers.

Formulas (whole points; a period is made of business dates, both ends included):

- issued = Σ entries that give new points (accruals, welcome, birthday, referral, gifts, import)
- spent = Σ redemptions − Σ refunds of spent points
- expired = Σ expiry entries; taken back = Σ clawbacks after returns and repayments of debt
- adjusted = Σ adjustments by hand, with their sign
- change of the ledger = issued − spent − expired − taken back + adjusted
- outstanding = Σ remaining of lots that have not expired; pending is the part of it that
  cannot be spent yet
- liability = what the outstanding points are worth in money (1 point = 1.00)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.amounts import points_to_money
from loyalty.wallet.tables import account, entry, lot

_SPENT = ("redemption", "refund")
_TAKEN_BACK = ("clawback", "repayment")


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsFlow:
    """What moved in a period, whole points; all but ``adjusted`` are counted up from zero."""

    issued: int
    spent: int
    expired: int
    taken_back: int
    adjusted: int

    @property
    def change(self) -> int:
        """By how much the ledger grew (or shrank) in the period."""
        return self.issued - self.spent - self.expired - self.taken_back + self.adjusted


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryMonth:
    """Points whose last valid day falls in a month; ``month`` is None for those that stay."""

    month: date | None
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsStanding:
    """What customers hold at a moment, whole points; ``liability`` in minor units."""

    outstanding: int
    pending: int
    # Past their date, waiting for the expiry run; nobody can spend them.
    lapsed: int
    debt: int
    holders: int

    @property
    def liability(self) -> int:
        """What the outstanding points are worth, minor units."""
        return points_to_money(self.outstanding)


def flow(
    session: Session, *, time_zone: str, start: date | None = None, end: date | None = None
) -> PointsFlow:
    """Points moved from ``start`` to ``end`` in ``time_zone``; None leaves that side open."""
    query = sa.select(entry.c.kind, sa.func.sum(entry.c.amount)).group_by(entry.c.kind)
    if start is not None:
        query = query.where(entry.c.at >= clock.start_of_day(start, time_zone))
    if end is not None:
        query = query.where(entry.c.at < clock.start_of_day(end + timedelta(days=1), time_zone))
    sums = {str(kind): int(total) for kind, total in session.execute(query)}
    spent = -sum(sums.pop(kind, 0) for kind in _SPENT)
    expired = -sums.pop("expiry", 0)
    taken_back = -sum(sums.pop(kind, 0) for kind in _TAKEN_BACK)
    adjusted = sums.pop("adjustment", 0)
    return PointsFlow(
        issued=sum(sums.values()),
        spent=spent,
        expired=expired,
        taken_back=taken_back,
        adjusted=adjusted,
    )


def standing(session: Session, *, now: datetime) -> PointsStanding:
    """What customers hold at ``now``."""
    valid = sa.or_(lot.c.expires_at.is_(None), lot.c.expires_at > now)
    query = sa.select(
        _sum_where(valid),
        _sum_where(sa.and_(valid, lot.c.active_from > now)),
        _sum_where(sa.not_(valid)),
        sa.func.count(sa.distinct(sa.case((valid, lot.c.customer_id)))),
    ).where(lot.c.remaining > 0)
    outstanding, pending, lapsed, holders = session.execute(query).one()
    debt = session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(account.c.debt), 0)).where(account.c.debt > 0)
    )
    return PointsStanding(
        outstanding=int(outstanding),
        pending=int(pending),
        lapsed=int(lapsed),
        debt=int(debt or 0),
        holders=int(holders),
    )


def by_expiry_month(session: Session, *, now: datetime, time_zone: str) -> list[ExpiryMonth]:
    """Outstanding points by the month of their last valid day in ``time_zone``, soonest first."""
    query = (
        sa.select(lot.c.expires_at, sa.func.sum(lot.c.remaining))
        .where(lot.c.remaining > 0)
        .where(sa.or_(lot.c.expires_at.is_(None), lot.c.expires_at > now))
        .group_by(lot.c.expires_at)
    )
    months: dict[date | None, int] = {}
    for expires_at, points in session.execute(query):
        month = (
            None
            if expires_at is None
            else clock.last_valid_day(expires_at, time_zone).replace(day=1)
        )
        months[month] = months.get(month, 0) + int(points)
    ordered = sorted(months, key=lambda month: month or date.max)
    return [ExpiryMonth(month=month, points=months[month]) for month in ordered]


def _sum_where(condition: sa.ColumnElement[bool]) -> sa.Function[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, lot.c.remaining), else_=0)), 0)
