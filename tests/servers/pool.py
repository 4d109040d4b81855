"""PostgreSQL databases that are emptied and used again.

Making one from the template writes several hundred files, which takes longer than most tests do;
emptying the tables a test has written to takes a few milliseconds.
"""

from __future__ import annotations

import uuid

import asyncpg

from tests.servers.shared import TEMPLATE, in_a_thread, run_sql

USES = 25
"""After so many tests a database is thrown away: nothing vacuums it."""
_KEPT = "alembic_version"
_OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
# By table, index, column, constraint, function and trigger: whatever a test could have altered.
_SHAPE = """
    SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
        SELECT table_name || column_name || data_type || is_nullable AS line
        FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT conname FROM pg_constraint
        UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT version_num FROM alembic_version
    ) AS lines
"""


class Databases:
    """The databases of one test process on the server at ``server``."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._free: list[str] = []
        self._used: dict[str, int] = {}
        self._shape = ""

    def take(self) -> str:
        """The name of a database like the template, nobody else's until it is given back."""
        if self._free:
            return self._free.pop()
        name = f"t_{uuid.uuid4().hex}"
        run_sql(self._server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        self._used[name] = 0
        return name

    def url(self, name: str) -> str:
        """The address of the database called so."""
        return f"{self._server.rpartition('/')[0]}/{name}"

    def give_back(self, name: str) -> None:
        """Empty it for the next test, or drop it: when it is worn or its tables were altered."""
        self._used[name] += 1
        if self._used[name] < USES and in_a_thread(self._emptied(name)):
            self._free.append(name)
            return
        del self._used[name]
        run_sql(self._server, f"DROP DATABASE {name} WITH (FORCE)")

    async def _emptied(self, name: str) -> bool:
        connection = await asyncpg.connect(self.url(name))
        try:
            await connection.execute(_OTHERS)
            tables = [row[0] for row in await connection.fetch(_TABLES) if row[0] != _KEPT]
            if not tables or not await self._is_as_made(connection):
                return False
            # No foreign key is looked at, nor need one be: everything goes.
            await connection.execute("SET session_replication_role = replica")
            for table in await _written(connection, tables):
                await connection.execute(f'DELETE FROM "{table}"')
            return not await _written(connection, tables)
        finally:
            await connection.close()

    async def _is_as_made(self, connection: asyncpg.Connection) -> bool:
        shape = str(await connection.fetchval(_SHAPE))
        if not self._shape:
            template = await asyncpg.connect(self.url(TEMPLATE))
            try:
                self._shape = str(await template.fetchval(_SHAPE))
            finally:
                await template.close()
        return shape == self._shape


async def _written(connection: asyncpg.Connection, tables: list[str]) -> list[str]:
    asked = (f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table in tables)
    return [str(row[0]) for row in await connection.fetch(" UNION ALL ".join(asked))]
