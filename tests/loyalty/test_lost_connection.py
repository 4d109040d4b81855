"""PostgreSQL that ends every connection: the next unit finds a new one."""

from __future__ import annotations

import asyncio

import asyncpg
import sqlalchemy as sa

from loyalty.db import Database
from loyalty.db.fast import fetch

_END_ALL = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


async def test_units_survive_the_end_of_every_connection(postgres_url: str) -> None:
    db = Database(postgres_url, pool_size=4)
    other = await asyncpg.connect(postgres_url)
    try:
        one = sa.text("SELECT 1 FROM pg_sleep(0.05)")
        for _round in range(3):
            reads = (db.read(lambda s: s.execute(one).scalar_one()) for _ in range(4))
            assert await asyncio.gather(*reads) == [1] * 4
            assert await other.fetchval(_END_ALL) == 4
            writes = (db.transact(lambda s: s.execute(one).scalar_one()) for _ in range(4))
            assert await asyncio.gather(*writes) == [1] * 4
            assert await other.fetchval(_END_ALL) == 4
            # Past SQLAlchemy too, straight to the driver.
            fast = (db.transact(lambda s: len(fetch(s, "SELECT 1"))) for _ in range(4))
            assert await asyncio.gather(*fast) == [1] * 4
    finally:
        await other.close()
        await db.close()
