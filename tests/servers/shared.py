"""One set of servers for a whole test run, however many processes it has.

The process that was asked to run the tests owns them: it starts each when it is first wanted and
ends all when the run ends, also on Ctrl-C. Workers ask it through a socket named in the
environment, which they inherit.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any, TypeVar

from tests.servers.postgres import Postgres, postgres_server
from tests.servers.processes import ServerUnavailable, temporary_folder
from tests.servers.redis import redis_server

VARIABLE = "REGULARS_TEST_SERVERS"
TEMPLATE = "regulars_template"

T = TypeVar("T")


class SharedServers:
    """The owner's side: answers "postgres", "redis" and the two migrated templates by name."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._answers: dict[str, tuple[str, str]] = {}
        self._postgres: Postgres | None = None
        key = secrets.token_bytes(16)
        self._folder = self._stack.enter_context(temporary_folder("regulars-tests-"))
        address = str(self._folder / "socket")
        self._listener = Listener(address, family="AF_UNIX", authkey=key)
        os.environ[VARIABLE] = f"{key.hex()}:{address}"
        threading.Thread(target=self._serve, name="test servers", daemon=True).start()

    def close(self) -> None:
        """End every server that was started."""
        os.environ.pop(VARIABLE, None)
        self._listener.close()
        self._stack.close()

    def _serve(self) -> None:
        # One request at a time, on purpose: the second to ask waits for the server of the first.
        while True:
            try:
                connection = self._listener.accept()
            except OSError:
                return  # closed: the run is over
            with connection, contextlib.suppress(EOFError, OSError):  # the asker is gone
                connection.send(self._answer(connection.recv()))

    def _answer(self, name: str) -> tuple[str, str]:
        """(kind, text): "ok" and an address, "unavailable" or "error" and the reason."""
        if name not in self._answers:
            try:
                self._answers[name] = ("ok", getattr(self, f"_start_{name}")())
            except ServerUnavailable as error:
                self._answers[name] = ("unavailable", str(error))
            except Exception as error:  # noqa: BLE001 - told to whoever asked, who fails with it
                self._answers[name] = ("error", f"{type(error).__name__}: {error}")
        return self._answers[name]

    def _start_redis(self) -> str:
        return self._stack.enter_context(redis_server())

    def _start_postgres(self) -> str:
        self._postgres = self._stack.enter_context(postgres_server())
        return self._postgres.url

    def _start_postgres_template(self) -> str:
        from loyalty.db import migrate

        kind, text = self._answer("postgres")
        if kind != "ok" or self._postgres is None:
            raise ServerUnavailable(text)
        run_sql(self._postgres.url, f"CREATE DATABASE {TEMPLATE}")
        migrate(self._postgres.database(TEMPLATE))
        return self._postgres.url

    def _start_sqlite_template(self) -> str:
        from loyalty.db import migrate

        path = self._folder / "template.db"
        migrate(f"sqlite:///{path}")
        # Everything into the one file that will be copied.
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return str(path)


def ask(name: str) -> str:
    """A worker's side: the address of a server, started if it is the first time.

    Raises ServerUnavailable when this machine cannot run it, RuntimeError when starting it
    failed for a reason of ours, such as a migration.
    """
    key, _, address = os.environ[VARIABLE].partition(":")
    with Client(address, family="AF_UNIX", authkey=bytes.fromhex(key)) as connection:
        connection.send(name)
        kind, text = connection.recv()
    if kind == "unavailable":
        raise ServerUnavailable(text)
    if kind == "error":
        raise RuntimeError(f"{name}: {text}")
    return str(text)


def run_sql(url: str, statement: str) -> None:
    """Run one administrative statement, such as CREATE DATABASE, outside any transaction."""
    import asyncpg

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    in_a_thread(run())


def in_a_thread(work: Coroutine[Any, Any, T]) -> T:
    """Do it in an event loop of its own: the caller's thread may have one, running or set."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def copy_of_template(template: str, folder: Path) -> str:
    """A database of one's own from the migrated SQLite file; returns its address."""
    path = folder / "regulars.db"
    path.write_bytes(Path(template).read_bytes())
    return f"sqlite:///{path}"
