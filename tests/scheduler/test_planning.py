"""Planning in several units: one moment for all of them, so that it comes to an end."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from loyalty import chains
from scheduler import ticks
from tests.scheduler.stage import Stage


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
