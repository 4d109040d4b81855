"""The stage of the contact sheet: a product at work, people with phones, and what they touch.

Everything goes over the local Telegram's control API, as the chat page does; after an act the
stage waits until the bot has said what it had to say.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from loyalty.tokens import Keys
from scripts.screenshots import product

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

T = TypeVar("T")
Json = dict[str, Any]

PATIENCE_S = 20.0
# The bot's last word: nothing more to this chat for so long.
QUIET_S = 0.3
POLL_S = 0.04
BOT = 1000001
SILENT = {"getupdates", "answercallbackquery", "sendchataction"}


class Camera(Protocol):
    """Takes a picture of somebody's phone."""

    def take(self, number: int, title: str, actor: Actor, since: list[Json]) -> None:
        """Picture ``number``, of what has changed on the phone against ``since``."""


class NoCamera:
    """For a rehearsal: nobody takes pictures."""

    def take(self, number: int, title: str, actor: Actor, since: list[Json]) -> None:
        """No picture."""


@dataclass
class Played:
    """Which screens were on, by the names of the bot's own tables."""

    taps: set[str] = field(default_factory=set)
    steps: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    commands: set[str] = field(default_factory=set)


class Stage:
    """The product and everybody's phones."""

    def __init__(self, addresses: dict[str, str], language: str, camera: Camera) -> None:
        self.url = addresses["telegram"]
        self.panel = addresses["panel"].removesuffix("/admin")
        self.folder = Path(addresses["folder"])
        self.bot_link = addresses["bot"]
        self.language = language
        self.camera = camera
        self.played = Played()
        self.pictures = 0

    def control(self, method: str, path: str, body: Json | None = None) -> Any:
        """A call of the control API; its JSON."""
        return self._http(method, f"{self.url}/control{path}", body)

    def move(self, span: str) -> None:
        """Let time pass, "3d" or "2h": all that is due meanwhile happens."""
        self._http("POST", f"{self.panel}/demo/clock", {"advance": span})

    def now(self) -> datetime:
        """The product's clock."""
        found = self._http("GET", f"{self.panel}/demo/clock", None)
        return datetime.fromisoformat(found["now"])

    def _http(self, method: str, url: str, body: Json | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S * 15) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as problem:
            raise RuntimeError(f"{method} {url}: {problem.code} {problem.read()!r}") from None

    def person(self, number: int, ru: str, en: str) -> Actor:
        """Somebody with a phone; whoever has that number already keeps it."""
        name = ru if self.language == "ru" else en
        if all(one["id"] != number for one in self.control("GET", "/users")):
            phone = f"+7900111{number:04d}"
            facts = {"first_name": name, "language_code": self.language, "phone": phone}
            self.control("PUT", f"/users/{number}", facts)
        return Actor(self, number, name)

    def in_shop(self, unit: Callable[[Session], T]) -> T:
        """Do something in the shop's own database, as its panel would."""
        from loyalty.db import Database

        async def work() -> T:
            db = Database(f"sqlite:///{self.folder}/data/regulars.db", pool_size=1)
            try:
                return await db.transact(unit)
            finally:
                await db.close()

        # In a thread: the browser's driver has a loop of its own in this one.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(work())).result()

    def keys(self) -> Keys:
        """What signs the shop's cards."""
        return Keys((self.folder / "data" / "secret.key").read_text().strip())

    def last_request(self) -> int:
        """The number of the bot's latest call."""
        found = self.control("GET", "/requests?limit=1")
        rows = found["requests"] if isinstance(found, dict) else found
        return int(rows[-1]["id"]) if rows else 0


