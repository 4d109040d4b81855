"""Time that misbehaves: clocks set forward and back, nights of 23 and 25 hours, 29 February, people
who move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import chains, clock
from loyalty.customers import customer
from tests.scheduler.stage import Stage
from tests.scheduler.stories import cues
from tests.scheduler.stories.play import only, reach
from tests.world import ZONE

pytestmark = pytest.mark.slow

ANNA = 701
BERLIN, NEW_YORK, VLADIVOSTOK = "Europe/Berlin", "America/New_York", "Asia/Vladivostok"
HOUR = timedelta(hours=1)


def days_of_change(zone: str, *, forward: bool) -> Iterator[date]:
    """Days from tomorrow on, on which the clocks of a zone are set forward (or back)."""
    day = clock.local_date(clock.now(), zone) + timedelta(days=2)
    while True:
        length = clock.start_of_day(day + timedelta(days=1), zone) - clock.start_of_day(day, zone)
        if length == timedelta(hours=23 if forward else 25):
            yield day
        day += timedelta(days=1)


async def messages(stage: Stage, who: int, chain: str) -> list[tuple[str, datetime]]:
    """Steps of a chain that were sent to somebody, and when that was decided."""
    return [
        (one.step, one.decided_at)
        for one in await stage.touches(who)
        if one.source == f"chain:{chain}" and one.decision == "send"
    ]


def in_zone(moment: datetime, zone: str) -> tuple[date, int]:
    """Day and hour there."""
    local = moment.astimezone(clock.zone(zone))
    return local.date(), local.hour


async def born(stage: Stage, day: date, **fields: Any) -> int:
    """Somebody whose birthday it is on ``day``."""
    await only(stage, "birthday")
    return await stage.person(ANNA, birth_day=day.day, birth_month=day.month, **fields)


# --- the clock of the machine ----------------------------------------------------------------


async def test_a_clock_set_forward_says_nothing_twice(stage: Stage) -> None:
    await only(stage, "welcome")
    anna = await stage.person(ANNA)
    await stage.joined(anna)
    await stage.running.run_due()
    stage.jump(clock.now() + timedelta(days=2, hours=1))
    for _ in range(3):
        await stage.running.run_due()
    assert [step for step, _ in await messages(stage, anna, "welcome")] == ["hello", "card"]
    assert len(await stage.texts(ANNA)) == 2


async def test_a_clock_set_back_says_nothing_twice_and_goes_on(stage: Stage) -> None:
    await only(stage, "welcome")
    anna = await stage.person(ANNA)
    await stage.joined(anna)
    start = clock.now()
    await reach(stage, start + timedelta(minutes=1))
    await reach(stage, start + timedelta(days=2, minutes=1))
    clock.set_offset(clock.offset() - timedelta(days=2))
    await stage.running.run_due()
    before = ["hello", "card"]
    for days in (1, 2, 3, 4):
        await reach(stage, start + timedelta(days=days))
        assert [step for step, _ in await messages(stage, anna, "welcome")] == before
    await reach(stage, start + timedelta(days=5, minutes=1))
    assert [step for step, _ in await messages(stage, anna, "welcome")] == [
        *before,
        "first",
        "waiting",
    ]
    assert len(await stage.texts(ANNA)) == 3


async def test_a_birthday_met_twice_by_the_clock_is_wished_once(stage: Stage) -> None:
    day = clock.local_date(clock.now(), ZONE) + timedelta(days=2)
    anna = await born(stage, day)
    ten = clock.local_instant(day, time(10), ZONE)
    await reach(stage, ten + timedelta(minutes=1))
    clock.set_offset(clock.offset() - timedelta(days=1))
    await stage.running.run_due()
    await reach(stage, ten + timedelta(minutes=2))
    assert len(await messages(stage, anna, "birthday")) == 1


# --- nights of 23 and 25 hours ---------------------------------------------------------------


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])
@pytest.mark.parametrize("forward", [True, False], ids=["forward", "back"])
async def test_ten_is_ten_on_the_day_the_clocks_change(
    stage: Stage, zone: str, forward: bool
) -> None:
    day = next(days_of_change(zone, forward=forward))
    stage.jump(clock.local_instant(day - timedelta(days=1), time(12), zone))
    anna = await born(stage, day, time_zone=zone)
    ten = clock.local_instant(day, time(10), zone)
    await reach(stage, ten - timedelta(minutes=1))
    assert await messages(stage, anna, "birthday") == []
    await reach(stage, ten + timedelta(seconds=1))
    ((step, sent_at),) = await messages(stage, anna, "birthday")
    assert (step, in_zone(sent_at, zone)) == ("greeting", (day, 10))


@pytest.mark.parametrize("forward", [True, False], ids=["forward", "back"])
async def test_quiet_hours_that_end_in_the_hour_that_is_not_there_or_comes_twice(
    stage: Stage, forward: bool
) -> None:
    day = next(days_of_change(BERLIN, forward=forward))
    await only(stage, "rating")
    stage.jump(clock.local_instant(day - timedelta(days=1), time(22), BERLIN))
    # Until half past two at night: there is none in spring, and two in autumn.
    anna = await stage.person(ANNA, time_zone=BERLIN, quiet_start=21 * 60, quiet_end=150)
    await cues.buy(stage, anna)
    midnight = clock.start_of_day(day, BERLIN)
    await reach(stage, midnight + timedelta(minutes=5))
    (waits,) = [one for one in await stage.touches(anna) if one.source == "chain:rating"]
    assert (waits.decision, waits.reason) == ("wait", "quiet_hours")
    await reach(stage, midnight + HOUR)
    assert await messages(stage, anna, "rating") == []
    for minutes in range(110, 320, 30):
        await reach(stage, midnight + timedelta(minutes=minutes))
    ((_, sent_at),) = await messages(stage, anna, "rating")
    assert timedelta(hours=2) <= sent_at - midnight <= timedelta(hours=4)
    assert len([text for text in await stage.texts(ANNA) if "оценку" in text]) == 1


async def test_two_days_later_is_two_days_whatever_the_clocks_do(stage: Stage) -> None:
    day = next(days_of_change(NEW_YORK, forward=True))
    await only(stage, "welcome")
    stage.jump(clock.local_instant(day - timedelta(days=1), time(12), NEW_YORK))
    anna = await stage.person(ANNA, time_zone=NEW_YORK)
    start = clock.now()
    await stage.joined(anna)
    await reach(stage, start + timedelta(minutes=1))
    await reach(stage, start + timedelta(days=2) - timedelta(minutes=1))
    assert len(await messages(stage, anna, "welcome")) == 1
    await reach(stage, start + timedelta(days=2, minutes=1))
    assert len(await messages(stage, anna, "welcome")) == 2


# --- the calendar ----------------------------------------------------------------------------


@pytest.mark.parametrize(("where", "month", "number"), [("feb_28", 2, 28), ("mar_1", 3, 1)])
async def test_29_february_is_kept_as_the_program_says_except_when_there_is_one(
    stage: Stage, where: str, month: int, number: int
) -> None:
    year = clock.local_date(clock.now(), ZONE).year + 1
    while (year + 1) % 4:
        year += 1
    # A year without, then the one with: 2027 and 2028, say.
    stage.jump(clock.local_instant(date(year, 2, 26), time(12), ZONE))
    stage.world.now = clock.now()
    await stage.world.set_program(global_holdout_bp=0, chain_holdout_bp=0, leap_day=where)
    anna = await born(stage, date(2000, 2, 29))
    for day in (date(year, 2, 28), date(year, 3, 1), date(year + 1, 2, 28), date(year + 1, 2, 29),
                date(year + 1, 3, 1)):  # fmt: skip
        await reach(stage, clock.local_instant(day, time(10), ZONE) + timedelta(seconds=5))
    greeted = [in_zone(at, ZONE) for _, at in await messages(stage, anna, "birthday")]
    assert greeted == [(date(year, month, number), 10), (date(year + 1, 2, 29), 10)]


# --- people who move -------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), [(ZONE, NEW_YORK), (ZONE, VLADIVOSTOK)])
async def test_who_moves_while_waiting_is_greeted_at_ten_where_they_are(
    stage: Stage, old: str, new: str
) -> None:
    day = clock.local_date(clock.now(), ZONE) + timedelta(days=2)
    anna = await born(stage, day, time_zone=old)
    # The wait has begun: their day is near, and ten o'clock is reckoned in the old zone.
    begun = min(clock.start_of_day(day, zone) for zone in (old, new)) - HOUR
    await reach(stage, begun)

    def move(session: Session) -> None:
        session.execute(sa.update(customer).where(customer.c.id == anna).values(time_zone=new))
        chains.look_again(session, customer_id=anna, now=clock.now())

    await stage.world.db.transact(move)
    ten = clock.local_instant(day, time(10), new)
    await reach(stage, ten - timedelta(minutes=1))
    assert await messages(stage, anna, "birthday") == []
    await reach(stage, ten + timedelta(seconds=1))
    ((_, sent_at),) = await messages(stage, anna, "birthday")
    assert in_zone(sent_at, new) == (day, 10)
    await reach(stage, ten + timedelta(days=1))
    assert len(await messages(stage, anna, "birthday")) == 1
