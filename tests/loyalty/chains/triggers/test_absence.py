"""Chains about what has not happened: nobody came, nothing was bought again."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from loyalty.receipts import customer_stats
from tests.loyalty.chains.triggers.shop import START, Shop

DAY = timedelta(days=1)
MONTH = {"kind": "silence", "days": 30}


async def test_silence_is_counted_from_the_last_purchase_to_the_moment(shop: Shop) -> None:
    await shop.person("anna")
    first = await shop.buys("anna", START - 40 * DAY)
    last = await shop.buys("anna", START - 10 * DAY)
    await shop.person("never")
    await shop.chain("win_back", MONTH)
    await shop.plan(START)
    due = START + 20 * DAY
    await shop.plan(due - timedelta(seconds=1))
    assert await shop.occurrences() == []
    await shop.plan(due)
    (row,) = await shop.passes()
    assert (row.occurrence, row.due_at, row.enrolled_at) == (str(last), due, due)
    assert row.subject == {"purchase": str(last)}
    assert row.day is None
    assert str(first) != row.occurrence


async def test_whoever_comes_in_meanwhile_is_not_missed(shop: Shop) -> None:
    await shop.person("anna")
    await shop.buys("anna", START - 29 * DAY)
    await shop.chain("win_back", MONTH)
    await shop.plan(START)
    again = await shop.buys("anna", START + timedelta(hours=3))
    await shop.plan(START + 2 * DAY)
    assert await shop.occurrences() == []
    await shop.plan(START + 31 * DAY)
    assert await shop.occurrences() == [("anna", str(again))]


async def test_whoever_brought_everything_back_has_nothing_to_miss(shop: Shop) -> None:
    for name in ("anna", "boris"):
        await shop.person(name)
    await shop.buys("boris", START - 60 * DAY)
    last = await shop.buys("boris", START - 10 * DAY, returned=True)
    await shop.buys("anna", START - 10 * DAY, returned=True)
    await shop.chain("win_back", MONTH)
    for days in (0, 21):
        await shop.plan(START + days * DAY)
    assert await shop.occurrences() == [("boris", str(last))]


async def test_each_silence_is_one_however_often_the_planner_runs(shop: Shop) -> None:
    await shop.person("anna")
    one = await shop.buys("anna", START - 30 * DAY)
    await shop.chain("win_back", MONTH)
    await shop.chain("sooner", {"kind": "silence", "days": 14})
    for hours in (0, 0, 1, 2, 50):
        await shop.plan(START + timedelta(hours=hours))
    assert await shop.occurrences("win_back") == [("anna", str(one))]
    assert await shop.occurrences("sooner") == []
    two = await shop.buys("anna", START + 3 * DAY)
    await shop.plan(START + 33 * DAY)
    assert await shop.occurrences("win_back") == [("anna", str(one)), ("anna", str(two))]
    # The fourteenth day fell into an outage of more than a week.
    assert await shop.occurrences("sooner") == []


async def test_switching_on_does_not_write_to_everybody_who_was_silent(shop: Shop) -> None:
    await shop.person("long_gone")
    await shop.buys("long_gone", START - 300 * DAY)
    await shop.person("last_week")
    await shop.buys("last_week", START - 33 * DAY)
    await shop.person("tomorrow")
    coming = await shop.buys("tomorrow", START - 29 * DAY)
    await shop.chain("win_back", MONTH, enabled_at=START)
    await shop.plan(START + timedelta(minutes=1))
    assert await shop.occurrences() == []
    await shop.plan(START + DAY)
    assert await shop.occurrences() == [("tomorrow", str(coming))]
    await shop.plan(START + 10 * DAY)
    assert len(await shop.passes()) == 1


async def test_two_receipts_of_one_moment_are_one_silence(shop: Shop) -> None:
    await shop.person("anna")
    await shop.buys("anna", START - 30 * DAY)
    later = await shop.buys("anna", START - 30 * DAY)
    await shop.chain("win_back", MONTH)
    await shop.plan(START)
    assert await shop.occurrences() == [("anna", str(later))]


async def test_who_only_gave_something_back_is_not_missed(shop: Shop) -> None:
    await shop.person("anna")
    await shop.buys("anna", START - 30 * DAY)
    await shop.run(lambda s: s.execute(sa.update(customer_stats).values(orders=0)) and None)
    await shop.chain("win_back", MONTH)
    await shop.plan(START)
    assert await shop.occurrences() == []


async def test_a_longer_silence_wanted_from_now_on_reaches_those_of_the_last_days(
    shop: Shop,
) -> None:
    await shop.person("anna")
    bought = await shop.buys("anna", START - 22 * DAY)
    chain_id = await shop.chain("win_back", MONTH)
    await shop.plan(START)
    await shop.publish(chain_id, {"kind": "silence", "days": 20}, number=2)
    await shop.plan(START + timedelta(minutes=1))
    assert await shop.occurrences() == [("anna", str(bought))]


REPLENISH = {"kind": "replenish"}


async def test_goods_run_out_at_the_category_s_pace(shop: Shop) -> None:
    await shop.pace("beans", 20)
    await shop.person("anna")
    await shop.buys("anna", START - 40 * DAY, "beans")
    last = await shop.buys("anna", START - 20 * DAY + timedelta(hours=2), "beans")
    await shop.buys("anna", START - 5 * DAY, "cups")
    await shop.person("other")
    await shop.buys("other", START - 20 * DAY + timedelta(hours=2), "cups")
    await shop.chain("replenish", REPLENISH)
    await shop.plan(START)
    assert await shop.occurrences() == []
    await shop.plan(START + timedelta(hours=2))
    (row,) = await shop.passes()
    assert row.occurrence == f"{last}:beans"
    assert row.due_at == START + timedelta(hours=2)
    assert row.subject == {"purchase": str(last), "category": "beans"}


async def test_bought_again_is_not_running_out(shop: Shop) -> None:
    await shop.pace("beans", 20)
    await shop.person("anna")
    await shop.buys("anna", START - 20 * DAY, "beans")
    await shop.buys("anna", START - 1 * DAY, "beans")
    await shop.person("boris")
    kept = await shop.buys("boris", START - 20 * DAY, "beans")
    # What came back was not bought: it neither starts nor stops the count.
    await shop.buys("boris", START - 1 * DAY, "beans", returned=True)
    await shop.chain("replenish", REPLENISH)
    await shop.plan(START)
    assert await shop.occurrences() == [("boris", f"{kept}:beans")]


async def test_three_purchases_tell_one_s_own_pace(shop: Shop) -> None:
    await shop.pace("beans", 20)
    await shop.person("fast")
    for days in (50, 40, 29, 28, 10):
        # Gaps of 10, 11, 1 and 18 days: 10.5 in the middle, eleven whole days.
        last = await shop.buys("fast", START - days * DAY, "beans")
    # Twice on one day is once.
    await shop.person("twice")
    for hours in (0, 1, 2):
        last_of_day = await shop.buys("twice", START - 20 * DAY + timedelta(hours=hours), "beans")
    await shop.chain("own", REPLENISH)
    await shop.chain("by_category", {**REPLENISH, "own_interval": False})
    await shop.chain("other", {**REPLENISH, "category": "tea"})
    for hours in range(0, 30, 3):
        await shop.plan(START + timedelta(hours=hours))
    assert set(await shop.occurrences("own")) == {
        ("fast", f"{last}:beans"),
        ("twice", f"{last_of_day}:beans"),
    }
    due = {row.customer_id: row.due_at for row in await shop.passes("own")}
    assert due[shop.people["fast"]] == START + 1 * DAY
    assert due[shop.people["twice"]] == START + timedelta(hours=2)
    assert await shop.occurrences("by_category") == [("twice", f"{last_of_day}:beans")]
    assert await shop.occurrences("other") == []


async def test_after_an_outage_goods_have_run_out_when_they_did(shop: Shop) -> None:
    await shop.person("anna")
    for days in (70, 50, 30):
        last = await shop.buys("anna", START - days * DAY, "beans")
    trigger = {**REPLENISH, "category": "beans", "days": 90}
    await shop.chain("replenish", trigger)
    await shop.plan(START - 11 * DAY)
    await shop.plan(START - 7 * DAY)
    (row,) = await shop.passes()
    assert (row.occurrence, row.due_at) == (f"{last}:beans", START - 10 * DAY)


async def test_a_long_name_of_goods_still_makes_an_occurrence(shop: Shop) -> None:
    name = "зёрна для эспрессо " * 3
    await shop.pace(name, 20)
    await shop.person("anna")
    last = await shop.buys("anna", START - 20 * DAY, name)
    await shop.chain("replenish", REPLENISH)
    await shop.plan(START)
    (row,) = await shop.passes()
    assert row.occurrence == f"{last}:{name}"[:64]
    assert row.subject["category"] == name


async def test_a_shop_without_paces_has_nothing_to_plan(shop: Shop) -> None:
    await shop.person("anna")
    await shop.buys("anna", START - 20 * DAY, "beans")
    await shop.chain("replenish", REPLENISH)
    await shop.plan(START)
    await shop.plan(START + DAY)
    assert await shop.occurrences() == []
    assert await shop.next() is None
