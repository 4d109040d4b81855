"""A promotion in a real browser: from a preset, with its sentence, to running."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from admin import RunningAdmin
from loyalty import promotions
from loyalty.promotions.model import Discount, Goal
from tests.admin import market, shop
from tests.world import World

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = pytest.mark.slow

WIDER = "document.documentElement.scrollWidth - window.innerWidth"


async def _settled(page: Page, faults: list[str]) -> None:
    await page.wait_for_load_state("networkidle")
    assert faults == []
    assert await page.evaluate(WIDER) <= 0, page.url


async def _enter(
    panel: RunningAdmin, chromium: Browser, language: str, size: tuple[int, int]
) -> tuple[Page, list[str]]:
    context = await chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, locale=language
    )
    page = await context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto(f"{panel.address}/admin/sign-in?next=/admin/promotions")
    await page.fill("[name=login]", "owner")
    await page.fill("[name=password]", shop.PASSWORD)
    await page.press("[name=password]", "Enter")
    await page.wait_for_url("**/admin/promotions")
    return page, faults


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("language", "size", "before", "after"),
    [
        ("ru", (390, 844), "Скидка 10 % на покупку", "12,5 % на"),
        ("en", (1280, 800), "10 % off a purchase", "12.5 % off"),
        ("ru", (320, 640), "Скидка 10 % на покупку", "12,5 % на"),
    ],
)
async def test_from_a_preset_to_running(
    world: World,
    panel: RunningAdmin,
    chromium: Browser,
    language: str,
    size: tuple[int, int],
    before: str,
    after: str,
) -> None:
    await shop.hire(world, "owner", name="Марина", language=language)
    page, faults = await _enter(panel, chromium, language, size)
    await _settled(page, faults)
    await page.click("a[href='/admin/promotions/new']")
    await page.wait_for_url("**/new")
    await _settled(page, faults)
    await page.click("a[href$='/ten-percent']")
    await page.wait_for_url("**/ten-percent")
    await expect(page.locator("#preview")).to_contain_text(before)
    await page.fill("[name='effect.rate_bp']", after.split(" ")[0])
    await expect(page.locator("#preview")).to_contain_text(after)
    await page.locator("[name='when.weekdays'][value='1']").check()
    await expect(page.locator("#preview")).to_contain_text("пн" if language == "ru" else "Mon")
    await page.locator("details.rare summary").click()
    await _settled(page, faults)

    # Another effect brings its own fields at once, and back again; what was typed stays.
    await page.select_option("[name='effect.kind']", "goal")
    await expect(page.locator("[name='effect.target']")).to_be_visible()
    await page.select_option("[name='effect.gift.kind']", "voucher")
    await expect(page.locator("[name='effect.gift.name.ru']")).to_be_visible()
    await _settled(page, faults)
    await page.select_option("[name='effect.kind']", "percent")
    await expect(page.locator("[name='effect.gift.kind']")).to_have_count(0)
    await expect(page.locator("[name='when.weekdays'][value='1']")).to_be_checked()
    await page.fill("[name='effect.rate_bp']", "15")
    await page.click("button[value='on']")
    await page.wait_for_url(lambda address: address.rpartition("/")[2].isdigit())
    await _settled(page, faults)
    await expect(page.locator(".title .badge.now")).to_have_count(1)
    (one,) = await world.db.read(lambda s: promotions.listing(s))
    assert one.running is not None
    assert isinstance(one.running.rules.effect, Discount)
    assert (one.running.rules.effect.rate_bp, one.running.rules.when.weekdays) == (1500, (1,))
    await page.click("form[action$='/off'] button")
    await expect(page.locator("form[action$='/on'] button")).to_have_count(1)
    await _settled(page, faults)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_without_scripts_it_works_too(
    world: World, panel: RunningAdmin, chromium: Browser
) -> None:
    await shop.hire(world, "owner", name="Марина", language="ru")
    context = await chromium.new_context(java_script_enabled=False, locale="ru")
    page = await context.new_page()
    await page.goto(f"{panel.address}/admin/sign-in?next=/admin/promotions/new/blank")
    await page.fill("[name=login]", "owner")
    await page.fill("[name=password]", shop.PASSWORD)
    await page.press("[name=password]", "Enter")
    await page.fill("[name='name.ru']", "Цель")
    await page.fill("[name='name.en']", "Goal")
    await page.select_option("[name='effect.kind']", "goal")
    await page.click("#what button[value='show'] >> nth=0")
    await page.fill("[name='effect.target']", "5")
    await page.click(".save button[value='show']")
    await expect(page.locator("#preview")).to_contain_text("5 покупок за неделю")
    await page.click("button[value='on']")
    await expect(page.locator(".title .badge.now")).to_have_count(1)
    (one,) = await world.db.read(lambda s: promotions.listing(s))
    assert one.running is not None
    assert isinstance(one.running.rules.effect, Goal)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("language", "size"), [("ru", (390, 844)), ("en", (1280, 800)), ("ru", (320, 640))]
)
async def test_every_other_page(
    world: World, panel: RunningAdmin, chromium: Browser, language: str, size: tuple[int, int]
) -> None:
    await shop.hire(world, "owner", name="Марина", language=language)
    ids = await market.fill(world)
    page, faults = await _enter(panel, chromium, language, size)
    if size[0] < 861:
        await page.click(".tab-more")
        await expect(page.locator(".tabs a[href='/admin/oddities']")).to_be_visible()
        await _settled(page, faults)
    await page.click(".tabs a[href='/admin/vouchers']")
    await page.wait_for_url("**/admin/vouchers")
    await page.select_option("[name=kind]", "gift_card")
    await expect(page.locator("a.voucher-row")).to_have_count(1)
    await _settled(page, faults)
    await page.click("a.voucher-row")
    await page.click("form[action$='/activate'] button")
    await expect(page.locator(".title .badge.now")).to_have_count(1)
    await _settled(page, faults)
    for path in (
        "vouchers/new/promo_code", "vouchers/new/batch", "vouchers/new/gift_card",
        f"vouchers/new/coupon?customer={ids[0]}", f"customers/{ids[0]}", "referrals", "oddities",
    ):  # fmt: skip
        await page.goto(f"{panel.address}/admin/{path}")
        for summary in await page.query_selector_all("main details summary"):
            await summary.click()
        await _settled(page, faults)
