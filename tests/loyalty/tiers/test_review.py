"""The review in the course of the year: warned, then down by one, up at once, never twice."""

from __future__ import annotations

import asyncio
import random
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from loyalty import clock, errors, tiers
from loyalty.customers import customer
from loyalty.messaging.tables import outbox
from loyalty.program import Program, TierRule
from loyalty.receipts import customer_day, customer_stats
from tests.loyalty.tiers.nights import (
    GOLD,
    SILVER,
    happened,
    night,
    pass_nights,
    review,
    spend,
    tier_of,
    warn,
)
from tests.world import ZONE, World

DAY = timedelta(days=1)
LAST_YEAR = date(2025, 3, 20)


async def test_down_one_level_a_month_and_only_after_a_warning(world: World) -> None:
    who = await world.customer(chat=11, tier="gold")
    await spend(world, who, LAST_YEAR, GOLD)
    await pass_nights(world, date(2026, 2, 20), date(2026, 3, 1))
    assert await happened(world, who, "tier.warned") == []
    # 2 March: thirty days before the review of 1 April, by which the purchase is out.
    await pass_nights(world, date(2026, 3, 2), date(2026, 3, 31))
    (warned,) = await happened(world, who, "tier.warned")
    assert warned.at == night(date(2026, 3, 2))
    assert warned.data == {
        "tier": "gold",
        "falls_to": "silver",
        "for": "2026-04-01",
        "to_keep": GOLD,
    }
    assert await tier_of(world, who) == "gold"
    await pass_nights(world, date(2026, 4, 1), date(2026, 4, 30))
    assert await tier_of(world, who) == "silver"
    await pass_nights(world, date(2026, 5, 1), date(2026, 8, 1))
    assert await tier_of(world, who) == "bronze"
    changes = await happened(world, who, "tier.changed")
    assert [(c.data["from"], c.data["to"]) for c in changes] == [
        ("gold", "silver"),
        ("silver", "bronze"),
    ]
    assert [c.at for c in changes] == [night(date(2026, 4, 1)), night(date(2026, 5, 1))]
    assert len(await happened(world, who, "tier.warned")) == 2


async def test_the_warning_is_told_at_a_civil_hour(world: World) -> None:
    who = await world.customer(chat=11, tier="gold")
    await spend(world, who, LAST_YEAR, GOLD)
    await warn(world, date(2026, 3, 2))
    rows = await world.db.read(lambda s: s.execute(sa.select(outbox)).all())
    assert [row.payload["template"] for row in rows] == ["tier_warned"]
    assert rows[0].payload["values"]["last_day"] == "2026-03-31"
    assert rows[0].due_at == night(date(2026, 3, 2)) + timedelta(hours=6)
    await warn(world, date(2026, 3, 3))
    count = sa.select(sa.func.count()).select_from(outbox)
    assert await world.db.read(lambda s: s.execute(count).scalar_one()) == 1
    assert who == rows[0].customer_id


async def test_who_spends_again_in_time_stays(world: World) -> None:
    who = await world.customer(tier="gold")
    await spend(world, who, LAST_YEAR, GOLD)
    await warn(world, date(2026, 3, 2))
    await spend(world, who, date(2026, 3, 15), GOLD)
    await pass_nights(world, date(2026, 3, 16), date(2026, 5, 2))
    assert await tier_of(world, who) == "gold"
    assert await happened(world, who, "tier.changed") == []
    query = sa.select(customer.c.tier_warned_for).where(customer.c.id == who)
    assert await world.db.read(lambda s: s.execute(query).scalar_one()) is None


async def test_a_missed_review_is_made_up_for_by_the_window_of_its_day(world: World) -> None:
    kept, lost = await world.customer(tier="silver"), await world.customer(tier="silver")
    # On 1 April this still counted; by the 15th it does not.
    await spend(world, kept, date(2025, 4, 5), SILVER)
    await spend(world, lost, LAST_YEAR, SILVER)
    await warn(world, date(2026, 3, 2))
    assert len(await happened(world, kept, "tier.warned")) == 0
    await world.db.transact(
        lambda s: s.execute(sa.update(customer).values(tier_warned_for=date(2026, 4, 1))) and None
    )
    await review(world, date(2026, 4, 15))
    assert await tier_of(world, kept) == "silver"
    assert await tier_of(world, lost) == "bronze"


