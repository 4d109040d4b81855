"""Bring the schema to the newest revision; refuse a database from a newer program."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util.exc import CommandError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from loyalty.db.engine import postgres_address
from loyalty.db.sqlite import sqlite_engine, sqlite_path

T = TypeVar("T")

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"

_LOCK_KEY = 0x5245_4755  # one migration at a time on PostgreSQL


class DatabaseTooNew(Exception):
    """The database was made by a newer version of the program."""


class DatabaseUnreachable(Exception):
    """The database does not answer; ``reason`` is one line without a password."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def alembic_config(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration, made in code: there is no ini file to keep in step."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def migrate(database_url: str, *, revision: str = "head") -> None:
    """Upgrade (or, for a lower ``revision``, downgrade) the schema.

    Safe to call at every start and from several processes at once.

    Raises:
        DatabaseTooNew: its revision is unknown to this program.
        DatabaseUnreachable: it does not answer, or the folder cannot be written to.
    """

    def work(connection: sa.Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        current = _current(connection)
        config = alembic_config(connection)
        script = ScriptDirectory.from_config(config)
        if current is not None and not _knows(script, current):
            raise DatabaseTooNew(current)
        head = script.get_current_head()
        if revision == "head":
            if current != head:
                command.upgrade(config, "head")
        elif _is_ancestor(script, revision, current):
            command.downgrade(config, revision)
        else:
            command.upgrade(config, revision)

    _with_connection(database_url, work)


def schema_revision(database_url: str) -> str | None:
    """The schema's revision, or None in an empty database.

    Raises:
        DatabaseUnreachable: it does not answer.
    """
    return _with_connection(database_url, _current)


def newest_revision() -> str:
    """The schema's revision that this program wants."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if head is None:
        raise RuntimeError("there are no migrations")
    return head


def _current(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _knows(script: ScriptDirectory, revision: str) -> bool:
    try:
        return script.get_revision(revision) is not None
    except (ResolutionError, CommandError):
        return False


def _is_ancestor(script: ScriptDirectory, revision: str, current: str | None) -> bool:
    if revision == "base":
        return True
    if current is None:
        return False
    below = {r.revision for r in script.iterate_revisions(current, "base")}
    return revision in below and revision != current


def _with_connection(database_url: str, work: Callable[[sa.Connection], T]) -> T:
    if database_url.startswith(("postgres://", "postgresql")):
        found: T = _in_own_loop(lambda: _on_postgres(database_url, work))
        return found
    path = sqlite_path(database_url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = sqlite_engine(path)
        try:
            with engine.begin() as connection:
                return work(connection)
        finally:
            engine.dispose()
    except (OSError, sa.exc.OperationalError) as problem:
        raise DatabaseUnreachable(_reason(problem)) from problem
    except sa.exc.DatabaseError as problem:
        # The plain class is SQLite's word for "not a database" and for a damaged one.
        if type(problem) is sa.exc.DatabaseError:
            raise DatabaseUnreachable(_reason(problem)) from problem
        raise


async def _on_postgres(database_url: str, work: Callable[[sa.Connection], T]) -> T:
    engine = create_async_engine(
        postgres_address(database_url), poolclass=NullPool, connect_args={"timeout": 10}
    )
    try:
        try:
            connection = await engine.connect()
        except (OSError, TimeoutError, sa.exc.DBAPIError, sa.exc.ArgumentError) as problem:
            raise DatabaseUnreachable(_reason(problem)) from problem
        except Exception as problem:
            # asyncpg raises its own family before SQLAlchemy can wrap it.
            if type(problem).__module__.startswith("asyncpg"):
                raise DatabaseUnreachable(_reason(problem)) from problem
            raise
        try:
            async with connection.begin():
                result: T = await connection.run_sync(work)
            return result
        finally:
            await connection.close()
    finally:
        await engine.dispose()


def _reason(problem: BaseException) -> str:
    cause: Any = getattr(problem, "orig", None) or problem
    return str(cause).strip().split("\n")[0] or type(cause).__name__


def _in_own_loop(make: Callable[[], Any]) -> Any:
    """Run a coroutine to its end, also from inside a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(make())
    outcome: list[Any] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(make()))
        except BaseException as problem:  # noqa: BLE001 - raised again below
            problems.append(problem)

    thread = threading.Thread(target=run, name="migrate")
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return outcome[0]
