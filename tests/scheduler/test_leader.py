"""One process leads; when it dies another does within seconds."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from loyalty.db import Database
from scheduler.leader import Leader

ROOT = Path(__file__).resolve().parents[2]
TAKE_OVER_S = 5

# Another process that leads until it is killed.
OTHER = """
import asyncio, sys
from loyalty.db import Database
from scheduler.leader import Leader

async def main():
    leader = Leader(Database(sys.argv[1]))
    leader.start()
    await leader.elected.wait()
    print("leads", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_only_one_leads_and_the_next_follows(database_url: str) -> None:
    first_db, second_db = Database(database_url), Database(database_url)
    first, second = Leader(first_db), Leader(second_db)
    first.start()
    await asyncio.wait_for(first.elected.wait(), 10)
    second.start()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(second.elected.wait(), 1.5)
    await first.stop()
    await asyncio.wait_for(second.elected.wait(), TAKE_OVER_S)
    assert second.is_leader
    assert not first.is_leader
    await second.stop()
    await first_db.close()
    await second_db.close()


@pytest.mark.slow
async def test_a_killed_leader_is_replaced(database_url: str) -> None:
    other = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        OTHER,
        database_url,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert other.stdout is not None
    assert (await asyncio.wait_for(other.stdout.readline(), 30)).strip() == b"leads"
    db = Database(database_url)
    leader = Leader(db)
    leader.start()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(leader.elected.wait(), 1.2)
    other.send_signal(signal.SIGKILL)
    await other.wait()
    await asyncio.wait_for(leader.elected.wait(), TAKE_OVER_S)
    await leader.stop()
    await db.close()


async def test_a_cut_connection_is_made_anew(postgres_database: str) -> None:
    db = Database(postgres_database)
    leader = Leader(db)
    leader.start()
    await asyncio.wait_for(leader.elected.wait(), 10)
    # Other tests hold locks in databases of their own on the same server.
    holders = sa.text(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    (first,) = await db.read(lambda s: s.execute(holders).scalars().all())
    cut = sa.text("SELECT pg_terminate_backend(:pid)")
    await db.transact(lambda s: s.execute(cut, {"pid": first}).scalar_one())
    async with asyncio.timeout(TAKE_OVER_S):
        while await db.read(lambda s: s.execute(holders).scalars().all()) in ([], [first]):
            await asyncio.sleep(0.05)
        await leader.elected.wait()
    assert leader.is_leader
    await leader.stop()
    await db.close()
