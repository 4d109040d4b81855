"""Echo bots of two other libraries, unchanged but for the server's address, as processes."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from emulator.images import sample_png
from tests.conftest import missing
from tests.emulator.client import ANNA, BOT_ID, TOKEN, Client

Json = dict[str, Any]
HERE = Path(__file__).resolve().parent
GRAMMY = HERE / "grammy"
DEADLINE_S = 30.0

pytestmark = pytest.mark.slow


def python_telegram_bot() -> list[str]:
    """The command of the bot, without the address and the token."""
    if importlib.util.find_spec("telegram") is None:
        missing("python-telegram-bot is not installed: run make setup-dev")
    return [sys.executable, str(HERE / "echo_ptb.py")]


def grammy() -> list[str]:
    """The command of the bot, without the address and the token."""
    node = shutil.which("node")
    if node is None:
        missing("no Node.js here: install nodejs and npm, then run scripts/echobots")
    if not (GRAMMY / "node_modules" / "grammy").is_dir():
        missing("grammY is not installed: run scripts/echobots")
    return [node, str(GRAMMY / "bot.mjs")]


async def until(look: Callable[[], Awaitable[Any]], process: asyncio.subprocess.Process) -> Any:
    """What `look` finds, as soon as it finds something; fails with the bot's own words."""
    end = asyncio.get_running_loop().time() + DEADLINE_S
    while True:
        if found := await look():
            return found
        if process.returncode is not None or asyncio.get_running_loop().time() > end:
            if process.returncode is None:
                process.kill()
            _, said = await process.communicate()
            raise AssertionError(f"in vain; the bot said: {said.decode()[-2000:]}")
        await asyncio.sleep(0.02)


@asynccontextmanager
async def running(
    client: Client, command: list[str], *more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The bot at work: polling, or with its webhook set."""
    process = await asyncio.create_subprocess_exec(
        *command,
        client.emulator.url,
        TOKEN,
        *more,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )

    async def at_work() -> bool:
        bots = await client.control("GET", "/bots")
        return any(bot["webhook"] if more else bot["polling"] for bot in bots)

    try:
        await until(at_work, process)
        yield process
    finally:
        with suppress(ProcessLookupError):  # it may have ended by itself
            process.terminate()
        try:
            await asyncio.wait_for(process.communicate(), 10)
        except TimeoutError:
            process.kill()
            await process.communicate()


async def talk(client: Client, process: asyncio.subprocess.Process) -> None:
    """Everything a first bot does."""
    await client.control("PUT", f"/users/{ANNA}", {"first_name": "Anna"})

    async def answer(part: str) -> Json:
        async def look() -> Json | None:
            seen = [m for m in await client.screen() if m["from"]["is_bot"]]
            return next((m for m in seen if part in (m["text"] or m["caption"] or "")), None)

        found: Json = await until(look, process)
        return found

    link = f"https://t.me/bot{BOT_ID}_bot?start=friend"
    await client.control("POST", f"/users/{ANNA}/open", {"link": link})
    hello = await answer("Hello, Anna! friend")
    tap = {"message_id": hello["message_id"], "button": "Press me", "wait": 20}
    done = await client.control("POST", f"/users/{ANNA}/tap", tap)
    assert done["answer"]["text"] == "Well pressed"
    changed = await answer("Pressed")
    assert changed["message_id"] == hello["message_id"]
    assert changed["edited"]
    assert changed["buttons"] == []
    await client.control("POST", f"/users/{ANNA}/send", {"text": "a < b & «ё» 🙂"})
    assert (await answer("Echo"))["text"] == "Echo: a < b & «ё» 🙂"
    picture = sample_png()
    photo = base64.b64encode(picture).decode()
    await client.control("POST", f"/users/{ANNA}/send", {"photo": photo})
    back = await answer(f"{len(picture)} bytes")
    async with client.http.get(back["photo"]) as file:
        assert await file.read() == picture
    calls = await client.control("GET", f"/requests?bot={BOT_ID}")
    assert [call["method"] for call in calls if not (call["answer"] or {"ok": True})["ok"]] == []
    assert [call["unknown"] for call in calls if "unknown" in call] == []


@pytest.mark.parametrize("library", [python_telegram_bot, grammy])
async def test_an_echo_bot_polls(client: Client, library: Callable[[], list[str]]) -> None:
    async with running(client, library()) as process:
        await talk(client, process)


async def test_an_echo_bot_has_a_webhook(client: Client) -> None:
    async with running(client, grammy(), "webhook") as process:
        await talk(client, process)
        calls = await client.control("GET", "/requests?method=getUpdates")
        assert calls == []


async def test_an_echo_bot_bears_mischief(client: Client) -> None:
    """A bot without an inbox of its own answers twice or more, but loses nothing."""
    async with running(client, python_telegram_bot()) as process:
        await client.control("PUT", f"/users/{ANNA}", {"first_name": "Anna"})
        odd = {"duplicate": 1.0, "swap": 0.5, "delay": {"share": 0.5, "seconds": [0, 0.05]}}
        await client.control("PUT", "/delivery", odd)
        for number in range(5):
            await client.control("POST", f"/users/{ANNA}/send", {"text": f"n{number}"})

        async def all_twice() -> bool:
            said = [m["text"] for m in await client.screen() if m["from"]["is_bot"]]
            return all(said.count(f"Echo: n{number}") >= 2 for number in range(5))

        assert await until(all_twice, process)
        assert len((await client.control("GET", "/delivery"))["done"]["duplicated"]) == 5
