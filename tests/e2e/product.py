"""The product as a process, a Telegram beside it, and people with phones: all over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parents[2]
TOKEN = f"2000002:{'t' * 35}"
PATIENCE_S = 60.0

Json = dict[str, Any]


async def until(
    check: Callable[[], Awaitable[Any]], what: str, *, patience_s: float = PATIENCE_S
) -> Any:
    """Ask ``check`` again and again until it gives something true; that."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        found = await check()
        if found:
            return found
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"waited in vain for {what}")
        await asyncio.sleep(0.03)


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """A clean environment for the product, its data in ``folder``."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": f"sqlite:///{folder}/regulars.db",
        "HOST": "127.0.0.1",
        "PORT": "0",
        "EMULATOR_PORT": "0",
        "LANGUAGE": "en",
        **variables,
    }


async def command(folder: Path, *words: str, **variables: str) -> tuple[int, str, str]:
    """Run a command to its end; exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "regulars.py"),
        *words,
        cwd=folder,
        env=environment(folder, **variables),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S * 2)
    return process.returncode or 0, out.decode(), err.decode()


class Product:
    """``regulars run`` in a process of its own."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.variables = variables
        self._process: asyncio.subprocess.Process | None = None
        self.addresses: Json = {}

    async def start(self, *words: str) -> None:
        """Start it and wait until it says it is ready."""
        with (self.folder / "log.txt").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(ROOT / "regulars.py"),
                *(words or ("run",)),
                "--json",
                cwd=self.folder,
                env=environment(self.folder, **self.variables),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE_S * 3)
        assert line, f"it did not start: {self.log()[-2000:]}"
        self.addresses = json.loads(line)

    def log(self) -> str:
        """What it wrote to standard error."""
        path = self.folder / "log.txt"
        return path.read_text() if path.exists() else ""

    async def kill(self) -> None:
        """``kill -9``: no time for anything."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
            self._process.kill()
        await self._process.wait()
        self._process = None

    async def stop(self) -> int:
        """SIGTERM; its exit code."""
        if self._process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
            self._process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(self._process.wait(), PATIENCE_S)
        self._process = None
        return code

    @property
    def port_url(self) -> str:
        """Where the panel's port answers."""
        return str(self.addresses["panel"]).removesuffix("/admin")


class Town:
    """The control side of a local Telegram."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self.url = url

    async def call(self, method: str, path: str, body: Json | None = None) -> Any:
        """One call of the control API; its answer."""
        async with self._http.request(method, f"{self.url}/control{path}", json=body) as answer:
            assert answer.status < 300, (path, answer.status, await answer.text())
            return await answer.json()

    async def post(self, url: str, body: Json) -> Any:
        """POST to the product's own port."""
        async with self._http.post(url, json=body) as answer:
            assert answer.status == 200, (url, answer.status, await answer.text())
            return await answer.json()

    async def person(self, user_id: int, name: str, **details: str) -> Phone:
        """A person with a phone."""
        body = {"first_name": name, "language_code": "en", "phone": f"+7900{user_id:07d}"}
        await self.call("PUT", f"/users/{user_id}", {**body, **details})
        return Phone(self, user_id)


class Phone:
    """A person with a phone in hand; every wait is for what the screen shows."""

    def __init__(self, town: Town, user_id: int) -> None:
        self.town = town
        self.id = user_id

    async def send(self, **what: Any) -> Json:
        """Text, contact, photo, sticker."""
        sent: Json = await self.town.call("POST", f"/users/{self.id}/send", what)
        return sent

    async def open(self, link: str) -> None:
        """Follow a t.me link."""
        await self.town.call("POST", f"/users/{self.id}/open", {"link": link})

    async def chat(self) -> list[Json]:
        """The chat as it is on the screen now."""
        found: list[Json] = await self.town.call("GET", f"/users/{self.id}/messages")
        return found

    async def said(self, *parts: str, after: int = 0) -> Json:
        """Wait for a message of the bot's that holds all ``parts``; the newest such."""

        async def look() -> Json | None:
            for message in reversed(await self.chat()):
                text = message["text"] or message["caption"] or ""
                if (
                    message["from"]["is_bot"]
                    and message["message_id"] > after
                    and all(part in text for part in parts)
                ):
                    return message
            return None

        message: Json = await until(look, f"“{' … '.join(parts)}” on the phone of {self.id}")
        return message

    async def tap(self, label: str, message: Json) -> Json:
        """Tap the button whose label holds ``label`` under this message."""
        button = self.button(label, message)
        body = {"message_id": message["message_id"], "button": button["callback_data"]}
        answer: Json = await self.town.call("POST", f"/users/{self.id}/tap", body)
        return answer

    @staticmethod
    def button(label: str, message: Json) -> Json:
        """The button whose label holds ``label``."""
        buttons: list[Json] = [button for row in message["buttons"] for button in row]
        return next(button for button in buttons if label in button["text"])

    async def join(self) -> None:
        """Become a customer who agrees to everything."""
        await self.send(text="/start")
        await self.tap("Agree", await self.said("100"))
        await self.said("phone")
        await self.send(contact="own")
        await self.tap("Yes", await self.said("write"))
        await self.said("100 points", after=0)

    async def card_code(self) -> str:
        """The 8 digits under the card."""
        before = max((message["message_id"] for message in await self.chat()), default=0)
        await self.send(text="/card")

        async def look() -> str | None:
            for message in await self.chat():
                buttons = [button for row in message["buttons"] for button in row]
                codes = [b["copy_text"]["text"] for b in buttons if b.get("copy_text")]
                if message["message_id"] > before and message["photo"] and codes:
                    return str(codes[0])
            return None

        code: str = await until(look, "the card's code")
        return code


@contextlib.asynccontextmanager
async def telegram(folder: Path) -> AsyncIterator[Town]:
    """A local Telegram, separately started, without flood limits in the way."""
    from emulator import start_emulator

    running = await start_emulator(
        "127.0.0.1",
        0,
        strict=True,
        state_file=folder / "local-telegram.db",
        limits={"global_per_second": 0, "per_chat_per_second": 0},
    )
    async with aiohttp.ClientSession() as http:
        try:
            yield Town(http, running.url)
        finally:
            await running.stop()
