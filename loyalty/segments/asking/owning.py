"""What they own: points, a tier, stamps, vouchers."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from loyalty import clock
from loyalty.customers import customer
from loyalty.receipts import customer_day
from loyalty.segments.asking.base import (
    NEGATIVE,
    Around,
    Bool,
    Rows,
    compare,
    definitely,
    fits,
    times,
    whole_sum,
)
from loyalty.segments.rules import Is
from loyalty.stamps.tables import stamp_balance
from loyalty.tiers.levels import order, window_start
from loyalty.vouchers.tables import voucher
from loyalty.wallet.tables import LEFT, account, lot


def _points(asked: Is, around: Around) -> Bool:
    active = Rows(
        source=lot.join(account, account.c.customer_id == lot.c.customer_id),
        owner=lot.c.customer_id,
        where=(
            LEFT,
            lot.c.active_from <= around.now,
            sa.or_(lot.c.expires_at.is_(None), lot.c.expires_at > around.now),
        ),
    )
    left = whole_sum(lot.c.remaining) - sa.func.max(account.c.held)
    available = sa.case((left > 0, left), else_=0)
    fit = compare(available, asked.op, asked.value)
    return active.together(fit, around, without=fits(asked.op, asked.value, 0))


def _expiring(asked: Is, around: Around) -> Bool:
    return expiring(asked.days or 0, asked.op, asked.value, around)


def expiring(days: int, op: str, value: Any, around: Around) -> Bool:
    """Points whose last day is within ``days`` business days from today, today included."""
    until = clock.start_of_day(around.today + timedelta(days=days + 1), around.time_zone)
    rows = Rows(
        source=lot,
        owner=lot.c.customer_id,
        where=(LEFT, lot.c.expires_at > around.now, lot.c.expires_at <= until),
    )
    fit = compare(whole_sum(lot.c.remaining), op, value)
    return rows.together(fit, around, without=fits(op, value, 0))


def _tier(asked: Is, around: Around) -> Bool:
    if asked.op not in (">=", "<="):
        return definitely(customer.c.tier, asked.op, asked.value)
    program = around.saved.program
    wanted = order(program, str(asked.value))
    keys = [
        tier.key
        for place, tier in enumerate(program.tiers)
        if wanted >= 0 and (place >= wanted if asked.op == ">=" else place <= wanted)
    ]
    return customer.c.tier.in_(keys)


def year_of(around: Around) -> Rows:
    """The customer's days of the 12 months that end today."""
    d = customer_day.c
    return Rows(
        source=customer_day,
        owner=d.customer_id,
        where=(d.day >= window_start(around.today),),
    )


def _next_tiers(asked: Is, around: Around) -> Bool:
    """How much is missing to the next tier, tier by tier; at the top it is unknown."""
    op = "=" if asked.op in NEGATIVE else asked.op
    year = year_of(around)
    if around.each:
        spent = year.sum_of_one(customer_day.c.spent)
        met = _on_the_way(customer.c.tier, spent, asked, op, around)
    else:
        sums = year.owners().add_columns(whole_sum(customer_day.c.spent).label("spent"))
        them, people = sums.subquery(), customer.alias()
        fit = _on_the_way(people.c.tier, sa.func.coalesce(them.c.spent, 0), asked, op, around)
        found = sa.select(people.c.id).outerjoin(them, them.c.owner == people.c.id).where(fit)
        met = customer.c.id.in_(found)
    return sa.not_(met) if asked.op in NEGATIVE else met


def _on_the_way(tier: Any, spent: Any, asked: Is, op: str, around: Around) -> Bool:
    tiers = around.saved.program.tiers
    keys = [one.key for one in tiers]
    # A tier the program has no longer counts as the lowest.
    unknown = tier.not_in(keys)
    steps: list[Bool] = []
    for place, (under, above) in enumerate(pairwise(tiers), start=1):
        here = sa.or_(tier == under.key, unknown) if place == 1 else tier == under.key
        on_the_way = sa.and_(
            sa.or_(tier.in_(keys[:place]), unknown),
            # From the tier right below, or past it by spend and not lifted yet.
            sa.or_(here, spent >= under.threshold),
            spent < above.threshold,
        )
        left, value = above.threshold - spent, asked.value
        if asked.field == "to_next_tier_share":
            left, value = left * 10_000, times(value, above.threshold)
        steps.append(sa.and_(on_the_way, compare(left, op, value)))
    return sa.or_(sa.false(), *steps)


def _stamps(asked: Is, around: Around) -> Bool:
    del around
    rows = Rows(
        source=stamp_balance,
        owner=stamp_balance.c.customer_id,
        where=(stamp_balance.c.card_key == asked.key,),
    )
    fit = compare(stamp_balance.c.stamps, asked.op, asked.value)
    return rows.one(fit, without=fits(asked.op, asked.value, 0))


def _vouchers(asked: Is, around: Around) -> Bool:
    v = voucher.c
    rows = Rows(
        source=voucher,
        owner=v.customer_id,
        where=(
            v.status == "active",
            sa.or_(v.starts_at.is_(None), v.starts_at <= around.now),
            sa.or_(v.ends_at.is_(None), v.ends_at > around.now),
        ),
    )
    fit = compare(sa.func.count(), asked.op, asked.value)
    return rows.together(fit, around, without=fits(asked.op, asked.value, 0))


ASKED = {
    "points": _points,
    "points_expiring": _expiring,
    "tier": _tier,
    "to_next_tier": _next_tiers,
    "to_next_tier_share": _next_tiers,
    "stamps": _stamps,
    "vouchers": _vouchers,
}
