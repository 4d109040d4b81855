"""How people move through a chain: waits, gifts, what overtakes what, who is held out."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import chains, clock
from loyalty.chains import moving
from loyalty.chains.tables import enrolment
from loyalty.customers import customer
from loyalty.messaging.tables import outbox, touch
from loyalty.tasks.tables import task
from loyalty.vouchers.tables import voucher
from loyalty.wallet.tables import entry
from tests.loyalty.chains.walk import (
    begin,
    decided,
    definition,
    go,
    leave,
    message,
    passes,
    put_chain,
    somebody,
)
from tests.world import ZONE, World

# Monday, 2 March 2026, noon in Moscow.
NOON = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
COUPON = {
    "kind": "gift",
    "id": "coupon",
    "voucher": {
        "name": {"ru": "Скидка 10 %", "en": "10 % off"},
        "effect": {"kind": "percent", "rate_bp": 1000},
        "valid_days": 7,
    },
}
CODE = {"ru": "Ваш код {code}", "en": "Your code {code}"}


async def rows_of(world: World, table: sa.Table) -> list[Any]:
    return list(await world.db.read(lambda s: s.execute(sa.select(table)).all()))


async def nobody_held_out(world: World, **rules: Any) -> None:
    await world.set_program(global_holdout_bp=0, chain_holdout_bp=0, **rules)


async def test_a_schedule_does_not_drift_with_our_delays(world: World) -> None:
    steps = [
        message("one"),
        {"kind": "wait", "days": 1},
        message("two", lifetime_hours=12),
        {"kind": "wait", "days": 1},
        message("three"),
    ]
    version = await put_chain(world, definition(*steps))
    anna = await somebody(world)
    await begin(world, version, anna)
    await go(world)
    await leave(world)
    # The planner comes five hours late for the second, and still in time for the third.
    world.now = NOON + timedelta(days=1, hours=5)
    await world.db.transact(lambda s: chains.advance(s, now=world.now, time_zone=ZONE))
    (one,) = await passes(world)
    assert one.due_at == NOON + timedelta(days=2)
    await leave(world)
    await go(world, NOON + timedelta(days=2))
    assert [step for step, _, _ in await decided(world, anna)] == ["one", "two", "three"]


async def test_after_an_outage_only_the_nearest_fresh_message_goes(world: World) -> None:
    steps = [
        {"kind": "wait", "hours": 1, "since": "start"},
        message("hour", lifetime_hours=24 * 9),
        {"kind": "wait", "days": 1, "since": "start"},
        message("day", lifetime_hours=24 * 9),
        {"kind": "wait", "days": 2, "since": "start"},
        message("two_days", lifetime_hours=1),
    ]
    version = await put_chain(world, definition(*steps))
    anna = await somebody(world)
    await begin(world, version, anna)
    world.now = NOON + timedelta(days=3)
    await go(world)
    # The last is too old to be said, so it overtakes nothing.
    assert await decided(world, anna) == [
        ("hour", "skipped", "overtaken"),
        ("day", "send", None),
        ("two_days", "skipped", "late"),
    ]
    assert [one.status for one in await passes(world)] == ["done"]


async def test_a_wait_ends_at_the_hour_of_the_zone_somebody_moved_to(world: World) -> None:
    steps = [{"kind": "wait_hour", "hour": 18, "weekday": 4}, message("evening")]
    version = await put_chain(world, definition(*steps))
    anna = await somebody(world, time_zone="Europe/Moscow")
    await begin(world, version, anna)
    await go(world)
    (one,) = await passes(world)
    assert one.due_at == datetime(2026, 3, 5, 15, 0, tzinfo=UTC), "Thursday, 18:00 in Moscow"

    def moves(session: Session) -> None:
        zone = "Asia/Vladivostok"
        session.execute(sa.update(customer).where(customer.c.id == anna).values(time_zone=zone))
        chains.look_again(session, customer_id=anna, now=world.now)

    await world.db.transact(moves)
    await go(world)
    (one,) = await passes(world)
    assert one.due_at == datetime(2026, 3, 5, 8, 0, tzinfo=UTC), "18:00 in Vladivostok"
    await go(world, one.due_at)
    assert await decided(world, anna) == [("evening", "send", None)]


async def test_a_coupon_is_made_once_with_its_message_and_its_code_is_known(world: World) -> None:
    version = await put_chain(world, definition(COUPON, message("tell", texts=CODE)))
    anna = await somebody(world)
    await begin(world, version, anna)
    await nobody_held_out(world)
    await go(world)
    await go(world)
    (coupon,) = await rows_of(world, voucher)
    assert coupon.customer_id == anna
    assert (
        clock.local_date(coupon.ends_at - timedelta(seconds=1), ZONE) == datetime(2026, 3, 9).date()
    )
    (one,) = await passes(world)
    assert one.subject["code"] == coupon.code
    assert await decided(world, anna) == [("coupon", "send", None), ("tell", "send", None)]


async def test_a_gift_waits_with_its_message_and_counts_its_days_from_then(world: World) -> None:
    version = await put_chain(world, definition(COUPON, message("tell", texts=CODE)))
    await nobody_held_out(world)
    anna = await somebody(world)
    night = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
    world.now = night
    await begin(world, version, anna)
    await go(world)
    assert await rows_of(world, voucher) == []
    assert await decided(world, anna) == [("coupon", "wait", "quiet_hours")]
    await go(world, datetime(2026, 3, 3, 6, 0, tzinfo=UTC))
    (coupon,) = await rows_of(world, voucher)
    assert coupon.created_at == datetime(2026, 3, 3, 6, 0, tzinfo=UTC), "nine in the morning"
    assert [one[1] for one in await decided(world, anna)] == ["send", "send"]


async def test_who_cannot_be_told_gets_no_silent_gift(world: World) -> None:
    points = {"kind": "gift", "id": "points", "points": 50}
    version = await put_chain(world, definition(points, message("tell")))
    await nobody_held_out(world)
    silent = await world.customer(chat=502)
    await begin(world, version, silent, at=NOON - timedelta(minutes=11))
    await go(world)
    assert await rows_of(world, entry) == []
    assert await decided(world, silent) == [
        ("points", "skipped", "no_consent"),
        ("tell", "skipped", "no_consent"),
    ]


async def test_points_and_stamps_come_once_and_the_books_add_up(world: World) -> None:
    steps = [
        {"kind": "gift", "id": "points", "points": 50, "points_days": 10},
        {"kind": "gift", "id": "stamp", "stamps": {"card": "coffee", "count": 2}},
        message("tell"),
    ]
    version = await put_chain(world, definition(*steps))
    await nobody_held_out(world)
    anna = await somebody(world)
    enrolment_id = await begin(world, version, anna)
    await go(world)

    def again(session: Session) -> None:
        """A checkpoint that was lost: the same steps come once more."""
        values = {"step": 0, "status": "active", "due_at": world.now}
        mine = enrolment.c.id == enrolment_id
        session.execute(sa.update(enrolment).where(mine).values(**values))

    await world.db.transact(again)
    await go(world)
    assert (await world.balance(anna)).available == 50
    assert [row.amount for row in await rows_of(world, entry)] == [50]
    assert len(await rows_of(world, outbox)) == 1
    assert await world.faults() == []


async def test_a_control_group_gets_nothing_and_leaves_a_touch(world: World) -> None:
    points = {"kind": "gift", "id": "points", "points": 50}
    version = await put_chain(world, definition(points, message("tell"), holdout_bp=5000))
    await world.set_program(global_holdout_bp=0, holdout_from_customers=1)
    people = [await somebody(world, 600 + n) for n in range(12)]
    for one in people:
        await begin(world, version, one)
    await go(world)
    held = [one for one in await passes(world) if one.control]
    assert 0 < len(held) < len(people)
    for one in await passes(world):
        expected = "held_out" if one.control else "send"
        found = await decided(world, one.customer_id)
        assert [decision for _, decision, _ in found] == [expected, expected]
        assert (await world.balance(one.customer_id)).available == (0 if one.control else 50)
    assert len(await rows_of(world, outbox)) == len(people) - len(held)


async def test_variants_share_people_out_and_segments_have_their_own_words(world: World) -> None:
    other = {"ru": "Другое", "en": "Other"}
    step = message(
        "words",
        variants=[{"key": "b", "share_bp": 5000, "texts": other}],
        for_segments=[
            {"rule": {"field": "language", "op": "=", "value": "en"}, "texts": other},
        ],
    )
    version = await put_chain(world, definition(step))
    await nobody_held_out(world)
    people = [await somebody(world, 700 + n) for n in range(10)]
    english = await somebody(world, 720, language="en")
    for one in [*people, english]:
        await begin(world, version, one)
    await go(world)
    got = {row.customer_id: row.variant for row in await rows_of(world, touch)}
    assert got.pop(english) == "s1"
    assert set(got.values()) == {"a", "b"}
    payloads = {row.customer_id: row.payload for row in await rows_of(world, outbox)}
    assert payloads[english]["segment"] == 0
    assert {payloads[one]["variant"] for one in people} == {"a", "b"}


async def test_conditions_ask_any_rule_and_lead_on(world: World) -> None:
    steps = [
        {
            "kind": "condition",
            "rule": {"field": "orders", "op": ">=", "value": 1},
            "otherwise": "newcomer",
        },
        message("regular", then="end"),
        message("newcomer"),
    ]
    version = await put_chain(world, definition(*steps))
    await nobody_held_out(world)
    boris, anna = await somebody(world, 801), await somebody(world, 802)
    await world.sell(boris, 45000)
    for one in (boris, anna):
        await begin(world, version, one)
    await go(world)
    assert await decided(world, boris) == [("regular", "send", None)]
    assert await decided(world, anna) == [("newcomer", "send", None)]


async def test_an_exit_by_a_rule_ends_what_waits(world: World) -> None:
    rule = {"field": "tag", "op": "has", "value": "vip"}
    steps = [{"kind": "wait", "days": 1}, message("later")]
    version = await put_chain(world, definition(*steps, exits=[rule]))
    anna = await somebody(world)
    await begin(world, version, anna)
    await go(world)
    mine = customer.c.id == anna
    await world.db.transact(
        lambda s: s.execute(sa.update(customer).where(mine).values(tags=["vip"]))
    )
    await go(world, NOON + timedelta(days=2))
    (one,) = await passes(world)
    assert (one.status, one.reason) == ("exited", "rule")
    assert await decided(world, anna) == []


async def test_a_tag_and_a_call_are_left_behind_once(world: World) -> None:
    steps = [
        {"kind": "tag", "id": "mark", "tag": "sleeping"},
        {"kind": "task", "id": "call", "title": {"ru": "Позвоните", "en": "Call"}, "due_days": 2},
    ]
    version = await put_chain(world, definition(*steps))
    await nobody_held_out(world)
    anna = await somebody(world, phone="+79990000501")
    silent = await somebody(world, 502)
    for one in (anna, silent):
        await begin(world, version, one)
    await go(world)
    (call,) = await rows_of(world, task)
    assert (call.customer_id, call.due_at) == (anna, NOON + timedelta(days=2))
    assert (await decided(world, silent))[1] == ("call", "skipped", "no_phone")
    rows = await rows_of(world, customer)
    assert [row.tags for row in rows if row.id in (anna, silent)] == [["sleeping"]] * 2


async def test_one_that_cannot_be_moved_holds_up_nobody(world: World, monkeypatch: Any) -> None:
    version = await put_chain(world, definition(message("hello")))
    await nobody_held_out(world)
    anna, boris = await somebody(world, 501), await somebody(world, 502)
    for one in (anna, boris):
        await begin(world, version, one)
    real = moving.move

    def fails_for_anna(read: Any, plan: Any, item: Any) -> None:
        real(read, plan, item)
        if item.customer_id == anna:
            raise RuntimeError("a fault of ours")

    monkeypatch.setattr(sys.modules["loyalty.chains.advance"], "move", fails_for_anna)
    await go(world)
    assert await decided(world, boris) == [("hello", "send", None)]
    assert await decided(world, anna) == []
    monkeypatch.undo()
    await go(world, NOON + timedelta(hours=1))
    assert await decided(world, anna) == [("hello", "send", None)]


async def test_two_chains_on_one_day_the_more_urgent_goes_first(world: World) -> None:
    mild = await put_chain(world, definition(message("mild")), key="mild")
    urgent = await put_chain(world, definition(message("urgent"), urgency="birthday"), key="urgent")
    await nobody_held_out(world)
    anna = await somebody(world)
    await begin(world, mild, anna)
    await begin(world, urgent, anna, at=NOON + timedelta(seconds=1))
    world.now = NOON + timedelta(minutes=1)
    await go(world)
    assert await decided(world, anna) == [("urgent", "send", None), ("mild", "wait", "cap_day")]
    await leave(world)
    await go(world, NOON + timedelta(days=1))
    assert (await decided(world, anna))[1] == ("mild", "send", None)
