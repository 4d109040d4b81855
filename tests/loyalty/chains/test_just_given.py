"""Points that came with a message of their own are not reminded of on the next morning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from loyalty import clock, events, wallet
from tests.loyalty.chains.walk import begin, decided, go, leave, message, put_chain, somebody
from tests.world import ZONE, World

# Monday, 2 March 2026, ten in Moscow.
TEN = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
LAST_DAY = clock.local_date(TEN, ZONE) + timedelta(days=14)
REMINDERS = {
    "title": {"ru": "Проба", "en": "Trial"},
    "trigger": {"kind": "expiry", "days_before": 14},
    "steps": [
        step
        for days in (14, 3, 1)
        for step in (
            {"kind": "wait_before", "days": days, "hour": 10},
            message(str(days), lifetime_hours=None),
        )
    ],
    "exits": ["points_spent"],
}


async def give(world: World, who: int, *, kind: str, at: datetime) -> None:
    def unit(session: Session) -> object:
        return wallet.grant(
            session,
            customer_id=who,
            points=200,
            kind=kind,
            source_kind=kind,
            source_id=f"{who}:{at.isoformat()}",
            actor=events.SYSTEM,
            now=at,
            expires_at=clock.start_of_day(LAST_DAY + timedelta(days=1), ZONE),
        )

    await world.db.transact(unit)


@pytest.mark.parametrize(
    ("kinds", "days_ago", "first"),
    [
        (["birthday"], 0, "skipped"),
        (["birthday"], 3, "send"),
        (["accrual"], 0, "send"),
        (["birthday", "accrual"], 0, "send"),
    ],
)
async def test_only_points_just_told_of_are_left_out_and_only_at_first(
    world: World, kinds: list[str], days_ago: int, first: str
) -> None:
    world.now = TEN
    await world.set_program(global_holdout_bp=0, chain_holdout_bp=0)
    version = await put_chain(world, REMINDERS)
    who = await somebody(world)
    for kind in kinds:
        await give(world, who, kind=kind, at=TEN - timedelta(days=days_ago))
    await begin(world, version, who, occurrence=LAST_DAY.isoformat(), day=LAST_DAY)
    for day in range(15):
        await go(world, TEN + timedelta(days=day))
        await leave(world)
    reason = "just_given" if first == "skipped" else None
    assert await decided(world, who) == [
        ("14", first, reason),
        ("3", "send", None),
        ("1", "send", None),
    ]
