"""Whose goods are running out: so many days after a category was last bought, by the category's
pace or by the customer's own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from loyalty import goods
from loyalty.chains.model import ReplenishTrigger
from loyalty.chains.store import Chain
from loyalty.chains.tables import enrolment
from loyalty.chains.triggers_common import (
    Place,
    Relation,
    Window,
    days_later,
    standing,
    starts_query,
    subject,
)
from loyalty.customers import customer
from loyalty.db.fast import is_postgres
from loyalty.db.types import UtcDateTime
from loyalty.receipts import purchase, purchase_line

LONGEST_OWN = 366
"""Days: a pace of one's own that is slower says nothing."""

ENOUGH = 3
"""Days on which the category was bought before the customer's own pace counts."""

_HISTORY = timedelta(days=3 * 366)
_ONE_DAY = timedelta(days=1)


def paces(place: Place, item: Chain) -> dict[str, int | None]:
    """Days by category that the chain is about; None: only whose own pace is known."""
    trigger = item.definition.trigger
    assert isinstance(trigger, ReplenishTrigger)
    known = goods.paces(place.session)
    if trigger.category is None:
        return {name: trigger.days or days for name, days in known.items()}
    return {trigger.category: trigger.days or known.get(trigger.category)}


def has_paces(place: Place, item: Chain, window: Window) -> bool:
    """Whether there is any category to look at."""
    del window
    return bool(paces(place, item))


def replenish_starts(place: Place, item: Chain, window: Window) -> sa.Select[Any] | None:
    """Customers who should need a category again within the window and have not bought it since.

    Days are the receipts' business days, so two receipts of one day are one purchase; what came
    back whole was not bought.
    """
    trigger = item.definition.trigger
    assert isinstance(trigger, ReplenishTrigger)
    by_category = paces(place, item)
    if not by_category:
        return None
    session = place.session
    rows = [{"category": name, "days": days} for name, days in by_category.items()]
    pace = Relation({"category": sa.Text(), "days": sa.Integer()}, rows).of(session, "pace")
    bought = _bought(place, window, list(by_category), own=trigger.own_interval, paces=by_category)
    last = _last(bought)
    days = pace.c.days
    query = sa.select(last.c.customer_id).select_from(
        last.join(pace, pace.c.category == last.c.category)
    )
    if trigger.own_interval:
        own = _own_paces(session, bought)
        days = sa.func.coalesce(own.c.days, pace.c.days)
        query = query.outerjoin(
            own,
            sa.and_(own.c.customer_id == last.c.customer_id, own.c.category == last.c.category),
        )
    starts_at = days_later(session, last.c.sold_at, days)
    # The goods' name is cut where the column ends: the purchase before it tells them apart.
    name = sa.cast(last.c.id, sa.Text).concat(":").concat(last.c.category)
    due = query.with_only_columns(
        last.c.customer_id,
        sa.func.substr(name, 1, enrolment.c.occurrence.type.length).label("occurrence"),
        starts_at.label("starts_at"),
        last.c.id.label("purchase_id"),
        last.c.category,
    ).where(last.c.place == 1, days.is_not(None))
    found = due.subquery("due")
    return (
        starts_query(
            found.c.customer_id,
            occurrence=found.c.occurrence,
            starts_at=found.c.starts_at,
            about=subject(session, purchase=found.c.purchase_id, category=found.c.category),
        )
        .select_from(found)
        .join(customer, customer.c.id == found.c.customer_id)
        .where(
            found.c.starts_at > sa.literal(window.from_, UtcDateTime),
            found.c.starts_at <= sa.literal(window.until, UtcDateTime),
            *standing(),
        )
    )


