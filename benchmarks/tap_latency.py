"""How long a tap takes under fifty people who tap without pause, as they see it.

Each of fifty phones taps a button, waits until the message has changed and the tap is answered,
and taps the next one. The phones are a process of their own and learn of the change from the local
Telegram (another process), so what they wait for is the whole way: Telegram, long polling, inbox,
handler, edit, answer. Beside it, in turn, a bare aiogram bot that does the same edit and answer
from memory. With nobody pausing the bot is always busy: this is the worst a median can be.

    python -m benchmarks.tap_latency --taps 30
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message

import bot
from benchmarks.common import Row, as_the_product_does, median
from benchmarks.tap_phones import BUTTONS, PHONES
from benchmarks.tap_to_reply import (
    KEYS,
    ROOT,
    TOKEN,
    databases,
    prepare,
    telegram,
)
from bot.app import RunningBot
from loyalty.db import Database
from loyalty.settings import Settings
from scheduler.limits import LocalLimits

TAIL_GOAL = 10.0
MEDIAN_GOAL = 3.0


@dataclass(frozen=True, slots=True)
class Taps:
    """A round: milliseconds of each tap, and the bot's CPU microseconds for each."""

    waited: list[float]
    cpu: float
    rate: float

    def at(self, share: float) -> float:
        """The wait that this share of the taps stayed within."""
        ordered = sorted(self.waited)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def drive(url: str, count: int) -> Taps:
    """Let the phones tap the bot that runs in this process."""
    phones = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.tap_phones", url, str(count)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    assert phones.stdin is not None
    assert phones.stdout is not None
    ready = await phones.stdout.readline()
    assert ready == b"ready\n", ready
    began, cpu = time.perf_counter(), time.process_time()
    phones.stdin.write(b"go\n")
    line = await phones.stdout.readline()
    spent, cpu = time.perf_counter() - began, time.process_time() - cpu
    await phones.wait()
    waited: list[float] = json.loads(line)
    assert len(waited) == PHONES * count
    return Taps(waited, cpu / len(waited) * 1e6, len(waited) / spent)


# --- the bots --------------------------------------------------------------------------------


@asynccontextmanager
async def bare_bot(url: str) -> AsyncIterator[None]:
    """aiogram as its documentation shows it: edits the message, answers the tap."""
    dispatcher = Dispatcher(disable_fsm=True)
    buttons = [[InlineKeyboardButton(text=name, callback_data=name) for name in BUTTONS]]
    markup = InlineKeyboardMarkup(inline_keyboard=buttons)

    async def greet(message: Message) -> None:
        await message.answer("menu", reply_markup=markup)

    async def tapped(query: CallbackQuery) -> None:
        assert isinstance(query.message, Message)
        await query.message.edit_text(str(query.data), reply_markup=markup)
        await query.answer()

    dispatcher.message.register(greet)
    dispatcher.callback_query.register(tapped)
    speaker = Bot(TOKEN, session=AiohttpSession(api=TelegramAPIServer.from_base(url)))
    polling = asyncio.create_task(dispatcher.start_polling(speaker, handle_signals=False))
    try:
        yield
    finally:
        await dispatcher.stop_polling()
        await polling


@asynccontextmanager
async def our_bot(db: Database, url: str) -> AsyncIterator[RunningBot]:
    """The product's bot, by long polling."""
    settings = Settings(database_url=db.url)
    # As the product does; what is counted are messages, and a tap edits one.
    budget = LocalLimits(per_second=25)
    running = await bot.start(
        db, settings=settings, keys=KEYS, token=TOKEN, api_url=url, budget=budget
    )
    try:
        yield running
    finally:
        await running.stop()


async def _register(url: str) -> None:
    """Fifty people, and a bot that Telegram knows."""
    async with aiohttp.ClientSession(url) as http:
        async with http.get(f"/bot{TOKEN}/getMe") as answer:
            answer.raise_for_status()
        for number in range(1, PHONES + 1):
            person = {"first_name": "A", "language_code": "ru"}
            async with http.put(f"/control/users/{number}", json=person) as answer:
                answer.raise_for_status()


async def compare(name: str, address: str, url: str, *, count: int, rounds: int) -> list[Row]:
    """Both bots in turn; medians over the rounds."""
    await _register(url)
    db = Database(address)
    await db.transact(prepare)
    bare: list[Taps] = []
    ours: list[Taps] = []
    for turn in range(rounds + 1):
        async with bare_bot(url):
            bare.append(await drive(url, count))
        async with our_bot(db, url) as running:
            # Fifty people are no flood, but these never pause.
            running.ctx.flood.burst = 0
            ours.append(await drive(url, count))
            assert running.intake.failed == 0
        if not turn:  # the first round warms up
            bare.clear()
            ours.clear()
    await db.close()
    middle, tail = _over(ours, lambda taps: taps.at(0.5)), _over(ours, lambda taps: taps.at(0.99))
    rate, cpu = _over(ours, lambda taps: taps.rate), _over(ours, lambda taps: taps.cpu)
    plain, plain_cpu = _over(bare, lambda taps: taps.at(0.5)), _over(bare, lambda taps: taps.cpu)
    note = f"{rate:,.0f} taps/s; CPU {cpu:.0f} µs a tap, bare aiogram {plain_cpu:.0f}"
    bare_tail = f"bare aiogram p99 {_over(bare, lambda taps: taps.at(0.99)):.0f} ms"
    where = f"{PHONES} chats ({name})"
    return [
        Row(f"tap, median, {where}", plain, middle, "ms", MEDIAN_GOAL, True, note),
        Row(f"tap, p99 to median, {where}", middle, tail, "ms", TAIL_GOAL, True, bare_tail),
    ]


def _over(rounds: list[Taps], look: Callable[[Taps], float]) -> float:
    return median([look(taps) for taps in rounds])


def measure(*, count: int = 40, rounds: int = 3) -> list[Row]:
    """The table's lines for a tap under fifty concurrent chats."""
    rows: list[Row] = []
    with databases() as known:
        for name, address in known:
            with telegram() as url:
                run = compare(name, address, url, count=count, rounds=rounds)
                rows += as_the_product_does(run)
    return rows


def main() -> None:
    """Print JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--taps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for row in measure(count=options.taps, rounds=options.rounds):
        print(row.as_json())


if __name__ == "__main__":
    main()
