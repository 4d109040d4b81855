"""Pictures of the pages for the documentation: `make screenshots`.

Starts the product with its demo in an empty folder, once in each language, and does in a browser
what the guides tell: a guest joins, shows the card, the cashier scans it and sells, time moves,
the owner looks at the panel. Ends only the processes it has started.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
DESKTOP, PHONE = (1280, 800), (390, 844)
MOST_BYTES, MOST_TOGETHER = 300_000, 2_000_000
COLOURS = 256
STOP_SECONDS = 40
# A page waits for the bot, and the first start fills a database on what may be a busy machine.
WAIT_MS = 60_000
CUSTOMER, CASHIER = 1001, 1003
SUM, RECEIPT = "450", "🎉"
DAYS = 3
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
# What the environment may say that would lead away from the demo.
OURS = re.compile(r"BOT_TOKEN|TELEGRAM_\w+|DATABASE_URL|REDIS_URL|SECRET_KEY|PUBLIC_URL|HOST|PORT")


@dataclass(frozen=True)
class Words:
    """Labels to look for on the page, in one language."""

    agree: str
    no_offers: str
    card: str
    confirm: str
    spend: str
    day: str
    cancel: str


WORDS = {
    "ru": Words(
        "Принять",
        "Нет, спасибо",
        "Показать",
        "к оплате",
        "Потратить 1",
        "+1 день",
        "Отмена",
    ),
    "en": Words("Agree", "No, thanks", "Show my card", "to pay", "Spend 1", "+1 day", "Cancel"),
}


@contextlib.contextmanager
def product(language: str) -> Iterator[dict[str, str]]:
    """The product over a fresh demo; its addresses (`telegram`, `panel`, `bot`), its `folder`."""
    kept = {name: value for name, value in os.environ.items() if not OURS.fullmatch(name)}
    environment = {
        **kept,
        "LANGUAGE": language,
        "PORT": "0",
        "EMULATOR_PORT": "0",
        "PYTHONPATH": str(ROOT),
    }
    with tempfile.TemporaryDirectory(prefix="regulars-pictures-") as folder:
        errors = Path(folder) / "errors.txt"
        with errors.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, ROOT / "regulars.py", "run", "--json"],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"The product did not start:\n{errors.read_text()}")
            addresses: dict[str, str] = json.loads(line)
            yield {**addresses, "folder": folder}
        finally:
            stop(process)


def stop(process: subprocess.Popen[str]) -> None:
    """End a process of ours, by force if it does not hear."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def open_page(browser: Browser, size: tuple[int, int], language: str) -> BrowserContext:
    """A window of that size in that language."""
    phone = size == PHONE
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale="ru-RU" if language == "ru" else "en-GB",
        timezone_id="Europe/Moscow",
        device_scale_factor=2 if phone else 1,
        has_touch=phone,
        is_mobile=phone,
        reduced_motion="reduce",
    )
    context.set_default_timeout(WAIT_MS)
    return context


def save(page: Page, name: str) -> None:
    """A picture of the window, in few colours so that it stays small."""
    page.evaluate("document.fonts.ready")
    raw = page.screenshot(animations="disabled")
    picture = Image.open(io.BytesIO(raw)).convert("RGB")
    # Without dithering flat areas stay flat, and text stays clean.
    small = picture.quantize(COLOURS, kmeans=2, dither=Image.Dither.NONE)
    target = IMAGES / f"{name}.png"
    small.save(target, optimize=True)
    size = target.stat().st_size
    print(f"{target.relative_to(ROOT)}  {size // 1024} KB")
    if size > MOST_BYTES:
        raise SystemExit(f"{target} has {size} bytes, more than {MOST_BYTES}")


# --- the chat page ---------------------------------------------------------------------------


def phone(page: Page, user: int) -> Locator:
    """One phone on the page."""
    return page.locator(f'.phone[data-user="{user}"]')


def tap(page: Page, user: int, label: str) -> None:
    """Tap the newest button that says so."""
    phone(page, user).locator(".row .key", has_text=label).last.click()


def last_said(page: Page, user: int) -> int:
    """The number of the newest message that is not the person's own; 0 without any."""
    rows = phone(page, user).locator(".row.theirs")
    if rows.count() == 0:
        return 0
    return int(rows.last.get_attribute("data-id") or 0)


def wait_for_more(page: Page, user: int, than: int) -> None:
    """Wait for a message of the bot newer than `than`."""
    page.wait_for_function(
        """([user, than]) => [...document.querySelectorAll(
             `.phone[data-user="${user}"] .row.theirs`)].some((row) => +row.dataset.id > than)""",
        arg=[user, than],
    )


def join(page: Page, words: Words) -> None:
    """The customer starts the bot, agrees, shares the phone number, wants no offers."""
    customer = phone(page, CUSTOMER)
    customer.locator(".foot .wide").click()
    tap(page, CUSTOMER, words.agree)
    # The second key leads back.
    customer.locator(".reply-keys .key").first.click()
    customer.locator(".cover button.primary").click()


