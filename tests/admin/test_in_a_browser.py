"""The panel in a real browser: nothing refused by its own policy, nothing sticks out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from admin import RunningAdmin
from tests.admin import shop
from tests.world import World

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = pytest.mark.slow

WIDER = "document.documentElement.scrollWidth - window.innerWidth"


async def _settled(page: Page, faults: list[str]) -> None:
    await page.wait_for_load_state("networkidle")
    assert faults == []
    assert await page.evaluate(WIDER) <= 0, page.url


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844), (320, 640)])
async def test_every_page(
    world: World, panel: RunningAdmin, chromium: Browser, language: str, size: tuple[int, int]
) -> None:
    await shop.stamp(world)
    await shop.hire(world, "owner", name="Валентина Аркадьевна Долгорукая")
    ids = await shop.fill(world, sales=30)
    await shop.rename(world, ids[1], "<b>x</b>" + "Длиннофамильевский" * 4)
    context = await chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, locale=language
    )
    page = await context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))

    await page.goto(f"{panel.address}/admin")
    await _settled(page, faults)
    assert await page.get_attribute("html", "lang") == language
    await page.click("form[action='/admin/demo'] button")
    await page.wait_for_selector("#chart svg")
    await page.hover("#chart", position={"x": size[0] // 3, "y": 150})
    await page.wait_for_selector(".tip strong")
    for summary in await page.query_selector_all("details summary"):
        await summary.click()
    await _settled(page, faults)

    await page.goto(f"{panel.address}/admin/customers")
    await page.locator("#q").press_sequentially("анна")
    await expect(page.locator("a.row")).to_have_count(1)
    await _settled(page, faults)
    await page.click("a.row")
    await page.click("#phone button")
    await page.wait_for_selector("#phone a[href='tel:+79123450000']")
    for summary in await page.query_selector_all("details summary"):
        await summary.click()
    await _settled(page, faults)
    for customer_id in (ids[1], ids[-1]):
        await page.goto(f"{panel.address}/admin/customers/{customer_id}")
        await _settled(page, faults)

    await page.goto(f"{panel.address}/admin/staff")
    await page.fill("form[action='/admin/staff'] [name=name]", "Зинаида")
    await page.select_option("[name=outlet]", index=1)
    await page.click("form[action='/admin/staff'] button.primary")
    await page.wait_for_selector("img.qr")
    await _settled(page, faults)
    other = "en" if language == "ru" else "ru"
    await page.goto(f"{panel.address}/admin")
    await page.click(f".languages button[value={other}]")
    await page.wait_for_selector(f"html[lang={other}]")
    await _settled(page, faults)
