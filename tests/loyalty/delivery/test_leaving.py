"""Messages that leave late: the nearest one alone, and nobody who is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty.chains.deciding import rank_of
from loyalty.chains.model import Definition
from loyalty.customers import customer
from loyalty.messaging.tables import touch
from tests.loyalty.chains.walk import begin, decided, definition, go, message, put_chain, somebody
from tests.loyalty.delivery.test_exits import let_leave
from tests.world import World

NOON = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TOMORROW = {"kind": "wait", "days": 1}
MANY = {"trigger_per_day": 9, "trigger_per_week": 9, "marketing_per_week": 9}
GIFT = {"kind": "gift", "id": "gift", "points": 50}


async def enrolled(world: World, *steps: Any) -> int:
    """Somebody on a chain at noon who may be written to as often as one likes."""
    world.now = NOON
    await world.set_program(global_holdout_bp=0, chain_holdout_bp=0, caps=MANY)
    person = await somebody(world)
    await begin(world, await put_chain(world, definition(*steps)), person)
    return person


async def test_of_two_that_waited_for_a_telegram_that_was_away_the_nearest_is_said(
    world: World,
) -> None:
    person = await enrolled(world, message("one"), TOMORROW, message("two"))
    await go(world, NOON + timedelta(days=1, hours=1))
    assert [row[1] for row in await decided(world, person)] == ["send", "send"]
    assert await let_leave(world) == [501]
    said = [("one", "skipped", "overtaken"), ("two", "send", None)]
    assert await decided(world, person) == said


async def test_two_of_one_moment_are_both_said(world: World) -> None:
    await enrolled(world, message("one"), message("two"))
    await go(world)
    assert await let_leave(world) == [501, 501]


async def test_what_tells_of_a_gift_is_not_overtaken(world: World) -> None:
    await enrolled(world, GIFT, message("one"), TOMORROW, message("two"))
    await go(world, NOON + timedelta(days=1, hours=1))
    assert await let_leave(world) == [501, 501]


async def test_one_pass_does_not_overtake_another(world: World) -> None:
    person = await enrolled(world, message("one"))
    await go(world)
    query = sa.select(touch.c.version_id)
    version = await world.db.read(lambda s: s.execute(query).scalar_one())
    world.pass_time(hours=1)
    await begin(world, version, person, occurrence="again")
    await go(world)
    assert await let_leave(world) == [501, 501]


@pytest.mark.parametrize("status", ["blocked", "erased"])
async def test_nobody_writes_to_who_is_gone_since(world: World, status: str) -> None:
    person = await enrolled(world, message("one"))
    await go(world)
    gone = sa.update(customer).where(customer.c.id == person).values(status=status)
    await world.db.transact(lambda s: s.execute(gone) and None)
    assert await let_leave(world) == []
    assert await decided(world, person) == [("one", "skipped", "customer_gone")]


async def test_a_zone_that_is_no_more_keeps_nobody_back(world: World) -> None:
    evening = {"kind": "wait_hour", "hour": 15}
    person = await enrolled(world, evening, message("one"))
    moved = sa.update(customer).where(customer.c.id == person).values(time_zone="Mars/Base")
    await world.db.transact(lambda s: s.execute(moved) and None)
    # Fifteen o'clock of the business.
    await go(world, NOON + timedelta(hours=3, minutes=1))
    assert await let_leave(world) == [501]


def test_reminders_of_points_go_by_their_days_whatever_a_step_is_called() -> None:
    def before(days: int) -> dict[str, Any]:
        return {"kind": "wait_before", "days": days}

    steps = [message("step14"), before(3), message("last1"), before(1), message("now")]
    document = definition(*steps, trigger={"kind": "expiry", "days_before": 14})
    chain = Definition.model_validate({**document, "urgency": "bonus_expiry"})
    places = [rank_of(chain, "chain:own", step) for step in ("now", "last1", "step14")]
    assert places == sorted(set(places))
    assert places == [0, 5, 13]
