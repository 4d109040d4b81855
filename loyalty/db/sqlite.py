"""SQLite the safe way: immediate transactions, WAL, full sync, one writer with group commit."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

T = TypeVar("T")

BATCH = 16
"""Units committed together: what a group commit gains flattens out here."""

BUSY_TIMEOUT_MS = 15_000


def sqlite_path(url: str) -> Path:
    """The file behind ``sqlite:///relative`` or ``sqlite:////absolute``.

    Raises:
        ValueError: an in-memory database: it cannot be shared by a writer and readers.
    """
    for prefix in ("sqlite:///", "sqlite+pysqlite:///", "sqlite+aiosqlite:///"):
        if url.startswith(prefix):
            name = unquote(url[len(prefix) :].split("?")[0])
            if name and name != ":memory:":
                return Path(name)
    raise ValueError("a SQLite database needs a file: sqlite:///path/to/file.db")


def sqlite_engine(path: Path, *, read_only: bool = False) -> sa.Engine:
    """An engine with the hooks SQLite needs (also used by the migrations).

    The driver's own transactions are switched off (``isolation_level=None``): its default
    mode reads before it locks and oversells, and commits DDL by itself.
    """
    engine = sa.create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=4,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-16000",
            "temp_store=MEMORY",
            # Whoever is erased is gone from the file too, not only from the tables.
            "secure_delete=ON",
            *(["query_only=ON"] if read_only else []),
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


class SqliteWriter:
    """A queue in front of one thread; up to ``BATCH`` units share a commit.

    Each unit has its own savepoint, so one that fails voids nothing else, and each is answered
    only after the commit: what was acknowledged is on the disk.
    """

    def __init__(self, path: Path) -> None:
        self._engine = sqlite_engine(path)
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def run(self, unit: Callable[[Session], T]) -> T:
        """Queue the unit; its result once it is committed.

        Raises:
            RuntimeError: the database is being closed.
        """
        if self._closed:
            raise RuntimeError("the database is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Job(unit, loop, future))
        return await future

    def close(self) -> None:
        """Finish what is queued and stop the thread."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._engine.dispose()

    def _work(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            batch, last = [first], False
            while len(batch) < BATCH:
                try:
                    job = self._queue.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    last = True
                    break
                batch.append(job)
            self._run_batch(batch)
            if last:
                return

    def _run_batch(self, batch: list[_Job]) -> None:
        try:
            with self._engine.connect() as connection, connection.begin():
                for job in batch:
                    _run_in_savepoint(job, connection)
        except BaseException as problem:  # noqa: BLE001 - handed to every caller of the batch
            for job in batch:
                job.result, job.problem = None, problem
        # One wake-up for the whole batch: each costs a system call on a busy loop.
        by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in batch:
            by_loop.setdefault(job.loop, []).append(job)
        for loop, jobs in by_loop.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, jobs)


class _Job:
    __slots__ = ("future", "loop", "problem", "result", "unit")

    def __init__(
        self,
        unit: Callable[[Session], Any],
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[Any],
    ) -> None:
        self.unit = unit
        self.loop = loop
        self.future = future
        self.result: Any = None
        self.problem: BaseException | None = None


def _run_in_savepoint(job: _Job, connection: sa.Connection) -> None:
    driver: Any = connection.connection.driver_connection
    driver.execute("SAVEPOINT unit")
    try:
        session = Session(connection, join_transaction_mode="rollback_only", expire_on_commit=False)
        try:
            job.result = job.unit(session)
            session.flush()
        finally:
            # Detach without touching the connection's transaction: the batch owns it.
            session.expunge_all()
    except BaseException as problem:  # noqa: BLE001 - handed to the caller of this unit
        job.problem = problem
        driver.execute("ROLLBACK TO unit")
    driver.execute("RELEASE unit")


def _settle(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.problem is not None:
            job.future.set_exception(job.problem)
        else:
            job.future.set_result(job.result)
