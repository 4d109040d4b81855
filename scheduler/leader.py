"""One of several processes ticks: whoever holds the lock. It is free the moment the process dies.

PostgreSQL: an advisory lock on a connection of its own. SQLite: a lock on a file beside the
database. Neither needs a clean end to be let go.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from loyalty import clock
from loyalty.db import Database
from loyalty.db.sqlite import sqlite_path

log = logging.getLogger(__name__)

RETRY_S = 1.0
"""How often the lock is tried for, or looked after; a dead leader is replaced within seconds."""

_KEY = 0x5245_474C
_ANSWER_S = 5.0
# A machine that loses its power says no goodbye: the server lets its lock go after these seconds.
_SOON_MISSED = {
    "application_name": "regulars leader",
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "2",
}
_TROUBLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class _Lock(Protocol):
    async def hold(self) -> bool:
        """Take the lock, or see that it is still held; False if another has it."""
        ...

    async def let_go(self) -> None:
        """Free it."""
        ...


class Leader:
    """Keeps trying to lead. ``start`` inside an event loop, end with ``stop``."""

    def __init__(self, db: Database) -> None:
        self._lock: _Lock = _PostgresLock(db.url) if db.is_postgres else _FileLock(db.url)
        self._task: asyncio.Task[None] | None = None
        self.is_leader = False
        self.elected = asyncio.Event()
        self._changed = asyncio.Condition()

    def start(self) -> None:
        """Begin to try."""
        self._task = asyncio.create_task(self._run(), name="leader")

    async def stop(self) -> None:
        """Give the lock to whoever wants it."""
        self.is_leader = False
        if self._task is not None:
            await clock.end(self._task)
            self._task = None
        await self._lock.let_go()

    async def _run(self) -> None:
        while True:
            try:
                held = await self._lock.hold()
            except _TROUBLE as problem:
                log.warning("the leader's lock does not answer: %s", type(problem).__name__)
                held = False
                await self._lock.let_go()
            if held != self.is_leader:
                log.info("this process %s", "leads" if held else "leads no more")
            self.is_leader = held
            if held:
                self.elected.set()
            else:
                self.elected.clear()
            async with self._changed:
                self._changed.notify_all()
            await asyncio.sleep(RETRY_S)

    async def until_changed(self, known: bool) -> None:
        """Wait until it leads, or leads no more, other than ``known``."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.is_leader != known)


class _PostgresLock:
    def __init__(self, url: str) -> None:
        self._dsn = url.replace("postgresql+asyncpg://", "postgresql://")
        self._connection: Any = None

    async def hold(self) -> bool:
        """See ``_Lock.hold``."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._dsn,
                timeout=_ANSWER_S,
                command_timeout=_ANSWER_S,
                server_settings=_SOON_MISSED,
            )
            self._held = False
        if self._held:
            await self._connection.fetchval("SELECT 1")
            return True
        self._held = bool(
            await self._connection.fetchval("SELECT pg_try_advisory_lock($1::bigint)", _KEY)
        )
        return self._held

    async def let_go(self) -> None:
        """See ``_Lock.let_go``."""
        connection, self._connection, self._held = self._connection, None, False
        if connection is not None and not connection.is_closed():
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError):
                # A connection that cannot be closed politely is cut: the lock goes with it.
                await connection.close(timeout=_ANSWER_S)
            connection.terminate()


class _FileLock:
    def __init__(self, url: str) -> None:
        path = sqlite_path(url)
        self._path = Path(f"{path}.leader")
        self._file: int | None = None

    async def hold(self) -> bool:
        """See ``_Lock.hold``."""
        if self._file is not None:
            return True
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    async def let_go(self) -> None:
        """See ``_Lock.let_go``."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
