"""29 February in years that have none: on the day before or the day after, as the program says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from loyalty import chains, clock
from tests.loyalty.chains.triggers.shop import Shop
from tests.world import ZONE

BEFORE, AFTER = "feb_28", "mar_1"
COMMON, LEAP = 2027, 2028
KEPT = [
    (BEFORE, COMMON, date(2027, 2, 28)),
    (AFTER, COMMON, date(2027, 3, 1)),
    (BEFORE, LEAP, date(2028, 2, 29)),
    (AFTER, LEAP, date(2028, 2, 29)),
]
BIRTHDAY = {"kind": "date", "field": "birthday"}
TRIGGERS = {
    "birthday": BIRTHDAY,
    "week_ahead": {**BIRTHDAY, "days_before": 7},
    "joined": {"kind": "date", "field": "joined"},
    "own": {"kind": "date", "field": "field:renewal", "yearly": True},
    "shop_s": {"kind": "calendar", "month": 2, "day": 29, "hour": 12},
}


def midnight(day: date) -> datetime:
    """When a day begins."""
    return clock.start_of_day(day, ZONE)


async def leap(shop: Shop, where: str) -> int:
    """Somebody all of whose days are 29 February, and the program's word about that."""
    await shop.world.set_program(leap_day=where)
    return await shop.person(
        "leap",
        birth_month=2,
        birth_day=29,
        joined_at=datetime(2024, 2, 29, 9, tzinfo=UTC),
        fields={"renewal": "2024-02-29"},
    )


@pytest.mark.parametrize("key", TRIGGERS)
@pytest.mark.parametrize(("where", "year", "day"), KEPT)
async def test_every_yearly_day_is_kept_where_the_program_says(
    shop: Shop, key: str, where: str, year: int, day: date
) -> None:
    await leap(shop, where)
    # Their own day is nobody else's affair.
    for name, month, number in (("before", 2, 28), ("after", 3, 1)):
        await shop.person(name, birth_month=month, birth_day=number)
    begin = midnight(date(year, 2, 15))
    await shop.chain(key, TRIGGERS[key], enabled_at=begin)
    foreseen = await shop.run(
        lambda s: chains.candidates(
            s,
            chains.get(s, key=key),
            from_=begin,
            until=begin + timedelta(days=20),
            time_zone=ZONE,
        )
    )
    days = range(21)
    for n in days:
        await shop.plan(begin + timedelta(days=n, hours=12))
    who = shop.people["leap"]
    rows = [row for row in await shop.passes() if row.customer_id == who]
    assert [row.day for row in rows] == [day]
    seen = [(one.day, one.starts_at) for one in foreseen if one.customer_id == who]
    assert seen == [(rows[0].day, rows[0].due_at)]
    if key == "birthday":
        others = {row.customer_id: row.day for row in await shop.passes()}
        assert others[shop.people["before"]] == date(year, 2, 28)
        assert others[shop.people["after"]] == date(year, 3, 1)


@pytest.mark.parametrize(("first", "then"), [(BEFORE, AFTER), (AFTER, BEFORE)])
async def test_moving_the_day_loses_nobody_on_the_way_and_greets_nobody_twice(
    shop: Shop, first: str, then: str
) -> None:
    who = await leap(shop, first)
    steps = [
        {"kind": "wait_before", "id": "wait", "days": 0, "hour": 10},
        {"kind": "tag", "id": "tag", "tag": "met"},
    ]
    begin = midnight(date(COMMON, 2, 15))
    await shop.chain(
        "birthday", TRIGGERS["week_ahead"], enabled_at=begin, steps=steps, exits=["day_moved"]
    )
    await shop.plan(begin + timedelta(days=8))  # 23 February: a week before either day
    shop.world.now = begin + timedelta(days=8)
    await shop.world.set_program(leap_day=then)
    for n in range(9, 21):
        now = begin + timedelta(days=n, hours=12)
        await shop.plan(now)
        await shop.run(lambda s, now=now: chains.advance(s, now=now, time_zone=ZONE) and None)
    rows = await shop.passes()
    assert [(row.customer_id, row.status, row.reason) for row in rows] == [(who, "done", None)]


@pytest.mark.parametrize(("where", "year", "day"), KEPT)
async def test_a_rehearsal_is_about_the_day_that_is_kept(
    shop: Shop, where: str, year: int, day: date
) -> None:
    who = await leap(shop, where)
    await shop.chain("birthday", BIRTHDAY)
    now = midnight(date(year, 2, 15))
    played = await shop.run(
        lambda s: chains.rehearse(s, key="birthday", customer_id=who, now=now, time_zone=ZONE)
    )
    assert played.day == day
