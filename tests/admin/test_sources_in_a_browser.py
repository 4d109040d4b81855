"""Posters in a real browser: nothing sticks out, and the sheet is one page of A4."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from admin import RunningAdmin
from tests.admin import shop
from tests.world import World

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = pytest.mark.slow

WIDER = "document.documentElement.scrollWidth - window.innerWidth"
_PAGE = re.compile(rb"/Type\s*/Page\b")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("language", "size"), [("ru", (1280, 800)), ("en", (360, 740))])
async def test_posters(
    world: World, panel: RunningAdmin, chromium: Browser, language: str, size: tuple[int, int]
) -> None:
    await shop.stamp(world)
    await shop.hire(world, "owner", name="Marina")
    for source in ("window", "window", "tent_7"):
        await world.customer(source=source)
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
    await page.goto(f"{panel.address}/admin/sources")
    await page.fill("#new-source [name=name]", "Плакат в витрине на Большой Спасоглинищевской")
    await page.fill("#new-source [name=cost]", "12 500")
    for where in (None, "/admin/sources", "/admin/sources/tent_7"):
        if where is None:
            await page.click("#new-source button")
        else:
            await page.goto(panel.address + where)
        await page.wait_for_load_state("networkidle")
        assert await page.evaluate(WIDER) <= 0, page.url
    await page.goto(f"{panel.address}/admin/sources/window/print?language={language}")
    await page.wait_for_load_state("networkidle")
    assert await page.evaluate(WIDER) <= 0, page.url
    pdf = await page.pdf(prefer_css_page_size=True)
    assert len(_PAGE.findall(pdf)) == 1
    assert faults == []
    await context.close()
