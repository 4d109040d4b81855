"""Which goods a message speaks of."""

from datetime import timedelta

from loyalty import goods
from loyalty.goods import Product
from tests.loyalty.goods.shelf import buy
from tests.world import World


async def last(world: World, *ids: int) -> dict[int, Product]:
    return await world.db.read(lambda s: goods.last_bought(s, ids))


async def test_the_dearest_of_the_latest_purchase(world: World) -> None:
    anna, oleg, new = [await world.customer() for _ in range(3)]
    await buy(world, anna, "oil")
    world.pass_time(days=1)
    await buy(world, anna, "bag", "cap", "cro")
    await world.sell(anna, 500_00)  # a sum without a name says nothing
    await buy(world, oleg, "cro")
    found = await last(world, anna, oleg, new)
    assert {id_: one.sku for id_, one in found.items()} == {anna: "cap", oleg: "cro"}
    assert (found[anna].name, found[anna].category, found[anna].price, found[anna].id) == (
        "Капучино", "Кофе", 250_00, None
    )  # fmt: skip
    assert await last(world) == {}


async def test_what_came_back_is_not_spoken_of(world: World) -> None:
    person = await world.customer()
    await buy(world, person, "cro")
    world.pass_time(days=1)
    purchase_id = await buy(world, person, "oil", "fil")
    await world.take_back(purchase_id, [(1, 1000)])
    assert (await last(world, person))[person].sku == "fil"
    await world.take_back(purchase_id)
    assert (await last(world, person))[person].sku == "cro"


async def test_the_catalogue_has_the_better_words(world: World) -> None:
    person = await world.customer()
    await buy(world, person, "oil")
    listed = Product(sku="oil", name="Моторное масло", link="https://shop.example/oil", picture=7)
    await world.db.transact(lambda s: goods.put(s, listed, actor="staff:1", now=world.now))
    found = (await last(world, person))[person]
    assert (found.name, found.link, found.picture) == ("Моторное масло", listed.link, 7)
    await world.db.transact(
        lambda s: goods.set_archived(s, sku="oil", archived=True, actor="staff:1", now=world.now)
    )
    found = (await last(world, person))[person]
    assert (found.name, found.link, found.picture) == ("Моторное масло", None, None)


async def test_by_hand_goes_before_what_receipts_say(world: World) -> None:
    person = await world.customer()
    for _ in range(6):
        await buy(world, None, "cap", "cro")
    for _ in range(6):
        await buy(world, person, "oil", "fil")
    pairs = await world.db.read(lambda s: goods.measure(s, now=world.now))
    assert {(one.sku, one.other): one.lift_bp for one in pairs} == {
        ("cap", "cro"): 20_000, ("cro", "cap"): 20_000,
        ("oil", "fil"): 20_000, ("fil", "oil"): 20_000,
    }  # fmt: skip
    assert await world.db.transact(lambda s: goods.keep(s, pairs, now=world.now)) == 4
    found = await world.db.read(lambda s: goods.goes_with(s, ["cap", "oil", "none"]))
    assert {sku: one.name for sku, one in found.items()} == {"cap": "Круассан", "oil": "Фильтр"}

    await world.db.transact(
        lambda s: goods.set_pairs(s, sku="oil", others=["cap"], actor="staff:1", now=world.now)
    )
    found = await world.db.read(lambda s: goods.goes_with(s, ["oil"]))
    assert found["oil"].sku == "cap"
    lately = await world.db.read(
        lambda s: goods.bought_since(s, person, world.now - timedelta(days=90))
    )
    assert lately == {"oil", "fil"}
    found = await world.db.read(lambda s: goods.goes_with(s, ["oil"], exclude={"cap"}))
    assert found["oil"].sku == "fil"
    found = await world.db.read(lambda s: goods.goes_with(s, ["oil"], exclude={"cap", "fil"}))
    assert found == {}


async def test_archived_goods_are_offered_to_nobody(world: World) -> None:
    for sku in ("cap", "cro"):
        await world.db.transact(
            lambda s, sku=sku: goods.put(
                s, Product(sku=sku, name=sku.upper()), actor="staff:1", now=world.now
            )
        )

    await world.db.transact(
        lambda s: goods.set_pairs(s, sku="cap", others=["cro"], actor="staff:1", now=world.now)
    )
    assert (await world.db.read(lambda s: goods.goes_with(s, ["cap"])))["cap"].name == "CRO"
    await world.db.transact(
        lambda s: goods.set_archived(s, sku="cro", archived=True, actor="staff:1", now=world.now)
    )
    assert await world.db.read(lambda s: goods.goes_with(s, ["cap"])) == {}


async def test_a_cart_as_a_site_sends_it(world: World) -> None:
    await world.db.transact(
        lambda s: goods.put(
            s, Product(sku="cap", name="Капучино большой"), actor="staff:1", now=world.now
        )
    )

    async def names(data: dict[str, object]) -> list[str]:
        return [one.name for one in await world.db.read(lambda s: goods.in_cart(s, data))]

    items = [
        {"sku": "cap", "quantity": 1}, {"sku": "x", "name": "  Турка\n медная "}, {"sku": "gone"},
        "NO-1", None, {"name": 5}, {"sku": "cap"}, {"sku": ["cap"]}, {"sku": 17, "name": "Чашка"},
    ]  # fmt: skip
    said = ["Капучино большой", "Турка медная", "Чашка"]
    assert await names({"data": {"items": items, "total": "1.00"}, "outlet_id": "1"}) == said
    assert await names({"items": items}) == said
    texts: list[object] = ["cap", "NO-1", "Сироп", "Чашка 300 мл"]
    assert await names({"items": texts}) == ["Капучино большой", "Сироп", "Чашка 300 мл"]
    assert await names({"data": {"sku": "cap"}}) == ["Капучино большой"]
    assert await names({"data": {"product": {"sku": "y", "name": "Френч-пресс"}}}) == [
        "Френч-пресс"
    ]
    for empty in ({}, {"data": {}}, {"data": {"items": []}}, {"data": {"items": "all"}}):
        assert await names(empty) == []
    assert len(await names({"items": [{"name": f"№ {n}"} for n in range(500)]})) == 20
