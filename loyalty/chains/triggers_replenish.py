"""Whose goods are running out: so many days after a category was last bought, by the category's
pace or by the customer's own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import goods
from loyalty.chains.model import ReplenishTrigger
from loyalty.chains.store import Chain
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
from loyalty.db.types import BigId, UtcDateTime
from loyalty.receipts import purchase, purchase_line

LONGEST_OWN = 366
"""Days: a pace of one's own that is slower says nothing."""

LONGEST_OCCURRENCE = 64

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
    among: list[int] = []
    if window.low is None:
        among = _may_be_due(place, window, own=trigger.own_interval, paces=by_category)
        if not among:
            return None
    bought = _bought(place, window, by_category, among)
    last = _last(session, bought)
    days: sa.ColumnElement[Any] = pace.c.days
    if trigger.own_interval:
        own = sa.case((last.c.own <= LONGEST_OWN, last.c.own))
        days = sa.func.coalesce(own, pace.c.days)
    # The goods' name is cut where the column ends: the purchase before it tells them apart.
    name = sa.cast(last.c.id, sa.Text).concat(":").concat(last.c.category)
    due = (
        sa.select(
            last.c.customer_id,
            sa.func.substr(name, 1, LONGEST_OCCURRENCE).label("occurrence"),
            days_later(session, last.c.sold_at, days).label("starts_at"),
            last.c.id.label("purchase_id"),
            last.c.category,
        )
        .join(pace, pace.c.category == last.c.category)
        .where(days.is_not(None))
    )
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
    place: Place, window: Window, paces: dict[str, int | None], among: list[int]
) -> sa.Subquery:
    """Purchases of the categories of the slice, or of those ``among`` whom somebody may be due: a
    row for each receipt."""
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
            purchase_line.c.category.in_(sorted(paces)),
            purchase_line.c.quantity_milli > purchase_line.c.returned_milli,
        )
        .distinct()
    )
    if window.low is not None:
        query = query.where(*window.of(purchase.c.customer_id))
    else:
        rows = [{"customer_id": id_} for id_ in among]
        near = Relation({"customer_id": BigId}, rows).of(place.session, "near")
        query = query.where(purchase.c.customer_id.in_(sa.select(near.c.customer_id)))
    return query.subquery("bought")


def _may_be_due(
    place: Place, window: Window, *, own: bool, paces: dict[str, int | None]
) -> list[int]:
    """Customers with a purchase just as long ago as one of the paces, read off an index."""
    lengths = {days for days in paces.values() if days is not None}
    if own:
        lengths |= set(range(1, LONGEST_OWN + 1))
    rows = [
        {"low": window.from_ - _ONE_DAY * days, "high": window.until - _ONE_DAY * days}
        for days in sorted(lengths)
    ]
    span = Relation({"low": UtcDateTime(), "high": UtcDateTime()}, rows).of(place.session, "span")
    sold = purchase.c.sold_at
    within = sa.select(purchase.c.customer_id).where(
        sold > span.c.low, sold <= span.c.high, purchase.c.customer_id.is_not(None)
    )
    if is_postgres(place.session):
        # OFFSET: a fence, or the planner joins the spans with every purchase there is.
        once = within.offset(sa.literal_column("0")).lateral("once")
        query = sa.select(once.c.customer_id).select_from(span.join(once, sa.true()))
    else:
        query = within.select_from(span.join(purchase, sold > span.c.low))
    return list(place.session.execute(query.distinct()).scalars())


def _last(session: Session, bought: sa.Subquery) -> sa.Subquery:
    """The last purchase of each customer and category, and ``own``: the median of the days
    between purchases, of those with enough of them.

    In one pass: a join of the purchases with themselves is what a database guesses wrong.
    """
    b = bought.c
    who = (b.customer_id, b.category)
    before = sa.func.lag(b.business_date).over(partition_by=who, order_by=(b.sold_at, b.id))
    if is_postgres(session):
        length: sa.ColumnElement[Any] = b.business_date.op("-", return_type=sa.Integer())(before)
    else:
        length = sa.cast(sa.func.julianday(b.business_date) - sa.func.julianday(before), sa.Integer)
    place = sa.func.row_number().over(partition_by=who, order_by=(b.sold_at.desc(), b.id.desc()))
    # Receipts of one day are one purchase.
    gap = sa.case((length > 0, length))
    seen = sa.select(b.customer_id, b.category, b.id, b.sold_at, place.label("place"),
                     gap.label("gap")).subquery("seen")  # fmt: skip
    s = seen.c
    who = (s.customer_id, s.category)
    ranked = sa.select(
        seen,
        sa.func.row_number()
        .over(partition_by=who, order_by=(s.gap.is_(None), s.gap))
        .label("rank"),
        sa.func.count(s.gap).over(partition_by=who).label("many"),
    ).subquery("gaps")
    r = ranked.c
    # One gap in the middle, or the two beside it: twice its rank is the count, give or take one.
    middle = sa.and_(
        r.many >= ENOUGH - 1, r.gap.is_not(None), 2 * r.rank >= r.many, 2 * r.rank <= r.many + 2
    )
    own = sa.cast(sa.func.round(sa.func.avg(sa.case((middle, r.gap)))), sa.Integer)
    return (
        sa.select(
            r.customer_id,
            r.category,
            sa.func.max(sa.case((r.place == 1, r.id))).label("id"),
            sa.func.max(r.sold_at).label("sold_at"),
            own.label("own"),
        )
        .group_by(r.customer_id, r.category)
        .subquery("last")
    )
