"""What is told: read from the journal once, late or twice, and by a chain's step."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import events, webhooks
from loyalty.db import Rows
from loyalty.errors import WebhookInvalid, WebhookNotFound
from loyalty.webhooks import Endpoint
from loyalty.webhooks.queueing import OVERLAP_IDS
from loyalty.webhooks.tables import webhook, webhook_delivery
from tests.world import World

URL = "https://shop.example/hook"
BY = "staff:1"


async def add(world: World, *wanted: str, url: str = URL) -> Endpoint:
    """An endpoint that wants these events, or all."""
    return await world.db.transact(
        lambda s: webhooks.add(s, url=url, wanted=wanted, actor=BY, now=world.now)
    )


async def queue(world: World, *, look_back: bool = True) -> int:
    """Read the journal."""
    return await world.db.transact(
        lambda s: webhooks.queue_events(s, now=world.now, look_back=look_back)
    )


async def told(world: World, webhook_id: int) -> list[dict[str, Any]]:
    """What was queued for it, the oldest first."""
    found = await world.db.read(lambda s: webhooks.deliveries(s, webhook_id, limit=1000))
    return [one.body for one in reversed(found)]


async def happened(world: World, type_: str, **data: Any) -> int:
    """An event of a customer."""
    rows = Rows()
    event_id = events.record(
        rows, type=type_, customer_id=7, actor="system", data=data, now=world.now
    )
    await world.db.transact(rows.put)
    return event_id


async def test_a_sale_is_told_as_the_till_api_would_and_without_personal_data(world: World) -> None:
    anna = await world.customer(name="Анна Петрова", phone="+79001234567", points=100)
    hook = await add(world, "purchase.recorded", "purchase.returned")
    sold = await world.sell(anna, 45_050, redeem=50)
    await world.take_back(sold.purchase_id)
    assert await queue(world) == 2
    bought, returned = await told(world, hook.id)
    assert bought["type"] == "purchase.recorded"
    assert bought["at"] == world.now.isoformat()
    assert bought["data"] == {
        "customer_id": str(anna),
        "purchase_id": str(sold.purchase_id),
        "first": True,
        "total": "450.50",
        "earned": sold.earned,
        "redeemed": 50,
        "outlet_id": str(world.outlet_id),
        "register": None,
        "number": None,
        "sold_at": world.now.isoformat(),
        "discount": "0.00",
        "gift_paid": "0.00",
    }
    assert returned["data"]["amount"] == "450.50"
    assert returned["data"]["spent_returned"] == 50
    said = json.dumps([bought, returned], ensure_ascii=False)
    assert "Анна" not in said
    assert "79001234567" not in said


async def test_reading_again_adds_nothing(world: World) -> None:
    hook = await add(world)
    for _ in range(3):
        await happened(world, "points.expired", points=5)
    assert [await queue(world), await queue(world), await queue(world, look_back=False)] == [
        3,
        0,
        0,
    ]
    assert len({body["id"] for body in await told(world, hook.id)}) == 3


async def test_only_what_is_wanted_and_only_from_now_on(world: World) -> None:
    await happened(world, "tier.changed", **{"from": "bronze", "to": "silver", "spent": 1_000_000})
    tiers, all_of_it = await add(world, "tier.changed"), await add(world)
    later = {"from": "silver", "to": "gold", "reason": "spent", "spent": 2_000_000}
    await happened(world, "tier.changed", **later)
    await happened(world, "consent.changed", purpose="ads:telegram", granted=True)
    await happened(world, "stamps.reward", secret="x")
    await queue(world)
    (only,) = await told(world, tiers.id)
    assert only["data"] == {"customer_id": "7", **later, "spent": "20000.00"}
    assert [body["type"] for body in await told(world, all_of_it.id)] == [
        "tier.changed",
        "consent.changed",
    ]


async def test_an_event_committed_late_is_still_told(world: World) -> None:
    hook = await add(world)
    early = await happened(world, "points.expired", points=1)
    # As if its transaction had come through after the cursor had passed it.
    await world.db.transact(lambda s: s.execute(sa.delete(events.event)))
    await happened(world, "points.expired", points=2)
    assert await queue(world) == 1
    late = {"id": early, "at": world.now, "type": "points.expired", "customer_id": 7}
    await world.db.transact(
        lambda s: s.execute(sa.insert(events.event).values(**late, actor="system", data={}))
    )
    assert await queue(world, look_back=False) == 0
    assert await queue(world) == 1
    assert len(await told(world, hook.id)) == 2


async def test_a_long_quiet_time_is_not_read_again(world: World) -> None:
    hook = await add(world, "tier.changed")
    old = hook.id - 20 * OVERLAP_IDS

    def long_ago(session: Any) -> None:
        change = sa.update(webhook).values(id=old, last_event_id=old)
        session.execute(change)

    await world.db.transact(long_ago)
    await queue(world)
    cursor = sa.select(webhook.c.last_event_id)
    moved = await world.db.read(lambda s: s.execute(cursor).scalar_one())
    assert moved > hook.id - 2 * OVERLAP_IDS
    # And what happens next is not lost by it.
    await happened(world, "tier.changed", to="gold")
    assert await queue(world) == 1


async def test_switched_on_again_it_is_told_what_it_missed(world: World) -> None:
    hook = await add(world)
    await world.db.transact(lambda s: webhooks.disable(s, hook.id, actor=BY, now=world.now))
    await happened(world, "points.expired", points=3)
    assert await queue(world) == 0
    step = {"chain": "welcome", "step": "tell"}
    await world.db.transact(
        lambda s: webhooks.enqueue_step(s, touch_id=5, data=step, now=world.now)
    )
    await world.db.transact(lambda s: webhooks.enable(s, hook.id, actor=BY, now=world.now))
    assert await queue(world) == 1
    assert {body["type"] for body in await told(world, hook.id)} == {"points.expired", "chain.step"}


async def test_a_step_is_told_once_to_those_who_want_it(world: World) -> None:
    wants, other = await add(world, "chain.step"), await add(world, "tier.changed")
    step = {"customer_id": 2**62, "chain": "win_back", "name": "call_them", "days": 3}
    for expected in (1, 0):
        queued = await world.db.transact(
            lambda s: webhooks.enqueue(
                s, type=webhooks.CHAIN_STEP, key="touch:42", data=step, now=world.now
            )
        )
        assert queued == expected
    (body,) = await told(world, wants.id)
    assert body["id"] == "42"
    assert body["data"] == {**step, "customer_id": str(2**62)}
    assert await told(world, other.id) == []


async def test_nobody_who_wants_it_nothing_is_kept(world: World) -> None:
    queued = await world.db.transact(
        lambda s: webhooks.enqueue_step(s, touch_id=1, data={}, now=world.now)
    )
    count = sa.select(sa.func.count()).select_from(webhook_delivery)
    kept = await world.db.read(lambda s: s.execute(count).scalar_one())
    assert (queued, kept) == (0, 0)


async def test_removed_it_is_forgotten_with_all_that_waited(world: World) -> None:
    hook = await add(world)
    await happened(world, "points.expired", points=3)
    await queue(world)
    await world.db.transact(lambda s: webhooks.remove(s, hook.id, actor=BY, now=world.now))
    assert await world.db.read(webhooks.listing) == []
    with pytest.raises(WebhookNotFound):
        await world.db.transact(lambda s: webhooks.rotate(s, hook.id, actor=BY, now=world.now))


async def test_a_change_is_in_the_journal_without_the_address(world: World) -> None:
    hook = await add(world, url="https://shop.example/hook?key=s3cret")
    await world.db.transact(
        lambda s: webhooks.change(
            s, hook.id, url=URL, wanted=["tier.changed"], actor=BY, now=world.now
        )
    )
    await world.db.transact(lambda s: webhooks.rotate(s, hook.id, actor=BY, now=world.now))
    query = sa.select(events.event.c.type, events.event.c.data, events.event.c.actor)
    found = await world.db.read(lambda s: s.execute(query).all())
    assert [row.type for row in found] == ["webhook.added", "webhook.changed", "webhook.rotated"]
    assert {row.actor for row in found} == {BY}
    assert "s3cret" not in str(found)


async def test_there_is_an_end_to_endpoints(world: World) -> None:
    for _ in range(webhooks.MOST):
        await add(world)
    with pytest.raises(WebhookInvalid) as refused:
        await add(world)
    assert refused.value.facts == {"problem": "too_many"}
    with pytest.raises(WebhookInvalid) as unknown:
        await world.db.transact(
            lambda s: webhooks.change(s, 1, url=URL, wanted=["sale"], actor=BY, now=world.now)
        )
    assert unknown.value.facts == {"problem": "unknown_event"}