class Actor:
    """One person with a phone."""

    def __init__(self, stage: Stage, number: int, name: str) -> None:
        self.stage = stage
        self.id = number
        self.name = name
        self.toast: Json | None = None
        self._before: list[Json] = []

    # --- what is on the phone --------------------------------------------------------------

    def chat(self) -> list[Json]:
        """The chat as it is now."""
        found: list[Json] = self.stage.control("GET", f"/users/{self.id}/messages?bot={BOT}")
        return found

    def button(self, data: str, *, last: bool = False) -> tuple[Json, Json]:
        """The newest message with a button whose data begins so, and the first (the last) one."""
        end = time.monotonic() + PATIENCE_S
        while True:
            for message in reversed(self.chat()):
                fitting = [
                    one
                    for row in message["buttons"]
                    for one in row
                    if _is((one.get("callback_data") or "").removeprefix("go:"), data)
                    and not one.get("disabled")
                ]
                if fitting:
                    return message, fitting[-1 if last else 0]
            if time.monotonic() > end:
                raise RuntimeError(f"{self.name} sees no button {data!r}: {self.words()!r}")
            time.sleep(POLL_S)

    def has(self, data: str) -> bool:
        """Whether such a button is on the phone now."""
        told = [
            str(one.get("callback_data") or "").removeprefix("go:")
            for message in self.chat()
            for row in message["buttons"]
            for one in row
        ]
        return any(_is(one, data) for one in told)

    def words(self) -> str:
        """What the bot said last."""
        said = [m["text"] or m["caption"] or "" for m in self.chat() if m["from"]["is_bot"]]
        return said[-1] if said else ""

    def copied(self) -> str:
        """What the newest button for copying copies."""
        for message in reversed(self.chat()):
            for row in message["buttons"]:
                for one in row:
                    if one.get("copy_text"):
                        return str(one["copy_text"]["text"])
        raise RuntimeError(f"nothing to copy: {self.words()!r}")

    # --- what they do ----------------------------------------------------------------------

    def say(self, text: str, title: str = "", *, step: str = "") -> None:
        """Type a text; ``step`` is the question it answers."""
        if step:
            self.stage.played.steps.add(step)
        if text.startswith("/"):
            self.stage.played.commands.add(text.split()[0])
        self._act("send", {"text": text}, title)

    def send(self, title: str = "", *, step: str = "", **what: object) -> None:
        """Send something else: ``contact="own"``, ``sticker=True``, ``voice=True``."""
        if step:
            self.stage.played.steps.add(step)
        self._act("send", dict(what), title)

    def tap(
        self, data: str, title: str = "", *, last: bool = False, only_toast: bool = False
    ) -> None:
        """Tap the newest button whose data begins so: the first such, or the last."""
        message, found = self.button(data, last=last)
        self.stage.played.taps.add(found["callback_data"].removeprefix("go:"))
        body = {"message_id": message["message_id"], "button": found["callback_data"]}
        self._act("tap", body, title, only_toast=only_toast)

    def tap_key(self, label: str, title: str = "") -> None:
        """Tap a key of the keyboard below the chat."""
        message = next(m for m in reversed(self.chat()) if m["from"]["is_bot"])
        self._act("tap", {"message_id": message["message_id"], "button": label}, title)

    def tap_old(self, message_id: int, data: str, title: str = "") -> None:
        """Tap a button of that very message."""
        self._act("tap", {"message_id": message_id, "button": data}, title)

    def open(self, payload: str, title: str = "") -> None:
        """Follow a link that begins the bot with ``payload``."""
        self.stage.played.links.add(payload[:2])
        self._act("open", {"link": f"{self.stage.bot_link}?start={payload}"}, title)

    def scan(self, other: Actor, title: str = "") -> None:
        """Scan the newest picture on another phone with the camera."""
        shown = next(m for m in reversed(other.chat()) if m.get("photo"))
        body = {"user": other.id, "message_id": shown["message_id"]}
        self._act("scan", body, title)

    def shot(self, title: str) -> None:
        """A picture of what has changed on this phone since its last act or picture."""
        self.stage.pictures += 1
        self.stage.camera.take(self.stage.pictures, title, self, self._before)
        self.toast = None
        self._before = self.chat()

    def watch(self) -> None:
        """What changes from now on is new."""
        self._before = self.chat()

    def waits_for(self, data: str, title: str = "") -> None:
        """Wait until such a button comes by itself."""
        self.button(data)
        if title:
            self._settle(self.stage.last_request(), 0)
            self.shot(title)

    def hears(self, title: str = "") -> None:
        """Wait until the bot has written something new by itself."""
        known = {one["message_id"] for one in self._before}
        end = time.monotonic() + PATIENCE_S
        while all(one["message_id"] in known for one in self.chat() if one["from"]["is_bot"]):
            if time.monotonic() > end:
                raise RuntimeError(f"nothing new for {self.name}: {self.words()!r}")
            time.sleep(POLL_S)
        if title:
            self._settle(self.stage.last_request(), 0)
            self.shot(title)

    def _act(self, what: str, body: Json, title: str, *, only_toast: bool = False) -> None:
        before = self.stage.last_request()
        self._before = self.chat()
        if what != "open":  # a link names its bot itself
            body = {"bot": BOT, **body}
        done = self.stage.control("POST", f"/users/{self.id}/{what}", body)
        answer = done.get("answer") if isinstance(done, dict) else None
        self.toast = answer if isinstance(answer, dict) and answer.get("text") else None
        self._settle(before, 0 if only_toast else 1)
        if title:
            self.shot(title)

    def _settle(self, before: int, least: int) -> None:
        """Wait until the bot has called ``least`` times for this chat and is quiet."""
        end = time.monotonic() + PATIENCE_S
        seen, quiet_since = before, time.monotonic()
        said = 0
        while said < least or time.monotonic() - quiet_since < QUIET_S:
            if time.monotonic() > end:
                raise RuntimeError(f"the bot says nothing to {self.name}: {self.words()!r}")
            for row in self._requests(seen):
                seen = max(seen, int(row["id"]))
                if row["method"].lower() in SILENT:
                    continue
                if str(row["parameters"].get("chat_id")) == str(self.id):
                    said, quiet_since = said + 1, time.monotonic()
            time.sleep(POLL_S)

    def _requests(self, after: int) -> list[Json]:
        found = self.stage.control("GET", f"/requests?after={after}&limit=200")
        return list(found["requests"] if isinstance(found, dict) else found)


def _is(told: str, wanted: str) -> bool:
    """ "card" is the button "card" or "card:…", never "card_refresh"."""
    return told == wanted or (
        told.startswith(wanted) and (wanted.endswith(":") or told[len(wanted)] == ":")
    )


@contextmanager
def open_stage(language: str, camera: Camera) -> Iterator[Stage]:
    """The product with its demo in one language."""
    with product(language) as addresses:
        yield Stage(addresses, language, camera)
