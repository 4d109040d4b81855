"""A cart already followed, and a site whose events come late and out of turn: what counts is
when things happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loyalty import events
from loyalty.db import Rows
from tests.loyalty.chains.walk import (
    begin,
    decided,
    definition,
    go,
    message,
    passes,
    put_chain,
    somebody,
)
from tests.world import World

# Monday, 2 March 2026, noon in Moscow.
NOON = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEPS = [{"kind": "wait", "hours": 1}, message("remind")]
BEANS = [{"sku": "B-1", "name": "Beans"}]
Told = tuple[str, float, dict[str, Any]]


async def tell(world: World, who: int, type_: str, minutes: float, data: dict[str, Any]) -> None:
    """The site tells of what happened so many minutes after noon."""
    rows = Rows()
    happened = NOON + timedelta(minutes=minutes)
    events.record(
        rows,
        type=type_,
        customer_id=who,
        actor=events.SYSTEM,
        data={"occurred_at": happened.isoformat(), "data": data},
        now=world.now,
    )
    await world.db.transact(rows.put)


FILLED, EMPTY = {"cart_id": "c1", "items": BEANS}, {"cart_id": "c1", "items": []}


@pytest.mark.parametrize(
    ("told", "ends"),
    [
        ([("cart_updated", 10, EMPTY), ("cart_updated", 5, FILLED)], True),
        ([("cart_updated", 5, FILLED), ("cart_updated", 10, EMPTY)], True),
        ([("cart_updated", 10, FILLED), ("cart_updated", 5, EMPTY)], False),
        ([("order_placed", -60, {"cart_id": "another"})], False),
        ([("order_placed", -60, {})], False),
        ([("order_placed", -60, {"cart_id": "c1"})], True),
        ([("order_placed", 5, {})], True),
    ],
    ids=[
        "emptied, told of before an older change",
        "emptied",
        "filled again, told of before the emptying",
        "an older order of another cart",
        "an older order",
        "its own order, by a clock that is behind",
        "an order since",
    ],
)
async def test_a_followed_cart_is_what_happened_last(
    world: World, told: list[Told], ends: bool
) -> None:
    world.now = NOON
    await world.set_program(global_holdout_bp=0, chain_holdout_bp=0)
    version = await put_chain(world, definition(*STEPS, exits=["ordered"]))
    who = await somebody(world)
    await begin(world, version, who, occurrence="c1", at=NOON)
    await go(world, NOON + timedelta(minutes=20))
    for type_, minutes, data in told:
        await tell(world, who, type_, minutes, data)
    await go(world, NOON + timedelta(hours=2))
    steps = [step for step, decision, _ in await decided(world, who) if decision == "send"]
    (one,) = await passes(world)
    assert (steps, one.status, one.reason) == (
        ([], "exited", "ordered") if ends else (["remind"], "done", None)
    )


async def test_of_two_carts_only_the_later_one_is_spoken_of(world: World) -> None:
    world.now = NOON
    await world.set_program(global_holdout_bp=0, chain_holdout_bp=0)
    cart = {"kind": "event", "event": "cart_updated", "occurrence": "subject"}
    trigger = cart | {"subject": "cart_id"}
    version = await put_chain(world, definition(*STEPS, exits=["ordered"], trigger=trigger))
    who = await somebody(world)
    for cart_id, minutes in (("c1", 0), ("c2", 20)):
        world.now = NOON + timedelta(minutes=minutes)
        await tell(world, who, "cart_updated", minutes, {"cart_id": cart_id, "items": BEANS})
        await begin(world, version, who, occurrence=cart_id, at=world.now)
    await go(world, NOON + timedelta(hours=2))
    first, second = await passes(world)
    assert (first.status, first.reason, second.status) == ("exited", "ordered", "done")
    assert [line[0] for line in await decided(world, who)] == ["remind"]
