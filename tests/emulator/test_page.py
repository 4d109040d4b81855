"""The chat page in a real browser: everything a person does, and the rules it obeys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

from emulator import RunningEmulator
from emulator.page import STATIC
from tests.emulator.client import TOKEN, Client
from tests.emulator.test_http import qr

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

CUSTOMER, FRIEND, CASHIER = 1001, 1002, 1003
LINK = "https://t.me/bot1000001_bot?start="


async def opened(browser: Browser, emulator: RunningEmulator, **options: object) -> Page:
    """The page with its phones drawn; any fault in its console fails the test."""
    page = await browser.new_page(**options)  # type: ignore[arg-type]
    page.set_default_timeout(10_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    await page.goto(emulator.url)
    await page.wait_for_selector(".phone.active .foot .wide")
    assert faults == []
    return page


def phone(user_id: int) -> str:
    return f'.phone[data-user="{user_id}"]'


async def test_policy_and_no_foreign_hosts(client: Client) -> None:
    async with client.http.get("/") as answer:
        policy = answer.headers["Content-Security-Policy"]
        html = await answer.text()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<style" not in html
    assert html.count("<script") == 1
    for path in STATIC.iterdir():
        async with client.http.get(f"/static/{path.name}") as answer:
            assert answer.status == 200
        source = path.read_text(encoding="utf-8")
        assert ".innerHTML" not in source
        assert "insertAdjacentHTML" not in source
    async with client.http.get("/static/../page.py") as answer:
        assert answer.status == 404


async def test_both_languages_say_everything() -> None:
    source = (STATIC / "texts.js").read_text(encoding="utf-8")
    english, russian = source.split("ru: {", 1)
    keys = {part.split(":")[0].strip() for part in english.split(",") if ":" in part}
    missing = [key for key in keys if key.isidentifier() and f"{key}:" not in russian]
    assert missing == []


@pytest.mark.slow
async def test_a_person_uses_the_page(
    client: Client, emulator: RunningEmulator, chromium: Browser
) -> None:
    await client.call("setMyCommands", commands=[{"command": "card", "description": "My card"}])
    page = await opened(chromium, emulator, locale="en-US")
    await page.click(f"{phone(CUSTOMER)} .wide")
    assert (await client.next_of("message"))["text"] == "/start"
    markup = {"inline_keyboard": [[{"text": "Spend", "callback_data": "spend"}]]}
    evil = "<img src=x onerror=alert(1)>"
    await client.call("sendMessage", chat_id=CUSTOMER, text=evil, reply_markup=markup)
    await page.wait_for_selector(f"{phone(CUSTOMER)} .bubble.theirs")
    assert evil in (await page.inner_text(f"{phone(CUSTOMER)} .bubble.theirs"))
    await page.click(f"{phone(CUSTOMER)} .key >> text=Spend")
    query = await client.next_of("callback_query")
    await client.call(
        "answerCallbackQuery", callback_query_id=query["id"], text="Shown", show_alert=True
    )
    await page.click(f"{phone(CUSTOMER)} .alert >> text=OK")
    keyboard = {"keyboard": [[{"text": "My number", "request_contact": True}]]}
    await client.call("sendMessage", chat_id=CUSTOMER, text="Phone?", reply_markup=keyboard)
    await page.click(f"{phone(CUSTOMER)} .reply-keys >> text=My number")
    await page.click(f"{phone(CUSTOMER)} .alert .primary")
    await page.wait_for_selector(f"{phone(CUSTOMER)} .contact")
    assert (await client.next_of("message"))["contact"]["user_id"] == CUSTOMER
    await page.fill(f"{phone(CUSTOMER)} .box", "/ca")
    await page.click(f"{phone(CUSTOMER)} .suggest >> text=/card")
    await page.wait_for_selector(f"{phone(CUSTOMER)} .bubble.mine >> text=/card")


@pytest.mark.slow
async def test_among_many_people_a_phone_is_found_by_typing(
    client: Client, emulator: RunningEmulator, chromium: Browser
) -> None:
    await client.call("getMe")
    for number in range(40):
        body = {
            "first_name": f"Guest {number}",
            "last_name": "Smith",
            "phone": f"+70000000{number}",
        }
        async with client.http.put(f"/control/users/{2001 + number}", json=body) as answer:
            assert answer.status == 200
    page = await opened(chromium, emulator, locale="en-US")
    assert await page.locator(".phone").count() == 3
    await page.click("#bar .accent")
    assert await page.locator(".menu button").count() < 10
    await page.click(".menu button >> text=Find a phone")
    await page.fill("dialog input[name=who]", "guest 37 smi")
    await page.click("dialog .primary")
    await page.wait_for_selector(phone(2038))
    assert await page.locator(".phone").count() == 4


@pytest.mark.slow
async def test_one_click_scans_the_card_on_another_phone(
    client: Client, emulator: RunningEmulator, chromium: Browser
) -> None:
    await client.call("getMe")
    page = await opened(chromium, emulator, locale="ru-RU")
    await page.click(f"{phone(CUSTOMER)} .wide")
    await client.next_of("message")
    form = aiohttp.FormData()
    form.add_field("chat_id", str(CUSTOMER))
    form.add_field("photo", qr(f"{LINK}c_token"), filename="card.png")
    async with client.http.post(f"/bot{TOKEN}/sendPhoto", data=form) as answer:
        assert answer.status == 200
    cashier = await page.inner_text(f"{phone(CASHIER)} .owner b")
    await page.click(f"{phone(CUSTOMER)} .scan >> text={cashier}")
    # The chat shows /start alone, as Telegram does; the bot gets what the link carries.
    await page.wait_for_selector(f"{phone(CASHIER)} .bubble.mine >> text=/start")
    scanned = await client.next_of("message")
    assert (scanned["from"]["id"], scanned["text"]) == (CASHIER, "/start c_token")
    share = f"https://t.me/share/url?url={LINK}r_code".replace("?start=", "%3Fstart%3D")
    markup = {"inline_keyboard": [[{"text": "Позвать", "url": share}]]}
    await client.call("sendMessage", chat_id=CUSTOMER, text="x", reply_markup=markup)
    await page.click(f"{phone(CUSTOMER)} .key >> text=Позвать")
    await page.click(".menu button >> nth=0")
    await page.wait_for_selector(f"{phone(FRIEND)} .bubble.mine >> text=/start")
    assert (await client.next_of("message"))["text"] == "/start r_code"


@pytest.mark.slow
async def test_blocking_and_a_small_screen(
    client: Client, emulator: RunningEmulator, chromium: Browser
) -> None:
    await client.call("getMe")
    size = {"width": 390, "height": 844}
    page = await opened(chromium, emulator, locale="en-US", viewport=size)
    assert await page.locator(".phone:visible").count() == 1
    await page.click(f"{phone(CUSTOMER)} .wide")
    await client.next_of("message")
    await page.click(".tab >> nth=1")
    assert await page.locator(f"{phone(FRIEND)}").is_visible()
    await client.call("sendMessage", chat_id=CUSTOMER, text="unread")
    await page.wait_for_selector(".tab .badge")
    await page.click(".tab >> nth=0")
    await page.click(f"{phone(CUSTOMER)} .head .icon-button")
    await page.click(".menu >> text=Block bot")
    await page.wait_for_selector(f"{phone(CUSTOMER)} .wide >> text=Unblock bot")
    with pytest.raises(Exception, match="blocked by the user"):
        await client.call("sendMessage", chat_id=CUSTOMER, text="x")
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= size["width"]
