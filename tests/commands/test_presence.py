"""Single roles know whether one of them died, and check the ledger then."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from commands.presence import serving
from commands.reconcile import check_after_crash
from loyalty import events, jobs
from loyalty.db import Database
from loyalty.wallet.tables import account
from tests.world import open_world


async def open_rows(db: Database) -> list[str | None]:
    query = sa.select(jobs.job_run.c.result).order_by(jobs.job_run.c.id)
    return list(await db.read(lambda s: s.execute(query).scalars().all()))


async def test_a_clean_stop_leaves_nothing_to_check(database_url: str) -> None:
    db = Database(database_url)
    try:
        async with serving(db) as first:
            assert not first
            async with serving(db) as beside:
                assert not beside  # the first one lives
        async with serving(db) as later:
            assert not later
        assert await open_rows(db) == ["stopped"] * 3
    finally:
        await db.close()


async def test_a_process_that_died_is_noticed_once(database_url: str) -> None:
    db = Database(database_url)
    try:
        dying = serving(db)
        assert not await dying.__aenter__()
        # What a crash looks like: the locks are let go, the row is never closed.
        assert not await dying.__aexit__(RuntimeError, RuntimeError("killed"), None)
        contexts = [serving(db) for _ in range(3)]
        told = await asyncio.gather(*(context.__aenter__() for context in contexts))
        assert sorted(told) == [False, False, True]
        for context in contexts:
            await context.__aexit__(None, None, None)
        async with serving(db) as later:
            assert not later
    finally:
        await db.close()


async def test_after_a_crash_what_is_broken_cannot_be_spent(database_url: str) -> None:
    async with open_world(database_url) as world:
        whole, broken = await world.customer(points=10), await world.customer(points=10)
        tamper = sa.update(account).where(account.c.customer_id == broken).values(posted=9)
        await world.db.transact(lambda s: s.execute(tamper) and None)
        await check_after_crash(world.db)
        assert (await world.balance(broken)).frozen_reason == "broken"
        assert (await world.balance(whole)).frozen_reason is None
        query = sa.select(events.event.c.customer_id, events.event.c.data).where(
            events.event.c.type == "ledger.broken"
        )
        rows = await world.db.read(lambda s: s.execute(query).all())
        assert [(row.customer_id, row.data) for row in rows] == [(broken, {"rules": ["I1", "I2"]})]
