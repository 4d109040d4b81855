"""The two doors to the database: ``transact`` (write) and ``read``.

PostgreSQL: the unit runs in a greenlet over asyncpg, READ COMMITTED, and is run again whole on
a serialization failure or deadlock. SQLite: units queue for the one writer thread
(``sqlite_writer``); reads go to a small pool of read-only connections.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.util.concurrency import greenlet_spawn

from loyalty.db.sqlite import SqliteWriter, sqlite_engine, sqlite_path
from loyalty.errors import DatabaseBusy

T = TypeVar("T")
Unit = Callable[[Session], T]

ATTEMPTS = 5
_RETRIED = {"40001", "40P01"}  # serialization failure, deadlock
_UNIQUE = "23505"
# The server ends connections, crashed, or is only starting.
_AWAY = {"57P01", "57P02", "57P03"}
_CONFUSED = {"InterfaceError", "InternalClientError", "ConnectionDoesNotExistError"}
RECONNECT_S = 0.2


def sqlstate(problem: BaseException) -> str | None:
    """The SQLSTATE of a driver error, wrapped by SQLAlchemy or not."""
    cause: Any = problem.orig if isinstance(problem, DBAPIError) else problem
    code: str | None = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return code


def is_unique_violation(problem: BaseException) -> bool:
    """Whether a unique row was there already (either database, either path)."""
    if sqlstate(problem) == _UNIQUE:
        return True
    text = str(problem.orig if isinstance(problem, IntegrityError) else problem)
    return "UNIQUE constraint failed" in text


class AlreadyThere(Exception):
    """Raised by a unit that met a row written by another between its read and its write.

    The unit is run again and then sees that row.
    """


class ConnectionLost(Exception):
    """The connection died before the commit was sent: nothing of the unit was kept."""


def _is_lost(problem: BaseException) -> bool:
    if isinstance(problem, DBAPIError) and problem.connection_invalidated:
        return True
    state = sqlstate(problem)
    if state is not None:
        return state in _AWAY or state.startswith("08")
    # A connection that dies in the middle of an answer shows as the driver's own confusion.
    cause = problem.orig if isinstance(problem, DBAPIError) else problem
    return isinstance(problem, OSError) or type(cause).__name__ in _CONFUSED


def _is_spoiled(problem: BaseException) -> bool:
    """Whether the connection is no good for anybody else after that.

    Cancelled while it began, it would keep an open transaction nobody knows of, and the units
    after it would be "committed" inside that one: nothing of them would ever be kept.
    """
    return not isinstance(problem, Exception) or _is_lost(problem)


def postgres_address(url: str) -> str:
    """The plain address with the driver named."""
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+asyncpg://" + url[len(plain) :]
    return url


def _write(engine: sa.Engine, unit: Unit[T]) -> T:
    """One unit in one transaction. On PostgreSQL this runs in a greenlet, whole: a session of
    asyncio's own would hop between greenlet and loop at every turn (measured: a third of the
    CPU of a sale)."""
    committing = False
    try:
        with engine.begin() as connection:
            session = Session(
                connection, join_transaction_mode="rollback_only", expire_on_commit=False
            )
            try:
                result = unit(session)
                session.flush()
            except BaseException as problem:
                # What went past SQLAlchemy must not put a dead connection back into the pool.
                if _is_spoiled(problem) and not connection.invalidated:
                    connection.invalidate()
                raise
            committing = True
        return result
    except Exception as problem:
        if not committing and _is_lost(problem):
            raise ConnectionLost from problem
        raise


def _look(engine: sa.Engine, unit: Unit[T]) -> T:
    try:
        with Session(engine, expire_on_commit=False) as session:
            try:
                return unit(session)
            except BaseException as problem:
                if _is_spoiled(problem):
                    session.invalidate()
                raise
    except Exception as problem:
        if _is_lost(problem):
            raise ConnectionLost from problem
        raise


class Database:
    """An open database. Make with ``Database(url)``, end with ``close``."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self.is_postgres = url.startswith(("postgres://", "postgresql"))
        self._engine: AsyncEngine | None = None
        self._writer: SqliteWriter | None = None
        if self.is_postgres:
            self._engine = create_async_engine(
                postgres_address(url),
                pool_size=pool_size,
                max_overflow=0,
                pool_timeout=30,
                pool_pre_ping=False,
                connect_args={"timeout": 10, "server_settings": {"application_name": "regulars"}},
            )
        else:
            path = sqlite_path(url)
            self._writer = SqliteWriter(path)
            self._read_engine = sqlite_engine(path, read_only=True)
            self._readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="reader")

    @property
    def engine(self) -> AsyncEngine | None:
        """The PostgreSQL engine (a leader lock needs a connection of its own); None on SQLite."""
        return self._engine

    async def transact(self, unit: Unit[T]) -> T:
        """Run ``unit`` in one transaction and commit; its result after the commit.

        The unit may run more than once and must not touch anything but the session.

        Raises:
            DatabaseBusy: it collided with other work ``ATTEMPTS`` times.
            ConnectionLost: PostgreSQL does not come back within some seconds.
        """
        for attempt in range(ATTEMPTS):
            try:
                if self._engine is not None:
                    return await greenlet_spawn(_write, self._engine.sync_engine, unit)
                if self._writer is None:
                    raise RuntimeError("the database is closed")
                return await self._writer.run(unit)
            except ConnectionLost:
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(RECONNECT_S * 2**attempt)
            except Exception as problem:
                if not isinstance(problem, AlreadyThere) and sqlstate(problem) not in _RETRIED:
                    raise
            await asyncio.sleep(random.uniform(0.005, 0.02) * 2**attempt)
        raise DatabaseBusy()

    async def read(self, unit: Unit[T]) -> T:
        """Run ``unit`` against a read-only view; nothing it does is kept.

        Raises:
            ConnectionLost: PostgreSQL does not come back within some seconds.
        """
        if self._engine is not None:
            return await self._read_there(self._engine.sync_engine, unit)
        return await asyncio.get_running_loop().run_in_executor(
            self._readers, self._read_here, unit
        )

    async def _read_there(self, engine: sa.Engine, unit: Unit[T]) -> T:
        for attempt in range(ATTEMPTS - 1):
            try:
                return await greenlet_spawn(_look, engine, unit)
            except ConnectionLost:
                await asyncio.sleep(RECONNECT_S * 2**attempt)
        return await greenlet_spawn(_look, engine, unit)

    def _read_here(self, unit: Unit[T]) -> T:
        return _look(self._read_engine, unit)

    async def ping(self) -> None:
        """Ask the database for one value.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: it does not answer.
        """
        await self.read(lambda session: session.execute(sa.text("SELECT 1")).scalar_one())

    async def close(self) -> None:
        """Let queued units finish and close every connection."""
        if self._engine is not None:
            await self._engine.dispose()
            return
        if self._writer is not None:
            writer, self._writer = self._writer, None
            await asyncio.get_running_loop().run_in_executor(None, writer.close)
            self._readers.shutdown(wait=True)
            self._read_engine.dispose()
