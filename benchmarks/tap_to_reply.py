"""Updates a second from the durable inbox to the reply, beside a bare aiogram echo.

Both answer the same updates (a customer asks for the balance) with one ``sendMessage`` to the
same local Telegram in a process of its own, 32 at a time, run in turn. The ceiling decodes and
echoes; ours keeps the update first, finds the customer, reads the balance, words it, writes the
update off.

    python -m benchmarks.tap_to_reply --updates 600
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
from aiogram import Dispatcher
from aiogram.types import Message
from sqlalchemy.orm import Session

import bot
from benchmarks.common import Row, median
from bot.app import RunningBot
from bot.session import make_bot
from loyalty import clock, consent, customers, joining, program
from loyalty.db import Database, migrate, stamp_installation
from loyalty.joining import Agreement
from loyalty.settings import Settings
from loyalty.tokens import Keys

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
            "date": 1_790_000_000,
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


async def echo(url: str, updates: list[dict[str, Any]]) -> float:
    """Updates a second of aiogram alone."""
    dispatcher = Dispatcher(disable_fsm=True)

    async def answer(message: Message) -> None:
        await message.answer(message.text or "")

    dispatcher.message.register(answer)
    speaker = make_bot(TOKEN, url)
    waiting = iter(updates)

    async def worker() -> None:
        for raw in waiting:
            await dispatcher.feed_raw_update(speaker, raw)

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    spent = time.perf_counter() - began
    await speaker.session.close()
    return len(updates) / spent


async def ours(running: RunningBot, updates: list[dict[str, Any]]) -> float:
    """Updates a second from the inbox to the reply, arriving in batches of a hundred."""
    before = running.handled
    began = time.perf_counter()
    for start in range(0, len(updates), 100):
        await running.intake.put(updates[start : start + 100])
    await running.idle()
    spent = time.perf_counter() - began
    assert running.handled - before == len(updates)
    return len(updates) / spent


async def compare(url: str, *, count: int, rounds: int, folder: Path) -> Row:
    """Run both in turn; medians."""
    await people(url)
    address = f"sqlite:///{folder / 'bench.db'}"
    await asyncio.to_thread(migrate, address)
    db = Database(address)
    await db.transact(prepare)
    settings = Settings(database_url=address)
    running = await bot.start(
        db, settings=settings, keys=KEYS, token=TOKEN, api_url=url, poll=False
    )
    ceilings, rates = [], []
    for turn in range(rounds + 1):
        updates = [update(turn * count + n) for n in range(count)]
        ceiling, rate = await echo(url, updates), await ours(running, updates)
        if turn:  # the first round warms up
            ceilings.append(ceiling)
            rates.append(rate)
    assert running.intake.failed == 0
    await running.stop()
    await db.close()
    return Row("tap to reply (SQLite)", median(ceilings), median(rates), "updates/s", GOAL)


def measure(*, count: int = 600, rounds: int = 3) -> list[Row]:
    """The table's line for the path from the inbox to the reply."""
    limits = ["--global-per-second", "0", "--per-chat-per-second", "0"]
    command = [sys.executable, "-m", "emulator", "--port", "0", *limits]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as telegram,
    ):
        try:
            assert telegram.stdout is not None
            url = telegram.stdout.readline().strip()
            return [asyncio.run(compare(url, count=count, rounds=rounds, folder=Path(folder)))]
        finally:
            telegram.terminate()


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for row in measure(count=options.updates, rounds=options.rounds):
        print(
            json.dumps(
                {
                    "path": row.path,
                    "ceiling": round(row.ceiling),
                    "ours": round(row.ours),
                    "ratio": round(row.ratio, 2),
                    "goal": row.goal,
                }
            )
        )


if __name__ == "__main__":
    main()
