"""The overview: totals, this month, the chart and its table."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from loyalty import clock
from tests.admin import shop
from tests.admin.shop import Visitor
from tests.world import World


@pytest.fixture
async def owner(world: World, visitor: Visitor) -> Visitor:
    """The owner, signed in."""
    await shop.hire(world, "owner")
    await visitor.sign_in("owner")
    return visitor


def _chart(page: str) -> dict[str, object]:
    found = re.search(r'id="chart-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    chart: dict[str, object] = json.loads(found[1])
    return chart


async def test_an_empty_program_is_greeted(owner: Visitor) -> None:
    status, page, _ = await owner.get("/admin")
    assert status == 200
    assert "Your first sale will appear here" in page
    assert "chart-data" not in page


async def test_totals_and_chart(world: World, owner: Visitor) -> None:
    today = clock.now()
    anna, boris = await world.customer(), await world.customer()
    await world.customer(status="anonymous")
    world.now = today - timedelta(minutes=5)
    sale = await world.sell(anna, 50_000)
    await world.sell(anna, 10_000)
    await world.sell(boris, 20_000)
    await world.take_back(sale.purchase_id)
    status, page, _ = await owner.get("/admin")
    page = unescape(page)
    assert status == 200
    for text in (
        "₽300",
        "after returns of ₽500",
        "50.0%",
        "1 of 2 buyers bought twice or more",
        "2 joined · 1 not joined yet",
        "₽100 on average",
        "The last twelve months",
    ):
        assert text in page, text
    chart = _chart(page)
    assert len(chart["labels"]) == 12  # type: ignore[arg-type]
    assert chart["revenue"]["values"][-1] == 300.0  # type: ignore[index]
    assert chart["revenue"]["texts"][-1] == "₽300"  # type: ignore[index]
    assert chart["buyers"]["values"] == [0] * 11 + [2]  # type: ignore[index]


async def test_an_old_history_is_shown_where_it_is(world: World, owner: Visitor) -> None:
    anna = await world.customer(status="anonymous")
    for moment in (datetime(1997, 3, 5, 12, tzinfo=UTC), datetime(1998, 6, 30, 12, tzinfo=UTC)):
        world.now = moment
        await world.sell(anna, 10_000)
    status, page, _ = await owner.get("/admin")
    page = unescape(page)
    assert status == 200
    assert "Twelve months up to the last sale" in page
    assert "the last sale was on 30 June 1998" in page
    assert "This month so far" not in page
    assert _chart(page)["titles"][0] == "July 1997"  # type: ignore[index]
    assert '<p class="figure">2</p>' in page

    _, page, _ = await owner.get("/admin?year=1997")
    assert "1997 by month" in page
    assert '<option value="1997" selected>' in page
    assert _chart(unescape(page))["revenue"]["values"][2] == 100.0  # type: ignore[index]


@pytest.mark.parametrize("year", ["0", "9999", "-1", "abc", "19970", "²²²²", "1996"])
async def test_an_odd_year_shows_the_usual_page(world: World, owner: Visitor, year: str) -> None:
    await world.sell(await world.customer(), 10_000)
    status, page, _ = await owner.get(f"/admin?year={year}")
    assert status == 200
    assert "The last twelve months" in page


async def test_the_same_in_russian(world: World, owner: Visitor) -> None:
    await shop.fill(world, sales=12)
    owner.headers["Accept-Language"] = "ru"
    _, page, _ = await owner.get("/admin")
    page = unescape(page)
    for text in ("Обзор", "Выручка", "Приходят снова", "Последние двенадцать месяцев", "\u00a0₽"):
        assert text in page, text
    assert not re.search(r">\s*(Revenue|Customers|Receipts|Show)\s*<", page)
