"""What the chat page shows of buttons, guarded content, files, moments and spoilers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator import RunningEmulator
from emulator.images import sample_png
from tests.emulator.client import Client
from tests.emulator.test_page import CUSTOMER, opened, phone
from tests.emulator.test_rules import uploaded

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

ME = phone(CUSTOMER)


async def talking(client: Client, emulator: RunningEmulator, chromium: Browser) -> Page:
    """The page of a viewer in Vladivostok who has pressed Start."""
    await client.call("getMe")
    page = await opened(chromium, emulator, locale="en-US", timezone_id="Asia/Vladivostok")
    await page.click(f"{ME} .wide")
    await client.next_of("message")
    return page


@pytest.mark.slow
async def test_buttons_look_and_work_as_told(
    client: Client, emulator: RunningEmulator, chromium: Browser
) -> None:
    page = await talking(client, emulator, chromium)
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    markup = {
        "inline_keyboard": [
            [
                {"text": "Spend", "callback_data": "s", "style": "success"},
                {"text": "Undo", "callback_data": "u", "style": "danger"},
            ],
            [{"text": "Used", "disabled": {}}, {"text": "Code", "copy_text": {"text": "4821"}}],
        ]
    }
    sent = await client.call("sendMessage", chat_id=CUSTOMER, text="Card", reply_markup=markup)
    await page.wait_for_selector(f"{ME} .key.success >> text=Spend")
    assert await page.locator(f"{ME} .key.danger").inner_text() == "Undo"
    assert await page.locator(f"{ME} .key", has_text="Used").is_disabled()
    await page.click(f"{ME} .key >> text=Code")
    await page.wait_for_selector(f"{ME} .toast >> text=Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == "4821"
    where = {"chat_id": CUSTOMER, "message_id": sent["message_id"]}
    media = {"type": "photo", "media": "attach://card", "caption": "QR"}
    await uploaded(client, "editMessageMedia", {**where, "media": media}, card=sample_png())
    await page.wait_for_selector(f"{ME} .row[data-id='{sent['message_id']}'] .photo")
    assert await page.locator(f"{ME} .key").count() == 0
    await client.call("sendChatAction", chat_id=CUSTOMER, action="typing")
    await page.wait_for_selector(f"{ME} .status.live >> text=typing")
    await client.call("deleteMessage", **where)
    await page.wait_for_selector(f"{ME} .row.theirs", state="detached")


@pytest.mark.slow
async def test_guarded_pictures_files_and_spoilers(
    client: Client, emulator: RunningEmulator, chromium: Browser
) -> None:
    page = await talking(client, emulator, chromium)
    chat = {"chat_id": str(CUSTOMER)}
    await uploaded(client, "sendPhoto", {**chat, "protect_content": "true"}, photo=sample_png())
    await page.click(f"{ME} .protected .photo")
    await page.wait_for_selector(".dialog >> text=saving is off")
    assert await page.locator(".dialog a[download]").count() == 0
    await page.click(".dialog >> text=Close")
    await uploaded(client, "sendPhoto", {**chat, "has_spoiler": "true"}, photo=sample_png())
    await page.click(f"{ME} .media-spoiler")
    await page.wait_for_selector(f"{ME} .media-spoiler", state="detached")
    await uploaded(client, "sendDocument", chat, document=b'{"points": 40}')
    async with page.expect_download() as waiting:
        await page.click(f"{ME} a.chip")
    download = await waiting.value
    assert download.suggested_filename == "document.bin"
    assert (await download.path()).read_bytes() == b'{"points": 40}'


@pytest.mark.slow
async def test_moments_are_the_viewers_own(
    client: Client, emulator: RunningEmulator, chromium: Browser
) -> None:
    page = await talking(client, emulator, chromium)
    moment = "<tg-time unix='1790000000' format='{}'>{}</tg-time>"
    text = (
        f"{moment.format('Dt', 'then')} or {moment.format('', 'soon')} <tg-spoiler>x</tg-spoiler>"
    )
    await client.call("sendMessage", chat_id=CUSTOMER, text=text, parse_mode="HTML")
    shown = page.locator(f"{ME} .text time")
    assert "September 22, 2026" in await shown.nth(0).inner_text()
    assert "12:13" in await shown.nth(0).inner_text()
    assert await shown.nth(1).inner_text() == "soon"
    await shown.nth(1).click()
    await page.wait_for_selector(f"{ME} .toast >> text=Tuesday, September 22, 2026")
    await page.click(f"{ME} .spoiler")
    await page.wait_for_selector(f"{ME} .spoiler.seen")


@pytest.mark.slow
async def test_keyboards_come_hide_and_go(
    client: Client, emulator: RunningEmulator, chromium: Browser
) -> None:
    page = await talking(client, emulator, chromium)
    keyboard = {"keyboard": [["Yes", "No"]], "one_time_keyboard": True, "resize_keyboard": True}
    await client.call("sendMessage", chat_id=CUSTOMER, text="?", reply_markup=keyboard)
    await page.click(f"{ME} .reply-keys >> text=Yes")
    await page.wait_for_selector(f"{ME} .reply-keys", state="detached")
    await page.click(f"{ME} .compose [aria-label=Keyboard]")
    await page.wait_for_selector(f"{ME} .reply-keys >> text=No")
    gone = {"remove_keyboard": True}
    await client.call("sendMessage", chat_id=CUSTOMER, text="ok", reply_markup=gone)
    await page.wait_for_selector(f"{ME} .compose [aria-label=Keyboard]", state="detached")
    assert await page.locator(f"{ME} .reply-keys").count() == 0
