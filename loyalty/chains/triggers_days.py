"""Who starts a chain by the calendar: days of the customer's own, and days of the shop's."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from loyalty import clock
from loyalty.chains.model import CalendarTrigger, DateTrigger
from loyalty.chains.store import Chain
from loyalty.chains.triggers_common import Place, Relation, Window, standing, starts_query
from loyalty.customers import customer
from loyalty.db.fast import is_postgres
from loyalty.db.types import UtcDateTime
from loyalty.staff import outlet

_YEARS = 60
"""Anniversaries that are looked for at most."""

_ONE_DAY = timedelta(days=1)


# --- days of the customer's own ----------------------------------------------------------------


def date_starts(place: Place, item: Chain, window: Window) -> sa.Select[Any] | None:
    """Customers one of whose days comes near: as a query, or None where nobody can be."""
    trigger = item.definition.trigger
    assert isinstance(trigger, DateTrigger)
    zones, oldest = _who_lives_there(place, window, joined=trigger.field == "joined")
    days = list(_days(place, window, zones, trigger.days_before))
    if not days:
        return None
    own_zone = sa.func.coalesce(customer.c.time_zone, outlet.c.time_zone, place.time_zone)
    if trigger.field == "birthday":
        found, on, more = _birthdays(place, days)
    elif trigger.field == "joined":
        found, on, more = _anniversaries(place, days, oldest)
    else:
        found, on, more = _field_days(place, days, trigger)
    return (
        starts_query(
            customer.c.id,
            occurrence=found.c.occurrence,
            starts_at=found.c.starts_at,
            day=found.c.day,
        )
        .select_from(customer)
        .outerjoin(outlet, outlet.c.id == customer.c.home_outlet_id)
        .join(found, sa.and_(found.c.zone == own_zone, on))
        .where(*standing(), *more, *window.of(customer.c.id))
    )


def _who_lives_there(
    place: Place, window: Window, *, joined: bool
) -> tuple[frozenset[str], datetime | None]:
    """Zones of the customers of the window, and when the first of them joined."""
    if window.zones is not None and not joined:
        return window.zones | place.outlet_zones, None
    query = (
        sa.select(customer.c.time_zone, sa.func.min(customer.c.joined_at))
        .where(*standing(), *window.of(customer.c.id))
        .group_by(customer.c.time_zone)
    )
    zones, oldest = set(place.outlet_zones), None
    for zone, first in place.session.execute(query):
        if zone is not None:
            zones.add(zone)
        if first is not None and (oldest is None or first < oldest):
            oldest = first
    place.seen_zones |= zones
    return frozenset(zones), oldest


Day = tuple[str, date, datetime]
"""A zone, a day there, and when a chain about it starts."""


def _days(place: Place, window: Window, zones: Iterable[str], before: int) -> Iterator[Day]:
    """Days about which a chain starts within the window, zone by zone."""
    for zone in sorted(zones):
        known = _known(place, zone)
        start = clock.local_date(window.from_, known)
        last = clock.local_date(window.until, known)
        while start <= last:
            moment = clock.start_of_day(start, known)
            if window.has(moment):
                yield zone, start + timedelta(days=before), moment
            start += _ONE_DAY


def has_midnight(place: Place, item: Chain, window: Window) -> bool:
    """Whether a day begins within the window anywhere the customers are known to live."""
    del item
    zones = (window.zones or frozenset()) | place.outlet_zones
    return next(_days(place, window, zones, 0), None) is not None


Found = tuple[sa.FromClause, sa.ColumnElement[bool], list[sa.ColumnElement[bool]]]
_COMMON: dict[str, sa.types.TypeEngine[Any]] = {
    "zone": sa.Text(),
    "starts_at": UtcDateTime(),
    "day": sa.Date(),
    "occurrence": sa.Text(),
}


def _birthdays(place: Place, days: list[Day]) -> Found:
    rows = []
    for zone, day, starts_at in days:
        common = {
            "zone": zone,
            "starts_at": starts_at,
            "day": day,
            "occurrence": str(day.year),
            "over": clock.start_of_day(day + _ONE_DAY, _known(place, zone)),
        }
        for month, number in clock.kept_on(day, leap_day=place.leap_day):
            rows.append(common | {"birth_month": month, "birth_day": number})
    columns = _COMMON | {
        "birth_month": sa.SmallInteger(),
        "birth_day": sa.SmallInteger(),
        "over": UtcDateTime(),
    }
    found = Relation(columns, rows).of(place.session, "days")
    on = sa.and_(
        customer.c.birth_month == found.c.birth_month, customer.c.birth_day == found.c.birth_day
    )
    # Told when the day was over, it is the next one that counts.
    in_time = sa.or_(
        customer.c.birthday_set_at.is_(None), customer.c.birthday_set_at < found.c.over
    )
    return found, on, [in_time]


def _known(place: Place, zone: str) -> str:
    """The zone, or the business's for a name that the zone tables have since dropped."""
    try:
        return clock.zone(zone).key
    except ValueError:
        return place.time_zone


