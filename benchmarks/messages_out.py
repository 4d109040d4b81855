"""Messages out: the dispatcher with its durable outbox against the bare sender it uses.

Both send the same receipts (each with sums of its own, the bare sender's worded beforehand) over
as many connections to the same local Telegram (its own process, limits off), in turn, three
times, on the event loop and the collector's settings of the product. Beside the rates the CPU of
this process: shared cores change it least. And the tick that finds nothing to do, against the
20 ms it may take.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from benchmarks.common import Row, as_the_product_does, median
from benchmarks.emulator_send import ROOT, TOKEN, control
from loyalty import clock, delivery, messaging
from loyalty.customers import customer, telegram_chat
from loyalty.db import Database, Rows, migrate
from loyalty.delivery import Place
from loyalty.delivery.shaping import call_of
from loyalty.messaging import Context
from loyalty.messaging.tables import outbox
from scheduler.dispatcher import Dispatcher
from scheduler.limits import LocalLimits
from scheduler.telegram import CONNECTIONS, Telegram
from scheduler.ticks import Ticks
from tests.servers.postgres import postgres_server

MESSAGES = int(os.environ.get("BENCH_MESSAGES", "5000"))
CHATS = 1000
ROUNDS = 3
IDLE_MS = 20.0
PLACE = Place("Europe/Moscow", "RUB", "ru")
Call = tuple[str, dict[str, Any]]


@contextmanager
def emulator() -> Iterator[str]:
    """A local Telegram without limits, in its own process, with chats open; its address."""
    command = [sys.executable, "-m", "emulator", "--port", "0"]
    command += ["--global-per-second", "0", "--per-chat-per-second", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert server.stdout is not None
    try:
        url = server.stdout.readline().strip()
        control(url, "PUT", "/control/bots/1000001", {})
        control(url, "POST", "/control/crowd", {"first_id": 1, "count": CHATS})
        yield url
    finally:
        server.terminate()
        server.wait(timeout=10)
        server.stdout.close()


def _people(session: Session) -> None:
    now = clock.now()
    ids = range(1, CHATS + 1)
    session.execute(
        sa.insert(customer),
        [{"id": n, "status": "active", "language": "ru", "created_at": now} for n in ids],
    )
    seen = {"language": "ru", "first_seen_at": now, "last_seen_at": now}
    session.execute(
        sa.insert(telegram_chat), [{"telegram_id": n, "customer_id": n, **seen} for n in ids]
    )


def receipt(n: int) -> dict[str, Any]:
    """What the till queues after a sale; each with other sums."""
    total = 15_000 + n * 7_919 % 400_000
    earned = total // 2_000
    values = {"purchase_id": n, "total": total, "earned": earned, "pending": earned}
    return {"template": "receipt", "values": {**values, "balance": n * 31 % 9_000}}


def _queue(session: Session, turn: int) -> None:
    rows, now = Rows(), clock.now()
    for n in range(MESSAGES):
        messaging.enqueue(
            rows,
            customer_id=n % CHATS + 1,
            chat_id=n % CHATS + 1,
            message_class="service",
            key=f"bench:{turn}:{n}",
            payload=receipt(turn * MESSAGES + n),
            now=now,
            deadline=now + timedelta(hours=1),
        )
    rows.put(session)


def _worded(turn: int) -> Iterator[Call]:
    """Receipts such as ours, of which it has worded none itself."""
    now = clock.now()
    context = Context(
        language="ru", time_zone=PLACE.time_zone, currency="RUB", now=now, created_at=now
    )
    for n in range(MESSAGES):
        message = messaging.render(receipt((ROUNDS + 1 + turn) * MESSAGES + n), context=context)
        yield call_of(n % CHATS + 1, message, None)


async def _bare(url: str, turn: int) -> tuple[float, float]:
    """Calls a second of the sender alone, and its CPU µs a call: nothing worded, nothing kept."""
    telegram = Telegram(token=TOKEN, api_url=url)
    calls = iter([*_worded(turn)])

    async def send() -> None:
        for method, params in calls:
            reply = await telegram.call(method, params)
            assert reply.kind == "sent", reply

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(send() for _ in range(CONNECTIONS)))
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    await telegram.close()
    return MESSAGES / seconds, cpu / MESSAGES * 1e6


async def _ours(db: Database, url: str, turn: int) -> tuple[float, float]:
    """Messages a second through outbox and policy; and CPU µs a message of this process."""
    await db.transact(lambda session: _queue(session, turn))
    telegram = Telegram(token=TOKEN, api_url=url)
    limits = LocalLimits(per_second=1_000_000, chat_s=0)
    hands = Dispatcher(db, telegram=telegram, limits=limits, place=PLACE)
    started, cpu = time.perf_counter(), time.process_time()
    hands.start()
    assert await hands.until_idle(timeout_s=120)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    await hands.stop()
    await telegram.close()
    query = sa.select(sa.func.count()).where(outbox.c.state == "sent")
    sent = await db.read(lambda session: session.execute(query).scalar_one())
    assert sent == MESSAGES * (turn + 1), sent
    return MESSAGES / seconds, cpu / MESSAGES * 1e6


async def _idle_ms(db: Database) -> float:
    """How long a second of chains and a look into the outbox take when nothing is due."""
    ticks = Ticks(db, time_zone=PLACE.time_zone)
    took = []
    for _ in range(20):
        started = time.perf_counter()
        await ticks.chains()
        await db.transact(
            lambda session: delivery.claim(
                session, owner="idle", limit=5, now=clock.now(), real_now=clock.real_now()
            )
        )
        took.append((time.perf_counter() - started) * 1000)
    return median(took)


async def _measure(name: str, url: str) -> list[Row]:
    db = Database(url)
    await Ticks(db, time_zone=PLACE.time_zone).install()
    await db.transact(_people)
    ceilings, ours = [], []
    with emulator() as api_url:
        await _bare(api_url, -1)
        for turn in range(ROUNDS):
            ceilings.append(await _bare(api_url, turn))
            ours.append(await _ours(db, api_url, turn))
    idle = await _idle_ms(db)
    await db.close()
    bare_cpu, cpu = (median([cpu for _, cpu in runs]) for runs in (ceilings, ours))
    note = f"CPU {cpu / 1000:.2f} s per 1,000 messages, bare {bare_cpu / 1000:.2f}"
    ceiling, rate = (median([rate for rate, _ in runs]) for runs in (ceilings, ours))
    return [
        Row(f"messages out, {name}", ceiling, rate, "/s", 0.9, note=note),
        Row(f"idle tick, {name}", IDLE_MS, idle, "ms", 1.0, smaller_is_better=True),
    ]


def measure() -> list[Row]:
    """Both databases."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        migrate(url)
        rows += as_the_product_does(_measure("SQLite", url))
    with postgres_server(fsync=True) as server:
        migrate(server.url)
        rows += as_the_product_does(_measure("PostgreSQL", server.url))
    return rows


if __name__ == "__main__":
    print(
        json.dumps(
            [[r.path, r.ceiling, r.ours, r.unit, r.ratio, r.note] for r in measure()], indent=1
        )
    )
