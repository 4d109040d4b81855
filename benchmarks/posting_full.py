"""A sale with everything on, and what a long history or a large table does to it.

Everything: a tier to reach, stamps, three live promotions (one applies by the goods, one by the
hour, one not at all), a friend whose receipt is waited for, events and the customer's message.
The ceiling is that of a plain sale (``posting``): the statements it needs one by one by pgbench,
and by raw sqlite3, on the same server in turn.

The other lines compare a customer of 10 purchases with one of 10,000 and a table of 10,000
customers with one of a million, in the same process; their ceiling is the smaller one's rate.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from benchmarks import posting
from benchmarks.common import Row, as_the_product_does, median
from loyalty import promotions, purchases
from loyalty.db import Database, migrate
from loyalty.program import LocalText
from loyalty.promotions import Promotion
from loyalty.purchases import Line, Receipt
from tests.servers.postgres import postgres_server

MANY = int(os.environ.get("BENCH_MANY_CUSTOMERS", "1000000"))
NOW = posting.NOW
_LINES = (
    Line(sku="cap", category="coffee", amount=250_00, price=250_00),
    Line(sku="crs", category="bakery", amount=200_00, price=200_00),
)


def _promote(session: Session) -> None:
    """Three live promotions, and a friend's receipt awaited from every second customer."""
    for rules in (
        {"effect": {"kind": "points", "points": 20}, "when": {"scope": {"categories": ["coffee"]}}},
        {"effect": {"kind": "rate", "extra_bp": 200}, "when": {"from_minute": 0, "to_minute": 900}},
        {"effect": {"kind": "discount", "rate_bp": 1000}, "when": {"scope": {"skus": ["beans"]}}},
    ):
        name = LocalText(ru="Акция", en="Promotion")
        made = Promotion.model_validate({"name": name, **rules})
        draft = promotions.save(session, None, made, "system", NOW)
        promotions.switch_on(session, draft.live.promotion_id, "system", NOW)
    session.execute(
        sa.text(
            "INSERT INTO referral (friend_id, referrer_id, status, started_at)"
            " SELECT id, id + 1, 'invited', created_at FROM customer"
            f" WHERE id % 2 = 0 AND id < {posting.CUSTOMERS}"
        )
    )


def _sale(session: Session, *, customer_id: int, redeem: int = 0) -> None:
    purchases.record(
        session,
        customer_id=customer_id,
        receipt=Receipt(sold_at=NOW, lines=_LINES),
        redeem=redeem,
        may_redeem=True,
        actor="system",
        outlet_id=posting.OUTLET,
        staff_id=None,
        source="pos",
        now=NOW,
        time_zone="UTC",
    )


async def _sell(
    db: Database, *, callers: int, seconds: float, first: int, last: int
) -> tuple[float, float]:
    """(sales a second, CPU microseconds of this process a sale) for customers first…last."""
    stop_at, done = time.monotonic() + seconds, 0

    async def till() -> None:
        nonlocal done
        while time.monotonic() < stop_at:
            await db.transact(partial(_sale, customer_id=random.randint(first, last)))
            done += 1

    started, cpu = time.monotonic(), time.process_time()
    await asyncio.gather(*(till() for _ in range(callers)))
    spent = time.process_time() - cpu
    return done / (time.monotonic() - started), spent / max(done, 1) * 1e6


