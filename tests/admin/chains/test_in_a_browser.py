"""A chain built from nothing in a real browser: on a phone and on a desk, in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from admin import RunningAdmin
from loyalty import chains
from loyalty.chains import drafts
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
    await page.goto(f"{panel.address}/admin/sign-in?next=/admin/chains")
    await page.fill("[name=login]", "owner")
    await page.fill("[name=password]", shop.PASSWORD)
    await page.press("[name=password]", "Enter")
    await page.wait_for_url("**/admin/chains")
    return page, faults


async def _add(page: Page, kind: str) -> None:
    await page.click(f".add-last button[value='add:{kind}']")
    await page.wait_for_url("**/edit/steps/*")


async def _keep(page: Page, faults: list[str]) -> None:
    await _settled(page, faults)
    await page.click(".save button.primary")
    await page.wait_for_url("**/edit#*")
    await _settled(page, faults)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("language", "size", "greeting", "when"),
    [
        ("ru", (360, 780), "Анна, с возвращением!", "Через 2 дня после начала, в 10:00 у клиента"),
        ("en", (1280, 800), "Anna, welcome back!", "2 days after the beginning, at 10:00"),
    ],
)
async def test_from_nothing_to_running(
    world: World, panel: RunningAdmin, chromium: Browser, language: str, size: tuple[int, int],
    greeting: str, when: str,
) -> None:  # fmt: skip
    await world.db.transact(lambda s: chains.ensure_shipped(s, now=world.now))
    await shop.hire(world, "owner", name="Марина", language=language)
    page, faults = await _enter(panel, chromium, language, size)
    await _settled(page, faults)
    await page.click("a[href='/admin/chains/new']")
    await page.fill("[name='title.ru']", "С возвращением")
    await page.fill("[name='title.en']", "Welcome back")
    await _settled(page, faults)
    await page.click("#chain-new button.primary")
    await page.wait_for_url("**/edit")

    await page.click("a[href$='/part/trigger']")
    await page.select_option("[name=start]", "silence")
    await page.fill("[name=days]", "45")
    await _keep(page, faults)

    await _add(page, "wait")
    await page.fill("[name=days]", "2")
    await page.select_option("[name=since]", "start")
    await _keep(page, faults)
    await _add(page, "wait_hour")
    await _keep(page, faults)

    await _add(page, "condition")
    await page.select_option("[name=by]", "rule")
    await page.click("button[value='add:rule']")
    await page.select_option("[name='rule.0.what']", "f:orders")
    await expect(page.locator("[name='rule.0.days']")).to_have_count(1)
    await page.fill("[name='rule.0.value']", "2")
    await _keep(page, faults)

    await _add(page, "message")
    await page.click(".text-box >> nth=0 >> summary")
    russian = page.locator("[name='texts.ru']")
    await page.click(".text-box >> nth=0 >> button[data-insert^='{name']")
    await russian.press_sequentially(", с возвращением!")
    await page.fill("[name='texts.en']", "{name|Hello}, welcome back!")
    await expect(page.locator("#preview .bubble-text").first).to_have_text(greeting)
    await expect(page.locator("#preview .kept-line.good")).to_have_count(1)
    await page.click("button[value='add:buttons']")
    await page.fill("[name='buttons.0.texts.ru']", "Карта")
    await page.fill("[name='buttons.0.texts.en']", "Card")
    await expect(page.locator("#preview .bubble-button")).to_have_count(2)
    await _keep(page, faults)

    await page.click(".finish button[value=publish_on]")
    await page.wait_for_url(lambda url: url.split("/")[-1].startswith("own_"))
    await _settled(page, faults)
    await expect(page.locator(".flow-wait p").first).to_contain_text(when, ignore_case=True)
    (own,) = [one for one in await world.db.read(drafts.listing) if one.key.startswith("own_")]
    assert (own.enabled, own.version, own.draft) == (True, 1, None)
    assert own.definition is not None
    assert [step.kind for step in own.definition.steps] == [
        "wait", "wait_hour", "condition", "message",
    ]  # fmt: skip
    await page.context.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("language", "size"), [("en", (360, 780)), ("ru", (1280, 800))])
async def test_every_page_fits(
    world: World, panel: RunningAdmin, chromium: Browser, language: str, size: tuple[int, int]
) -> None:
    await world.db.transact(lambda s: chains.ensure_shipped(s, now=world.now))
    guest = await world.customer(name="Мария Преображенская-Вознесенская", points=100)
    await shop.hire(world, "owner", name="Марина", language=language)
    page, faults = await _enter(panel, chromium, language, size)
    for path in (
        "", "/new", "/welcome", "/welcome/edit", "/welcome/edit/steps/hello",
        "/welcome/edit/steps/first", "/welcome/edit/steps/bought", "/welcome/edit/part/title",
        "/tier_progress/edit/part/trigger", "/welcome/edit/part/exits",
        "/welcome/edit/part/again", "/preview?days=30", "/welcome/rehearse",
        f"/welcome/rehearse?customer={guest}",
    ):  # fmt: skip
        await page.goto(f"{panel.address}/admin/chains{path}")
        for summary in await page.query_selector_all("main details summary"):
            if await summary.is_visible():
                await summary.click()
        await _settled(page, faults)
    await page.context.close()
