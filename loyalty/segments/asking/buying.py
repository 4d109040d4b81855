"""What they bought: sums of the customer where those answer, else purchases and their lines."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from loyalty import clock
from loyalty.receipts import customer_day, customer_stats, purchase, purchase_line, purchase_return
from loyalty.segments.asking.base import (
    NEGATIVE,
    WHOLE,
    Around,
    Bool,
    Rows,
    compare,
    days_ago,
    fits,
    times,
    whole_sum,
)
from loyalty.segments.asking.texts import contains_text, same_text
from loyalty.segments.ready_made import (
    ACTIVE,
    ACTIVE_DAYS,
    AT_RISK,
    AT_RISK_DAYS,
    LOST,
    SLEEPING,
    SLEEPING_DAYS,
)
from loyalty.segments.rules import Is

STATS = Rows(source=customer_stats, owner=customer_stats.c.customer_id)
"""The customer's sums ever."""


def _of_days(around: Around, days: int) -> Rows:
    return Rows(
        source=customer_day,
        owner=customer_day.c.customer_id,
        where=(customer_day.c.day >= around.first_day(days),),
    )


def _sum_of(column: str, asked: Is, around: Around) -> Bool:
    without = fits(asked.op, asked.value, 0)
    if asked.days is None:
        return STATS.one(compare(customer_stats.c[column], asked.op, asked.value), without=without)
    fit = compare(whole_sum(customer_day.c[column]), asked.op, asked.value)
    return _of_days(around, asked.days).together(fit, around, without=without)


def _orders(asked: Is, around: Around) -> Bool:
    return _sum_of("orders", asked, around)


def _spent(asked: Is, around: Around) -> Bool:
    return _sum_of("spent", asked, around)


def _average(asked: Is, around: Around) -> Bool:
    if asked.days is None:
        s = customer_stats.c
        return STATS.one(_mean(s.spent, s.orders, asked), without=asked.op in NEGATIVE)
    spent, orders = whole_sum(customer_day.c.spent), whole_sum(customer_day.c.orders)
    fit = _mean(spent, orders, asked)
    return _of_days(around, asked.days).together(fit, around, without=asked.op in NEGATIVE)


def _mean(total: Any, count: Any, asked: Is) -> Bool:
    """A mean against a value, multiplied out: nothing is rounded. Of nothing it is unknown."""
    fit = compare(total, asked.op, times(asked.value, count))
    if asked.op in NEGATIVE:
        return sa.or_(count <= 0, fit)
    return sa.and_(count > 0, fit)


def _moment_of(column: str, asked: Is, around: Around) -> Bool:
    s = customer_stats.c
    fit = days_ago(s[column], asked.op, asked.value, around.now)
    if asked.op in NEGATIVE:
        return STATS.one(sa.or_(s.orders <= 0, fit), without=True)
    # Who only ever gave something back has never bought.
    return STATS.one(sa.and_(s.orders > 0, fit), without=False)


def _last(asked: Is, around: Around) -> Bool:
    return _moment_of("last_purchase_at", asked, around)


def _first(asked: Is, around: Around) -> Bool:
    return _moment_of("first_purchase_at", asked, around)


_STAGES: dict[str, tuple[str, Any]] = {
    ACTIVE: ("<=", ACTIVE_DAYS),
    AT_RISK: ("between", (ACTIVE_DAYS + 1, AT_RISK_DAYS)),
    SLEEPING: ("between", (AT_RISK_DAYS + 1, SLEEPING_DAYS)),
    LOST: (">", SLEEPING_DAYS),
}


def in_lifecycle(stages: Iterable[str], around: Around) -> Bool:
    """Whether they have bought, and are at one of these stages of the lifecycle now."""
    last = customer_stats.c.last_purchase_at
    asked = [days_ago(last, *_STAGES[stage], around.now) for stage in stages]
    return STATS.one(sa.and_(customer_stats.c.orders > 0, sa.or_(*asked)), without=False)


def _lifecycle(asked: Is, around: Around) -> Bool:
    value = asked.value
    stages = value if isinstance(value, tuple) else (value,)
    found = in_lifecycle([str(one) for one in stages], around)
    return sa.not_(found) if asked.op in NEGATIVE else found


# --- certain goods ---------------------------------------------------------------------------


def _is_about_goods(asked: Is) -> bool:
    return asked.category is not None or asked.sku is not None or asked.name is not None


def _kept(asked: Is, around: Around) -> Rows:
    """Purchases the condition means, or their lines if it names goods; what came back is gone."""
    p, line = purchase.c, purchase_line.c
    where: list[Bool] = []
    if asked.outlet is not None:
        where.append(p.outlet_id == int(asked.outlet))
    if asked.days is not None:
        first = around.first_day(asked.days)
        # Days are the outlet's own; the moment is there for the index.
        early = clock.start_of_day(first - timedelta(days=1), around.time_zone)
        where += [p.business_date >= first, p.sold_at >= early]
    if not _is_about_goods(asked):
        undone = sa.exists().where(purchase_return.c.purchase_id == p.id, purchase_return.c.undo)
        came_back = sa.and_(p.total > 0, p.returned >= p.total)
        where += [
            p.unlinked_return.is_(False),
            sa.not_(came_back),
            sa.not_(undone.correlate(purchase)),
        ]
        return Rows(source=purchase, owner=p.customer_id, where=where)
    if asked.category is not None:
        where.append(same_text(line.category, (asked.category,)))
    if asked.sku is not None:
        where.append(same_text(line.sku, (asked.sku,)))
    if asked.name is not None:
        where.append(contains_text(line.name, asked.name))
    where.append(line.returned_milli < line.quantity_milli)
    source = purchase_line.join(purchase, p.id == line.purchase_id)
    return Rows(source=source, owner=p.customer_id, where=where)


def _bought(asked: Is, around: Around) -> Bool:
    without = fits(asked.op, asked.value, 0)
    rows = _kept(asked, around)
    if (asked.op, asked.value) in ((">=", 1), (">", 0)):
        return rows.someone(around)
    fit = compare(sa.func.count(sa.distinct(purchase.c.id)), asked.op, asked.value)
    return rows.together(fit, around, without=without)


def _bought_sum(asked: Is, around: Around) -> Bool:
    if _is_about_goods(asked):
        line = purchase_line.c
        left = line.quantity_milli - line.returned_milli
        worth = sa.cast((line.amount - line.discount) * left, WHOLE) // line.quantity_milli
    else:
        worth = purchase.c.total - purchase.c.returned
    fit = compare(whole_sum(worth), asked.op, asked.value)
    return _kept(asked, around).together(fit, around, without=fits(asked.op, asked.value, 0))


def _bought_days_ago(asked: Is, around: Around) -> Bool:
    last = sa.func.max(purchase.c.sold_at)
    fit = days_ago(last, asked.op, asked.value, around.now)
    return _kept(asked, around).together(fit, around, without=asked.op in NEGATIVE)


ASKED = {
    "orders": _orders,
    "spent": _spent,
    "average_receipt": _average,
    "last_purchase_days_ago": _last,
    "first_purchase_days_ago": _first,
    "lifecycle": _lifecycle,
    "bought": _bought,
    "bought_sum": _bought_sum,
    "bought_days_ago": _bought_days_ago,
}