_LONG = (
    "INSERT INTO purchase (id, customer_id, outlet_id, source, register, business_date, sold_at,"
    " recorded_at, gross, total, redeemed, earn_base, earn_rate_bp, earned, returned,"
    " unlinked_return) SELECT 100000000 + n * 4 + {who}, {who}, 1, 'pos', '', {day}, {at}, {at},"
    " 10000, 10000, 0, 10000, 500, 5, 0, {no} FROM numbers",
    "INSERT INTO entry (id, customer_id, at, amount, kind, source_kind, source_id, actor,"
    " balance_after, lots) SELECT 100000000 + n * 4 + {who}, {who}, {at}, 1000, 'accrual',"
    " 'purchase', CAST(100000000 + n * 4 + {who} AS TEXT), 'system', 1000 * n, '[]' FROM numbers",
    "INSERT INTO lot (id, customer_id, granted, remaining, held, earned_at, active_from,"
    " expires_at, kind, purchase_id) SELECT 100000000 + n * 4 + {who}, {who}, 1000, 1000, 0,"
    " {at}, {at}, {later}, 'accrual', 100000000 + n * 4 + {who} FROM numbers",
    "DELETE FROM customer_day WHERE customer_id = {who}",
    "DELETE FROM customer_stats WHERE customer_id = {who}",
    "INSERT INTO customer_day (customer_id, day, orders, spent)"
    " SELECT {who}, {day}, 1, 10000 FROM numbers WHERE n <= 700",
    "UPDATE account SET posted = posted + 1000 * {count} WHERE customer_id = {who}",
    "INSERT INTO customer_stats (customer_id, orders, spent, first_purchase_at, last_purchase_at)"
    " SELECT {who}, {count}, 10000 * {count}, {at0}, {at0} FROM numbers WHERE n = 1",
)


def _history(session: Session, *, who: int, count: int) -> None:
    """``count`` purchases of a customer over two years, each with its lot still unspent."""
    postgres = session.get_bind().dialect.name == "postgresql"
    base = "2026-03-01 09:00:00"
    names = {
        "who": who,
        "count": count,
        "no": "false",
        "day": f"DATE '{base[:10]}' - CAST(n % 700 AS INT)"
        if postgres
        else f"date('{base[:10]}', '-' || (n % 700) || ' days')",
        "at": f"TIMESTAMPTZ '{base}+00' - n * INTERVAL '1 hour'"
        if postgres
        else f"strftime('%Y-%m-%d %H:%M:%f000', '{base}', '-' || n || ' hours')",
        "at0": f"TIMESTAMPTZ '{base}+00'" if postgres else f"'{base}.000000'",
        "later": "TIMESTAMPTZ '2027-03-02 00:00:00+00' + n * INTERVAL '1 minute'"
        if postgres
        else "strftime('%Y-%m-%d %H:%M:%f000', '2027-03-02', '+' || n || ' minutes')",
    }
    numbers = (
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers"
        f" WHERE n < {count}) "
    )
    for statement in _LONG:
        sql = statement.format(**names)
        if sql.startswith("INSERT"):
            head, tail = sql.split(" SELECT ", 1)
            sql = f"{head} {numbers}SELECT {tail}"
        session.execute(sa.text(sql.replace(":", r"\:")))


async def _one_by_one(db: Database, who: int, *, seconds: float, redeem: int) -> float:
    """Milliseconds a sale of one customer takes, the median."""
    took, stop_at = [], time.monotonic() + seconds
    while time.monotonic() < stop_at:
        began = time.perf_counter()
        await db.transact(partial(_sale, customer_id=who, redeem=redeem))
        took.append((time.perf_counter() - began) * 1000)
    return median(took)


async def _compare_histories(db: Database, name: str) -> list[Row]:
    short, long = posting.CUSTOMERS - 3, posting.CUSTOMERS - 1
    await db.transact(partial(_history, who=short, count=10))
    await db.transact(partial(_history, who=long, count=10_000))
    if db.is_postgres:
        await db.transact(lambda s: s.execute(sa.text("ANALYZE")))
    rows = []
    for redeem in (0, 3):
        few, many = [], []
        for who in (short, long):
            await _one_by_one(db, who, seconds=0.3, redeem=redeem)
        for _ in range(posting.ROUNDS):
            few.append(await _one_by_one(db, short, seconds=1, redeem=redeem))
            many.append(await _one_by_one(db, long, seconds=1, redeem=redeem))
        what = f"sale, {name}, 10 → 10,000 purchases" + (", spending" if redeem else "")
        rows.append(Row(what, median(few), median(many), "ms", 1.25, smaller_is_better=True))
    return rows


