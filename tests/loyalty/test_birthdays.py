"""Birthday points: in time, once a year, and never for a date that was just changed."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from loyalty import birthdays, wallet
from loyalty.messaging.tables import outbox
from tests.world import ZONE, World


async def tick(world: World) -> int:
    given = await world.db.transact(lambda s: birthdays.grant_due(s, now=world.now, time_zone=ZONE))
    return given.customers


async def test_points_come_seven_days_before_and_last_a_fortnight(world: World) -> None:
    who = await world.customer(birth_day=10, birth_month=3, chat=77)
    world.now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert await tick(world) == 0
    world.now = datetime(2026, 3, 3, 6, 59, tzinfo=UTC)
    assert await tick(world) == 0  # not before ten in Moscow
    world.pass_time(minutes=1)
    assert [await tick(world), await tick(world)] == [1, 0]
    (item,) = await world.db.read(
        lambda s: wallet.expiring(s, customer_id=who, now=world.now, time_zone=ZONE)
    )
    assert (item.points, item.last_day.isoformat()) == (200, "2026-03-17")
    keys = await world.db.read(lambda s: s.execute(sa.select(outbox.c.key)).scalars().all())
    assert list(keys) == [f"birthday:{who}:2026"]


async def test_once_a_year_and_again_the_next(world: World) -> None:
    await world.customer(birth_day=5, birth_month=1)
    given = []
    for day in (
        datetime(2025, 12, 29, 9, tzinfo=UTC),
        datetime(2026, 1, 5, 9, tzinfo=UTC),
        datetime(2026, 12, 28, 9, tzinfo=UTC),
        datetime(2026, 12, 29, 9, tzinfo=UTC),
    ):
        world.now = day
        given.append(await tick(world))
    assert given == [1, 0, 0, 1]
    assert await world.faults() == []


async def test_after_an_outage_late_is_better_than_never(world: World) -> None:
    await world.customer(birth_day=10, birth_month=3)
    world.now = datetime(2026, 3, 10, 9, tzinfo=UTC)
    assert await tick(world) == 1


async def test_the_twenty_ninth_of_february_is_kept_on_the_twenty_eighth(world: World) -> None:
    await world.customer(birth_day=29, birth_month=2)
    world.now = datetime(2026, 2, 21, 9, tzinfo=UTC)
    assert await tick(world) == 1


async def test_a_changed_date_counts_from_the_next_year(world: World) -> None:
    changed = datetime(2026, 2, 1, tzinfo=UTC)
    await world.customer(birth_day=10, birth_month=3, birthday_set_at=changed)
    world.now = datetime(2026, 3, 5, 9, tzinfo=UTC)
    assert await tick(world) == 0
    world.now = datetime(2027, 3, 5, 9, tzinfo=UTC)
    assert await tick(world) == 1


async def test_a_changed_date_early_in_january_is_paid_in_december(world: World) -> None:
    changed = datetime(2026, 2, 1, tzinfo=UTC)
    await world.customer(birth_day=3, birth_month=1, birthday_set_at=changed)
    given = []
    for day in (26, 27, 28):
        world.now = datetime(2026, 12, day, 9, tzinfo=UTC)
        given.append(await tick(world))
    assert given == [0, 1, 0]


async def test_the_next_moment_is_known_only_when_somebody_has_a_birthday(world: World) -> None:
    async def due() -> datetime | None:
        return await world.db.read(lambda s: birthdays.next_due(s, now=world.now, time_zone=ZONE))

    assert await due() is None
    await world.customer(birth_day=10, birth_month=3)
    world.now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert await due() == datetime(2026, 3, 3, 7, tzinfo=UTC)
