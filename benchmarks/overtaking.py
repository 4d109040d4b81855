"""How long a receipt takes while 100,000 offers wait, at the usual rate and at a thousand a second.

From the commit that queues the receipt to the answer of the local Telegram, written down; the
slowest of twenty counts, against the two seconds that are promised.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from benchmarks.common import Row, median
from benchmarks.emulator_send import TOKEN
from benchmarks.messages_out import CHATS, PLACE, _people, emulator, receipt
from loyalty import clock, consent, messaging, program
from loyalty.consent import ADS_TELEGRAM
from loyalty.db import Database, Rows, migrate
from loyalty.ids import new_id
from loyalty.messaging.tables import outbox
from scheduler.dispatcher import Dispatcher
from scheduler.limits import LocalLimits
from scheduler.telegram import Telegram
from scheduler.ticks import Ticks
from tests.servers.postgres import postgres_server

OFFERS = int(os.environ.get("BENCH_OFFERS", "100000"))
RECEIPTS = 20
PROMISE_MS = 2000.0
CHUNK = 5000
_MANY = {
    "trigger_per_day": 1000, "trigger_per_week": 1000, "mass_per_day": 1000,
    "mass_per_week": 1000, "marketing_per_week": 1000,
}  # fmt: skip


def _open_house(session: Session) -> None:
    """Everybody has said yes, nothing is capped, and no hour is quiet."""
    now = clock.now()
    rules = program.Program.model_validate(
        {"caps": _MANY, "quiet_hours": {"start_minute": 0, "end_minute": 0}}
    )
    session.execute(
        sa.insert(program.program_version).values(
            id=new_id(),
            number=99,
            status="published",
            rules=rules.model_dump(mode="json"),
            author="bench",
            created_at=now,
            effective_from=now,
        )
    )
    consent.ensure_texts(session, now=now)
    for n in range(1, CHATS + 1):
        consent.record(
            session,
            customer_id=n,
            purpose=ADS_TELEGRAM,
            granted=True,
            language="ru",
            channel="telegram",
            evidence=str(n),
            now=now,
        )


def _offers(session: Session, first: int) -> None:
    now = clock.now()
    rows = [
        {
            "id": new_id(), "customer_id": n % CHATS + 1, "chat_id": n % CHATS + 1,
            "message_class": "mass", "key": f"offer:{n}", "payload": {"text": "offer"},
            "priority": 2, "state": "queued", "due_at": now,
            "deadline": now + timedelta(days=2), "created_at": now, "attempts": 0,
        }
        for n in range(first, first + CHUNK)
    ]  # fmt: skip
    session.execute(sa.insert(outbox), rows)


def _receipt(session: Session) -> int:
    rows, now = Rows(), clock.now()
    key = new_id()
    queued = messaging.enqueue(
        rows,
        customer_id=None,
        chat_id=CHATS,
        message_class="service",
        key=f"receipt:{key}",
        payload=receipt(key),
        now=now,
    )
    rows.put(session)
    return queued


def _is_sent(outbox_id: int) -> Callable[[Session], bool]:
    query = sa.select(outbox.c.state).where(outbox.c.id == outbox_id)
    return lambda session: bool(session.execute(query).scalar_one() == "sent")


def _waiting(session: Session) -> int:
    query = sa.select(sa.func.count()).where(outbox.c.state == "queued")
    return int(session.execute(query).scalar_one())


async def _waits(db: Database, api_url: str, rate: float) -> list[float]:
    telegram = Telegram(token=TOKEN, api_url=api_url)
    limits = LocalLimits(per_second=rate, chat_s=0)
    hands = Dispatcher(db, telegram=telegram, limits=limits, place=PLACE)
    hands.start()
    await asyncio.sleep(2)
    took = []
    for _ in range(RECEIPTS):
        queued = await db.transact(_receipt)
        started = time.perf_counter()
        hands.wake()
        while not await db.read(_is_sent(queued)):  # noqa: ASYNC110 - it is a row that changes
            await asyncio.sleep(0.005)
        took.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(0.1)
    await hands.stop()
    await telegram.close()
    return took


async def _measure(name: str, url: str) -> list[Row]:
    db = Database(url)
    await Ticks(db, time_zone=PLACE.time_zone).install()
    await db.transact(_people)
    await db.transact(_open_house)
    for first in range(0, OFFERS, CHUNK):
        await db.transact(lambda session, n=first: _offers(session, n))  # type: ignore[misc]
    made = []
    with emulator() as api_url:
        for rate in (25.0, 1000.0):
            took = await _waits(db, api_url, rate)
            left = await db.read(_waiting)
            note = f"median {median(took):.0f} ms, {left:,} still waiting"
            path = f"receipt past {OFFERS:,} at {rate:.0f}/s, {name}"
            made.append(
                Row(path, PROMISE_MS, max(took), "ms", 1.0, smaller_is_better=True, note=note)
            )
    await db.close()
    return made


def measure() -> list[Row]:
    """Both databases."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        migrate(url)
        rows += asyncio.run(_measure("SQLite", url))
    with postgres_server(fsync=True) as server:
        migrate(server.url)
        rows += asyncio.run(_measure("PostgreSQL", server.url))
    return rows


if __name__ == "__main__":
    print(
        json.dumps(
            [[r.path, r.ceiling, r.ours, r.unit, r.ratio, r.note] for r in measure()], indent=1
        )
    )
