"""Whether the last stop was clean, for any number of processes on one database.

``run`` is alone: a mark in the database is enough. Single roles each leave a row of their own
and hold a lock on it (PostgreSQL: an advisory lock on a connection of its own; SQLite: a lock
on a file beside the database). A row that was never closed and whose lock is free belongs to a
process that died.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, jobs
from loyalty.db import Database
from loyalty.db.sqlite import sqlite_path
from loyalty.ids import new_id

log = logging.getLogger("regulars")

_JOB = "serving:"
_ANSWER_S = 5.0


@contextlib.asynccontextmanager
async def serving(db: Database) -> AsyncIterator[bool]:
    """Be seen as a process that serves; yields whether another one died without a clean stop.

    Of several that start at once, one is told.
    """
    locks = _PostgresLocks(db.url) if db.is_postgres else _FileLocks(db.url)
    number = new_id()
    try:
        await locks.take(number)
        died = False
        for row_id in await db.read(_open_rows):
            if await locks.take(row_id):
                closed = await db.transact(lambda s, i=row_id: _close(s, i, "died"))  # type: ignore[misc]
                died = died or closed
                await locks.let_go(row_id)
        await db.transact(lambda session: _enter(session, number))
        yield died
        await db.transact(lambda session: _close(session, number, "stopped"))
    finally:
        await locks.close()


def _open_rows(session: Session) -> list[int]:
    run = jobs.job_run
    query = sa.select(run.c.id).where(run.c.job.startswith(_JOB), run.c.finished_at.is_(None))
    return list(session.execute(query.order_by(run.c.id)).scalars())


def _enter(session: Session, number: int) -> None:
    # Real time: the demo's clock may be moved while a process serves.
    now = clock.real_now()
    row = {"id": number, "job": f"{_JOB}{number}", "scheduled_for": now, "started_at": now}
    session.execute(sa.insert(jobs.job_run).values(row))


def _close(session: Session, number: int, result: str) -> bool:
    run = jobs.job_run
    done = session.execute(
        sa.update(run)
        .where(run.c.job == f"{_JOB}{number}", run.c.finished_at.is_(None))
        .values(finished_at=clock.real_now(), result=result)
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]


class _PostgresLocks:
    def __init__(self, url: str) -> None:
        self._dsn = url.replace("postgresql+asyncpg://", "postgresql://")
        self._connection: Any = None

    async def take(self, number: int) -> bool:
        """Lock that process's number; False if it lives."""
        import asyncpg

        if self._connection is None:
            self._connection = await asyncpg.connect(self._dsn, timeout=_ANSWER_S)
        taken = await self._connection.fetchval("SELECT pg_try_advisory_lock($1::bigint)", number)
        return bool(taken)

    async def let_go(self, number: int) -> None:
        """Free one."""
        await self._connection.fetchval("SELECT pg_advisory_unlock($1::bigint)", number)

    async def close(self) -> None:
        """Free all."""
        if self._connection is not None:
            self._connection.terminate()


class _FileLocks:
    def __init__(self, url: str) -> None:
        self._path = sqlite_path(url)
        self._files: dict[int, int] = {}

    def _name(self, number: int) -> Path:
        return Path(f"{self._path}.serving-{number}")

    async def take(self, number: int) -> bool:
        """Lock that process's number; False if it lives."""
        file = os.open(self._name(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._files[number] = file
        return True

    async def let_go(self, number: int) -> None:
        """Free one."""
        os.close(self._files.pop(number))
        self._name(number).unlink(missing_ok=True)

    async def close(self) -> None:
        """Free all."""
        for number in list(self._files):
            await self.let_go(number)
