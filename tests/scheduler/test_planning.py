"""Planning in several units: one moment for all of them, so that it comes to an end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from loyalty import chains, clock
from scheduler import ticks
from tests.scheduler.stage import Stage
from tests.scheduler.stories.play import only
from tests.world import ZONE


async def test_all_units_of_a_plan_look_at_one_moment(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments: list[datetime] = []

    def plan(*_args: Any, now: datetime, **_more: Any) -> chains.Planned:
        moments.append(now)
        # Whoever looks at a later moment finds something due again.
        return chains.Planned(0, len(moments) < 8 or now != moments[0])

    monkeypatch.setattr(ticks.chains, "plan", plan)
    assert await stage.running.ticks.plan_all() == 0
    assert len(moments) == 8
    assert len(set(moments)) == 1
    await stage.running.ticks.plan_all()
    assert moments[-1] > moments[0]


async def test_points_given_on_a_journey_are_followed_from_that_day(stage: Stage) -> None:
    """The clock stops where somebody starts; that birthday points end soon is known only once
    they are there."""
    await only(stage, "bonus_expiry", "birthday_gift")
    day = clock.local_date(clock.now(), ZONE) + timedelta(days=20)
    anna = await stage.person(501, birth_day=day.day, birth_month=day.month)
    later = clock.start_of_day(day + timedelta(days=35), ZONE)
    await stage.world.grant(anna, 40, expires_at=later)
    await stage.advance(days=35)
    heard = [one for one in await stage.touches(anna) if one.source and one.decision == "send"]
    assert [(one.source, one.step) for one in heard] == [
        ("chain:birthday_gift", "announce"), ("chain:bonus_expiry", "3"),
        ("chain:bonus_expiry", "1"),
    ]  # fmt: skip
    (left_out,) = (one for one in await stage.touches(anna) if one.decision == "skipped")
    assert (left_out.step, left_out.reason) == ("14", "just_given")