async def test_a_missed_warning_gives_time_until_the_next_review(world: World) -> None:
    who = await world.customer(tier="silver")
    await spend(world, who, LAST_YEAR, SILVER)
    # The shop was off on 2 March: the 1st of April is too near now.
    await warn(world, date(2026, 3, 20))
    (warned,) = await happened(world, who, "tier.warned")
    assert warned.data["for"] == "2026-05-01"
    await pass_nights(world, date(2026, 3, 21), date(2026, 4, 30))
    assert await tier_of(world, who) == "silver"
    await pass_nights(world, date(2026, 5, 1), date(2026, 5, 1))
    assert await tier_of(world, who) == "bronze"
    assert len(await happened(world, who, "tier.warned")) == 1


async def test_a_granted_tier_is_a_floor_until_it_is_taken_away(world: World) -> None:
    who = await world.customer()

    async def grant(tier: str | None) -> None:
        await world.db.transact(
            lambda s: tiers.grant(
                s, customer_id=who, tier=tier, actor="staff:1", reason="goodwill", now=world.now
            )
        )

    await grant("gold")
    assert await tier_of(world, who) == "gold"
    await pass_nights(world, date(2026, 3, 2), date(2026, 6, 2))
    assert await tier_of(world, who) == "gold"
    assert await happened(world, who, "tier.warned") == []
    await grant(None)
    assert await tier_of(world, who) == "gold"
    await pass_nights(world, date(2026, 6, 3), date(2026, 8, 2))
    # Warned on 2 June no more: on 2 July for 1 August.
    assert await tier_of(world, who) == "silver"
    (first, second) = await happened(world, who, "tier.granted")
    assert (first.data["floor"], second.data["floor"]) == ("gold", None)
    with pytest.raises(errors.TierNotFound):
        await grant("platinum")


async def test_new_thresholds_lift_and_a_tier_that_is_gone_is_mended(world: World) -> None:
    who, lost = await world.customer(), await world.customer(tier="platinum")
    await spend(world, who, date(2026, 2, 1), 6_000_00)
    await review(world, date(2026, 3, 1))
    assert await tier_of(world, who) == "bronze"
    assert await tier_of(world, lost) == "bronze"
    program = Program(
        tiers=(
            TierRule(key="bronze", threshold=0, earn_rate_bp=500),
            TierRule(key="silver", threshold=5_000_00, earn_rate_bp=700),
        )
    )
    world.now = night(date(2026, 3, 1))
    await world.set_program(**program.model_dump())
    done = await review(world, date(2026, 3, 2))
    assert [(chunk.up, chunk.down) for chunk in done] == [(1, 0)]
    assert await tier_of(world, who) == "silver"


async def test_chunks_cover_everybody_once(world: World) -> None:
    people = [await world.customer(tier="bronze") for _ in range(11)]
    for n, who in enumerate(people):
        if n % 3:
            await spend(world, who, date(2026, 2, 1), SILVER)
    chunks = await review(world, date(2026, 3, 2), scan=4, most=2)
    assert sum(chunk.up for chunk in chunks) == 7
    assert max(chunk.up for chunk in chunks) <= 2
    assert [await tier_of(world, who) for who in people] == [
        "silver" if n % 3 else "bronze" for n in range(11)
    ]
    again = await review(world, date(2026, 3, 2), scan=4, most=2)
    assert sum(chunk.up for chunk in again) == 0


