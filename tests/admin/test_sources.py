"""Posters in the panel: made, printed, counted; who may; what is noted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import clock, sources
from loyalty.events import event
from tests.admin import shop
from tests.admin.forms import words
from tests.admin.shop import Visitor
from tests.world import World

HOME = "/admin/sources"


@pytest.fixture
async def owner(world: World, visitor: Visitor) -> Visitor:
    """The owner, signed in; the bot is known."""
    await shop.stamp(world)
    await shop.hire(world, "owner", name="Marina")
    await visitor.sign_in("owner")
    return visitor


async def came(world: World, source: str | None, count: int, *, bought: int = 0) -> None:
    """So many guests from there; some of them buy for 450."""
    world.now = clock.now() - timedelta(days=1)
    for number in range(count):
        customer_id = await world.customer(source=source)
        if number < bought:
            await world.sell(customer_id, 450_00)


async def noted(world: World) -> list[tuple[str, dict[str, Any]]]:
    """Audit events about sources, oldest first."""
    query = sa.select(event.c.type, event.c.data).where(event.c.type.startswith("source."))
    rows = await world.db.read(lambda s: s.execute(query.order_by(event.c.id)).all())
    return [(row.type, row.data) for row in rows]


async def test_a_poster_is_made_and_counted(world: World, owner: Visitor) -> None:
    status, page, _ = await owner.post(HOME, name="Poster  at <window>", cost="3 000")
    assert status == 200
    assert "https://t.me/regulars_demo_bot?start=s_poster-at-window" in page
    assert "<window>" not in page
    await came(world, "poster-at-window", 4, bought=3)
    await came(world, None, 2)
    await came(world, "referral:ABCDEFGH", 1)
    _, page, _ = await owner.get(HOME)
    assert "Poster at <window> 4 3 ₽3,000 ₽750" in words(page)
    assert "By a friend's invitation 1 Came by themselves 2" in words(page)
    _, page, _ = await owner.get(f"{HOME}/poster-at-window")
    assert "Have joined 4 of them bought 3 They have spent ₽1,350 Cost of a guest ₽750" in words(
        page
    )
    assert await noted(world) == [("source.created", {"key": "poster-at-window", "cost": 300_000})]


async def test_one_that_was_used_without_being_made_gets_its_name(
    world: World, owner: Visitor
) -> None:
    await came(world, "tent_7", 2)
    await came(world, "Old list", 1)
    _, page, _ = await owner.get(HOME)
    assert "tent_7 unnamed 2 0 – –" in words(page)
    assert "Old list unnamed 1" in words(page), "no link could carry it, so it is only counted"
    _, page, _ = await owner.get(f"{HOME}/tent_7")
    assert "nobody has made it here" in words(page)
    await owner.post(f"{HOME}/tent_7", name="Table tent", cost="99,90")
    _, page, _ = await owner.get(HOME)
    assert "Table tent 2 0 ₽99.90 ₽49.95" in words(page)
    await owner.post(f"{HOME}/tent_7", name="Table tent 7", cost="")
    made = await world.db.read(lambda s: sources.get(s, "tent_7"))
    assert (made.name, made.cost) == ("Table tent 7", 0)
    assert [kind for kind, _ in await noted(world)] == ["source.created", "source.changed"]


async def test_our_own_ways_in_are_told_in_words(world: World, owner: Visitor) -> None:
    await world.customer(source="till")
    await world.customer(source="paper_card")
    page = words((await owner.get(HOME))[1])
    assert "From the till's screen 1" in page
    assert "By a paper card 1" in page
    assert "unnamed" not in page


async def test_names_in_russian_and_the_same_one_twice(world: World, owner: Visitor) -> None:
    for _ in range(2):
        await owner.post(HOME, name="Плакат у кассы")
    await owner.post(HOME, name="🙂")
    keys = {one.key for one in await world.db.read(sources.listing)}
    assert {"plakat-u-kassy", "plakat-u-kassy-2"} < keys
    assert len(keys) == 3
    assert all(sources.key_of("s_" + key) == key for key in keys)
    # A new poster begins with nobody, also where somebody came by a key of that name.
    await came(world, "flyer", 1)
    await owner.post(HOME, name="Flyer")
    assert "flyer-2" in {one.key for one in await world.db.read(sources.listing)}


async def test_the_sheet_to_print(world: World, owner: Visitor) -> None:
    await owner.post(HOME, name="Window")
    _, page, _ = await owner.get(f"{HOME}/window/print?language=ru")
    assert "100 баллов в подарок сразу" in words(page)
    assert "Наведите камеру" in words(page)
    _, page, _ = await owner.get(
        f"{HOME}/window/print?language=en&line=Coffee+%3Cthat%3E+knows+you"
    )
    assert "100 points as a gift" in words(page)
    assert "Coffee <that> knows you" in words(page)
    assert "<that>" not in page
    status, picture, _ = await owner.get(f"{HOME}/window/qr.svg")
    assert status == 200
    assert picture.startswith("<?xml")


async def test_put_away_and_back(world: World, owner: Visitor) -> None:
    await owner.post(HOME, name="Window")
    for _ in range(2):
        _, page, _ = await owner.post(f"{HOME}/window/archive", away="1")
        assert "Window" not in words(page)
    _, page, _ = await owner.get(f"{HOME}?archived=1")
    assert "Window put away" in words(page)
    await owner.post(f"{HOME}/window/archive", away="0")
    assert "Window" in words((await owner.get(HOME))[1])
    assert [kind for kind, _ in await noted(world)][1:] == ["source.archived", "source.restored"]


async def test_what_cannot_be_saved_is_told_and_kept(world: World, owner: Visitor) -> None:
    status, page, _ = await owner.post(HOME, name="Window", cost="a lot")
    assert (status, 'value="a lot"' in page) == (400, True)
    assert "could not read the sum" in words(page)
    status, page, _ = await owner.post(HOME, name="   ", cost="5")
    assert (status, "Say what it is" in words(page)) == (400, True)
    assert await world.db.read(sources.listing) == []
    for path in ("nobody", "nobody/print"):
        assert (await owner.get(f"{HOME}/{path}"))[0] == 404
    assert (await owner.post(f"{HOME}/nobody", name="x"))[0] == 404
    assert (await owner.post(f"{HOME}/nobody/archive", away="1"))[0] == 404
    owner.headers["Accept-Language"] = "ru"
    assert "Плакаты и другие входы" in words((await owner.get(HOME))[1])


@pytest.mark.parametrize(("role", "may"), [("marketer", True), ("analyst", False)])
async def test_who_may(world: World, visitor: Visitor, role: str, may: bool) -> None:
    await shop.hire(world, role)
    await visitor.sign_in(role)
    status, page, _ = await visitor.get(HOME)
    assert (status, "new-source" in page) == (200, may)
    status, page, _ = await visitor.post(HOME, name="Window")
    assert status == (200 if may else 403)
    assert bool(await world.db.read(sources.listing)) is may
    if may:
        assert "/start s_window" in page, "the bot is not known yet"
