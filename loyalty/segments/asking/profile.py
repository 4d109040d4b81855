"""Who they are and how they can be reached."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from loyalty import clock
from loyalty.consent import ADS_TELEGRAM, consent
from loyalty.customers import customer, telegram_chat
from loyalty.segments.asking.base import (
    NEGATIVE,
    Around,
    Bool,
    Rows,
    compare,
    days_ago,
    definitely,
    fits,
)
from loyalty.segments.asking.texts import text_fits
from loyalty.segments.rules import Is
from loyalty.staff import outlet

_BIRTHDAY = customer.c.birth_month * 100 + customer.c.birth_day
"""A birthday as one number: 229 is 29 February."""


def _column(asked: Is, around: Around) -> Bool:
    del around
    return definitely(customer.c[asked.field], asked.op, asked.value)


def _city(asked: Is, around: Around) -> Bool:
    del around
    return text_fits(customer.c.city, asked.op, asked.value)


def _time_zone(asked: Is, around: Around) -> Bool:
    of_outlet = sa.select(outlet.c.time_zone).where(outlet.c.id == customer.c.home_outlet_id)
    zone = sa.func.coalesce(
        customer.c.time_zone,
        of_outlet.correlate(customer).scalar_subquery(),
        sa.literal(around.time_zone),
    )
    return compare(zone, asked.op, asked.value)


def _home_outlet(asked: Is, around: Around) -> Bool:
    del around
    value = asked.value
    ids = tuple(int(one) for one in value) if isinstance(value, tuple) else value
    if isinstance(ids, str):
        ids = int(ids)
    return definitely(customer.c.home_outlet_id, asked.op, ids)


def _joined(asked: Is, around: Around) -> Bool:
    joined = customer.c.joined_at
    fit = days_ago(joined, asked.op, asked.value, around.now)
    if asked.op in NEGATIVE:
        return sa.or_(joined.is_(None), fit)
    return sa.and_(joined.is_not(None), fit)


def _birthday_known(asked: Is, around: Around) -> Bool:
    del around
    known = sa.and_(customer.c.birth_day.is_not(None), customer.c.birth_month.is_not(None))
    return known if asked.value else sa.not_(known)


def _birthday_this_month(asked: Is, around: Around) -> Bool:
    same = birthday_month(around)
    return same if asked.value else sa.not_(same)


def birthday_month(around: Around) -> Bool:
    """Whether their birthday is kept in the month it is."""
    c, today = customer.c, around.today
    leap_day = around.saved.program.leap_day
    in_month = c.birth_month == today.month
    of_leap = clock.birthday_in(today.year, month=2, day=29, leap_day=leap_day)
    if of_leap.month == 3:
        # This year those born on 29 February are March's.
        is_leap = _BIRTHDAY == 229
        in_month = sa.and_(in_month, ~is_leap) if today.month != 3 else sa.or_(in_month, is_leap)
    return sa.and_(c.birth_month.is_not(None), c.birth_day.is_not(None), in_month)


def _birthday_in_days(asked: Is, around: Around) -> Bool:
    today, leap_day = around.today, around.saved.program.leap_day
    known = sa.and_(customer.c.birth_day.is_not(None), customer.c.birth_month.is_not(None))
    fitting = [
        month * 100 + day
        for month, day in _DAYS_OF_YEAR
        if fits(asked.op, asked.value, days_until(today, month, day, leap_day))
    ]
    inside = sa.and_(known, _BIRTHDAY.in_(fitting))
    return sa.or_(sa.not_(known), inside) if asked.op in NEGATIVE else inside


_DAYS_OF_YEAR = tuple(
    (month, day)
    for month, last in enumerate((31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), start=1)
    for day in range(1, last + 1)
)


def days_until(today: date, month: int, day: int, leap_day: clock.LeapDay) -> int:
    """Days from ``today`` to the next birthday, 0 on the day itself."""
    this_year = clock.birthday_in(today.year, month=month, day=day, leap_day=leap_day)
    if this_year < today:
        this_year = clock.birthday_in(today.year + 1, month=month, day=day, leap_day=leap_day)
    return (this_year - today).days


def _age(asked: Is, around: Around) -> Bool:
    today, c = around.today, customer.c
    # On 28 February of most years those born on the 29th have their birthday too, unless the
    # program keeps it on 1 March: by then it has passed anyway.
    leap_day = around.saved.program.leap_day
    last = max(birth[0] * 100 + birth[1] for birth in clock.kept_on(today, leap_day=leap_day))
    ahead = sa.case((last < _BIRTHDAY, 1), else_=0)
    age = sa.case(
        (
            sa.and_(c.birth_day.is_not(None), c.birth_month.is_not(None)),
            today.year - c.birth_year - ahead,
        )
    )
    return definitely(age, asked.op, asked.value)


def _reachable(asked: Is, around: Around) -> Bool:
    del around
    found = Rows(
        source=telegram_chat,
        owner=telegram_chat.c.customer_id,
        where=(telegram_chat.c.reachable.is_(True),),
    ).any()
    return found if asked.value else sa.not_(found)


def _ads_consent(asked: Is, around: Around) -> Bool:
    del around
    purpose = asked.key or ADS_TELEGRAM
    later = consent.alias()
    is_last = sa.not_(
        sa.select(sa.literal_column("1"))
        .where(
            later.c.customer_id == consent.c.customer_id,
            later.c.purpose == purpose,
            later.c.id > consent.c.id,
        )
        .correlate(consent)
        .exists()
    )
    said = Rows(
        source=consent,
        owner=consent.c.customer_id,
        where=(consent.c.purpose == purpose, consent.c.granted.is_(True), is_last),
    ).any()
    # Who asked to be erased is done with offers, whatever they agreed to before.
    found = sa.and_(customer.c.erase_after.is_(None), said)
    return found if asked.value else sa.not_(found)


ASKED = {
    "language": _column,
    "sex": _column,
    "source": _column,
    "status": _column,
    "city": _city,
    "time_zone": _time_zone,
    "home_outlet": _home_outlet,
    "joined_days_ago": _joined,
    "birthday_known": _birthday_known,
    "birthday_this_month": _birthday_this_month,
    "birthday_in_days": _birthday_in_days,
    "age": _age,
    "reachable": _reachable,
    "ads_consent": _ads_consent,
}
