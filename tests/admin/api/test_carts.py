"""Carts and orders of a shop's site, from its call to the chain that reminds of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import chains, clock
from loyalty.chains.model import Definition
from loyalty.chains.tables import chain, chain_version, enrolment
from loyalty.ids import new_id
from tests.admin.api.shop import Shop
from tests.world import ZONE

PHONE = "tel:+79001234567"
ITEMS = [{"sku": "COF-1", "name": "Beans", "price": "250.00", "quantity": 1}]
CART = {
    "title": {"ru": "Корзина", "en": "Cart"},
    "trigger": {
        "kind": "event", "event": "cart_updated", "occurrence": "subject", "subject": "cart_id",
    },
    "steps": [{"kind": "tag", "tag": "cart"}],
}  # fmt: skip


async def follow(shop: Shop) -> None:
    """A chain about carts, on since yesterday."""
    id_, since = new_id(), clock.now() - timedelta(days=1)
    document = Definition.model_validate(CART).model_dump(mode="json")

    def unit(session: Any) -> None:
        row = {"id": id_, "key": "cart", "enabled": True, "enabled_at": since, "created_at": since}
        session.execute(sa.insert(chain).values(**row))
        version = {"id": new_id(), "chain_id": id_, "number": 1, "author": "test"}
        session.execute(
            sa.insert(chain_version).values(**version, definition=document, published_at=since)
        )

    await shop.world.db.transact(unit)


async def carts(shop: Shop) -> list[str]:
    """Carts the chain follows after the planner has run."""
    now = clock.now()
    await shop.world.db.transact(lambda s: chains.plan(s, now=now, time_zone=ZONE))
    query = sa.select(enrolment.c.occurrence).order_by(enrolment.c.occurrence)
    return list(await shop.world.db.read(lambda s: s.execute(query).scalars().all()))


async def tell(shop: Shop, type_: str, data: dict[str, Any], *, minutes_ago: int = 0) -> None:
    """What the site says."""
    at = (clock.now() - timedelta(minutes=minutes_ago)).isoformat()
    body = {"customer": PHONE, "type": type_, "data": data, "occurred_at": at}
    said = await shop.till.post("/events", body)
    assert said.status == 201, said.text


async def test_a_cart_is_followed_until_it_is_ordered(shop: Shop) -> None:
    await shop.customer(phone=PHONE[4:])
    await follow(shop)
    await tell(shop, "cart_updated", {"cart_id": 77, "items": ITEMS}, minutes_ago=9)
    await tell(shop, "cart_updated", {"cart_id": "ordered", "items": ITEMS}, minutes_ago=9)
    await tell(shop, "order_placed", {"order_id": "o1", "cart_id": "ordered"}, minutes_ago=8)
    await tell(shop, "cart_updated", {"cart_id": "emptied", "items": []}, minutes_ago=7)
    assert await carts(shop) == ["77"]


@pytest.mark.parametrize("cart_id", [None, True, "x" * 65, ["c1"], {"a": 1}])
async def test_a_site_that_does_not_name_its_carts_has_one_a_day(shop: Shop, cart_id: Any) -> None:
    await shop.customer(phone=PHONE[4:])
    await follow(shop)
    for _ in range(2):
        await tell(shop, "cart_updated", {"cart_id": cart_id, "items": ITEMS})
    (followed,) = await carts(shop)
    assert followed.startswith("day-20")


@pytest.mark.parametrize(
    "data", [{"cart_id": "7", "items": "oops"}, {"cart_id": "7", "items": [1, 2]}]
)
async def test_what_is_no_cart_is_refused_in_words(shop: Shop, data: dict[str, Any]) -> None:
    await shop.world.customer(phone="+79001234567")
    body = {"customer": PHONE, "type": "cart_updated", "data": data}
    said = await shop.till.post("/events", body)
    assert said.status == 400, said.text
    assert "items is a list of goods" in said.text
    other = await shop.till.post("/events", body | {"type": "table_booked"})
    assert other.status == 201, "other systems' own events hold what they like"
