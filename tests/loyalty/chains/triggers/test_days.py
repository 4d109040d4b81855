"""Chains about days: birthdays, anniversaries, dates of one's own, days of the shop's."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from loyalty import clock
from tests.loyalty.chains.triggers.shop import Shop
from tests.world import ZONE

BIRTHDAY = {"kind": "date", "field": "birthday"}
WEEK_AHEAD = {**BIRTHDAY, "days_before": 7}


def midnight(day: date, zone: str = ZONE) -> datetime:
    """When a day begins."""
    return clock.start_of_day(day, zone)


async def test_a_birthday_begins_with_the_day_where_the_guest_lives(shop: Shop) -> None:
    east = await shop.place("Vladivostok", "Asia/Vladivostok")
    await shop.person("moscow", birth_month=5, birth_day=10)
    await shop.person("east", birth_month=5, birth_day=10, home_outlet_id=east)
    await shop.person("west", birth_month=5, birth_day=10, time_zone="Europe/Kaliningrad")
    await shop.chain("birthday", BIRTHDAY)
    await shop.plan(midnight(date(2026, 5, 9)))
    assert await shop.occurrences() == []
    await shop.plan(midnight(date(2026, 5, 10), "Europe/Kaliningrad"))
    rows = await shop.passes()
    zones = ("Asia/Vladivostok", ZONE, "Europe/Kaliningrad")
    assert [name for name, _ in await shop.occurrences()] == ["east", "moscow", "west"]
    assert [row.due_at for row in rows] == [midnight(date(2026, 5, 10), zone) for zone in zones]
    assert {(row.occurrence, row.day, row.step, row.status) for row in rows} == {
        ("2026", date(2026, 5, 10), 0, "active")
    }
    assert all(row.enrolled_at == row.due_at and row.arrived_at is None for row in rows)


async def test_days_ahead_cross_the_new_year(shop: Shop) -> None:
    await shop.person("anna", birth_month=1, birth_day=3)
    await shop.chain("birthday", WEEK_AHEAD)
    await shop.plan(midnight(date(2026, 12, 26)))
    assert await shop.occurrences() == []
    await shop.plan(midnight(date(2026, 12, 27)))
    assert await shop.occurrences() == [("anna", "2027")]
    assert (await shop.passes())[0].day == date(2027, 1, 3)


@pytest.mark.parametrize(("year", "day"), [(2027, date(2027, 2, 28)), (2028, date(2028, 2, 29))])
async def test_the_29th_of_february_is_kept_every_year(shop: Shop, year: int, day: date) -> None:
    await shop.person("leap", birth_month=2, birth_day=29)
    await shop.person("other", birth_month=2, birth_day=28)
    await shop.chain("birthday", BIRTHDAY)
    await shop.plan(midnight(date(year, 2, 20)))
    await shop.plan(midnight(date(year, 3, 2)))
    rows = {row.customer_id: row.day for row in await shop.passes()}
    assert rows == {shop.people["leap"]: day, shop.people["other"]: date(year, 2, 28)}


async def test_a_planner_that_was_away_for_days_starts_them_when_they_should_have(
    shop: Shop,
) -> None:
    await shop.person("in_time", birth_month=5, birth_day=10)
    await shop.person("too_old", birth_month=5, birth_day=1)
    await shop.chain("birthday", BIRTHDAY)
    await shop.plan(midnight(date(2026, 4, 30)))
    await shop.plan(midnight(date(2026, 5, 13)) + timedelta(hours=8))
    rows = await shop.passes()
    assert [(row.customer_id, row.due_at) for row in rows] == [
        (shop.people["in_time"], midnight(date(2026, 5, 10)))
    ]


async def test_switching_on_greets_those_to_come_and_nobody_before(shop: Shop) -> None:
    await shop.person("yesterday", birth_month=5, birth_day=9)
    await shop.person("tomorrow", birth_month=5, birth_day=11)
    await shop.chain("birthday", BIRTHDAY, enabled_at=midnight(date(2026, 5, 10)))
    await shop.plan(midnight(date(2026, 5, 10)) + timedelta(minutes=1))
    assert await shop.occurrences() == []
    await shop.plan(midnight(date(2026, 5, 12)))
    assert await shop.occurrences() == [("tomorrow", "2026")]


async def test_a_birthday_told_in_time_counts_and_one_told_too_late_waits_a_year(
    shop: Shop,
) -> None:
    await shop.person("early")
    await shop.person("late")
    await shop.chain("birthday", WEEK_AHEAD)
    await shop.plan(midnight(date(2026, 5, 12)))
    told = midnight(date(2026, 5, 12)) + timedelta(hours=1)
    await shop.change("early", birth_month=5, birth_day=15, birthday_set_at=told)
    await shop.change("late", birth_month=5, birth_day=11, birthday_set_at=told)
    await shop.plan(told + timedelta(hours=1))
    assert await shop.occurrences() == [("early", "2026")]
    assert (await shop.passes())[0].due_at == midnight(date(2026, 5, 8))


async def test_only_those_somebody_stands_behind(shop: Shop) -> None:
    day = {"birth_month": 5, "birth_day": 10}
    anna = await shop.person("anna", **day)
    for status in ("anonymous", "blocked", "erased"):
        await shop.person(status, status=status, **day)
    await shop.person("merged", merged_into=anna, **day)
    await shop.chain("birthday", BIRTHDAY)
    await shop.plan(midnight(date(2026, 5, 10)))
    assert await shop.occurrences() == [("anna", "2026")]


async def test_joining_is_remembered_every_year_from_the_first_on(shop: Shop) -> None:
    # Past midnight in Moscow, the day before in UTC.
    joined = datetime(2025, 3, 9, 22, 30, tzinfo=UTC)
    await shop.person("anna", joined_at=joined)
    await shop.person("leap", joined_at=datetime(2024, 2, 29, 9, 0, tzinfo=UTC))
    await shop.chain("joined", {"kind": "date", "field": "joined"}, enabled_at=joined)
    await shop.plan(joined + timedelta(hours=1))
    await shop.plan(midnight(date(2026, 2, 28)))
    assert await shop.occurrences() == [("leap", "2026")]
    await shop.plan(midnight(date(2026, 3, 9)))
    assert await shop.occurrences() == [("leap", "2026")]
    await shop.plan(midnight(date(2026, 3, 10)))
    await shop.plan(midnight(date(2027, 3, 10)))
    assert await shop.occurrences() == [("leap", "2026"), ("anna", "2026"), ("anna", "2027")]
    days = [row.day for row in await shop.passes()]
    assert days == [date(2026, 2, 28), date(2026, 3, 10), date(2027, 3, 10)]


async def test_a_date_of_one_s_own_is_one_day_or_every_year(shop: Shop) -> None:
    await shop.person("insured", fields={"renewal": "2026-06-20"})
    await shop.person("yearly", fields={"renewal": "2020-06-20", "other": 1})
    await shop.person("future", fields={"renewal": "2031-06-20"})
    for name, value in (("words", "tomorrow"), ("number", 20260620), ("nothing", None)):
        await shop.person(name, fields={"renewal": value})
    await shop.person("none")
    trigger = {"kind": "date", "field": "field:renewal", "days_before": 14}
    await shop.chain("once", trigger)
    await shop.chain("every", {**trigger, "yearly": True})
    await shop.plan(midnight(date(2026, 6, 6)))
    assert await shop.occurrences("once") == [("insured", "2026-06-20")]
    assert await shop.occurrences("every") == [
        ("insured", "2026-06-20"),
        ("yearly", "2026-06-20"),
    ]
    assert {row.day for row in await shop.passes()} == {date(2026, 6, 20)}


async def test_a_date_put_off_is_another_pass(shop: Shop) -> None:
    await shop.person("anna", fields={"renewal": "2026-06-20"})
    await shop.chain("renewal", {"kind": "date", "field": "field:renewal", "days_before": 14})
    await shop.plan(midnight(date(2026, 6, 6)))
    await shop.change("anna", fields={"renewal": "2027-06-20"})
    await shop.plan(midnight(date(2027, 6, 6)))
    assert await shop.occurrences() == [("anna", "2026-06-20"), ("anna", "2027-06-20")]


async def test_switching_on_reminds_of_dates_that_are_still_ahead(shop: Shop) -> None:
    on_since = midnight(date(2026, 6, 10)) + timedelta(hours=12)
    for name, day in (("over", "2026-06-08"), ("soon", "2026-06-14"), ("later", "2026-06-24")):
        await shop.person(name, fields={"renewal": day})
    trigger = {"kind": "date", "field": "field:renewal", "days_before": 14}
    await shop.chain("renewal", trigger, enabled_at=on_since)
    await shop.plan(on_since + timedelta(minutes=1))
    assert await shop.occurrences() == [("soon", "2026-06-14"), ("later", "2026-06-24")]


CALENDAR: dict[str, Any] = {"kind": "calendar", "month": 12, "day": 20, "hour": 12}


async def test_a_day_of_the_shop_s_is_for_everybody_of_the_segment(shop: Shop) -> None:
    await shop.person("member", city="Тула")
    await shop.person("elsewhere", city="Омск")
    rule = {"field": "city", "op": "=", "value": "Тула"}
    await shop.chain("yearly", {**CALENDAR, "rule": rule})
    await shop.chain("once", {"kind": "calendar", "on": "2026-12-20", "hour": 12})
    noon = midnight(date(2026, 12, 20)) + timedelta(hours=12)
    await shop.plan(noon - timedelta(hours=2))
    assert await shop.occurrences() == []
    await shop.plan(noon + timedelta(minutes=1))
    assert await shop.occurrences("yearly") == [("member", "2026-12-20")]
    assert {row.due_at for row in await shop.passes()} == {noon}
    assert len(await shop.passes("once")) == 2
    # Who comes to town afterwards has missed it.
    await shop.change("elsewhere", city="Тула")
    await shop.plan(noon + timedelta(days=2))
    assert await shop.occurrences("yearly") == [("member", "2026-12-20")]
    await shop.plan(noon + timedelta(days=365))
    assert len(await shop.passes("yearly")) == 3
    assert len(await shop.passes("once")) == 2


async def test_an_outage_over_the_day_puts_nobody_off(shop: Shop) -> None:
    await shop.person("member")
    await shop.chain("yearly", CALENDAR)
    noon = midnight(date(2026, 12, 20)) + timedelta(hours=12)
    await shop.plan(noon - timedelta(days=1))
    await shop.plan(noon + timedelta(days=3))
    assert [row.due_at for row in await shop.passes()] == [noon]


async def test_a_chain_switched_on_after_its_day_waits_a_year(shop: Shop) -> None:
    await shop.person("member")
    noon = midnight(date(2026, 12, 20)) + timedelta(hours=12)
    await shop.chain("yearly", CALENDAR, enabled_at=noon + timedelta(hours=1))
    await shop.plan(noon + timedelta(hours=2))
    await shop.plan(noon + timedelta(days=3))
    assert await shop.occurrences() == []
