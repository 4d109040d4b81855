"""Looking ahead: who will start, and when the clock should stop next."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from loyalty import chains, clock
from loyalty.chains.tables import enrolment
from tests.loyalty.chains.triggers.shop import START, Shop
from tests.world import ZONE

DAY = timedelta(days=1)
TULA = {"field": "city", "op": "=", "value": "Тула"}


async def fill(shop: Shop) -> None:
    """Somebody for every kind of trigger that comes with time."""
    await shop.pace("beans", 20)
    await shop.person("anna", birth_month=3, birth_day=5, city="Тула", fields={"due": "2026-03-06"})
    await shop.person("boris", birth_month=7, birth_day=5)
    await shop.person("claimed", birth_month=3, birth_day=5, merged_into=1)
    await shop.buys("anna", START - 18 * DAY, "beans")
    shop.world.now = START
    expires_at = clock.start_of_day(date(2026, 3, 20), ZONE)
    await shop.world.grant(shop.people["anna"], 50, expires_at=expires_at)
    await shop.world.grant(shop.people["anna"], 20, expires_at=expires_at)
    for key, trigger in (
        ("birthday", {"kind": "date", "field": "birthday"}),
        ("due", {"kind": "date", "field": "field:due"}),
        ("silence", {"kind": "silence", "days": 21}),
        ("replenish", {"kind": "replenish"}),
        ("calendar", {"kind": "calendar", "on": "2026-03-04", "rule": TULA}),
        ("expiry", {"kind": "expiry", "days_before": 14}),
    ):
        await shop.chain(key, trigger)


async def test_candidates_are_those_who_then_start(shop: Shop) -> None:
    await fill(shop)
    await shop.plan(START)
    keys = ("birthday", "due", "silence", "replenish", "calendar", "expiry")
    told = {key: await shop.ahead(key, days=7) for key in keys}
    assert await shop.occurrences() == []
    # Every hour, so that points are planned as their day begins too.
    for hours in range(1, 7 * 24 + 1):
        await shop.plan(START + timedelta(hours=hours))
    for key in keys:
        rows = await shop.passes(key)
        assert len(rows) == 1, key
        found = [(c.customer_id, c.occurrence, c.day, c.subject) for c in told[key]]
        assert found == [(r.customer_id, r.occurrence, r.day, r.subject) for r in rows]
        assert [c.starts_at for c in told[key]] == [row.due_at for row in rows]
    # Who has started is no candidate any more.
    shop.now = START
    assert [await shop.ahead(key, days=7) for key in keys] == [[]] * len(keys)


async def test_candidates_come_in_order_and_no_more_than_asked_for(shop: Shop) -> None:
    for day in (9, 4, 6):
        await shop.person(f"p{day}", birth_month=3, birth_day=day)
    await shop.chain("birthday", {"kind": "date", "field": "birthday"})
    names = {id_: name for name, id_ in shop.people.items()}
    found = await shop.ahead("birthday", days=30)
    assert [names[one.customer_id] for one in found] == ["p4", "p6", "p9"]
    assert len(await shop.ahead("birthday", days=30, limit=2)) == 2
    assert await shop.ahead("birthday", days=1) == []


async def test_who_comes_into_a_segment_with_time_is_foreseen(shop: Shop) -> None:
    await shop.person("anna")
    await shop.buys("anna", START - 25 * DAY)
    rule = {"field": "last_purchase_days_ago", "op": ">", "value": 30}
    await shop.chain("quiet", {"kind": "segment", "rule": rule})
    await shop.plan(START)
    (one,) = await shop.ahead("quiet", days=14)
    assert one.customer_id == shop.people["anna"]
    assert START + 5 * DAY <= one.starts_at <= START + 7 * DAY
    assert await shop.ahead("quiet", days=2) == []


async def test_an_event_has_no_candidates(shop: Shop) -> None:
    await shop.person("anna")
    await shop.chain("seen", {"kind": "event", "event": "seen"})
    await shop.happens("anna", "seen", at=START + DAY)
    assert await shop.ahead("seen", days=7) == []


async def test_re_entry_holds_ahead_too(shop: Shop) -> None:
    await shop.person("anna", birth_month=3, birth_day=5)
    await shop.chain("birthday", {"kind": "date", "field": "birthday"}, re_entry={"never": True})
    shop.now = START
    assert len(await shop.ahead("birthday", days=7)) == 1
    await shop.plan(START + 4 * DAY)
    assert await shop.ahead("birthday", days=370) == []


async def walk(shop: Shop, *, days: int) -> int:
    """Stop at every moment the planner names; how often."""
    stops = 0
    until = shop.now + days * DAY
    while (moment := await shop.next()) is not None and moment <= until:
        assert moment > shop.now
        await shop.plan(moment)
        # Nobody advances here: whoever has begun waits no more.
        await shop.run(lambda s: s.execute(enrolment.update().values(due_at=None)) and None)
        stops += 1
    await shop.plan(until)
    return stops


async def test_stepping_from_moment_to_moment_misses_nobody(shop: Shop) -> None:
    await fill(shop)
    await shop.plan(START)
    stops = await walk(shop, days=7)
    assert len(await shop.passes()) == 6
    assert stops <= 7 * 6


async def test_a_shop_where_nothing_comes_with_time_does_not_stop(shop: Shop) -> None:
    await shop.person("anna")
    await shop.chain("seen", {"kind": "event", "event": "seen"})
    await shop.chain("birthday", {"kind": "date", "field": "birthday"})
    await shop.chain("silence", {"kind": "silence", "days": 30})
    await shop.chain("expiry", {"kind": "expiry"})
    await shop.plan(START)
    assert await shop.next() is None


async def test_many_silences_are_gathered_to_the_hour(shop: Shop) -> None:
    for n in range(20):
        await shop.person(f"p{n}")
        await shop.buys(f"p{n}", START - 10 * DAY + timedelta(minutes=n + 1))
    await shop.chain("silence", {"kind": "silence", "days": 10})
    await shop.plan(START)
    assert await shop.next() == START + timedelta(hours=1)
    assert await walk(shop, days=1) == 1
    assert len(await shop.passes()) == 20


async def test_points_expiring_are_followed_again_when_they_come_back(shop: Shop) -> None:
    await shop.person("anna")
    await shop.person("gone", status="blocked")
    expires_at = clock.start_of_day(date(2026, 3, 10), ZONE)
    shop.world.now = START
    for name in ("anna", "gone"):
        await shop.world.grant(shop.people[name], 50, expires_at=expires_at)
    await shop.chain("expiry", {"kind": "expiry", "days_before": 14})
    await shop.plan(START)
    assert await shop.occurrences() == [("anna", "2026-03-09")]
    (row,) = await shop.passes()
    assert (row.day, row.due_at) == (date(2026, 3, 9), START)
    spent: dict[str, Any] = {
        "status": "exited",
        "reason": "points_spent",
        "due_at": None,
        "ended_at": START,
        "step": 3,
    }
    await shop.run(lambda s: s.execute(enrolment.update().values(**spent)) and None)
    back = START + timedelta(minutes=5)
    assert await shop.plan(back) == 0
    (row,) = await shop.passes()
    assert (row.status, row.step, row.due_at, row.reason) == ("active", 3, back, None)


async def test_the_parts_of_the_planner_still_answer_by_themselves(shop: Shop) -> None:
    await fill(shop)
    await shop.chain("seen", {"kind": "event", "event": "seen"})
    await shop.happens("anna", "seen", at=START)
    assert await shop.run(lambda s: chains.enrol_from_events(s, now=START)) == 1
    later = START + 5 * DAY
    planned = await shop.run(lambda s: chains.plan_expiry(s, now=later, time_zone=ZONE))
    assert planned == 1
    assert {row.key for row in await shop.passes()} == {"seen", "expiry"}
