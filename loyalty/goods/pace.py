"""How long goods of a category last: set by the shop, suggested from its receipts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.db.fast import is_postgres
from loyalty.db.rows import Rows
from loyalty.errors import ProductInvalid
from loyalty.goods.catalogue import LONGEST_CATEGORY, put_new, recent
from loyalty.goods.tables import category_pace
from loyalty.receipts import purchase, purchase_line

LONGEST_DAYS = 3650
RECEIPTS = 100_000
WINDOW = timedelta(days=730)
ENOUGH = 10
"""Repeated purchases of a category before anything is said of it."""


@dataclass(frozen=True, slots=True)
class Suggested:
    """The median of ``repeats`` intervals between days on which the same customer bought."""

    days: int
    repeats: int


def paces(session: Session) -> dict[str, int]:
    """Days by category."""
    query = sa.select(category_pace.c.category, category_pace.c.days)
    return {row.category: row.days for row in session.execute(query)}


def set_pace(
    session: Session, *, category: str, days: int | None, actor: str, now: datetime
) -> None:
    """Say after how many days goods of a category are bought again; None: nothing is said any
    more. Event ``goods.pace_set``.

    Raises:
        ProductInvalid: facts ``field`` (``category``, ``days``) and ``problem``.
    """
    name = category.strip()
    if not name or len(name) > LONGEST_CATEGORY:
        problem = "too_long" if name else "empty"
        raise ProductInvalid(field="category", problem=problem, limit=LONGEST_CATEGORY)
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise ProductInvalid(field="days", problem="out_of_range", limit=LONGEST_DAYS)
    if paces(session).get(name) == days:
        return
    mine = category_pace.c.category == name
    session.execute(sa.delete(category_pace).where(mine))
    rows = Rows()
    if days is not None:
        row = {"category": name, "days": days, "at": now, "by": actor}
        rows.insert(category_pace, row)
    events.record(
        rows,
        type="goods.pace_set",
        customer_id=None,
        actor=actor,
        data={"category": name, "days": days},
        now=now,
    )
    put_new(session, rows)


def suggestions(session: Session, *, now: datetime) -> Mapping[str, Suggested]:
    """Median days between a customer's purchases of a category, by category, over the latest
    ``RECEIPTS``; categories with fewer than ``ENOUGH`` repeats are left out."""
    p, line = purchase.c, purchase_line.c
    days = (
        sa.select(p.customer_id, line.category, p.business_date.label("day"))
        .join(purchase_line, line.purchase_id == p.id)
        .where(
            p.id.in_(recent(now, RECEIPTS, days=WINDOW)),
            p.customer_id.is_not(None),
            line.category.is_not(None),
            line.returned_milli < line.quantity_milli,
        )
        .distinct()
        .cte("days")
    )
    before = sa.func.lag(days.c.day).over(
        partition_by=(days.c.customer_id, days.c.category), order_by=days.c.day
    )
    if is_postgres(session):
        gap = sa.cast(days.c.day - before, sa.Integer)
    else:
        gap = sa.cast(sa.func.julianday(days.c.day) - sa.func.julianday(before), sa.Integer)
    gaps = sa.select(days.c.category, gap.label("gap")).cte("gaps")
    real = sa.select(gaps).where(gaps.c.gap.is_not(None)).cte("real")
    group = real.c.category
    ordered = sa.select(
        real.c.category,
        real.c.gap,
        sa.func.row_number().over(partition_by=group, order_by=real.c.gap).label("place"),
        sa.func.count().over(partition_by=group).label("n"),
    ).cte("ordered")
    # The lower of the two in the middle: a reminder rather a day early than late.
    middle = (
        sa.select(ordered.c.category, ordered.c.gap, ordered.c.n)
        .where(ordered.c.place == (ordered.c.n + 1) // 2)
        .where(ordered.c.n >= ENOUGH)
    )
    return {row.category: Suggested(int(row.gap), int(row.n)) for row in session.execute(middle)}
