"""Paper cards: printed in the panel, unknown until a till scans them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty.customers import card, customer
from loyalty.customers.tables import card_batch
from tests.admin import shop
from tests.admin.forms import words
from tests.admin.shop import Visitor
from tests.world import World

HOME = "/admin/paper"


@pytest.fixture
async def owner(world: World, visitor: Visitor) -> Visitor:
    """The owner, signed in; the bot is known."""
    await shop.stamp(world)
    await shop.hire(world, "owner", name="Marina")
    await visitor.sign_in("owner")
    return visitor


async def rows(world: World, table: sa.Table) -> list[Any]:
    """Everything in a table."""
    return await world.db.read(lambda s: list(s.execute(sa.select(table))))


async def test_a_run_is_printed_and_leaves_one_row(world: World, owner: Visitor) -> None:
    status, page, _ = await owner.post(HOME, size="12", name="Counter <1>", key="77")
    assert status == 200
    assert page.count("<svg") >= 12
    numbers = re.findall(r"№ (\d{3} \d{3})", page)
    assert len(numbers) == len(set(numbers)) == 12
    assert page.count('class="card-sheet"') == 2, "ten to a sheet"
    assert "Counter <1>" not in page
    (run,) = await rows(world, card_batch)
    assert (run.id, run.name, run.size) == (77, "Counter <1>", 12)
    assert not await rows(world, card)
    assert not await rows(world, customer)
    # Sent again (a reload): the run is one.
    await owner.post(HOME, size="12", name="Counter <1>", key="77")
    assert len(await rows(world, card_batch)) == 1
    _, page, _ = await owner.get(HOME)
    assert "Counter <1> 12" in words(page)


@pytest.mark.parametrize("size", ["0", "201", "", "-5", "many", "1e2"])
async def test_a_run_has_one_to_two_hundred(world: World, owner: Visitor, size: str) -> None:
    status, page, _ = await owner.post(HOME, size=size, name="", key="1")
    assert status == 422
    assert "From 1 to 200 cards at once." in words(page)
    assert not await rows(world, card_batch)


@pytest.mark.parametrize(("role", "answer"), [("marketer", 200), ("analyst", 403)])
async def test_only_owner_and_marketer_print(
    world: World, visitor: Visitor, role: str, answer: int
) -> None:
    await shop.stamp(world)
    await shop.hire(world, role, login=role)
    await visitor.sign_in(role)
    status, page, _ = await visitor.get(HOME)
    assert status == answer
    assert ("Cards in guests' hands 0" in words(page)) == (answer == 200)
    status, _, _ = await visitor.post(HOME, size="1", name="", key="5")
    assert status == answer


async def test_the_page_speaks_russian(owner: Visitor) -> None:
    await owner.post("/admin/language", language="ru", next=HOME)
    _, page, _ = await owner.get(HOME)
    assert "Бумажных карт пока нет." in words(page)
    _, page, _ = await owner.post(HOME, size="1", name="", key="6")
    assert "Покажите при оплате — баллы начислятся сразу." in words(page)