def answer_offers(page: Page, words: Words, *, yes: bool) -> None:
    """Answer whether the shop may write about offers."""
    keys = phone(page, CUSTOMER).locator(".row .key")
    keys.filter(has_text=words.no_offers).wait_for()
    if yes:
        phone(page, CUSTOMER).locator(".row .keys").last.locator(".key").first.click()
    else:
        tap(page, CUSTOMER, words.no_offers)
    keys.filter(has_text=words.card).last.wait_for()


def sell(page: Page, words: Words) -> None:
    """The customer shows the card, the cashier scans it, types the sum, spends and confirms."""
    tap(page, CUSTOMER, words.card)
    photo = phone(page, CUSTOMER).locator(".row.theirs img.photo").last
    photo.wait_for()
    phone(page, CUSTOMER).locator(".scan button").last.click()
    phone(page, CASHIER).locator(".row .key", has_text=words.cancel).last.wait_for()
    box = phone(page, CASHIER).locator("textarea.box")
    box.fill(SUM)
    box.press("Enter")
    tap(page, CASHIER, words.spend)
    phone(page, CASHIER).locator(".row .key", has_text=words.confirm).last.wait_for()


def confirm_sale(page: Page, words: Words) -> None:
    """The cashier confirms; the customer's receipt arrives."""
    keys = phone(page, CASHIER).locator(".row .key", has_text=words.confirm)
    before = last_said(page, CUSTOMER)
    keys.last.click()
    wait_for_more(page, CUSTOMER, before)


def move_days(page: Page, words: Words) -> None:
    """Let days pass until the shop writes something.

    By day the first hello comes at once, and the next message two days later; at night it waits
    for the morning.
    """
    before = last_said(page, CUSTOMER)
    for _ in range(DAYS):
        page.locator("#bar .clock").click()
        page.locator(".menu button", has_text=words.day).first.click()
        page.wait_for_selector("#bar .clock[disabled], .notice")
        page.wait_for_selector("#bar .clock:not([disabled])")
        page.wait_for_selector(".notice", state="detached")
        if last_said(page, CUSTOMER) > before:
            return
    wait_for_more(page, CUSTOMER, before)


def chat(browser: Browser, url: str, language: str) -> None:
    """The chat page, wide and narrow."""
    words = WORDS[language]
    with open_page(browser, DESKTOP, language) as context:
        page = context.new_page()
        page.goto(url)
        page.wait_for_selector(".phone.active .foot .wide")
        join(page, words)
        answer_offers(page, words, yes=True)
        sell(page, words)
        confirm_sale(page, words)
        phone(page, CUSTOMER).locator(".row.theirs", has_text=RECEIPT).last.wait_for()
        save(page, f"chat-{language}")
        move_days(page, words)
        save(page, f"later-{language}")
    with open_page(browser, PHONE, language) as context:
        page = context.new_page()
        page.goto(url)
        page.wait_for_selector(".phone.active .row")
        save(page, f"chat-phone-{language}")
        page.locator("#tabs .tab").nth(2).click()
        page.wait_for_selector(f'.phone.active[data-user="{CASHIER}"] .row')
        save(page, f"cashier-phone-{language}")


# --- the panel -------------------------------------------------------------------------------


def panel(browser: Browser, url: str, language: str) -> None:
    """The panel, wide and narrow."""
    name = "Анна" if language == "ru" else "Anna"
    for size, suffix in ((DESKTOP, ""), (PHONE, "-phone")):
        with open_page(browser, size, language) as context:
            page = context.new_page()
            page.goto(url)
            if not suffix:
                save(page, f"sign-in-{language}")
            page.click("form[action='/admin/demo'] button")
            page.wait_for_selector("#chart svg")
            save(page, f"panel{suffix}-{language}")
            page.goto(f"{url}/customers")
            page.locator("#q").press_sequentially(name)
            page.wait_for_load_state("networkidle")
            save(page, f"customers{suffix}-{language}")
            page.locator("a.row").first.click()
            page.wait_for_selector("#phone")
            save(page, f"customer{suffix}-{language}")
            if not suffix:
                page.goto(f"{url}/staff")
                page.wait_for_selector("form[action='/admin/staff']")
                save(page, f"staff-{language}")
                for where, called in (("chains", "chains"), ("chains/preview", "ahead")):
                    page.goto(f"{url}/{where}")
                    page.wait_for_load_state("networkidle")
                    save(page, f"{called}-{language}")


def main() -> int:
    """Take every picture; 0 when all are there."""
    parser = argparse.ArgumentParser(description="Pictures of the pages, for the documentation.")
    parser.add_argument("--language", choices=list(WORDS), help="only this one")
    only = parser.parse_args().language
    languages = [only] if only else list(WORDS)
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        print("There is no Chromium here: “make screenshots” as root installs it.", file=sys.stderr)
        return 2
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        for language in languages:
            with product(language) as addresses:
                chat(browser, addresses["telegram"], language)
                panel(browser, addresses["panel"], language)
        browser.close()
    together = sum(path.stat().st_size for path in IMAGES.glob("*.png"))
    print(f"{together // 1024} KB together")
    return 0 if together <= MOST_TOGETHER else 1


if __name__ == "__main__":
    sys.exit(main())