def _run(main: Any) -> None:
    as_the_product_does(main)


def measure_postgres() -> list[Row]:
    """Everything on, a long history, eight connections."""
    rows: list[Row] = []
    with postgres_server(fsync=True) as server, tempfile.TemporaryDirectory() as folder:
        migrate(server.url)
        script = Path(folder) / "sale.sql"
        script.write_text(posting._pgbench_script())
        pgbench = partial(posting._pgbench, server.tool("pgbench"), server.url, script)
        ceilings, ours, cpus = [], [], []

        async def run() -> None:
            db = Database(server.url, pool_size=8)
            await db.transact(posting._fill)
            await db.transact(_promote)
            await asyncio.to_thread(pgbench, 3)
            everyone = {"first": 1, "last": posting.CUSTOMERS - 10}
            await _sell(db, callers=8, seconds=2, **everyone)
            await db.transact(lambda s: s.execute(sa.text("ANALYZE")))
            await _sell(db, callers=8, seconds=0.5, **everyone)
            for _ in range(posting.ROUNDS):
                ceilings.append(await asyncio.to_thread(pgbench, posting.SECONDS))
                rate, cpu = await _sell(db, callers=8, seconds=posting.SECONDS, **everyone)
                ours.append(rate)
                cpus.append(cpu)
            rows.extend(await _compare_histories(db, "PostgreSQL"))
            await db.close()

        _run(run())
    note = f"client CPU {median(cpus):.0f} µs a sale"
    full = Row(
        "sale with everything, PostgreSQL", median(ceilings), median(ours), "/s", 0.5, note=note
    )
    return [full, *rows]


def measure_sqlite() -> list[Row]:
    """Everything on, a long history, 32 callers."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        migrate(f"sqlite:///{path}")
        ceilings, ours, cpus = [], [], []

        async def run() -> None:
            db = Database(f"sqlite:///{path}")
            await db.transact(posting._fill)
            await db.transact(_promote)
            raw = posting._RawSqlite(path)
            everyone = {"first": 1, "last": posting.CUSTOMERS - 10}
            for _ in range(posting.ROUNDS):
                ceilings.append(await asyncio.to_thread(raw.run, posting.SECONDS))
                rate, cpu = await _sell(db, callers=32, seconds=posting.SECONDS, **everyone)
                ours.append(rate)
                cpus.append(cpu)
            rows.extend(await _compare_histories(db, "SQLite"))
            await db.close()

        _run(run())
    note = f"CPU {median(cpus):.0f} µs a sale"
    full = Row("sale with everything, SQLite", median(ceilings), median(ours), "/s", 0.5, note=note)
    return [full, *rows]


def measure_sizes() -> list[Row]:
    """The same sales on PostgreSQL with ten thousand customers and with a million."""
    rates = {}
    for customers in (10_000, MANY):
        posting.CUSTOMERS = customers
        with postgres_server(fsync=True) as server:
            migrate(server.url)

            async def run(url: str = server.url, customers: int = customers) -> None:
                db = Database(url, pool_size=8)
                await db.transact(posting._fill)
                await db.transact(_promote)
                everyone = {"first": 1, "last": customers - 10}
                await _sell(db, callers=8, seconds=5, **everyone)
                await db.transact(lambda s: s.execute(sa.text("ANALYZE")))
                await _sell(db, callers=8, seconds=1, **everyone)
                found = [
                    (await _sell(db, callers=8, seconds=posting.SECONDS, **everyone))[0]
                    for _ in range(posting.ROUNDS)
                ]
                rates[customers] = median(found)
                await db.close()

            _run(run())
    small, large = rates[10_000], rates[MANY]
    note = f"{datetime.now(UTC):%Y-%m-%d}"
    return [Row(f"sale, 10,000 → {MANY:,} customers", small, large, "/s", 0.8, note=note)]


def measure() -> list[Row]:
    """Both databases, then both sizes."""
    return measure_postgres() + measure_sqlite() + measure_sizes()
