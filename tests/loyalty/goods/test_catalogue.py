"""The catalogue: goods by their number, and what was sold without being in it."""

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import events, goods
from loyalty.errors import ProductInvalid, ProductNotFound
from loyalty.goods import Product
from tests.loyalty.goods.shelf import buy
from tests.world import World

COFFEE = Product(
    sku="COF-1",
    name="Зерно «Утро»",
    category="Зерно",
    price=890_00,
    link="https://shop.example/utro",
)


async def put(world: World, product: Product) -> tuple[Product, bool]:
    return await world.db.transact(lambda s: goods.put(s, product, actor="staff:1", now=world.now))


async def noted(world: World) -> list[tuple[str, Any]]:
    query = sa.select(events.event.c.type, events.event.c.data).where(
        events.event.c.type.like("goods.%")
    )
    return await world.db.read(
        lambda s: [(row.type, row.data) for row in s.execute(query.order_by(events.event.c.id))]
    )


async def test_put_once_changed_and_put_away(world: World) -> None:
    kept, changed = await put(world, replace(COFFEE, name="  Зерно   «Утро» "))
    assert (kept.name, kept.price, changed) == ("Зерно «Утро»", 890_00, True)
    assert await put(world, COFFEE) == (kept, False)
    cheaper, changed = await put(world, replace(COFFEE, price=790_00))
    assert (cheaper.id, cheaper.price, changed) == (kept.id, 790_00, True)

    away = await world.db.transact(
        lambda s: goods.set_archived(s, sku="COF-1", archived=True, actor="staff:1", now=world.now)
    )
    assert away.archived_at == world.now
    assert await world.db.read(lambda s: goods.listing(s)) == []
    assert await world.db.read(lambda s: goods.known(s, ["COF-1"])) == {}
    assert [one.sku for one in await world.db.read(lambda s: goods.listing(s, archived=True))] == [
        "COF-1"
    ]
    assert await world.db.read(goods.count) == (0, 1)
    back, changed = await put(world, cheaper)
    assert (back.archived_at, changed) == (None, True)
    assert [type_ for type_, _ in await noted(world)] == [
        "goods.saved", "goods.saved", "goods.archived", "goods.saved"
    ]  # fmt: skip
    assert all(data == {"sku": "COF-1"} for _, data in await noted(world))


@pytest.mark.parametrize(
    ("wrong", "field", "problem"),
    [
        ({"sku": "  "}, "sku", "empty"),
        ({"sku": "x" * 65}, "sku", "too_long"),
        ({"name": "\x00 "}, "name", "empty"),
        ({"name": "я" * 201}, "name", "too_long"),
        ({"category": "я" * 65}, "category", "too_long"),
        ({"price": -1}, "price", "out_of_range"),
        ({"price": 10**18}, "price", "out_of_range"),
        ({"link": "javascript:alert(1)"}, "link", "not_a_link"),
        ({"link": "shop.example"}, "link", "not_a_link"),
    ],
)
def test_what_cannot_be_kept(wrong: dict[str, Any], field: str, problem: str) -> None:
    with pytest.raises(ProductInvalid) as refusal:
        goods.checked(replace(COFFEE, **wrong))
    assert (refusal.value.facts["field"], refusal.value.facts["problem"]) == (field, problem)


async def test_nothing_of_that_number(world: World) -> None:
    with pytest.raises(ProductNotFound):
        await world.db.read(lambda s: goods.get(s, "none"))


async def test_search_by_any_word_in_any_case(world: World) -> None:
    await put(world, COFFEE)
    await put(world, Product(sku="TEA-7", name="Чай 100 %", category="Чай"))
    for text, found in (
        ("УТРО", ["COF-1"]), ("зерно утро", ["COF-1"]), ("tea", ["TEA-7"]), ("100 %", ["TEA-7"]),
        ("_", []), ("чай утро", []), ("", ["COF-1", "TEA-7"]),
    ):  # fmt: skip
        rows = await world.db.read(lambda s, text=text: goods.listing(s, search=text))
        assert [one.sku for one in rows] == found, text
    some = await world.db.read(lambda s: goods.listing(s, category="Чай"))
    assert [one.sku for one in some] == ["TEA-7"]


async def test_what_was_sold_is_offered_until_it_has_a_row(world: World) -> None:
    person = await world.customer()
    await buy(world, person, "cap", "cro")
    world.pass_time(days=1)
    await buy(world, None, "cap")
    offered = await world.db.read(lambda s: goods.learned(s, now=world.now))
    assert [(one.sku, one.name, one.category, one.price, one.receipts) for one in offered] == [
        ("cap", "Капучино", "Кофе", 250_00, 2),
        ("cro", "Круассан", "Выпечка", 180_00, 1),
    ]
    await put(world, Product(sku="cap", name="Капучино", category="Кофе"))
    offered = await world.db.read(lambda s: goods.learned(s, now=world.now))
    assert [one.sku for one in offered] == ["cro"]
    names = await world.db.read(lambda s: goods.categories(s, now=world.now))
    assert names == ["Выпечка", "Кофе"]
    world.pass_time(days=400)
    assert await world.db.read(lambda s: goods.learned(s, now=world.now)) == []
