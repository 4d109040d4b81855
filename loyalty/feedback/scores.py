"""Ratings as the staff read them: averages by outlet and cashier, and the words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.customers import customer
from loyalty.feedback.tables import rating, talk
from loyalty.receipts import purchase
from loyalty.staff import outlet, staff


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """Ratings of one outlet or cashier. ``tenths``: the average in tenths of a star."""

    id: int | None
    name: str | None
    count: int
    tenths: int
    low: int  # three stars or fewer
    worded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One rating in the list. ``talk_id``: the talk it began or went on in."""

    id: int
    customer_id: int
    customer: str | None
    purchase_id: int
    total: int | None
    sold_at: datetime | None
    outlet: str | None
    cashier: str | None
    score: int
    text: str | None
    rated_at: datetime
    talk_id: int | None


def by_outlet(session: Session, *, since: datetime, until: datetime) -> list[Mean]:
    """Averages by outlet of the ratings given in [since, until), the most rated first."""
    return _means(session, outlet, rating.c.outlet_id, since, until)


def by_cashier(session: Session, *, since: datetime, until: datetime) -> list[Mean]:
    """The same by who sold."""
    return _means(session, staff, rating.c.staff_id, since, until)


def spread(session: Session, *, since: datetime, until: datetime) -> dict[int, int]:
    """How many ratings there were of each score in [since, until)."""
    query = (
        sa.select(rating.c.score, sa.func.count())
        .where(rating.c.rated_at >= since, rating.c.rated_at < until)
        .group_by(rating.c.score)
    )
    return {int(row[0]): int(row[1]) for row in session.execute(query)}


def ratings(
    session: Session,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    score: int | None = None,
    outlet_id: int | None = None,
    customer_id: int | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int = 30,
) -> list[Score]:
    """Ratings that fit, newest first; one more than ``limit`` if there are more.

    ``before`` is the (``rated_at``, ``id``) of the last one seen.
    """
    # A rating has one talk, the newest that names it.
    its_talk = (
        sa.select(sa.func.max(talk.c.id)).where(talk.c.rating_id == rating.c.id).scalar_subquery()
    )
    query = (
        sa.select(
            rating.c.id,
            rating.c.customer_id,
            customer.c.name.label("customer"),
            rating.c.purchase_id,
            purchase.c.total,
            purchase.c.sold_at,
            outlet.c.name.label("outlet"),
            staff.c.name.label("cashier"),
            rating.c.score,
            rating.c.text,
            rating.c.rated_at,
            its_talk.label("talk_id"),
        )
        .join(customer, customer.c.id == rating.c.customer_id)
        .outerjoin(purchase, purchase.c.id == rating.c.purchase_id)
        .outerjoin(outlet, outlet.c.id == rating.c.outlet_id)
        .outerjoin(staff, staff.c.id == rating.c.staff_id)
        .where(*_conditions(since, until, score, outlet_id, customer_id))
        .order_by(rating.c.rated_at.desc(), rating.c.id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        at, id_ = before
        query = query.where(
            sa.or_(
                rating.c.rated_at < at,
                sa.and_(rating.c.rated_at == at, rating.c.id < id_),
            )
        )
    return [Score(**row._mapping) for row in session.execute(query)]


def _conditions(
    since: datetime | None,
    until: datetime | None,
    score: int | None,
    outlet_id: int | None,
    customer_id: int | None,
) -> list[sa.ColumnElement[bool]]:
    equal: tuple[tuple[sa.Column[Any], int | None], ...] = (
        (rating.c.score, score),
        (rating.c.outlet_id, outlet_id),
        (rating.c.customer_id, customer_id),
    )
    found = [column == value for column, value in equal if value is not None]
    if since is not None:
        found.append(rating.c.rated_at >= since)
    if until is not None:
        found.append(rating.c.rated_at < until)
    return found


def _means(
    session: Session, table: sa.Table, key: sa.Column[Any], since: datetime, until: datetime
) -> list[Mean]:
    low = sa.func.sum(sa.case((rating.c.score <= 3, 1), else_=0))
    query = (
        sa.select(
            key.label("id"),
            table.c.name,
            sa.func.count().label("rated"),
            sa.func.sum(rating.c.score).label("total"),
            low.label("low"),
            sa.func.count(rating.c.text).label("worded"),
        )
        .select_from(rating)
        .outerjoin(table, table.c.id == key)
        .where(rating.c.rated_at >= since, rating.c.rated_at < until)
        .group_by(key, table.c.name)
        .order_by(sa.func.count().desc(), key)
    )
    return [
        Mean(
            id=row.id,
            name=row.name,
            count=int(row.rated),
            tenths=tenths(int(row.total), int(row.rated)),
            low=int(row.low),
            worded=int(row.worded),
        )
        for row in session.execute(query)
    ]


def tenths(total: int, count: int) -> int:
    """An average in tenths of a star, halves upwards; 0 for none."""
    return (20 * total + count) // (2 * count) if count else 0


def average_of(found: Sequence[Score]) -> int:
    """The average of these ratings in tenths of a star; 0 for none."""
    return tenths(sum(item.score for item in found), len(found))
