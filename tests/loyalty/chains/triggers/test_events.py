"""Chains about what happened: our own events, and those of the shop's site, late or reordered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty.chains.tables import enrolment
from tests.loyalty.chains.triggers.shop import START, Shop

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
CART: dict[str, Any] = {
    "kind": "event",
    "event": "cart_updated",
    "occurrence": "subject",
    "subject": "cart_id",
}
GOODS = [{"sku": "COF-1", "quantity": 1}]


def cart(name: str = "c1", items: list[Any] | None = None) -> dict[str, Any]:
    """What the site tells of a cart."""
    return {"cart_id": name, "items": GOODS if items is None else items}


async def test_once_per_purchase_and_per_event(shop: Shop) -> None:
    await shop.person("anna")
    for occurrence in ("once", "purchase", "event"):
        trigger = {"kind": "event", "event": "purchase.recorded", "occurrence": occurrence}
        await shop.chain(occurrence, trigger)
    first = await shop.happens("anna", "purchase.recorded", {"purchase_id": "7"})
    second = await shop.happens("anna", "purchase.recorded", {"purchase_id": "7"})
    third = await shop.happens("anna", "purchase.recorded", {"purchase_id": "8"})
    await shop.plan()
    await shop.plan()
    assert await shop.occurrences("once") == [("anna", "once")]
    assert await shop.occurrences("purchase") == [("anna", "7"), ("anna", "8")]
    by_event = {occurrence for _, occurrence in await shop.occurrences("event")}
    assert by_event == {str(first), str(second), str(third)}
    (one, _) = await shop.passes("purchase")
    assert one.subject == {"event": str(first), "purchase": "7"}
    assert one.due_at == shop.now


async def test_only_the_first_purchase_and_only_what_fits(shop: Shop) -> None:
    await shop.person("anna")
    recorded = {"kind": "event", "event": "purchase.recorded", "occurrence": "purchase"}
    await shop.chain("first", {**recorded, "first": True})
    rated = {"kind": "event", "event": "purchase.rated", "occurrence": "event"}
    await shop.chain("five", {**rated, "where": {"score": 5}})
    await shop.chain("rise", {**rated, "where": {"rise": True}})
    await shop.happens("anna", "purchase.recorded", {"purchase_id": "1", "first": True})
    await shop.happens("anna", "purchase.recorded", {"purchase_id": "2", "first": False})
    for data in ({"score": 5}, {"score": 4}, {"score": True}, {"rise": 1}, {"rise": True}, {}):
        await shop.happens("anna", "purchase.rated", data)
    await shop.plan()
    assert await shop.occurrences("first") == [("anna", "1")]
    assert len(await shop.passes("five")) == 1
    assert len(await shop.passes("rise")) == 1


async def test_what_happened_before_the_chain_was_on_starts_nothing(shop: Shop) -> None:
    await shop.person("anna")
    await shop.chain("seen", {"kind": "event", "event": "seen"}, enabled_at=START)
    await shop.happens("anna", "seen", at=START - MINUTE)
    await shop.plan(START + MINUTE)
    assert await shop.occurrences() == []
    # Told after it was switched on, of what had been before.
    await shop.site("anna", "seen", {}, at=START - MINUTE)
    await shop.plan(START + 2 * MINUTE)
    assert await shop.occurrences() == []
    await shop.happens("anna", "seen", at=START + MINUTE)
    await shop.plan(START + 3 * MINUTE)
    assert await shop.occurrences() == [("anna", "once")]


@pytest.mark.parametrize("status", ["anonymous", "blocked", "erased"])
async def test_nobody_behind_the_card_nobody_begins(shop: Shop, status: str) -> None:
    await shop.person("card", status=status)
    await shop.chain("seen", {"kind": "event", "event": "seen"})
    await shop.happens("card", "seen")
    await shop.plan()
    assert await shop.occurrences() == []


async def test_a_cart_begins_when_it_was_last_touched(shop: Shop) -> None:
    await shop.person("anna")
    await shop.chain("cart", CART)
    await shop.site("anna", "cart_updated", cart(), at=START)
    await shop.plan(START + MINUTE)
    assert await shop.occurrences() == [("anna", "c1")]
    shop.now = START + 52 * MINUTE
    newest = await shop.site("anna", "cart_updated", cart(), at=START + 50 * MINUTE)
    await shop.plan()
    (row,) = await shop.passes()
    assert (row.enrolled_at, row.due_at, row.arrived_at) == (*[START + 50 * MINUTE] * 2, None)
    assert row.subject == {"event": str(newest)}
    # Once a step is behind it, it is not put off any more.
    await shop.run(lambda s: s.execute(sa.update(enrolment).values(step=1)) and None)
    shop.now = START + 2 * HOUR
    await shop.site("anna", "cart_updated", cart())
    await shop.plan()
    assert (await shop.passes())[0].due_at == START + 50 * MINUTE


async def test_carts_of_one_customer_are_told_apart(shop: Shop) -> None:
    await shop.person("anna")
    await shop.chain("cart", CART)
    await shop.site("anna", "cart_updated", cart("c1"))
    await shop.site("anna", "cart_updated", cart("c2"))
    await shop.site("anna", "cart_updated", {"items": GOODS})
    await shop.plan()
    assert await shop.occurrences() == [("anna", "c1"), ("anna", "c2")]


@pytest.mark.parametrize("order", [{"cart_id": "c1", "order_id": "o1"}, {"order_id": "o1"}])
@pytest.mark.parametrize("told_first", ["order", "cart"])
async def test_a_cart_that_was_ordered_starts_nothing_in_whatever_order_it_is_told(
    shop: Shop, order: dict[str, Any], told_first: str
) -> None:
    await shop.person("anna")
    await shop.chain("cart", CART)
    shop.now = START + HOUR

    async def told(what: str) -> None:
        if what == "order":
            await shop.site("anna", "order_placed", order, at=START + 30 * MINUTE)
        else:
            await shop.site("anna", "cart_updated", cart(), at=START)

    for what in ("order", "cart") if told_first == "order" else ("cart", "order"):
        await told(what)
    await shop.plan()
    assert await shop.occurrences() == []


async def test_another_cart_after_an_order_is_another_cart(shop: Shop) -> None:
    await shop.person("anna")
    await shop.chain("cart", CART)
    shop.now = START + HOUR
    await shop.site("anna", "order_placed", {"order_id": "o1"}, at=START)
    await shop.site("anna", "cart_updated", cart("c2"), at=START + 30 * MINUTE)
    await shop.plan()
    assert await shop.occurrences() == [("anna", "c2")]


async def test_the_newest_state_of_a_cart_counts_not_the_last_told(shop: Shop) -> None:
    await shop.person("anna")
    await shop.person("boris")
    await shop.chain("cart", CART)
    shop.now = START + HOUR
    # Emptied after it was filled, told before.
    await shop.site("anna", "cart_updated", cart(items=[]), at=START + 20 * MINUTE)
    await shop.site("anna", "cart_updated", cart(), at=START)
    await shop.site("boris", "cart_updated", cart(), at=START + 20 * MINUTE)
    await shop.site("boris", "cart_updated", cart(items=[]), at=START)
    await shop.plan()
    assert await shop.occurrences() == [("boris", "c1")]
    assert (await shop.passes())[0].due_at == START + 20 * MINUTE


async def test_a_moment_nobody_can_read_is_when_we_heard_of_it(shop: Shop) -> None:
    await shop.person("anna")
    await shop.chain("seen", {"kind": "event", "event": "seen", "occurrence": "event"})
    await shop.happens("anna", "seen", {"occurred_at": "yesterday"})
    ahead = (START + 5 * HOUR).isoformat()
    await shop.happens("anna", "seen", {"occurred_at": ahead})
    await shop.plan(START + MINUTE)
    assert [row.due_at for row in await shop.passes()] == [START, START]
