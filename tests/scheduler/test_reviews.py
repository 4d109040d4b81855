"""Tiers, rewards and flags as time passes: in their hour, made up for when missed, once."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from loyalty import clock, guards, jobs, tiers
from loyalty.jobs import job_run
from scheduler.ticks import Ticks
from tests.loyalty.referrals.friends import bought, bring, rewards
from tests.loyalty.tiers.nights import GOLD, happened, spend, tier_of
from tests.scheduler.stage import Stage
from tests.world import ZONE

ANNA, BORIS = 501, 502
LONG_ENOUGH = timedelta(days=150)
"""Two levels down take 15 days until the purchase no longer counts, then twice the warning's 30
and what is left of the month; a warning of the 1 February is too late for the 1 March."""


def today() -> date:
    """The business day."""
    return clock.local_date(clock.now(), ZONE)


async def falling(stage: Stage, chat: int = ANNA) -> int:
    """Somebody at the top whose only purchase will soon be a year old; past runs are done."""
    await stage.running.run_due()
    who = await stage.person(chat, tier="gold")
    await spend(stage.world, who, today() - timedelta(days=350), GOLD)
    return who


def at_four(moment: datetime) -> bool:
    """Whether it is four in the morning of the business, where the machine stops.

    The clock goes on while it works, so a slow machine may be some seconds past.
    """
    local = moment.astimezone(clock.zone(ZONE))
    return (local.hour, local.minute) == (4, 0)


async def test_the_time_machine_stops_where_tiers_are_due(stage: Stage) -> None:
    anna = await falling(stage)
    await stage.advance(days=LONG_ENOUGH.days)
    changes = await happened(stage.world, anna, "tier.changed")
    warned = await happened(stage.world, anna, "tier.warned")
    assert [change.data["to"] for change in changes] == ["silver", "bronze"]
    assert len(warned) == 2
    for notice, change in zip(warned, changes, strict=True):
        day = clock.local_date(change.at, ZONE)
        assert day.day == 1
        assert notice.data["for"] == day.isoformat()
        assert day - clock.local_date(notice.at, ZONE) >= timedelta(days=30)
        assert at_four(notice.at)
        assert at_four(change.at)
    said = [text for text in await stage.texts(ANNA) if "Уровень" in text]
    assert len(said) == 2
    assert "«Золото»" in said[0]
    assert "«Серебро»" in said[1]


async def test_what_an_outage_missed_is_made_up_for_once(stage: Stage) -> None:
    anna = await falling(stage)
    await stage.advance(days=75)
    (warned,) = (await happened(stage.world, anna, "tier.warned"))[:1]
    due = date.fromisoformat(warned.data["for"])
    before = len(await happened(stage.world, anna, "tier.changed"))
    # Off for three months, over several reviews and warnings.
    stage.jump(clock.now() + timedelta(days=92))
    await stage.running.run_due()
    changes = await happened(stage.world, anna, "tier.changed")
    assert len(changes) <= before + 1
    assert len(changes) >= 1
    assert all(clock.local_date(change.at, ZONE) >= due for change in changes)
    await stage.running.run_due()
    assert await happened(stage.world, anna, "tier.changed") == changes


async def test_a_run_that_was_broken_off_is_taken_up_again(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    await spend(stage.world, anna, today(), GOLD)
    moment = tiers.last_review(clock.now(), ZONE)
    await stage.world.db.transact(
        lambda s: jobs.start_run(s, job=tiers.REVIEW, scheduled_for=moment, now=clock.now())
    )
    assert await stage.running.ticks.tiers() == 1
    assert await tier_of(stage.world, anna) == "gold"
    query = sa.select(job_run.c.result).where(job_run.c.job == tiers.REVIEW)
    results = await stage.world.db.read(lambda s: s.execute(query).scalars().all())
    assert list(results) == ["1 up, 0 down, 0 mended"]
    await spend(stage.world, await stage.person(BORIS), today(), GOLD)
    assert await stage.running.ticks.tiers() == 0


async def test_two_leaders_do_it_once(stage: Stage) -> None:
    people = [await falling(stage, chat) for chat in range(501, 506)]
    await stage.world.db.transact(
        lambda s: tiers.grant(
            s,
            customer_id=people[0],
            tier="gold",
            actor="staff:1",
            reason="other",
            now=clock.now(),
        )
    )
    other = Ticks(stage.world.db, time_zone=ZONE)
    for _ in range(LONG_ENOUGH.days // 3):
        stage.jump(clock.now() + timedelta(days=3))
        await asyncio.gather(stage.running.ticks.tiers(), other.tiers())
    assert await happened(stage.world, people[0], "tier.changed") == []
    for who in people[1:]:
        changes = await happened(stage.world, who, "tier.changed")
        assert [change.data["to"] for change in changes] == ["silver", "bronze"]
        assert len(await happened(stage.world, who, "tier.warned")) == 2


async def test_new_rules_lift_people_in_the_next_night(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    await spend(stage.world, anna, today(), 900_00)
    await stage.advance(days=1)
    assert await tier_of(stage.world, anna) == "bronze"
    tier = {"earn_rate_bp": 500}
    await stage.world.set_program(
        tiers=[
            {"key": "bronze", "threshold": 0, **tier},
            {"key": "silver", "threshold": 500_00, **tier},
        ],
        global_holdout_bp=0,
        chain_holdout_bp=0,
    )
    due = await stage.running.next_due()
    assert due is not None
    assert due - clock.now() <= timedelta(days=1)
    await stage.advance(days=1)
    assert await tier_of(stage.world, anna) == "silver"
    (change,) = await happened(stage.world, anna, "tier.changed")
    assert at_four(change.at)


async def test_friends_are_rewarded_when_the_receipt_has_stood(stage: Stage) -> None:
    anna, boris = await stage.person(ANNA), await stage.person(BORIS)
    await bring(stage.world, boris, anna)
    await bought(stage.world, boris)
    began = clock.now()
    await stage.advance(days=13, hours=23)
    assert await rewards(stage.world, anna) == []
    await stage.advance(hours=2)
    assert await rewards(stage.world, anna) == [100]
    assert await rewards(stage.world, boris) == [100]
    (told,) = await happened(stage.world, anna, "referral.rewarded")
    assert abs(told.at - began - timedelta(days=14)) < timedelta(minutes=1)
    assert any("Друг, которого вы позвали" in text for text in await stage.texts(ANNA))
    assert any("по приглашению друга" in text for text in await stage.texts(BORIS))


async def test_what_looks_odd_is_flagged_by_the_end_of_the_day(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    for _ in range(4):
        await stage.world.sell(anna, 100_00)
    await stage.advance(days=1)
    flags = await stage.world.db.read(guards.listing)
    assert [flag.kind for flag in flags] == ["cashier_one_card"]
    assert await stage.running.ticks.guards() == 0
