"""The contact sheet's cameras: the chat page in a browser, one window for each phone.

A picture is cut to what has just changed on the screen. Beside it the camera notes what an eye
may miss: labels that do not fit their buttons, messages longer than the screen, words of the
other language.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from scripts.screenshots import DESKTOP, WAIT_MS
from scripts.sheet_stage import Actor, Json

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE = (390, 844)
SIZES = {"phone": PHONE, "desktop": DESKTOP}
# What is seen above the news; with a toast there.
MARGIN, ABOVE = 6, 54
SETTLE_MS = 5_000
# Flat colours, so that pictures stay small; what the page says is left alone.
FLAT = ".body{background:#d7e3ee!important} *{animation:none!important;transition:none!important}"
# Whether the page shows what the chat holds: [[id, words, labels], …].
SHOWN = """(wanted) => {
  const plain = (text) => text.replace(/\\s+/g, "");
  const rows = [...document.querySelectorAll(".row")];
  if (rows.map((row) => row.dataset.id).join() !== wanted.map((one) => one[0]).join()) return false;
  return wanted.slice(-4).every(([, words, labels], at, all) => {
    const row = rows[rows.length - all.length + at];
    const text = plain(row.textContent);
    return labels.every((label) => text.includes(plain(label))) &&
      words.split("\\n").every((line) => text.includes(plain(line))) &&
      [...row.querySelectorAll("img")].every((image) => image.complete);
  });
}"""
TOAST = """([text, alert, first]) => {
  const phone = document.querySelector(".phone.active") || document.querySelector(".phone");
  const make = (tag, name, inner) => {
    const node = document.createElement(tag);
    node.className = name;
    if (inner) node.textContent = inner;
    return node;
  };
  if (!alert) {
    // Right above the news, so that the picture need not show the whole screen.
    const list = phone.querySelector(".list"), toasts = phone.querySelector(".toasts");
    const row = [...list.querySelectorAll(".row")].find((one) => +one.dataset.id >= first);
    list.scrollTop = list.scrollHeight;
    const above = row ? row.getBoundingClientRect().top - list.getBoundingClientRect().top : 0;
    toasts.style.top = `${Math.max(12, above - 46)}px`;
    toasts.append(make("div", "toast", text));
    return;
  }
  const cover = make("div", "cover"), box = make("div", "alert"), line = make("div", "actions");
  line.append(make("button", "", "OK"));
  box.append(make("p", "", text), line);
  cover.append(box);
  phone.append(cover);
}"""
UNTOAST = """() => document.querySelectorAll(".toast, .cover").forEach((node) => node.remove())"""
# Where the news begins and ends on the screen, and what does not fit.
MEASURE = """(first) => {
  const phone = document.querySelector(".phone.active") || document.querySelector(".phone");
  const list = phone.querySelector(".list");
  list.scrollTop = list.scrollHeight;
  const box = list.getBoundingClientRect(), whole = phone.getBoundingClientRect();
  const rows = [...list.querySelectorAll(".row")];
  const news = rows.filter((row) => +row.dataset.id >= first);
  const top = (news[0] || rows.at(-1) || list).getBoundingClientRect().top;
  const keys = phone.querySelector(".foot .reply-keys, .foot .wide");
  const cut = [...phone.querySelectorAll(".row .key span")].filter((span) =>
    span.scrollWidth > span.clientWidth + 1).map((span) => span.textContent);
  const long = news.filter((row) => row.classList.contains("theirs") &&
    row.getBoundingClientRect().height > box.height).length;
  return { left: whole.left, width: whole.width, listTop: box.top, top,
    bottom: keys ? whole.bottom : box.bottom, cut, long };
}"""
# Words of the other language that are right there: names, codes, links, the language's own name.
RIGHT = re.compile(
    r"Русский|English|Telegram|QR|Regulars|iPhone|Android|https?://\S+|/\w+|@\w+|\b[A-Z0-9-]{4,}\b"
)


@dataclass
class Tile:
    """A picture with its caption."""

    title: str
    picture: Image.Image


class Cameras:
    """Pictures of every phone in every size."""

    def __init__(
        self, browser: Browser, url: str, language: str, *, scale: float, folder: Path | None
    ) -> None:
        self._browser = browser
        self._url = url
        self._language = language
        self._scale = scale
        self._folder = folder
        self._pages: dict[tuple[str, int], Page] = {}
        self.tiles: dict[str, list[Tile]] = {name: [] for name in SIZES}
        self.faults: list[str] = []

    def take(self, number: int, title: str, actor: Actor, since: list[Json]) -> None:
        """Picture ``number`` of what has changed on the phone against ``since``, in every size."""
        chat = actor.chat()
        known = {one["message_id"]: _print_of(one) for one in since}
        news = [one for one in chat if known.get(one["message_id"]) != _print_of(one)]
        first = min((one["message_id"] for one in news or chat[-1:]), default=0)
        for size in SIZES:
            page = self._page(size, actor.id)
            self._wait(page, chat, title)
            toast = actor.toast
            if toast:
                page.evaluate(TOAST, [toast["text"], bool(toast.get("show_alert")), first])
            found = page.evaluate(MEASURE, first)
            picture = self._shoot(page, found, toast)
            if toast:
                page.evaluate(UNTOAST)
            self.tiles[size].append(Tile(f"{number}. {title}", picture))
            if self._folder is not None:
                picture.save(self._folder / f"{size}-{self._language}-{number:03d}.png")
            self._note(number, title, size, found)
        self._read(number, title, news, actor.toast)

    def _page(self, size: str, user: int) -> Page:
        if (size, user) not in self._pages:
            width, height = SIZES[size]
            context = self._browser.new_context(
                viewport={"width": width, "height": height},
                locale="ru-RU" if self._language == "ru" else "en-GB",
                timezone_id="Europe/Moscow",
                device_scale_factor=self._scale,
                has_touch=size == "phone",
                is_mobile=size == "phone",
                reduced_motion="reduce",
                bypass_csp=True,  # for the flat colours alone
            )
            context.set_default_timeout(WAIT_MS)
            context.add_init_script(f"localStorage.setItem('phones', '{json.dumps([user])}')")
            page = context.new_page()
            page.goto(self._url)
            page.add_style_tag(content=FLAT)
            page.wait_for_selector(f'.phone[data-user="{user}"] .foot *')
            self._pages[size, user] = page
        return self._pages[size, user]

    def _wait(self, page: Page, chat: list[Json], title: str) -> None:
        from playwright.sync_api import TimeoutError as Late

        wanted = [
            [
                str(one["message_id"]),
                "" if (one["text"] or "").startswith("/start ") else one["text"] or one["caption"],
                [button["text"] for row in one["buttons"] for button in row],
            ]
            for one in chat
        ]
        try:
            page.wait_for_function(SHOWN, arg=[[i, t or "", b] for i, t, b in wanted],
                                   timeout=SETTLE_MS)  # fmt: skip
        except Late:
            self.faults.append(f"{title}: the page does not show what the chat holds")

    def _shoot(self, page: Page, found: Json, toast: Json | None) -> Image.Image:
        raw = page.screenshot()
        picture = Image.open(io.BytesIO(raw)).convert("RGB")
        above = ABOVE if toast else MARGIN
        top = max(found["listTop"], found["top"] - above)
        if toast and toast.get("show_alert"):
            top = found["listTop"]
        edges = (found["left"], top, found["left"] + found["width"], found["bottom"])
        left, upper, right, lower = (round(edge * self._scale) for edge in edges)
        return picture.crop((left, upper, right, min(lower, picture.height)))

    def _note(self, number: int, title: str, size: str, found: Json) -> None:
        where = f"{number}. {title} ({size})"
        self.faults += [f"{where}: the label {label!r} is cut" for label in found["cut"]]
        if found["long"]:
            self.faults.append(f"{where}: longer than the screen")

    def _read(self, number: int, title: str, news: list[Json], toast: Json | None) -> None:
        said = [toast["text"]] if toast else []
        for one in news:
            if one["from"]["is_bot"]:
                said.append(one["text"] or one["caption"] or "")
                said += [button["text"] for row in one["buttons"] for button in row]
        strange = r"[A-Za-z]{3,}" if self._language == "ru" else r"[А-Яа-яЁё]+"
        for text in said:
            for word in re.findall(strange, RIGHT.sub("", text)):
                self.faults.append(f"{number}. {title}: {word!r} in {text[:60]!r}")


def _print_of(message: Json) -> tuple[Any, ...]:
    """What makes a message look as it does."""
    return (message["text"], message["caption"], message.get("photo"), str(message["buttons"]))
