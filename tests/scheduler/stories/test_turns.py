"""What owners and guests do in the middle: a chain edited, switched off and on, come into again;
roads that part; and our own notices, which step back where a chain has spoken."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import chains, clock, vouchers
from loyalty.chains.shipped import PRESETS
from loyalty.db import Rows
from loyalty.program.effects import LocalText, PercentOff
from loyalty.tasks.tables import task
from tests.loyalty.tiers.nights import GOLD, spend
from tests.scheduler.stage import Stage
from tests.scheduler.stories import cues
from tests.scheduler.stories.play import only, reach
from tests.world import ZONE

pytestmark = pytest.mark.slow

ANNA, BORIS = 701, 702
MINUTE = timedelta(minutes=1)


async def decided(stage: Stage, who: int, chain: str) -> list[tuple[str, str, str | None]]:
    """Every decision of a chain about somebody."""
    found = await stage.touches(who)
    return [(one.step, one.decision, one.reason) for one in found if one.source == f"chain:{chain}"]


async def sent(stage: Stage, who: int, chain: str) -> list[str]:
    """Its steps that were done for them."""
    return [step for step, decision, _ in await decided(stage, who, chain) if decision == "send"]


async def switch(stage: Stage, key: str, *, on: bool) -> None:
    """An owner switches a chain."""
    await stage.world.db.transact(
        lambda s: chains.set_enabled(s, key=key, enabled=on, now=clock.now())
    )


# --- edited, off and on ----------------------------------------------------------------------


async def test_who_is_on_the_way_finishes_the_version_they_began(stage: Stage) -> None:
    await only(stage, "welcome")
    anna = await stage.person(ANNA)
    await stage.joined(anna)
    await reach(stage, clock.now() + MINUTE)
    document: dict[str, Any] = PRESETS["welcome"].definition.model_dump(mode="json")
    for step in document["steps"]:
        if step["id"] == "card":
            step["texts"] = {"ru": "Новые слова, {name|гость}", "en": "New words, {name|guest}"}
    await stage.world.db.transact(
        lambda s: chains.publish(
            s, key="welcome", definition=document, author="staff:1", now=clock.now()
        )
    )
    boris = await stage.person(BORIS)
    await stage.joined(boris)
    await reach(stage, clock.now() + MINUTE)
    await reach(stage, clock.now() + timedelta(days=2))
    assert await sent(stage, anna, "welcome") == await sent(stage, boris, "welcome")
    assert "Ваша карта всегда" in (await stage.texts(ANNA))[-1]
    assert "Новые слова, Анна" in (await stage.texts(BORIS))[-1]


@pytest.mark.parametrize(
    ("days_off", "expected"),
    [
        (2.5, [("hello", "send", None), ("card", "send", None)]),
        (4.5, [("hello", "send", None), ("card", "skipped", "late")]),
    ],
)
async def test_a_chain_switched_on_again_says_what_is_still_fresh(
    stage: Stage, days_off: float, expected: list[Any]
) -> None:
    await only(stage, "welcome")
    anna = await stage.person(ANNA)
    await stage.joined(anna)
    start = clock.now()
    await reach(stage, start + MINUTE)
    await switch(stage, "welcome", on=False)
    boris = await stage.person(BORIS)
    await stage.joined(boris)
    await reach(stage, start + timedelta(days=days_off))
    assert await sent(stage, anna, "welcome") == ["hello"]
    await switch(stage, "welcome", on=True)
    await reach(stage, start + timedelta(days=days_off, hours=11))
    assert await decided(stage, anna, "welcome") == expected
    # Who came while it was off is not greeted days later.
    assert await decided(stage, boris, "welcome") == []


async def test_a_message_that_waits_when_its_chain_is_switched_off_stays_unsaid(
    stage: Stage,
) -> None:
    await only(stage, "rating")
    anna = await stage.person(ANNA)
    stage.jump(clock.now() + timedelta(hours=8))
    await cues.buy(stage, anna)
    await reach(stage, clock.now() + timedelta(hours=2, minutes=1))
    assert [row[1:] for row in await decided(stage, anna, "rating")] == [("wait", "quiet_hours")]
    await switch(stage, "rating", on=False)
    await reach(stage, clock.now() + timedelta(days=3))
    assert await sent(stage, anna, "rating") == []


# --- coming in again -------------------------------------------------------------------------


async def test_looking_at_goods_is_answered_once_a_week(stage: Stage) -> None:
    await only(stage, "abandoned_view")
    anna = await stage.person(ANNA)
    start, said = clock.now(), []
    for days in (0, 1, 3, 8):
        await reach(stage, start + timedelta(days=days))
        await cues.view_goods(stage, anna)
        await reach(stage, start + timedelta(days=days, hours=5))
        said.append(len(await sent(stage, anna, "abandoned_view")))
    assert said == [1, 1, 1, 2]


async def test_who_has_filled_a_cart_is_reminded_of_that_alone(stage: Stage) -> None:
    await only(stage, "abandoned_cart", "abandoned_view")
    anna = await stage.person(ANNA)
    start = clock.now()
    await cues.view_goods(stage, anna)
    await cues.fill_a_cart(stage, anna)
    for hours in (2, 5, 26, 50):
        await reach(stage, start + timedelta(hours=hours))
    assert await sent(stage, anna, "abandoned_view") == []
    assert await sent(stage, anna, "abandoned_cart") == ["remind", "goods", "coupon", "discount"]


async def test_every_purchase_is_asked_about_within_the_limits(stage: Stage) -> None:
    await only(stage, "rating")
    anna = await stage.person(ANNA)
    start = clock.now()
    for days in range(6):
        await reach(stage, start + timedelta(days=days))
        await cues.buy(stage, anna)
        await reach(stage, start + timedelta(days=days, hours=3))
    # Four triggers in seven days: the fifth waits and grows old.
    assert len(await sent(stage, anna, "rating")) == 4
    await reach(stage, start + timedelta(days=9))
    late = [row for row in await decided(stage, anna, "rating") if row[1] == "skipped"]
    assert {reason for _, _, reason in late} <= {"cap_week", "late"}
    assert len(late) == 2


# --- roads that part -------------------------------------------------------------------------


async def _calls(stage: Stage) -> list[Any]:
    query = sa.select(task.c.customer_id, task.c.source, task.c.status)
    return list(await stage.world.db.read(lambda s: s.execute(query).all()))


async def test_whom_nothing_brings_back_is_called(stage: Stage) -> None:
    await only(stage, "win_back")
    anna = await stage.person(ANNA, phone="+79990000701")
    start = clock.now()
    await cues.buy(stage, anna)
    for days in (31, 61, 91):
        await reach(stage, start + timedelta(days=days))
    assert await _calls(stage) == []
    await reach(stage, start + timedelta(days=99))
    assert [tuple(row) for row in await _calls(stage)] == [(anna, "chain:win_back", "open")]


async def test_the_best_guests_are_called_instead_of_offered(stage: Stage) -> None:
    await only(stage, "win_back_months")
    anna = await stage.person(ANNA, phone="+79990000701", tier="gold")
    start = clock.now()
    await spend(stage.world, anna, clock.local_date(start, ZONE), GOLD)
    await cues.buy(stage, anna)
    for days in (181, 184, 191, 192):
        await reach(stage, start + timedelta(days=days))
    assert await sent(stage, anna, "win_back_months") == ["miss_you", "bought_before", "call"]
    assert [row.customer_id for row in await _calls(stage)] == [anna]


async def test_who_was_not_happy_is_not_asked_for_friends(stage: Stage) -> None:
    await only(stage, "referral_reward")
    anna = await stage.person(ANNA)
    await cues.buy_and_rate(3)(stage, anna)
    await cues.fill_a_stamp_card(stage, anna)
    await reach(stage, clock.now() + timedelta(hours=1))
    await reach(stage, clock.now() + timedelta(days=3))
    assert await decided(stage, anna, "referral_reward") == []


async def test_who_holds_a_coupon_is_given_no_second_one(stage: Stage) -> None:
    await only(stage, "post_purchase")
    anna = await stage.person(ANNA)
    start = clock.now()
    await cues.buy(stage, anna)

    def give(session: Session) -> None:
        rows = Rows()
        vouchers.issue(
            rows, kind=vouchers.COUPON, name=LocalText(ru="Купон", en="Coupon"),
            effect=PercentOff(rate_bp=500), source_kind="test", created_by="system",
            now=clock.now(), customer_id=anna, valid_days=60, time_zone=ZONE,
        )  # fmt: skip
        rows.put(session)

    await stage.world.db.transact(give)
    for days in (1, 5, 10, 12):
        await reach(stage, start + timedelta(days=days, minutes=1))
    assert await sent(stage, anna, "post_purchase") == ["points", "thanks", "goes_with"]


# --- our own notices -------------------------------------------------------------------------


async def _notices(stage: Stage, who: int, template: str) -> list[tuple[str, str | None]]:
    rows = await stage.outbox()
    return [
        (row.state, row.reason)
        for row in rows
        if row.customer_id == who and row.payload.get("template") == template
    ]


@pytest.mark.parametrize("ads", [True, False], ids=["agreed", "refused"])
@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
async def test_birthday_points_are_told_of_once_by_the_chain_or_by_us(
    stage: Stage, ads: bool, on: bool
) -> None:
    await only(stage, *(["birthday_gift"] if on else []))
    day = clock.local_date(clock.now(), ZONE) + timedelta(days=8)
    anna = await stage.person(ANNA, ads=ads, birth_day=day.day, birth_month=day.month)
    ten = clock.local_instant(day - timedelta(days=7), time(10), ZONE)
    await reach(stage, ten + MINUTE)
    for hours in (1, 3):
        await reach(stage, ten + timedelta(hours=hours))
    by_chain = ads and on
    assert await sent(stage, anna, "birthday_gift") == ["announce"] * by_chain
    expected = ("skipped", "told_by_chain") if by_chain else ("sent", None)
    assert await _notices(stage, anna, "birthday_points") == [expected]
    assert len(await stage.texts(ANNA)) == 1
    assert (await stage.world.balance(anna)).available == 200


async def test_a_notice_waits_for_the_chain_that_waits_for_the_morning(stage: Stage) -> None:
    await only(stage, "birthday_gift")
    zone = "America/Los_Angeles"
    day = clock.local_date(clock.now(), ZONE) + timedelta(days=8)
    anna = await stage.person(ANNA, birth_day=day.day, birth_month=day.month, time_zone=zone)
    ten = clock.local_instant(day - timedelta(days=7), time(10), ZONE)
    await reach(stage, ten + MINUTE)
    await reach(stage, ten + timedelta(minutes=20))
    assert await _notices(stage, anna, "birthday_points") == [("queued", "told_by_chain")]
    assert await stage.texts(ANNA) == []
    for hours in range(1, 14):
        await reach(stage, ten + timedelta(hours=hours))
    assert await sent(stage, anna, "birthday_gift") == ["announce"]
    assert await _notices(stage, anna, "birthday_points") == [("skipped", "told_by_chain")]
    assert len(await stage.texts(ANNA)) == 1


@pytest.mark.parametrize("ads", [True, False], ids=["agreed", "refused"])
async def test_a_level_in_danger_is_told_of_once(stage: Stage, ads: bool) -> None:
    await only(stage, "tier_warning")
    await stage.running.run_due()
    anna = await stage.person(ANNA, ads=ads)
    await cues.warn_of_level(stage, anna)
    for span in (MINUTE, timedelta(hours=1), timedelta(hours=2)):
        await reach(stage, clock.now() + span)
    assert await sent(stage, anna, "tier_warning") == ["month"] * ads
    expected = ("skipped", "told_by_chain") if ads else ("sent", None)
    assert await _notices(stage, anna, "tier_warned") == [expected]
    assert len(await stage.texts(ANNA)) == 1
