"""Ready-made segments of one customer, from facts at hand: what promotions and vouchers ask."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from loyalty import clock

NEWCOMER_DAYS = 30
ACTIVE_DAYS, AT_RISK_DAYS, SLEEPING_DAYS = 30, 60, 90
"""Days since the last purchase up to which somebody is active, at risk, sleeping; then lost."""

BIRTHDAY_WEEK_DAYS = 3
"""The birthday week: so many days on either side of the day itself."""

NEWCOMERS, ONE_TIME, NO_PURCHASES, VIP = "newcomers", "one_time", "no_purchases", "vip"
ACTIVE, AT_RISK, SLEEPING, LOST = "active", "at_risk", "sleeping", "lost"
BIRTHDAY_WEEK, BIRTHDAY_MONTH = "birthday_week", "birthday_month"
ADVOCATES, POINTS_EXPIRING = "advocates", "points_expiring"
EXPIRING_DAYS = 14
"""Points whose last day is so near are expiring."""

LIFECYCLE = (ACTIVE, AT_RISK, SLEEPING, LOST)
READY_MADE = (
    NEWCOMERS,
    *LIFECYCLE,
    ONE_TIME,
    NO_PURCHASES,
    VIP,
    BIRTHDAY_WEEK,
    BIRTHDAY_MONTH,
)
"""What a sale can tell from its facts; also those made of a tier (``tier:KEY``), a tag
(``tag:NAME``)."""

EVERY_READY_MADE = (*READY_MADE, ADVOCATES, POINTS_EXPIRING)
"""All of them; the last two only SQL can tell."""


def ready_made(
    *,
    tier: str,
    joined_at: datetime | None,
    orders: int,
    last_purchase_at: datetime | None,
    now: datetime,
    tags: Iterable[str] | None = None,
    top_tier: str | None = None,
    birth_month: int | None = None,
    birth_day: int | None = None,
    today: date | None = None,
    leap_day: clock.LeapDay = "feb_28",
    spent_year: int | None = None,
    vip_from: int | None = None,
) -> frozenset[str]:
    """The names of the segments a customer is in at ``now``.

    ``orders`` and ``last_purchase_at`` are those before the sale that asks. With ``top_tier``
    (the key of the highest tier) VIPs by tier are told, with ``spent_year`` (net, 12 months) and
    ``vip_from`` (what the last of the top 5 % spent, minor units both) those by spend; with
    ``today`` (the business day) and a birthday its week and month, 29 February kept by the
    program's ``leap_day``.
    """
    found = {f"tier:{tier}"}
    found.update(f"tag:{tag}" for tag in tags or ())
    if joined_at is not None and now - joined_at <= timedelta(days=NEWCOMER_DAYS):
        found.add(NEWCOMERS)
    if orders <= 0:
        found.add(NO_PURCHASES)
    elif orders == 1:
        found.add(ONE_TIME)
    if orders > 0 and last_purchase_at is not None:
        found.add(lifecycle(last_purchase_at, now))
    if top_tier is not None and tier == top_tier:
        found.add(VIP)
    if spent_year is not None and vip_from is not None and spent_year >= max(1, vip_from):
        found.add(VIP)
    if today is not None and birth_month is not None and birth_day is not None:
        born = {"month": birth_month, "day": birth_day}
        if clock.birthday_in(today.year, **born, leap_day=leap_day).month == today.month:
            found.add(BIRTHDAY_MONTH)
        if in_birthday_week(today, **born, leap_day=leap_day):
            found.add(BIRTHDAY_WEEK)
    return frozenset(found)


def lifecycle(last_purchase_at: datetime, now: datetime) -> str:
    """``active``, ``at_risk``, ``sleeping`` or ``lost``, by whole days since the last purchase."""
    days = (now - last_purchase_at).days
    if days <= ACTIVE_DAYS:
        return ACTIVE
    if days <= AT_RISK_DAYS:
        return AT_RISK
    return SLEEPING if days <= SLEEPING_DAYS else LOST


def in_birthday_week(
    today: date, *, month: int, day: int, leap_day: clock.LeapDay = "feb_28"
) -> bool:
    """Whether the birthday is at most three days away, before or after, over New Year too."""
    days = (
        clock.birthday_in(year, month=month, day=day, leap_day=leap_day)
        for year in (today.year - 1, today.year, today.year + 1)
    )
    return any(abs((one - today).days) <= BIRTHDAY_WEEK_DAYS for one in days)
