"""Those born on 29 February: gift and segments, by the program's word for other years."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from loyalty import birthdays, clock, segments
from loyalty.purchases.offers import groups_of
from tests.world import ZONE, World

FEB_28, MAR_1 = "feb_28", "mar_1"
KEPT = [
    (FEB_28, date(2027, 2, 28)),
    (MAR_1, date(2027, 3, 1)),
    (FEB_28, date(2028, 2, 29)),
    (MAR_1, date(2028, 2, 29)),
]
START = datetime(2026, 12, 1, 9, tzinfo=UTC)


def at_ten(day: date) -> datetime:
    """The hour gifts are given at."""
    return clock.local_instant(day, birthdays.GIVEN_AT, ZONE)


def test_the_days_of_a_year_are_each_kept_once() -> None:
    for year in (2027, 2028):
        for where in (FEB_28, MAR_1):
            days = [date(year, 1, 1) + timedelta(days=n) for n in range(365 + (year == 2028))]
            kept = [pair for day in days for pair in clock.kept_on(day, leap_day=where)]
            assert len(kept) == len(set(kept)) == 366
            for day in days:
                for month, number in clock.kept_on(day, leap_day=where):
                    assert clock.birthday_in(year, month=month, day=number, leap_day=where) == day


@pytest.mark.parametrize(("where", "day"), KEPT)
async def test_the_gift_comes_a_week_before_the_day_that_is_kept(
    world: World, where: str, day: date
) -> None:
    world.now = START
    await world.set_program(leap_day=where)
    await world.customer(birth_day=29, birth_month=2)
    given = []
    for n in range(9, -3, -1):
        world.now = at_ten(day - timedelta(days=n))
        done = await world.db.transact(
            lambda s: birthdays.grant_due(s, now=world.now, time_zone=ZONE)
        )
        given.append(done.customers)
    assert given == [0, 0, 1, *[0] * 9]
    assert await world.faults() == []


@pytest.mark.parametrize(("first", "then"), [(FEB_28, MAR_1), (MAR_1, FEB_28)])
async def test_moving_the_day_gives_nothing_twice_and_keeps_nothing_back(
    world: World, first: str, then: str
) -> None:
    world.now = START
    await world.set_program(leap_day=first)
    await world.customer(birth_day=29, birth_month=2)
    given: dict[int, int] = {}
    day = date(2027, 1, 1)
    while day < date(2031, 1, 1):
        world.now = at_ten(day)
        if day == date(2027, 2, 25):
            await world.set_program(leap_day=then)
        if day.month in (2, 3):
            done = await world.db.transact(
                lambda s: birthdays.grant_due(s, now=world.now, time_zone=ZONE)
            )
            given[day.year] = given.get(day.year, 0) + done.customers
        day += timedelta(days=1)
    assert given == {2027: 1, 2028: 1, 2029: 1, 2030: 1}


@pytest.mark.parametrize(("where", "day"), KEPT)
async def test_segments_know_the_day_by_sql_and_at_the_till(
    world: World, where: str, day: date
) -> None:
    world.now = START
    await world.set_program(leap_day=where)
    who = await world.customer(birth_day=29, birth_month=2, birth_year=2000)
    for n in range(-35, 36):
        today = day + timedelta(days=n)
        now = at_ten(today)
        at_till = await world.db.read(
            lambda s, now=now: groups_of(s, customer_id=who, time_zone=ZONE, now=now)
        )
        rules = {
            "week": {"segment": segments.BIRTHDAY_WEEK},
            "month": {"segment": segments.BIRTHDAY_MONTH},
            "this_month": {"field": "birthday_this_month", "op": "=", "value": True},
            "days": {"field": "birthday_in_days", "op": "=", "value": max(0, -n)},
            "age": {"field": "age", "op": "=", "value": today.year - 2000 - (n < 0)},
        }
        found = {
            name: await world.db.read(
                lambda s, rule=rule, now=now: segments.count(
                    s, segments.check(rule), now=now, time_zone=ZONE
                )
            )
            for name, rule in rules.items()
        }
        in_week, in_month = abs(n) <= segments.BIRTHDAY_WEEK_DAYS, today.month == day.month
        assert found == {
            "week": in_week,
            "month": in_month,
            "this_month": in_month,
            "days": n <= 0,
            "age": 1,
        }, today
        assert (segments.BIRTHDAY_WEEK in at_till) is in_week
        assert (segments.BIRTHDAY_MONTH in at_till) is in_month
