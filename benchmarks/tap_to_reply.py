"""Updates a second from the durable inbox to the reply, beside a bare aiogram echo.

Both answer the same updates (a customer asks for the balance) through the same local Telegram in
a process of its own, 32 at a time, run in turn on one event loop and one collector's setting. The
ceiling decodes each update and echoes its text, through our own session: that one is faster than
aiogram's, so the bar is the higher of the two. Ours keeps the update first, finds the customer,
reads balance and level, words them, sends the screen with its buttons, takes the former screen
away (a second call) and writes the update off.

    python -m benchmarks.tap_to_reply --updates 600
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiogram import Dispatcher
from aiogram.types import Message
from sqlalchemy.orm import Session

import bot
from benchmarks.common import Row, as_the_product_does, median
from bot.app import RunningBot
from bot.session import make_bot
from loyalty import clock, consent, customers, joining, program
from loyalty.db import Database, migrate, stamp_installation
from loyalty.joining import Agreement
from loyalty.settings import Settings
from loyalty.tokens import Keys
from tests.servers.postgres import postgres_server

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "42:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
KEYS = Keys("a secret for benchmarks")
CHATS = 100
IN_FLIGHT = 32
GOAL = 0.5


def update(number: int) -> dict[str, Any]:
    """One customer asks for the balance."""
    chat = 1 + number % CHATS
    return {
        "update_id": 10_000_000 + number,
        "message": {
            "message_id": number + 1,
            "date": 1_790_000_000 + number,
            "chat": {"id": chat, "type": "private", "first_name": "A"},
            "from": {"id": chat, "is_bot": False, "first_name": "A", "language_code": "ru"},
            "text": "/balance",
            "entities": [{"type": "bot_command", "offset": 0, "length": 8}],
        },
    }


async def people(url: str) -> None:
    """Chats that the bot may write to."""
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{url}/bot{TOKEN}/getMe") as answer:
            answer.raise_for_status()
        for number in range(1, CHATS + 1):
            user = f"{url}/control/users/{number}"
            async with http.put(user, json={"first_name": "A"}) as answer:
                answer.raise_for_status()
            async with http.post(f"{user}/send", json={"bot": 42, "text": "hi"}) as answer:
                answer.raise_for_status()


def enrol(session: Session, number: int) -> None:
    """A customer with a welcome gift."""
    now = clock.now()
    customers.open_chat(session, telegram_id=number, language="ru", now=now)
    joining.join(
        session,
        keys=KEYS,
        telegram_id=number,
        phone=f"+7999{number:07d}",
        name="A",
        agreement=Agreement(version=1, language="ru", at=now, evidence=f"update:{number}"),
        source=None,
        time_zone="Europe/Moscow",
        now=now,
    )
    customers.set_step(session, telegram_id=number, step=None)


def prepare(session: Session) -> None:
    """The business."""
    now = clock.now()
    stamp_installation(session, wanted="demo", now=now)
    program.ensure_default(session, now=now)
    consent.ensure_texts(session, now=now)
    for number in range(1, CHATS + 1):
        enrol(session, number)


@contextmanager
def telegram() -> Iterator[str]:
    """A local Telegram without limits in a process of its own; its address."""
    limits = ["--global-per-second", "0", "--per-chat-per-second", "0"]
    command = [sys.executable, "-m", "emulator", "--port", "0", *limits]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


@contextmanager
def databases() -> Iterator[Iterator[tuple[str, str]]]:
    """Name and address of a fresh migrated database of each kind, PostgreSQL with ``fsync``."""
    with tempfile.TemporaryDirectory() as folder, postgres_server(fsync=True) as server:
        addresses = {"SQLite": f"sqlite:///{Path(folder) / 'bench.db'}", "PostgreSQL": server.url}
        for address in addresses.values():
            migrate(address)
        yield iter(addresses.items())


async def echo(url: str, updates: list[dict[str, Any]]) -> tuple[float, float]:
    """Updates a second of aiogram alone, and its CPU microseconds for each."""
    dispatcher = Dispatcher(disable_fsm=True)

    async def answer(message: Message) -> None:
        await message.answer(message.text or "")

    dispatcher.message.register(answer)
    speaker = make_bot(TOKEN, url)
    waiting = iter(updates)

    async def worker() -> None:
        for raw in waiting:
            await dispatcher.feed_raw_update(speaker, raw)

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    spent, cpu = time.perf_counter() - began, time.process_time() - cpu
    await speaker.session.close()
    return len(updates) / spent, cpu / len(updates) * 1e6


async def ours(running: RunningBot, updates: list[dict[str, Any]]) -> tuple[float, float]:
    """The same from the inbox to the reply, arriving in batches of a hundred."""
    before = running.handled
    began, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(updates), 100):
        await running.intake.put(updates[start : start + 100])
    await running.idle()
    spent, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert running.handled - before == len(updates)
    return len(updates) / spent, cpu / len(updates) * 1e6


async def compare(name: str, address: str, url: str, *, count: int, rounds: int) -> Row:
    """Run both in turn; medians."""
    await people(url)
    db = Database(address)
    await db.transact(prepare)
    settings = Settings(database_url=address)
    running = await bot.start(
        db, settings=settings, keys=KEYS, token=TOKEN, api_url=url, poll=False
    )
    running.ctx.flood.burst = 0  # a hundred people do not send thousands of commands
    measured: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for turn in range(rounds + 1):
        updates = [update(turn * count + n) for n in range(count)]
        measured.append((await echo(url, updates), await ours(running, updates)))
    measured = measured[1:]  # the first round warms up
    assert running.intake.failed == 0
    await running.stop()
    await db.close()
    ceiling, rate = (median([pair[who][0] for pair in measured]) for who in (0, 1))
    bare, cpu = (median([pair[who][1] for pair in measured]) for who in (0, 1))
    note = f"CPU {cpu:.0f} µs an update, echo {bare:.0f}"
    return Row(f"tap to reply ({name})", ceiling, rate, "updates/s", GOAL, note=note)


def measure(*, count: int = 600, rounds: int = 3) -> list[Row]:
    """The table's lines for the path from the inbox to the reply."""
    with databases() as known:
        rows = []
        for name, address in known:
            with telegram() as url:
                rows.append(
                    as_the_product_does(compare(name, address, url, count=count, rounds=rounds))
                )
        return rows


def main() -> None:
    """Print a JSON line for each database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for row in measure(count=options.updates, rounds=options.rounds):
        print(row.as_json())


if __name__ == "__main__":
    main()
