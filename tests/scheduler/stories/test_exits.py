"""Somebody leaves the segment, or comes to fit a reason to stop, while a message waits for them:
for the morning, or for a Telegram that is away."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import chains, clock
from loyalty.chains.tables import enrolment
from loyalty.customers import customer
from loyalty.wallet.tables import entry
from tests.loyalty.chains.walk import definition, message, put_chain
from tests.scheduler.stage import Stage, send_everything
from tests.scheduler.stories.play import only, reach
from tests.world import ZONE

ANNA = 701
FROM_TULA = {"field": "city", "op": "=", "value": "Тула"}
BY_SEGMENT: dict[str, Any] = {
    "trigger": {"kind": "segment", "rule": FROM_TULA, "present": True},
    "exits": ["left_segment"],
}
BY_RULE: dict[str, Any] = {
    "trigger": {"kind": "event", "event": "customer.joined"},
    "exits": [{"not": FROM_TULA}],
}
BOTH = pytest.mark.parametrize(
    ("more", "reason"), [(BY_SEGMENT, "left_segment"), (BY_RULE, "rule")]
)
LATE = {"kind": "wait_hour", "hour": 22}
GIFT = {"kind": "gift", "id": "gift", "points": 50}


async def begin(stage: Stage, *steps: Any, **more: Any) -> int:
    """Anna of Tula, who has just come to the beginning of a chain of these steps."""
    await only(stage)
    stage.world.now = clock.now()
    await put_chain(stage.world, definition(*steps, **more), key="tula")
    anna = await stage.person(ANNA, city="Тула")
    await stage.joined(anna)
    return anna


async def move(stage: Stage, who: int) -> None:
    """She lives elsewhere now."""
    change = sa.update(customer).where(customer.c.id == who).values(city="Омск")
    await stage.world.db.transact(lambda s: s.execute(change) and None)


async def decisions(stage: Stage, who: int) -> list[tuple[str, str, str | None]]:
    """Step, decision and reason of everything decided about her."""
    return [(one.step, one.decision, one.reason) for one in await stage.touches(who)]


async def ways(stage: Stage) -> list[tuple[str, str | None]]:
    """How every pass stands."""
    query = sa.select(enrolment.c.status, enrolment.c.reason)
    rows = await stage.world.db.read(lambda s: s.execute(query).all())
    return [tuple(row) for row in rows]


@BOTH
async def test_who_left_overnight_gets_neither_the_gift_nor_the_words(
    stage: Stage, more: dict[str, Any], reason: str
) -> None:
    anna = await begin(stage, LATE, GIFT, message("one"), **more)
    noon = clock.now()
    await reach(stage, noon + timedelta(minutes=6))
    today = clock.local_date(noon, ZONE)
    await reach(stage, clock.local_instant(today, time(22, 1), ZONE))
    assert await decisions(stage, anna) == [("gift", "wait", "quiet_hours")]
    await move(stage, anna)
    await reach(stage, clock.local_instant(today + timedelta(days=1), time(9, 1), ZONE))
    assert await decisions(stage, anna) == [("gift", "skipped", reason)]
    assert await stage.texts(ANNA) == []
    kinds = await stage.world.db.read(lambda s: s.execute(sa.select(entry.c.kind)).scalars().all())
    assert "gift" not in kinds
    assert await ways(stage) == [("exited", reason)]


@BOTH
@pytest.mark.parametrize("leaves", [True, False])
async def test_who_left_while_telegram_was_away_is_not_written_to(
    stage: Stage, more: dict[str, Any], reason: str, leaves: bool
) -> None:
    anna = await begin(stage, message("one"), **more)
    await stage.running.dispatcher.stop()
    now = clock.now() + timedelta(minutes=6)
    for unit in (chains.plan, chains.advance):
        await stage.world.db.transact(lambda s, unit=unit: unit(s, now=now, time_zone=ZONE))
    assert await decisions(stage, anna) == [("one", "send", None)]
    if leaves:
        await move(stage, anna)
    stage.jump(now + timedelta(hours=2))
    await send_everything(stage)
    if leaves:
        assert await decisions(stage, anna) == [("one", "skipped", reason)]
        assert await ways(stage) == [("exited", reason)]
        assert await stage.states() == ["skipped"]
    else:
        assert await decisions(stage, anna) == [("one", "send", None)]
        assert await ways(stage) == [("done", None)]
        assert await stage.states() == ["sent"]
