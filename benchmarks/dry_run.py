"""A dry run over past purchases: how long it takes, and whether the service notices.

100,000 purchases of 5,000 customers over two years, half of them with points spent now and then,
two lines each, are replayed by other rules while somebody keeps asking for a page; once with the
program alone and once with four promotions on. The ceiling is the goal of the issue: 20 seconds;
for the page, its worst answer without a dry run.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from benchmarks.common import Row
from loyalty import dryrun, program, promotions
from loyalty.customers import customer
from loyalty.db import Database, migrate
from loyalty.dryrun.running import Runner
from loyalty.program import drafts
from loyalty.promotions import Promotion
from loyalty.receipts import purchase, purchase_line
from loyalty.wallet.tables import account
from tests.servers.postgres import postgres_server

PURCHASES = int(os.environ.get("BENCH_PURCHASES", "100000"))
CUSTOMERS = max(1, PURCHASES // 20)
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FIRST = NOW - timedelta(days=730)
GOAL_S = 20.0
_GOODS = (("cap", "coffee", 20_000), ("bun", "bakery", 9_000), ("jar", "goods", 149_000))
_PROMOTIONS: tuple[dict[str, Any], ...] = (
    {"effect": {"kind": "multiplier", "times_bp": 20_000}, "when": {"weekdays": [6, 7]}},
    {"effect": {"kind": "points", "points": 30}, "when": {"scope": {"categories": ["bakery"]}}},
    {"effect": {"kind": "nth_free", "n": 3}, "when": {"scope": {"categories": ["coffee"]}}},
    {"effect": {"kind": "discount", "rate_bp": 500}, "when": {"segments": ["tier:gold"]}},
)


def measure() -> list[Row]:
    """Seconds a run, and the worst answer meanwhile, on both databases."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        rows += asyncio.run(_measure(f"sqlite:///{Path(name) / 'bench.db'}", "SQLite"))
    with _postgres() as url:
        rows += asyncio.run(_measure(url, "PostgreSQL"))
    return rows


@contextmanager
def _postgres() -> Iterator[str]:
    with postgres_server() as server:
        yield server.url


async def _measure(url: str, name: str) -> list[Row]:
    migrate(url)
    db = Database(url)
    await db.transact(_fill)
    quiet = await _worst(db, asyncio.create_task(asyncio.sleep(3)))
    rows = []
    for label, rules in (("", ()), (", 4 promotions", _PROMOTIONS)):
        for one in rules:
            await db.transact(lambda s, one=one: _switch_on(s, one))  # type: ignore[misc]
        seconds, worst, cpu = await _run(db)
        rows.append(
            Row(
                f"dry run of {PURCHASES:,}{label}, {name}",
                GOAL_S,
                seconds,
                "s",
                1.0,
                smaller_is_better=True,
                note=f"CPU {cpu:.1f} s; worst answer meanwhile {worst * 1000:.0f} ms,"
                f" without {quiet * 1000:.0f} ms",
            )
        )
    await db.close()
    return rows


async def _run(db: Database) -> tuple[float, float, float]:
    """(seconds, the worst answer meanwhile, CPU seconds of the process) of one run."""
    before = _cpu()
    runner = Runner(db)
    runner.start()
    started = time.perf_counter()
    run = await db.transact(
        lambda s: dryrun.ask_program(
            s, from_day=None, to_day=None, time_zone="UTC", author="bench", now=NOW
        )
    )
    runner.wake()

    worst = await _worst(db, asyncio.create_task(runner.rest()))
    seconds = time.perf_counter() - started
    await runner.close()
    done = await db.read(lambda s: dryrun.get(s, run.id))
    if done.status != dryrun.DONE or done.result is None:
        raise RuntimeError(f"the dry run is {done.status}")
    return seconds, worst, _cpu() - before


def _cpu() -> float:
    """CPU seconds of the processes that ended: firmer than a clock on a shared machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _worst(db: Database, until: asyncio.Task[Any]) -> float:
    """The longest that a page's read and a write took until ``until`` was done."""
    worst = 0.0
    while not until.done():
        started = time.perf_counter()
        await db.read(lambda s: s.execute(sa.select(purchase).limit(20)).all())
        await db.transact(
            lambda s: (
                s.execute(sa.update(customer).where(customer.c.id == 1).values(language="ru"))
                and None
            )
        )
        worst = max(worst, time.perf_counter() - started)
        await asyncio.sleep(0.01)
    await until
    return worst


def _switch_on(session: Session, rules: dict[str, Any]) -> None:
    made = Promotion.model_validate({"name": {"ru": "А", "en": "A"}, **rules})
    draft = promotions.save(session, None, made, "bench", NOW)
    promotions.switch_on(session, draft.live.promotion_id, "bench", NOW)


def _fill(session: Session) -> None:
    program.ensure_default(session, now=NOW)
    draft = drafts.start(session, actor="bench", now=NOW)
    drafts.save_field(
        session,
        draft_id=draft.id,
        edition=draft.edition,
        path="tiers.0.earn_rate_bp",
        value=600,
        actor="bench",
        now=NOW,
    )
    chance = random.Random(1)
    people: list[dict[str, Any]] = [
        {"id": n, "status": "active", "language": "ru", "created_at": FIRST, "tier": "bronze"}
        for n in range(1, CUSTOMERS + 1)
    ]
    session.execute(sa.insert(customer), people)
    accounts: list[dict[str, Any]] = [
        {"customer_id": one["id"], "posted": 0, "held": 0, "debt": 0} for one in people
    ]
    session.execute(sa.insert(account), accounts)
    version = program.current(session, now=NOW).id
    step = timedelta(days=729) / PURCHASES
    for begin in range(0, PURCHASES, 5_000):
        sales, lines = [], []
        for n in range(begin + 1, min(begin + 5_000, PURCHASES) + 1):
            sale, goods = _sale(n, FIRST + step * n, chance, version)
            sales.append(sale)
            lines += goods
        session.execute(sa.insert(purchase), sales)
        session.execute(sa.insert(purchase_line), lines)


def _sale(
    n: int, at: datetime, chance: random.Random, version: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    lines: list[dict[str, Any]] = []
    for place, (sku, category, price) in enumerate(chance.sample(_GOODS, 2), 1):
        pieces = chance.randint(1, 4)
        lines.append(
            {
                "purchase_id": n,
                "n": place,
                "sku": sku,
                "category": category,
                "quantity_milli": pieces * 1000,
                "price": price,
                "amount": pieces * price,
                "points_paid": 0,
                "earn_base": pieces * price,
                "earned": 0,
            }
        )
    total = sum(line["amount"] for line in lines)
    sale = {
        "id": n,
        "customer_id": chance.randint(1, CUSTOMERS),
        "source": "pos",
        "business_date": at.date(),
        "sold_at": at,
        "recorded_at": at,
        "gross": total,
        "total": total,
        "redeemed": chance.choice((0, 0, 0, 40)),
        "earn_base": total,
        "earn_rate_bp": 500,
        "earned": total * 5 // 10_000,
        "program_version_id": version,
    }
    return sale, lines
