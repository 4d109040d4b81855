"""Whoever is torn away in the middle of a unit leaves nothing behind for the next one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, staff
from loyalty.db import Database
from loyalty.db.fast import fetch
from loyalty.staff import outlet

STEPS = 40
"""More turns of the loop than a unit takes."""


@pytest.fixture
async def narrow(database_url: str) -> AsyncIterator[Database]:
    """A database with one connection, which everybody gets after everybody else."""
    database = Database(database_url, pool_size=1)
    yield database
    await database.close()


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[Database]:
    """The same database as another process sees it."""
    database = Database(database_url, pool_size=1)
    yield database
    await database.close()


def _look_past_sqlalchemy(session: Session) -> int:
    return int(fetch(session, "SELECT count(*) FROM outlet")[0][0])


@pytest.mark.parametrize("writing", [False, True])
async def test_what_is_committed_after_a_cancelled_unit_is_kept(
    narrow: Database, elsewhere: Database, writing: bool
) -> None:
    for turns in range(STEPS):
        run = narrow.transact if writing else narrow.read
        torn = asyncio.create_task(run(_look_past_sqlalchemy))
        for _turn in range(turns):
            await asyncio.sleep(0)
        torn.cancel()
        with contextlib.suppress(asyncio.CancelledError):  # late turns find it done already
            await torn

        def unit(session: Session, name: str = f"No. {turns}") -> None:
            staff.add_outlet(session, name=name, time_zone="Europe/Moscow", now=clock.now())

        await narrow.transact(unit)
        seen = await elsewhere.read(
            lambda s: s.execute(sa.select(sa.func.count()).select_from(outlet)).scalar_one()
        )
        assert seen == turns + 1