async def test_a_rollup_that_differs_from_its_days_is_mended(world: World) -> None:
    who = await world.customer()
    await spend(world, who, date(2026, 2, 1), 500_00)
    await world.db.transact(
        lambda s: s.execute(sa.update(customer_stats).values(window_spent=77)) and None
    )
    chunks = await review(world, date(2026, 3, 2))
    assert [chunk.mended for chunk in chunks] == [1]
    query = sa.select(customer_stats.c.window_spent)
    assert await world.db.read(lambda s: s.execute(query).scalar_one()) == 500_00
    assert [chunk.mended for chunk in await review(world, date(2026, 3, 2))] == [0]


async def test_two_reviews_at_once_lower_by_one(world: World) -> None:
    people = [await world.customer(tier="gold") for _ in range(8)]
    for who in people:
        await spend(world, who, LAST_YEAR, GOLD)
    await asyncio.gather(*(warn(world, date(2026, 3, 2), scan=3) for _ in range(3)))
    await asyncio.gather(*(review(world, date(2026, 4, 1), scan=3) for _ in range(3)))
    for who in people:
        assert len(await happened(world, who, "tier.warned")) == 1
        assert len(await happened(world, who, "tier.changed")) == 1
        assert await tier_of(world, who) == "silver"


async def test_how_far_somebody_is(world: World) -> None:
    who = await world.customer(tier="silver")
    await spend(world, who, date(2025, 3, 25), SILVER)
    await spend(world, who, date(2026, 2, 1), 2_000_00)

    async def shown() -> tiers.Progress:
        return await world.db.read(
            lambda s: tiers.progress(s, customer_id=who, now=world.now, time_zone=ZONE)
        )

    known = await shown()
    assert (known.tier.key, known.spent, known.to_next) == ("silver", 12_000_00, 8_000_00)
    assert known.next_tier is not None
    assert known.next_tier.key == "gold"
    assert known.warned_for is None
    await warn(world, date(2026, 3, 2))
    known = await shown()
    assert (known.warned_for, known.to_keep) == (date(2026, 4, 1), 8_000_00)
    await spend(world, who, date(2026, 3, 10), 8_000_00)
    assert (await shown()).warned_for is None


@pytest.mark.parametrize("seed", range(3))
async def test_two_years_of_any_spending_keep_the_rules(world: World, seed: int) -> None:
    """Each night: never below what the year reaches or the floor; down by one level, on a 1st,
    warned at least thirty days before, and only then."""
    chance = random.Random(seed)
    program = Program()
    people = [await world.customer() for _ in range(4)]
    floor = people[0]
    await world.db.transact(
        lambda s: tiers.grant(
            s, customer_id=floor, tier="silver", actor="staff:1", reason="other", now=world.now
        )
    )
    day, last = date(2026, 1, 1), date(2027, 12, 31)
    while day <= last:
        for who in people:
            if chance.random() < 0.03:
                await spend(world, who, day, chance.randrange(500_00, 12_000_00))
        if day.day in (1, 2, 15, 30) or tiers.last_warning(night(day), ZONE, 30) == night(day):
            await pass_nights(world, day, day)
            for who in people:
                reached = tiers.reached(program, await _spent(world, who, day))
                has = tiers.order(program, await tier_of(world, who))
                assert has >= tiers.order(program, reached)
                assert who != floor or has >= 1
        day += DAY
    for who in people:
        warned = await happened(world, who, "tier.warned")
        for change in await happened(world, who, "tier.changed"):
            step = tiers.order(program, change.data["to"]) - tiers.order(
                program, change.data["from"]
            )
            if step > 0:
                continue
            assert step == -1
            on = clock.local_date(change.at, ZONE)
            assert on.day == 1
            notice = [w for w in warned if w.data["for"] == on.isoformat()]
            assert len(notice) == 1
            assert on - clock.local_date(notice[0].at, ZONE) >= timedelta(days=30)


async def _spent(world: World, who: int, day: date) -> int:
    query = sa.select(sa.func.coalesce(sa.func.sum(customer_day.c.spent), 0)).where(
        customer_day.c.customer_id == who, customer_day.c.day >= tiers.window_start(day)
    )
    return int(await world.db.read(lambda s: s.execute(query).scalar_one()))
