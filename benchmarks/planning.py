"""Planning every shipped chain, and the tick when nothing is due.

A million customers on PostgreSQL (``BENCH_CUSTOMERS``), a tenth of them with ten purchases each in
the last year, points that expire, birthdays, own dates, several time zones. All shipped chains are
on; the planner first looks back as far as starts are of use, then over a day, then finds nothing.
The ceiling is the goal: minutes, not hours, for all of it; 20 ms for the tick, on both databases
(a tenth of the customers on SQLite). Memory is what the process gained at its highest.
"""

from __future__ import annotations

import asyncio
import os
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from benchmarks.common import Row, median
from loyalty import chains, program
from loyalty.chains.tables import chain, chain_member, enrolment
from loyalty.db import Database, migrate
from tests.servers.postgres import postgres_server

CUSTOMERS = int(os.environ.get("BENCH_CUSTOMERS", "1000000"))
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
GOAL_S = 300.0
GOAL_TICK_MS = 20.0
ZONE = "Europe/Moscow"
PURCHASES = 10
"""Of every tenth customer."""

_DAY = timedelta(days=1)


def measure() -> list[Row]:
    """Seconds to plan all chains, and milliseconds of a tick with nothing to do."""
    rows = []
    with postgres_server() as server:
        rows += asyncio.run(_measure(server.url, "PostgreSQL", CUSTOMERS))
    with tempfile.TemporaryDirectory() as name:
        address = f"sqlite:///{Path(name) / 'bench.db'}"
        rows += asyncio.run(_measure(address, "SQLite", max(1, CUSTOMERS // 10)))
    return rows


async def _measure(url: str, name: str, customers: int) -> list[Row]:
    migrate(url)
    db = Database(url)
    await db.transact(_set_up)
    for statement in _filling(customers, postgres=db.is_postgres):
        await db.transact(lambda s, sql=statement: s.execute(sa.text(sql)) and None)  # type: ignore[misc]
    before = _peak_mb()
    first, units, longest = await _plan(db, NOW)
    enrolled = await db.read(_count)
    later, _, worst = await _plan(db, NOW + _DAY)
    both = await db.read(_count)
    grown = _peak_mb() - before
    tick = await _tick(db, NOW + _DAY + timedelta(seconds=1))
    await db.close()
    return [
        Row(
            f"planning all chains, {customers:,}, {name}",
            GOAL_S,
            first,
            "s",
            1.0,
            smaller_is_better=True,
            note=f"{enrolled:,} enrolled, {enrolled / first:,.0f} rows/s, {units} units, the"
            f" longest {longest * 1000:.0f} ms; +{grown:.0f} MB at most",
        ),
        Row(
            f"planning a day later, {customers:,}, {name}",
            GOAL_S,
            later,
            "s",
            1.0,
            smaller_is_better=True,
            note=f"{both - enrolled:,} enrolled, the longest unit {worst * 1000:.0f} ms",
        ),
        Row(
            f"the tick when nothing is due, {customers:,}, {name}",
            GOAL_TICK_MS,
            tick["events"] * 1000,
            "ms",
            1.0,
            smaller_is_better=True,
            note=f"every second, at best {tick['best_events'] * 1000:.1f} ms; what comes with time,"
            f" every minute: {tick['all'] * 1000:.1f}, at best {tick['best_all'] * 1000:.1f} ms",
        ),
    ]


def _set_up(session: Session) -> None:
    program.ensure_default(session, now=NOW - 400 * _DAY)
    chains.ensure_shipped(session, now=NOW - 400 * _DAY)
    session.execute(sa.update(chain).values(enabled=True, enabled_at=NOW - 30 * _DAY))


async def _plan(db: Database, now: datetime) -> tuple[float, int, float]:
    """(seconds, units, the longest unit) until there is nothing more to plan."""
    started, units, longest = time.perf_counter(), 0, 0.0
    while True:
        begun = time.perf_counter()
        done = await db.transact(lambda s: chains.plan(s, now=now, time_zone=ZONE))
        units += 1
        longest = max(longest, time.perf_counter() - begun)
        if not done.more:
            return time.perf_counter() - started, units, longest


async def _tick(db: Database, now: datetime) -> dict[str, float]:
    """The middle of many ticks that find nothing: of events and moving, and of everything; and
    the best of them, as far as others leave the machine alone."""
    await db.transact(lambda s: s.execute(sa.update(enrolment).values(due_at=None)) and None)
    found: dict[str, list[float]] = {"events": [], "all": []}
    for _ in range(40):
        begun = time.perf_counter()
        await db.transact(lambda s: chains.enrol_from_events(s, now=now))
        await db.transact(lambda s: chains.advance(s, now=now, time_zone=ZONE).moved)
        found["events"].append(time.perf_counter() - begun)
        begun = time.perf_counter()
        await db.transact(
            lambda s: chains.plan(s, now=now, time_zone=ZONE, only=chains.BY_TIME).enrolled
        )
        found["all"].append(time.perf_counter() - begun)
    middle = {name: median(values) for name, values in found.items()}
    return middle | {f"best_{name}": min(values) for name, values in found.items()}


def _count(session: Session) -> int:
    people = session.execute(sa.select(sa.func.count()).select_from(enrolment)).scalar_one()
    members = session.execute(sa.select(sa.func.count()).select_from(chain_member)).scalar_one()
    return int(people) + int(members)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# Made by the database: a million customers in seconds, the same on every run.
_SERIES_POSTGRES = "generate_series({low}, {high}) AS g(n)"
_SERIES_SQLITE = (
    "(WITH RECURSIVE s(n) AS (SELECT {low} UNION ALL SELECT n + 1 FROM s WHERE n < {high})"
    " SELECT n FROM s) AS g"
)
_CUSTOMERS = """
INSERT INTO customer (id, status, language, created_at, joined_at, birth_month, birth_day,
 birth_year, time_zone, city, fields, tier)
SELECT n, CASE WHEN n % 20 = 0 THEN 'anonymous' ELSE 'active' END, 'ru', {joined}, {joined},
 CASE WHEN n % 3 > 0 THEN 1 + n % 12 END, CASE WHEN n % 3 > 0 THEN 1 + n % 28 END, 1990,
 CASE n % 10 WHEN 0 THEN 'Asia/Vladivostok' WHEN 1 THEN 'Asia/Yekaterinburg' END, 'Тула',
 CASE WHEN n % 4 = 0 THEN {fields} END, 'bronze'
FROM {series}"""
_BUYER = "10 * (1 + (n - 1) / {each})"
_PURCHASES = """
INSERT INTO purchase (id, customer_id, source, business_date, sold_at, recorded_at, gross, total)
SELECT n, {buyer}, 'demo', {date}, {sold}, {sold}, 30000, 30000 FROM {series}"""
_LINES = """
INSERT INTO purchase_line (purchase_id, n, sku, name, category, quantity_milli, price, amount)
SELECT n, 1, 'S' || (n % 50), 'Goods', CASE n % 3 WHEN 0 THEN 'beans' WHEN 1 THEN 'tea'
 ELSE 'cups' END, 1000, 30000, 30000 FROM {series}"""
_STATS = """
INSERT INTO customer_stats (customer_id, orders, spent, first_purchase_at, last_purchase_at)
SELECT customer_id, count(*), sum(total), min(sold_at), max(sold_at) FROM purchase
GROUP BY customer_id"""
_PACES = """
INSERT INTO category_pace (category, days, at, by)
VALUES ('beans', 30, '{now}', 'bench'), ('tea', 45, '{now}', 'bench')"""


def _filling(customers: int, *, postgres: bool) -> list[str]:
    """Statements that fill the database."""
    moment = "2026-03-02 09:00:00" + ("+00" if postgres else ".000000")
    receipts = customers // 10 * PURCHASES
    # A buyer's receipts are spread over a year, each buyer's differently.
    minutes = f"((n % {PURCHASES}) * 52560 + (n / {PURCHASES} * 7919) % 52560)"
    if postgres:
        joined = f"TIMESTAMPTZ '{moment}' - make_interval(hours => (n % 20000)::int)"
        sold = f"TIMESTAMPTZ '{moment}' - make_interval(mins => {minutes}::int)"
        date = f"({sold})::date"
        fields = "jsonb_build_object('renewal', (DATE '2026-03-02' + (n % 365)::int)::text)"
        series, analyze = _SERIES_POSTGRES, "ANALYZE"
    else:
        joined = f"datetime('{moment}', '-' || (n % 20000) || ' hours') || '.000000'"
        sold = f"datetime('{moment}', '-' || {minutes} || ' minutes') || '.000000'"
        date = f"date({sold})"
        fields = "json_object('renewal', date('2026-03-02', (n % 365) || ' days'))"
        series, analyze = _SERIES_SQLITE, "ANALYZE"
    people = series.format(low=1, high=customers)
    sales = series.format(low=1, high=receipts)
    buyer = _BUYER.format(each=PURCHASES)
    return [
        _CUSTOMERS.format(joined=joined, fields=fields, series=people),
        _PURCHASES.format(buyer=buyer, date=date, sold=sold, series=sales),
        _LINES.format(series=sales),
        _STATS,
        _PACES.format(now=moment),
        analyze,
    ]


def main() -> None:
    """Print what was measured."""
    for row in measure():
        print(row.as_json())


if __name__ == "__main__":
    main()
