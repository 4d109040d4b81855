"""The preview and the rehearsal say what the planner will do, and write nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa

from loyalty import birthdays, chains, clock
from loyalty.chains.tables import enrolment
from loyalty.messaging.tables import outbox, touch
from loyalty.vouchers.tables import voucher
from tests.loyalty.chains.test_moving import CODE, COUPON, NOON, nobody_held_out, rows_of
from tests.loyalty.chains.walk import (
    begin,
    decided,
    definition,
    go,
    leave,
    message,
    put_chain,
    somebody,
)
from tests.world import ZONE, World

BIRTHDAY = {
    "title": {"ru": "День рождения", "en": "Birthday"},
    "trigger": {"kind": "date", "field": "birthday"},
    "steps": [
        {"kind": "wait_before", "days": 0, "hour": 10},
        message("greeting", lifetime_hours=72),
    ],
    "urgency": "birthday",
    "exits": ["day_moved"],
}


async def look(world: World, **options: int) -> chains.Preview:
    return await world.db.read(
        lambda s: chains.preview(s, now=world.now, time_zone=ZONE, **options)
    )


async def test_the_preview_is_what_happens_then(world: World) -> None:
    await nobody_held_out(world)
    anna = await somebody(world, 501, birth_month=3, birth_day=5, name="Anna")
    await put_chain(world, BIRTHDAY, key="birthday")
    steps = [message("one"), {"kind": "wait", "days": 3}, COUPON, message("two", texts=CODE)]
    version = await put_chain(world, definition(*steps))
    await begin(world, version, anna)

    ahead = await look(world, days=7)
    for table in (touch, outbox, voucher):
        assert await rows_of(world, table) == []
    said = [(row.chain, row.step, row.decision, row.reason) for row in ahead.rows]
    assert said == [
        ("trial", "one", "send", None),
        ("birthday", "greeting", "send", None),
        # The gift comes on the fifth of March as well, and waits for its message's turn.
        ("trial", "coupon", "send", None),
        ("trial", "two", "send", None),
    ]
    assert {row.name for row in ahead.rows} == {"Anna"}
    assert (ahead.people, ahead.truncated) == (1, False)

    for day in range(8):
        world.now = NOON + timedelta(days=day)
        await world.db.transact(lambda s: chains.plan(s, now=world.now, time_zone=ZONE))
        await go(world)
        await leave(world)
    steps_done = [step for step, decision, _ in await decided(world, anna) if decision == "send"]
    assert sorted(steps_done) == sorted(row.step for row in ahead.rows)


async def test_birthday_points_that_are_still_to_be_given_are_foreseen(world: World) -> None:
    await nobody_held_out(world)
    await put_chain(
        world,
        definition(message("announce"))
        | {"trigger": {"kind": "event", "event": "points.birthday", "occurrence": "event"}},
        key="gift",
    )
    # Near already, so tomorrow morning; a week before the tenth; beyond what is looked at.
    soon = await somebody(world, 501, birth_month=3, birth_day=5)
    later = await somebody(world, 502, birth_month=3, birth_day=12)
    await somebody(world, 503, birth_month=4, birth_day=12)
    world.now = NOON
    ahead = await look(world, days=6)
    seen = [(row.customer_id, row.at, row.decision) for row in ahead.rows]
    morning = clock.local_instant(clock.local_date(NOON, ZONE) + timedelta(days=1), time(10), ZONE)
    week_before = clock.local_instant(date(2026, 3, 5), time(10), ZONE)
    assert seen == [(soon, morning, "send"), (later, week_before, "send")]

    world.now = morning
    while world.now < NOON + timedelta(days=6):
        await world.db.transact(lambda s: birthdays.grant_due(s, now=world.now, time_zone=ZONE))
        await world.db.transact(lambda s: chains.plan(s, now=world.now, time_zone=ZONE))
        await go(world)
        await leave(world)
        world.now += timedelta(days=1)
    told = {(row.customer_id, row.decided_at) for row in await rows_of(world, touch)}
    assert told == {(soon, morning), (later, week_before)}


async def test_the_preview_counts_all_and_shows_the_first(world: World) -> None:
    await nobody_held_out(world)
    version = await put_chain(world, definition(message("hello")))
    for number in range(5):
        await begin(world, version, await somebody(world, 600 + number))
    silent = await world.customer(chat=700)
    await begin(world, version, silent, at=NOON - timedelta(hours=1))
    ahead = await look(world, days=1, limit=2)
    assert len(ahead.rows) == 2
    assert ahead.totals[("trial", "hello", "send", None)] == 5
    assert ahead.totals[("trial", "hello", "skipped", "no_consent")] == 1


async def test_a_chain_that_is_off_is_not_in_it(world: World) -> None:
    version = await put_chain(world, definition(message("hello")))
    await begin(world, version, await somebody(world))
    await world.db.transact(
        lambda s: chains.set_enabled(s, key="trial", enabled=False, now=world.now)
    )
    assert (await look(world)).rows == []


async def test_a_rehearsal_plays_a_chain_on_somebody_and_leaves_no_trace(world: World) -> None:
    await nobody_held_out(world)
    steps = [
        message("one"),
        {"kind": "wait", "days": 2},
        COUPON,
        message("two", texts=CODE),
        {"kind": "condition", "test": "has_bought", "otherwise": "come"},
        message("bought", then="end"),
        {"kind": "wait", "days": 5},
        message("come"),
    ]
    document = definition(*steps)
    document["steps"][-2]["id"] = "pause"
    document["steps"][4]["otherwise"] = "pause"
    await put_chain(world, document)
    anna = await somebody(world)
    world.now = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
    played = await world.db.read(
        lambda s: chains.rehearse(s, key="trial", customer_id=anna, now=world.now, time_zone=ZONE)
    )
    morning = datetime(2026, 3, 3, 6, 0, tzinfo=UTC)
    assert [(one.step.id, one.at, one.decision) for one in played.steps] == [
        ("one", morning, "send"),
        ("coupon", world.now + timedelta(days=2, hours=10), "send"),
        ("two", world.now + timedelta(days=2, hours=10), "send"),
        ("come", world.now + timedelta(days=7, hours=10), "send"),
    ]
    assert played.ended == "done"
    for table in (touch, outbox, voucher, enrolment):
        assert await rows_of(world, table) == []


async def test_a_rehearsal_says_why_not(world: World) -> None:
    await nobody_held_out(world)
    await put_chain(world, definition(message("hello"), exits=["has_bought"]))
    silent = await world.customer(chat=700)
    buyer = await somebody(world, 701)
    await world.sell(buyer, 45000)

    for customer_id, expected in ((silent, "no_consent"), (buyer, None)):
        played = await world.db.read(
            lambda s, who=customer_id: chains.rehearse(
                s, key="trial", customer_id=who, now=world.now, time_zone=ZONE
            )
        )
        if expected:
            assert [one.reason for one in played.steps] == [expected]
        else:
            assert (played.steps, played.ended, played.reason) == ((), "exited", "has_bought")
    query = sa.select(sa.func.count()).select_from(touch)
    assert await world.db.read(lambda s: s.execute(query).scalar_one()) == 0
