"""Posting a purchase, against the same SQL by pgbench and by raw sqlite3.

The ceiling runs the statements a sale needs one by one, as a careful program would without any
layer of its own; ours is ``purchases.record`` through ``Database.transact``. Both run in turn on
the same server, three times; medians are compared.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import sqlite3
import subprocess
import tempfile
import threading
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from benchmarks.common import Row, as_the_product_does, median
from loyalty import program, purchases
from loyalty.db import Database, migrate
from loyalty.ids import new_id
from loyalty.purchases import Receipt
from loyalty.staff import outlet
from tests.servers.postgres import postgres_server

CUSTOMERS = int(os.environ.get("BENCH_CUSTOMERS", "20000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "4"))
ROUNDS = 3
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OUTLET = 1

_PREPARE = (
    "INSERT INTO customer (id, status, language, created_at, tier)"
    " SELECT n, 'active', 'ru', :now, 'bronze' FROM numbers",
    "INSERT INTO telegram_chat (telegram_id, customer_id, language, reachable, first_seen_at,"
    " last_seen_at) SELECT n + 1000000, n, 'ru', true, :now, :now FROM numbers",
    "INSERT INTO account (customer_id, posted, held, debt) SELECT n, 300, 0, 0 FROM numbers",
    "INSERT INTO lot (id, customer_id, granted, remaining, held, earned_at, active_from,"
    " expires_at, kind) SELECT n * 3 + k, n, 100, 100, 0, :now, :now, :later, 'gift'"
    " FROM numbers CROSS JOIN (SELECT 0 AS k UNION SELECT 1 UNION SELECT 2) three",
)

# What one sale does, as SQL: {v} are values drawn anew for every transaction.
_STATEMENTS = (
    "SELECT a.posted, a.held, a.debt, c.status, c.tier, t.telegram_id FROM account a"
    " JOIN customer c ON c.id = a.customer_id LEFT JOIN telegram_chat t"
    " ON t.customer_id = a.customer_id WHERE a.customer_id = {customer} {for_update}",
    "SELECT id, remaining, held, active_from, expires_at FROM lot"
    " WHERE customer_id = {customer} AND remaining > 0 ORDER BY expires_at, id",
    "INSERT INTO purchase (id, customer_id, outlet_id, source, register, business_date, sold_at,"
    " recorded_at, gross, discount, total, redeemed, earn_base, earn_rate_bp, earned, returned,"
    " unlinked_return) VALUES ({id}, {customer}, 1, 'pos', '', '2026-03-02', {now}, {now},"
    " 45000, 0, 45000, 0, 45000, 500, 22, 0, false)",
    "INSERT INTO purchase_line (purchase_id, n, quantity_milli, price, amount, discount,"
    " points_paid, earn_base, earned, no_earn, no_redeem, returned_milli) VALUES"
    " ({id}, 1, 1000, 45000, 45000, 0, 0, 45000, 22, false, false, 0)",
    "INSERT INTO customer_stats (customer_id, orders, spent, first_purchase_at, last_purchase_at)"
    " VALUES ({customer}, 1, 45000, {now}, {now})"
    " ON CONFLICT (customer_id) DO UPDATE SET orders = customer_stats.orders + 1,"
    " spent = customer_stats.spent + 45000, last_purchase_at = excluded.last_purchase_at",
    "INSERT INTO entry (id, customer_id, at, amount, kind, source_kind, source_id, actor,"
    " balance_after, lots) VALUES ({id}, {customer}, {now}, 22, 'accrual', 'purchase', '{id}',"
    " 'system', 322, '[[1, 22]]')",
    "INSERT INTO lot (id, customer_id, granted, remaining, held, earned_at, active_from,"
    " expires_at, kind, purchase_id) VALUES ({id}, {customer}, 22, 22, 0, {now}, {now}, {later},"
    " 'accrual', {id})",
    "UPDATE account SET posted = posted + 22 WHERE customer_id = {customer}",
    "INSERT INTO event (id, at, type, customer_id, actor, data) VALUES ({id}, {now},"
    " 'purchase.recorded', {customer}, 'system', '{{\"total\": 45000}}')",
    "INSERT INTO outbox (id, customer_id, chat_id, message_class, key, payload, priority, state,"
    " due_at, deadline, created_at, attempts) VALUES ({id}, {customer}, {customer}, 'service',"
    " 'receipt {id}', '{{\"template\": \"receipt\"}}', 0, 'queued', {now}, {later}, {now}, 0)",
)


def _fill(session: Session) -> None:
    numbers = (
        f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers"
        f" WHERE n < {CUSTOMERS}) "
    )
    program.ensure_default(session, now=NOW)
    session.execute(
        sa.insert(outlet).values(id=OUTLET, name="Main", time_zone="UTC", created_at=NOW)
    )
    later = NOW.replace(year=2027)
    postgres = session.get_bind().dialect.name == "postgresql"
    for statement in _PREPARE:
        head, tail = statement.split(" SELECT ", 1)
        sql = f"{head} {numbers}SELECT {tail}"
        for name, moment in (("now", NOW), ("later", later)):
            text = moment.strftime("%Y-%m-%d %H:%M:%S.%f") + ("+00" if postgres else "")
            cast = "::timestamptz" if postgres else ""
            sql = re.sub(rf":{name}\b", f"'{text}'{cast}", sql)
        session.execute(sa.text(sql.replace(":", r"\:") if not postgres else _escaped(sql)))


def _escaped(sql: str) -> str:
    return re.sub(r"(?<!:):(?=\d)", r"\:", sql)


def _one_sale(session: Session, *, customer_id: int) -> None:
    purchases.record(
        session,
        customer_id=customer_id,
        receipt=Receipt.of_sum(450_00, sold_at=NOW),
        redeem=0,
        may_redeem=True,
        actor="system",
        outlet_id=OUTLET,
        staff_id=None,
        source="pos",
        now=NOW,
        time_zone="UTC",
    )


async def _sell(db: Database, *, callers: int, seconds: float) -> tuple[float, float]:
    """(sales per second, client CPU microseconds per sale) by so many callers at once."""
    stop_at = time.monotonic() + seconds
    done = 0

    async def till() -> None:
        nonlocal done
        while time.monotonic() < stop_at:
            await db.transact(partial(_one_sale, customer_id=random.randint(1, CUSTOMERS)))
            done += 1

    started, cpu = time.monotonic(), time.process_time()
    await asyncio.gather(*(till() for _ in range(callers)))
    spent = time.process_time() - cpu
    return done / (time.monotonic() - started), spent / max(done, 1) * 1e6


def _pgbench_script() -> str:
    values = {
        "customer": ":customer",
        "id": ":id",
        "now": "'2026-03-02 09:00:00+00'",
        "later": "'2027-03-02 09:00:00+00'",
        "for_update": "FOR UPDATE OF a",
    }
    body = ";\n".join(statement.format(**values) for statement in _STATEMENTS)
    return (
        f"\\set customer random(1, {CUSTOMERS})\n"
        "\\set id random(1000000000, 1000000000000000000)\n"
        f"BEGIN;\n{body};\nCOMMIT;\n"
    )


def _pgbench(tool: Path, url: str, script: Path, seconds: float) -> float:
    # Quoted ids inside text literals need the simple protocol.
    command = [
        str(tool),
        "-n",
        "-M",
        "simple",
        "-c",
        "8",
        "-j",
        "2",
        "-T",
        str(max(1, int(seconds))),
        "-f",
        str(script),
        url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if done.returncode or found is None:
        raise RuntimeError(done.stderr or done.stdout)
    return float(found[1])


def measure_postgres() -> list[Row]:
    """Sales per second on PostgreSQL with ``fsync`` on, eight connections."""
    with postgres_server(fsync=True) as server, tempfile.TemporaryDirectory() as folder:
        migrate(server.url)
        script = Path(folder) / "sale.sql"
        script.write_text(_pgbench_script())
        ceilings, ours, cpus = [], [], []

        async def run() -> None:
            db = Database(server.url, pool_size=8)
            await db.transact(_fill)
            # A business has a history: on empty tables the planner would settle for plans that
            # read them whole, and keep to them while they fill.
            await asyncio.to_thread(_pgbench, server.tool("pgbench"), server.url, script, 3)
            await db.transact(lambda s: s.execute(sa.text("ANALYZE")))
            await _sell(db, callers=8, seconds=0.5)
            for _ in range(ROUNDS):
                ceilings.append(
                    await asyncio.to_thread(
                        _pgbench, server.tool("pgbench"), server.url, script, SECONDS
                    )
                )
                rate, cpu = await _sell(db, callers=8, seconds=SECONDS)
                ours.append(rate)
                cpus.append(cpu)
            await db.close()

        as_the_product_does(run())
    note = f"client CPU {median(cpus):.0f} µs a sale"
    return [
        Row("sale, PostgreSQL, 8 connections", median(ceilings), median(ours), "/s", 0.5, note=note)
    ]


class _RawSqlite:
    """The same statements by the standard driver, one immediate transaction a sale."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._db.execute(f"PRAGMA {pragma}")
        values = {
            "customer": "?1",
            "id": "?2",
            "now": "'2026-03-02 09:00:00.000000'",
            "later": "'2027-03-02 09:00:00.000000'",
            "for_update": "",
        }
        self._statements = [
            statement.replace("'{id}'", "CAST({id} AS TEXT)")
            .replace("'receipt {id}'", "'receipt:' || {id}")
            .format(**values)
            for statement in _STATEMENTS
        ]

    def run(self, seconds: float) -> float:
        """Sales per second in one thread, the best this driver does."""
        stop_at, started, done = time.monotonic() + seconds, time.monotonic(), 0
        while time.monotonic() < stop_at:
            values = (random.randint(1, CUSTOMERS), new_id())
            self._db.execute("BEGIN IMMEDIATE")
            for statement in self._statements:
                cursor = self._db.execute(statement, values if "?2" in statement else values[:1])
                if statement.startswith("SELECT"):
                    cursor.fetchall()
            self._db.execute("COMMIT")
            done += 1
        return done / (time.monotonic() - started)


def measure_sqlite() -> list[Row]:
    """Sales per second on SQLite with ``synchronous=FULL``, 32 callers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        migrate(f"sqlite:///{path}")
        ceilings, ours, cpus = [], [], []

        async def run() -> None:
            db = Database(f"sqlite:///{path}")
            await db.transact(_fill)
            raw = _RawSqlite(path)
            for _ in range(ROUNDS):
                ceilings.append(await asyncio.to_thread(raw.run, SECONDS))
                rate, cpu = await _sell(db, callers=32, seconds=SECONDS)
                ours.append(rate)
                cpus.append(cpu)
            await db.close()

        as_the_product_does(run())
    note = f"CPU {median(cpus):.0f} µs a sale"
    return [Row("sale, SQLite, 32 callers", median(ceilings), median(ours), "/s", 0.5, note=note)]


def measure() -> list[Row]:
    """Both databases."""
    return measure_postgres() + measure_sqlite()


if __name__ == "__main__":
    print(json.dumps([[r.path, r.ceiling, r.ours, r.ratio, r.note] for r in measure()], indent=1))
