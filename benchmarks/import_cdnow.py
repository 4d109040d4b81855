"""Importing history, against a bare read of the file and `executemany` of its rows.

The ceiling splits the lines, turns amounts and dates into what is stored and inserts customers,
purchases and lines into bare tables (no keys but the id, no checks, no rollup), with as many
rows a commit as ours. Ours is the whole import: mapping, identities, cards, wallets, rollups.
Both run in turn on SQLite, three times; medians are compared.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from benchmarks.common import Row, median
from loyalty import importing, program
from loyalty.db import Database, migrate
from loyalty.ids import new_id

ROUNDS = 3
SHARED = Path(__file__).resolve().parents[2] / "shared/data/cdnow/CDNOW_master.txt"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BATCH = 2_000

_BARE = """
CREATE TABLE bare_customer (id INTEGER PRIMARY KEY, value TEXT);
CREATE TABLE bare_purchase (id INTEGER PRIMARY KEY, customer_id INTEGER, sold_at TEXT,
    business_date TEXT, total INTEGER);
CREATE TABLE bare_line (purchase_id INTEGER, n INTEGER, quantity_milli INTEGER, price INTEGER,
    amount INTEGER);
"""


def measure() -> list[Row]:
    """Rows a second: history as it is, and history that earns points."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = SHARED if SHARED.exists() else _made_up(folder / "sales.txt")
        bare, plain, earning = [], [], []
        for number in range(ROUNDS):
            bare.append(_bare(path, folder / f"bare{number}.db"))
            plain.append(_ours(path, folder / f"plain{number}.db", earn=False))
            earning.append(_ours(path, folder / f"earn{number}.db", earn=True))
    ceiling = median(bare)
    note = "of the file" if path == SHARED else "of made-up sales"
    return [
        Row("import of history, SQLite", ceiling, median(plain), f"rows/s {note}", 0.1),
        Row("the same, earning points", ceiling, median(earning), f"rows/s {note}", 0.06),
    ]


def _made_up(path: Path) -> Path:
    """A file of CDNOW's shape and size, where the real one is not at hand."""
    rng, first = random.Random(1), date(1997, 1, 1)
    with path.open("w") as file:
        file.write(" customer_id  date number_of_cds  dollar_value\n")
        for customer in range(1, 23_571):
            for _ in range(max(1, min(40, int(rng.paretovariate(1.5))))):
                day = (first + timedelta(days=rng.randrange(545))).strftime("%Y%m%d")
                file.write(
                    f" {customer:05d} {day} {rng.randint(1, 5):2d} {rng.random() * 90:7.2f}\n"
                )
    return path


def _bare(path: Path, database: Path) -> float:
    connection = sqlite3.connect(database, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.executescript(_BARE)
    started = time.perf_counter()
    known: dict[str, int] = {}
    customers: list[tuple[object, ...]] = []
    sales: list[tuple[object, ...]] = []
    lines: list[tuple[object, ...]] = []
    rows = 0

    def flush() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO bare_customer VALUES (?, ?)", customers)
        connection.executemany("INSERT INTO bare_purchase VALUES (?, ?, ?, ?, ?)", sales)
        connection.executemany("INSERT INTO bare_line VALUES (?, ?, ?, ?, ?)", lines)
        connection.execute("COMMIT")
        customers.clear()
        sales.clear()
        lines.clear()

    with path.open() as file:
        next(file)
        for line in file:
            value, day, pieces, dollars = line.split()
            if value not in known:
                known[value] = new_id()
                customers.append((known[value], value))
            amount = round(float(dollars) * 100)
            at, quantity, key = datetime.strptime(day, "%Y%m%d"), int(pieces), new_id()
            sales.append((key, known[value], at.isoformat(), at.date().isoformat(), amount))
            lines.append((key, 1, quantity * 1000, amount // quantity, amount))
            rows += 1
            if rows % BATCH == 0:
                flush()
    flush()
    spent = time.perf_counter() - started
    connection.close()
    return rows / spent


def _ours(path: Path, database: Path, *, earn: bool) -> float:
    url = f"sqlite:///{database}"
    migrate(url)

    async def run() -> float:
        db = Database(url)
        await db.transact(partial(program.ensure_default, now=NOW))
        options = importing.Options(
            now=NOW,
            time_zone="Europe/Moscow",
            language="en",
            currency="USD",
            profile="cdnow",
            earn=earn,
        )
        started = time.perf_counter()
        file, rows = importing.PurchaseFile(path, options), 0
        for batch in file.batches():
            unit = partial(importing.write_purchases, batch=batch, options=options)
            rows += (await db.transact(unit)).summary.purchases
        spent = time.perf_counter() - started
        file.close()
        await db.close()
        return rows / spent

    return asyncio.run(run())
