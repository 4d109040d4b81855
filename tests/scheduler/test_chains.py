"""Chains from the fact that starts them to the message in the chat, with time moved."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from loyalty import chains, clock
from loyalty.chains.holdout import is_held_out
from loyalty.wallet.tables import lot
from tests.scheduler.stage import Stage
from tests.scheduler.stories.play import only
from tests.world import ZONE

ANNA = 501
DAY = date(2026, 1, 1)  # of no matter: a chain's own share is drawn once for all


async def _last_day(stage: Stage, customer_id: int, points: int, *, days: int) -> datetime:
    """Points whose last valid day is in ``days`` days; when they expire."""
    day = clock.local_date(clock.now(), ZONE) + timedelta(days=days + 1)
    expires_at = clock.start_of_day(day, ZONE)
    await stage.world.grant(customer_id, points, expires_at=expires_at)
    return expires_at


async def test_welcome_runs_from_joining_to_the_fifth_day(stage: Stage) -> None:
    anna = await stage.person(ANNA, points=100)
    await stage.joined(anna)
    await stage.advance(minutes=1)
    assert len(await stage.texts(ANNA)) == 1
    assert "рады знакомству" in (await stage.texts(ANNA))[0]
    assert "Анна" in (await stage.texts(ANNA))[0]
    await stage.advance(days=1, hours=23)
    assert len(await stage.texts(ANNA)) == 1
    await stage.advance(hours=2)
    assert len(await stage.texts(ANNA)) == 2
    await stage.advance(days=3)
    assert "ждут" in (await stage.texts(ANNA))[2]
    await stage.advance(days=30)
    assert len(await stage.texts(ANNA)) == 3
    assert [(t.step, t.decision) for t in await stage.touches(anna)] == [
        ("hello", "send"),
        ("card", "send"),
        ("first", "send"),
        ("waiting", "send"),
    ]


async def test_who_has_bought_is_thanked_instead(stage: Stage) -> None:
    await only(stage, "welcome")
    anna = await stage.person(ANNA)
    await stage.joined(anna)
    await stage.advance(hours=1)
    stage.world.now = clock.now()
    await stage.world.sell(anna, 45000)
    await stage.advance(days=6)
    welcome = [t.step for t in await stage.touches(anna) if t.source == "chain:welcome"]
    assert welcome == ["hello", "card", "second", "thanks"]
    assert "спасибо" in (await stage.texts(ANNA))[-1]


async def test_stop_ends_the_chain_s_messages_but_not_its_decisions(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    await stage.joined(anna)
    await stage.advance(hours=1)
    await stage.agree(anna, granted=False)
    await stage.advance(days=6)
    assert len(await stage.texts(ANNA)) == 1
    assert [(t.step, t.decision, t.reason) for t in await stage.touches(anna)] == [
        ("hello", "send", None),
        ("card", "skipped", "no_consent"),
        ("first", "skipped", "no_consent"),
        ("waiting", "skipped", "no_consent"),
    ]


async def test_the_greeting_waits_for_the_answer_about_news(stage: Stage) -> None:
    anna = await stage.person(ANNA, ads=None)
    await stage.joined(anna)
    await stage.running.run_due()
    assert [(t.decision, t.reason) for t in await stage.touches(anna)] == [("wait", "no_consent")]
    await stage.agree(anna, granted=True)
    await stage.advance(minutes=1)
    assert len(await stage.texts(ANNA)) == 1


async def test_who_never_answers_about_news_is_left_alone(stage: Stage) -> None:
    anna = await stage.person(ANNA, ads=None)
    await stage.joined(anna)
    await stage.advance(hours=1)
    assert [(t.decision, t.reason) for t in await stage.touches(anna)] == [
        ("skipped", "no_consent")
    ]
    assert await stage.texts(ANNA) == []


async def test_points_are_reminded_of_14_3_and_1_days_before(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    expires_at = await _last_day(stage, anna, 60, days=20)
    await stage.world.grant(anna, 40, expires_at=expires_at)
    await stage.advance(days=5, hours=23)
    seen: list[int] = []
    for _ in range(16):
        seen.append(len(await stage.texts(ANNA)))
        await stage.advance(days=1)
    # From day 6 (14 before) on; the third comes 1 day before.
    assert seen == [1] * 11 + [2] * 2 + [3] * 3
    texts = await stage.texts(ANNA)
    assert all("100 баллов" in text for text in texts)
    assert "14 дней" in texts[0]
    assert "3 дня" in texts[1]


async def test_points_expire_after_the_reminder_and_only_then(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    expires_at = await _last_day(stage, anna, 60, days=16)
    await stage.advance(days=16)
    assert (await stage.world.balance(anna)).posted == 60
    stage.jump(expires_at + timedelta(seconds=1))
    await stage.running.run_due()
    stage.world.now = clock.now()
    assert (await stage.world.balance(anna)).posted == 0
    assert await stage.world.faults() == []


async def test_quiet_hours_hold_a_reminder_until_the_customer_s_morning(stage: Stage) -> None:
    # Ten in Moscow is five in the morning in Reykjavik… and still the right day there.
    anna = await stage.person(ANNA, time_zone="Atlantic/Reykjavik")
    await _last_day(stage, anna, 50, days=15)
    await stage.advance(hours=22, minutes=5)
    (waiting,) = await stage.touches(anna)
    assert (waiting.decision, waiting.reason) == ("wait", "quiet_hours")
    assert waiting.due_at.astimezone(clock.zone("Atlantic/Reykjavik")).hour == 9
    assert await stage.texts(ANNA) == []
    await stage.advance(hours=3)
    assert [t.decision for t in await stage.touches(anna)] == ["send"]
    assert len(await stage.texts(ANNA)) == 1


async def test_reminders_end_when_the_points_are_spent(stage: Stage) -> None:
    await only(stage, "bonus_expiry", "rating")
    anna = await stage.person(ANNA)
    await _last_day(stage, anna, 50, days=16)
    await stage.advance(days=3)
    assert len(await stage.texts(ANNA)) == 1
    stage.world.now = clock.now()
    await stage.world.sell(anna, 100_000, redeem=50)
    await stage.advance(days=20)
    reminders = [text for text in await stage.texts(ANNA) if "последний день" in text.lower()]
    assert len(reminders) == 1
    assert [t.step for t in await stage.touches(anna) if t.source != "chain:rating"] == ["14"]


async def test_after_an_outage_only_the_nearest_reminder_goes_with_the_real_days(
    stage: Stage,
) -> None:
    anna = await stage.person(ANNA)
    await _last_day(stage, anna, 50, days=20)
    stage.jump(clock.now() + timedelta(days=18))
    await stage.running.run_due()
    texts = await stage.texts(ANNA)
    assert len(texts) == 1
    assert "2 дня" in texts[0]
    assert [(t.step, t.decision, t.reason) for t in await stage.touches(anna)] == [
        ("14", "skipped", "overtaken"),
        ("3", "send", None),
    ]


async def test_a_skipped_reminder_counts_as_attempted(stage: Stage) -> None:
    anna = await stage.person(ANNA, ads=False)
    expires_at = await _last_day(stage, anna, 50, days=14)
    await stage.advance(hours=1)
    query = sa.select(lot.c.reminded_at).where(lot.c.customer_id == anna)
    reminded = await stage.world.db.read(lambda s: s.execute(query).scalars().all())
    assert reminded == [touch.decided_at for touch in await stage.touches(anna)]
    stage.jump(expires_at + timedelta(minutes=1))
    await stage.running.run_due()
    stage.world.now = clock.now()
    assert (await stage.world.balance(anna)).posted == 0


async def test_a_reminder_does_not_wait_for_an_answer_nobody_gave(stage: Stage) -> None:
    anna = await stage.person(ANNA, ads=None)
    await _last_day(stage, anna, 50, days=10)
    await stage.running.run_due()
    touches = [(t.step, t.decision, t.reason) for t in await stage.touches(anna)]
    assert touches == [("14", "skipped", "no_consent")]


async def test_planning_twice_changes_nothing(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    await _last_day(stage, anna, 50, days=10)
    await stage.joined(anna)
    await stage.advance(days=1)
    before = [(t.id, t.decision) for t in await stage.touches(anna)]
    for _ in range(3):
        assert await stage.running.ticks.plan_expiry() == 0
        assert await stage.running.ticks.chains() == 0
    assert [(t.id, t.decision) for t in await stage.touches(anna)] == before
    assert len(await stage.texts(ANNA)) == len([d for _, d in before if d == "send"])


async def test_two_triggers_on_one_day_the_more_urgent_goes_first(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    await _last_day(stage, anna, 50, days=3)
    await stage.joined(anna)
    await stage.running.run_due()
    sources = {(t.source, t.step): t for t in await stage.touches(anna)}
    assert sources["chain:bonus_expiry", "3"].decision == "send"
    waiting = sources["chain:welcome", "hello"]
    assert (waiting.decision, waiting.reason) == ("wait", "cap_day")
    await stage.advance(days=1)
    assert len(await stage.texts(ANNA)) == 2


async def test_the_held_out_get_a_touch_and_no_message(stage: Stage) -> None:
    await stage.world.set_program(
        global_holdout_bp=0, chain_holdout_bp=5000, holdout_from_customers=1
    )
    people = [await stage.person(600 + n) for n in range(20)]
    for person in people:
        await stage.joined(person)
    await stage.running.run_due()
    share: dict[str, Any] = {"source": "chain:welcome", "global_bp": 0, "share_bp": 5000}
    held = {person: is_held_out(person, today=DAY, **share) for person in people}
    assert len(set(held.values())) == 2
    for n, person in enumerate(people):
        (touch,) = await stage.touches(person)
        assert touch.decision == ("held_out" if held[person] else "send")
        assert len(await stage.texts(600 + n)) == (not held[person])


async def test_a_chain_that_is_off_moves_nobody(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    await stage.joined(anna)
    await stage.advance(hours=1)
    await stage.world.db.transact(
        lambda s: chains.set_enabled(s, key="welcome", enabled=False, now=clock.now())
    )
    await stage.advance(days=10)
    assert len(await stage.texts(ANNA)) == 1
