"""Sales that a till tells of late: it was offline, or somebody uploads a month of receipts."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from loyalty import clock
from loyalty.receipts import Receipt
from tests.scheduler.stage import Stage
from tests.scheduler.stories.play import only, reach

ANNA = 703
KEYS = ("rating", "post_purchase")


async def sold(stage: Stage, who: int, at: datetime) -> None:
    """A receipt of ``at`` that we hear of now."""
    stage.world.now = clock.now()
    await stage.world.sell(who, Receipt.of_sum(45000, sold_at=at))


@pytest.mark.parametrize("days", [25, 175])
async def test_nobody_is_thanked_for_a_visit_of_long_ago(stage: Stage, days: int) -> None:
    await only(stage, *KEYS)
    anna = await stage.person(ANNA)
    await sold(stage, anna, clock.now() - timedelta(days=days))
    noon = clock.now()
    for hours in (1, 3, 24, 48, 96):
        await reach(stage, noon + timedelta(hours=hours))
    assert [text for text in await stage.texts(ANNA) if "балл" not in text] == []
    found = await stage.touches(anna)
    assert {one.decision for one in found} == {"skipped"}
    assert {one.reason for one in found} <= {"late", "overtaken", "gift_not_told"}


async def test_a_morning_offline_is_no_reason_to_forget_a_guest(stage: Stage) -> None:
    await only(stage, *KEYS)
    anna = await stage.person(ANNA)
    await sold(stage, anna, clock.now() - timedelta(hours=3))
    await reach(stage, clock.now() + timedelta(minutes=5))
    assert [one.decision for one in await stage.touches(anna)] == ["send"]
    (asked,) = [text for text in await stage.texts(ANNA) if "⭐" in text or "оцен" in text.lower()]
    assert asked
