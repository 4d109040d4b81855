"""The program's pages in a real browser: a rate is edited, seen and published by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from admin import RunningAdmin
from loyalty import clock, program
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
@pytest.mark.parametrize(
    ("language", "size", "label", "before", "after"),
    [
        ("ru", (390, 844), "Начисление", "7 %", "8,5 %"),
        ("en", (1280, 800), "Earning", "7%", "8.5%"),
        ("ru", (320, 640), "Начисление", "7 %", "8,5 %"),
    ],
)
async def test_a_rate_is_edited_seen_and_published(
    world: World,
    panel: RunningAdmin,
    chromium: Browser,
    language: str,
    size: tuple[int, int],
    label: str,
    before: str,
    after: str,
) -> None:
    await shop.hire(world, "owner", name="Марина", language=language)
    context = await chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, locale=language
    )
    page = await context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto(f"{panel.address}/admin/sign-in?next=/admin/program")
    await page.fill("[name=login]", "owner")
    await page.fill("[name=password]", shop.PASSWORD)
    await page.press("[name=password]", "Enter")
    await page.wait_for_url("**/admin/program")
    await _settled(page, faults)

    await page.click("form[action='/admin/program/draft'] button")
    await page.wait_for_url("**/edit")
    await _settled(page, faults)
    for summary in await page.query_selector_all("details summary"):
        await summary.click()
    await _settled(page, faults)
    await page.click("button[value='add:tiers']")
    await expect(page.locator("[name='tiers.3.name.ru']")).to_be_focused()
    await page.click("button[value='add:tiers.3.perks']")
    await expect(page.locator("[name='tiers.3.perks.0.kind']")).to_be_focused()
    await page.click("button[value='remove:tiers.3']")
    await expect(page.locator("[name='tiers.3.name.ru']")).to_have_count(0)
    await page.fill("[name='tiers.1.earn_rate_bp']", after.rstrip("%").strip())
    # Enter saves, whatever buttons stand before the field.
    await page.press("[name='tiers.1.earn_rate_bp']", "Enter")
    await page.wait_for_url("**/review")
    await _settled(page, faults)
    change = page.locator(".changes li")
    await expect(change).to_have_count(1)
    await expect(change.locator(".which")).to_contain_text(label)
    await expect(change.locator(".before")).to_contain_text(before.replace(" ", "\u00a0"))
    await expect(change.locator(".after")).to_contain_text(after.replace(" ", "\u00a0"))
    await page.click(".publish button.primary")
    await page.wait_for_url("**/admin/program")
    await _settled(page, faults)
    rules = (await world.db.read(lambda s: program.current(s, now=clock.now()))).program
    assert rules.tiers[1].earn_rate_bp == 850

    await page.goto(f"{panel.address}/admin/program/versions")
    await expect(page.locator(".changes li")).to_have_count(1)
    await _settled(page, faults)
    await page.click("#v-2 a")
    await page.wait_for_url("**/versions/*")
    await _settled(page, faults)

    await page.goto(f"{panel.address}/admin/program")
    await page.click("form[action='/admin/program/draft'] button")
    await page.goto(f"{panel.address}/admin/program/review")
    await page.click("form[action='/admin/program/drop'] button")
    await page.wait_for_url("**/admin/program")
    await expect(page.locator("form[action='/admin/program/draft']")).to_have_count(1)
    await _settled(page, faults)