def _anniversaries(place: Place, days: list[Day], oldest: datetime | None) -> Found:
    """The day somebody joined is their zone's; the key is the day in UTC, the bounds are exact."""
    rows = []
    first_year = oldest.year - 1 if oldest is not None else place.now.year
    for zone, day, starts_at in days:
        known = _known(place, zone)
        for year in range(max(first_year, day.year - _YEARS), day.year):
            for joined in _joined_on(day, year, place.leap_day):
                low = clock.start_of_day(joined, known)
                high = clock.start_of_day(joined + _ONE_DAY, known)
                for key in sorted({low.date(), high.date()}):
                    rows.append(
                        {
                            "zone": zone,
                            "starts_at": starts_at,
                            "day": day,
                            "occurrence": str(day.year),
                            "low": low,
                            "high": high,
                            "key": key.isoformat(),
                        }
                    )
    columns = _COMMON | {"low": UtcDateTime(), "high": UtcDateTime(), "key": sa.Text()}
    found = Relation(columns, rows).of(place.session, "days")
    if is_postgres(place.session):
        utc = sa.func.timezone("UTC", sa.type_coerce(customer.c.joined_at, sa.types.NullType()))
        joined_on: sa.ColumnElement[Any] = sa.func.to_char(utc, "YYYY-MM-DD")
    else:
        joined_on = sa.func.substr(sa.type_coerce(customer.c.joined_at, sa.Text), 1, 10)
    within = [customer.c.joined_at >= found.c.low, customer.c.joined_at < found.c.high]
    return found, joined_on == found.c.key, within


def _joined_on(day: date, year: int, leap_day: clock.LeapDay) -> Iterator[date]:
    """Days of ``year`` whose anniversary is ``day``."""
    for month, number in clock.kept_on(day, leap_day=leap_day):
        if (month, number) != (2, 29) or calendar.isleap(year):
            yield date(year, month, number)


def _field_days(place: Place, days: list[Day], trigger: DateTrigger) -> Found:
    """A custom field holds a date as ``YYYY-MM-DD``; what stands there otherwise is no date."""
    name = trigger.field.partition(":")[2]
    if is_postgres(place.session):
        value: sa.ColumnElement[Any] = customer.c.fields.op("->>", return_type=sa.Text())(
            sa.literal(name, sa.Text)
        )
    else:
        document = sa.type_coerce(customer.c.fields, sa.Text)
        value = sa.func.json_extract(document, sa.literal(f'$."{name}"', sa.Text))
    text = sa.func.substr(sa.cast(value, sa.Text), 1, 10)
    rows = []
    for zone, day, starts_at in days:
        row = {
            "zone": zone,
            "starts_at": starts_at,
            "day": day,
            "occurrence": day.isoformat(),
            "text": day.isoformat(),
        }
        keys = [day.isoformat()]
        if trigger.yearly:
            kept = clock.kept_on(day, leap_day=place.leap_day)
            keys = [f"{month:02}-{number:02}" for month, number in kept]
        rows += [row | {"key": key} for key in keys]
    columns = _COMMON | {"text": sa.Text(), "key": sa.Text()}
    found = Relation(columns, rows).of(place.session, "days")
    key = sa.func.substr(text, 6, 5) if trigger.yearly else text
    more = [customer.c.fields.is_not(None), sa.func.length(text) == 10]
    if trigger.yearly:
        # Not before the date itself has been.
        more.append(text <= found.c.text)
    return found, key == found.c.key, more


# --- days of the shop's ------------------------------------------------------------------------


def calendar_moments(
    trigger: CalendarTrigger,
    *,
    after: datetime,
    until: datetime,
    time_zone: str,
    leap_day: clock.LeapDay,
) -> list[tuple[date, datetime]]:
    """Days and the moments they start a chain at, after ``after`` up to ``until``."""
    years = range(clock.local_date(after, time_zone).year, until.year + 2)
    if trigger.on is not None:
        days = [trigger.on]
    elif trigger.month is not None and trigger.day is not None:
        days = [
            clock.birthday_in(year, month=trigger.month, day=trigger.day, leap_day=leap_day)
            for year in years
        ]
    else:
        return []
    found = [(day, clock.local_instant(day, time(trigger.hour), time_zone)) for day in days]
    return [(day, moment) for day, moment in found if after < moment <= until]


def has_calendar_day(place: Place, item: Chain, window: Window) -> bool:
    """Whether the chain starts within the window."""
    return bool(_moments(place, item, window))


def calendar_starts(place: Place, item: Chain, window: Window) -> sa.Select[Any] | None:
    """Everybody in the segment, once for each day within the window."""
    trigger = item.definition.trigger
    assert isinstance(trigger, CalendarTrigger)
    moments = _moments(place, item, window)
    if not moments:
        return None
    rows = [
        {"occurrence": day.isoformat(), "starts_at": moment, "day": day} for day, moment in moments
    ]
    columns = {name: type_ for name, type_ in _COMMON.items() if name != "zone"}
    found = Relation(columns, rows).of(place.session, "days")
    query = (
        starts_query(
            customer.c.id,
            occurrence=found.c.occurrence,
            starts_at=found.c.starts_at,
            day=found.c.day,
        )
        .select_from(customer)
        .join(found, sa.true())
        .where(*standing(), *window.of(customer.c.id))
    )
    return query if trigger.rule is None else query.where(place.holds(trigger.rule))


def _moments(place: Place, item: Chain, window: Window) -> list[tuple[date, datetime]]:
    trigger = item.definition.trigger
    assert isinstance(trigger, CalendarTrigger)
    return calendar_moments(
        trigger,
        after=window.from_,
        until=window.until,
        time_zone=place.time_zone,
        leap_day=place.leap_day,
    )
