"""Guests' own fields in a real browser: picked from a calendar, on a phone and on a desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from admin import RunningAdmin
from loyalty import clock, customers
from loyalty.customers import customer
from tests.admin import shop
from tests.world import World

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = pytest.mark.slow

WIDER = "document.documentElement.scrollWidth - window.innerWidth"
LONG = "Марка, модель и год выпуска автомобиля, на котором приезжают"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("language", "size"), [("ru", (1280, 800)), ("en", (360, 740))])
async def test_own_fields(
    world: World, panel: RunningAdmin, chromium: Browser, language: str, size: tuple[int, int]
) -> None:
    await shop.stamp(world)
    await shop.hire(world, "owner", name="Marina")
    anna = await world.customer(name="Анна", fields={"car": "Lada " * 30})
    await world.db.transact(
        lambda s: customers.define_field(
            s, key="car", kind="text", label=LONG, actor="staff:1", now=clock.now()
        )
    )
    width, height = size
    context = await chromium.new_context(
        viewport={"width": width, "height": height}, locale=language
    )
    page = await context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    await page.goto(f"{panel.address}/admin")
    await page.click("form[action='/admin/demo'] button")
    await page.goto(f"{panel.address}/admin/customers/{anna}")
    await page.click("#own details:has(#own-renewal) > summary")
    await page.fill("#own-renewal [name=value]", "2027-05-31")
    assert await page.evaluate(WIDER) <= 0
    await page.click("#own-renewal [value=set]")
    await page.wait_for_url("**#own")
    assert "31 мая 2027" in (said := await page.inner_text("#own")) or "31 May 2027" in said
    await page.click("#own .own-more a")
    await page.fill("#new-field [name=label]", "Размер")
    await page.select_option("#new-field [name=kind]", "choice")
    await page.fill("#new-field [name=choices]", "S\nM")
    await page.click("#new-field .primary")
    await page.wait_for_selector("#field-razmer", state="attached")
    await page.click("details:has(#field-razmer) > summary")
    assert await page.evaluate(WIDER) <= 0
    query = sa.select(customer.c.fields).where(customer.c.id == anna)
    kept = await world.db.read(lambda s: s.execute(query).scalar_one())
    assert kept["renewal"] == "2027-05-31"
    assert faults == []
    await context.close()