def _bought(
    place: Place,
    window: Window,
    categories: list[str],
    *,
    own: bool,
    paces: dict[str, int | None],
) -> sa.CTE:
    """Purchases of the categories by those who may be due: one row for each receipt."""
    slowest = max((days for days in paces.values() if days is not None), default=0)
    since = window.from_ - max(_HISTORY, _ONE_DAY * (slowest + 1))
    query = (
        sa.select(
            purchase.c.customer_id,
            purchase_line.c.category,
            purchase.c.id,
            purchase.c.sold_at,
            purchase.c.business_date,
        )
        .join(purchase_line, purchase_line.c.purchase_id == purchase.c.id)
        .where(
            purchase.c.sold_at > since,
            ~purchase.c.unlinked_return,
            purchase_line.c.category.in_(categories),
            purchase_line.c.quantity_milli > purchase_line.c.returned_milli,
        )
        .distinct()
    )
    if window.low is not None:
        query = query.where(*window.of(purchase.c.customer_id))
    else:
        query = query.where(_may_be_due(place, window, own=own, paces=paces))
    return query.cte("bought")


def _may_be_due(
    place: Place, window: Window, *, own: bool, paces: dict[str, int | None]
) -> sa.ColumnElement[bool]:
    """Customers with a purchase just as long ago as one of the paces: read off an index."""
    lengths = {days for days in paces.values() if days is not None}
    if own:
        lengths |= set(range(1, LONGEST_OWN + 1))
    spans = sorted(
        (window.from_ - _ONE_DAY * days, window.until - _ONE_DAY * days) for days in lengths
    )
    joined: list[dict[str, Any]] = []
    for low, high in spans:
        if joined and low <= joined[-1]["high"]:
            joined[-1]["high"] = max(high, joined[-1]["high"])
        else:
            joined.append({"low": low, "high": high})
    columns = {"low": UtcDateTime(), "high": UtcDateTime()}
    span = Relation(columns, joined).of(place.session, "span")
    once = purchase.alias("once")
    near = (
        sa.select(once.c.customer_id)
        .select_from(span)
        .join(once, sa.and_(once.c.sold_at > span.c.low, once.c.sold_at <= span.c.high))
        .where(once.c.customer_id.is_not(None))
    )
    return purchase.c.customer_id.in_(near)


def _last(bought: sa.CTE) -> sa.Subquery:
    who = (bought.c.customer_id, bought.c.category)
    order = (bought.c.sold_at.desc(), bought.c.id.desc())
    place = sa.func.row_number().over(partition_by=who, order_by=order)
    return sa.select(bought, place.label("place")).subquery("last")


def _own_paces(session: Any, bought: sa.CTE) -> sa.Subquery:
    """The median of days between purchases of a category, of those with enough of them."""
    day = sa.select(
        bought.c.customer_id, bought.c.category, bought.c.business_date.label("day")
    ).distinct()
    days = day.subquery("days")
    who = (days.c.customer_id, days.c.category)
    before = sa.func.lag(days.c.day).over(partition_by=who, order_by=days.c.day)
    if is_postgres(session):
        gap: sa.ColumnElement[Any] = sa.type_coerce(
            days.c.day.op("-", return_type=sa.Integer())(before), sa.Integer
        )
    else:
        gap = sa.cast(sa.func.julianday(days.c.day) - sa.func.julianday(before), sa.Integer)
    gaps = sa.select(*who, gap.label("gap")).subquery("gaps")
    known = (gaps.c.customer_id, gaps.c.category)
    ranked = (
        sa.select(
            *known,
            gaps.c.gap,
            sa.func.row_number().over(partition_by=known, order_by=gaps.c.gap).label("place"),
            sa.func.count().over(partition_by=known).label("many"),
        )
        .where(gaps.c.gap.is_not(None))
        .subquery("ranked")
    )
    middle = sa.cast(sa.func.round(sa.func.avg(ranked.c.gap)), sa.Integer)
    # One gap in the middle, or the two beside it: twice its place is the count, give or take one.
    twice = 2 * ranked.c.place
    return (
        sa.select(ranked.c.customer_id, ranked.c.category, middle.label("days"))
        .where(
            ranked.c.many >= ENOUGH - 1,
            twice >= ranked.c.many,
            twice <= ranked.c.many + 2,
        )
        .group_by(ranked.c.customer_id, ranked.c.category)
        .having(middle <= LONGEST_OWN)
        .subquery("own")
    )
