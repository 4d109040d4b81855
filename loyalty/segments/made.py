"""The ready-made segments in SQL; ``ready_made`` says the same of one customer with facts in hand
(but for what needs everybody: the top 5 %, ratings, friends and expiring points)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from loyalty import clock
from loyalty.customers import customer
from loyalty.receipts import customer_day, customer_stats
from loyalty.segments.asking.base import Around, Bool, whole_sum
from loyalty.segments.asking.buying import STATS, in_lifecycle
from loyalty.segments.asking.custom import has_tag
from loyalty.segments.asking.owning import expiring, year_of
from loyalty.segments.asking.profile import birthday_month
from loyalty.segments.asking.telling import FRIENDS, last_rating
from loyalty.segments.ready_made import (
    ADVOCATES,
    BIRTHDAY_MONTH,
    BIRTHDAY_WEEK,
    BIRTHDAY_WEEK_DAYS,
    EXPIRING_DAYS,
    LIFECYCLE,
    NEWCOMER_DAYS,
    NEWCOMERS,
    NO_PURCHASES,
    ONE_TIME,
    POINTS_EXPIRING,
    VIP,
)
from loyalty.tiers.levels import window_start

TOP_SHARE = 20
"""VIPs are the top tier and one in so many by what they spent in 12 months."""


def ready_made_where(key: str, around: Around) -> Bool | None:
    """The ready-made segment of that key over customers; None if it is none of them."""
    if key in LIFECYCLE:
        return in_lifecycle((key,), around)
    if key.startswith("tier:"):
        return customer.c.tier == key.removeprefix("tier:")
    if key.startswith("tag:"):
        return has_tag(key.removeprefix("tag:"))
    made = _MADE.get(key)
    return None if made is None else made(around)


def _newcomers(around: Around) -> Bool:
    since = around.now - timedelta(days=NEWCOMER_DAYS)
    return sa.and_(customer.c.joined_at.is_not(None), customer.c.joined_at >= since)


def _one_time(around: Around) -> Bool:
    del around
    return STATS.one(customer_stats.c.orders == 1, without=False)


def _no_purchases(around: Around) -> Bool:
    del around
    return STATS.one(customer_stats.c.orders <= 0, without=True)


def _vip(around: Around) -> Bool:
    top = customer.c.tier == around.saved.program.tiers[-1].key
    least: Any = around.saved.vip_from
    if least is None:
        least = vip_from(around)
    year = year_of(around)
    spent = whole_sum(customer_day.c.spent)
    much = sa.and_(spent > 0, spent >= sa.func.coalesce(least, _NOBODY))
    if around.each:
        return sa.or_(top, year.together(much, around, without=False))
    people = customer.alias()
    in_tier = sa.select(people.c.id).where(people.c.tier == around.saved.program.tiers[-1].key)
    # One list for both: a list beside an "or" would be looked through anew for everybody.
    return customer.c.id.in_(sa.union_all(in_tier, year.owners().having(much)))


_NOBODY = 2**62


def vip_from(around: Around) -> Any:
    """What the last of the top 5 % spent in 12 months, minor units; NULL if nobody bought."""
    d = customer_day.c
    year = (
        sa.select(whole_sum(d.spent).label("spent"))
        .where(d.day >= window_start(around.today))
        .group_by(d.customer_id)
        .having(sa.func.sum(d.spent) > 0)
        .subquery()
    )
    ranked = sa.select(
        year.c.spent,
        sa.func.row_number().over(order_by=year.c.spent.desc()).label("place"),
        sa.func.count().over().label("buyers"),
    ).subquery()
    return (
        sa.select(sa.func.min(ranked.c.spent))
        .where((ranked.c.place - 1) * TOP_SHARE < ranked.c.buyers)
        .scalar_subquery()
    )


def _advocates(around: Around) -> Bool:
    return sa.or_(last_rating("=", 5), FRIENDS.someone(around))


def _birthday_month(around: Around) -> Bool:
    return birthday_month(around)


def _birthday_week(around: Around) -> Bool:
    c, today = customer.c, around.today
    days = {today + timedelta(days=n) for n in range(-BIRTHDAY_WEEK_DAYS, BIRTHDAY_WEEK_DAYS + 1)}
    leap_day = around.saved.program.leap_day
    kept = {birthday for day in days for birthday in clock.kept_on(day, leap_day=leap_day)}
    marks = {month * 100 + day for month, day in kept}
    return sa.and_(
        c.birth_month.is_not(None),
        c.birth_day.is_not(None),
        (c.birth_month * 100 + c.birth_day).in_(sorted(marks)),
    )


def _points_expiring(around: Around) -> Bool:
    return expiring(EXPIRING_DAYS, ">", 0, around)


_MADE: dict[str, Callable[[Around], Bool]] = {
    NEWCOMERS: _newcomers,
    ONE_TIME: _one_time,
    NO_PURCHASES: _no_purchases,
    VIP: _vip,
    ADVOCATES: _advocates,
    BIRTHDAY_MONTH: _birthday_month,
    BIRTHDAY_WEEK: _birthday_week,
    POINTS_EXPIRING: _points_expiring,
}
