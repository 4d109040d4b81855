"""A role that serves for weeks does not have its collector walk over what start-up made."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from commands import serve
from commands.runtime import Roles, Running
from loyalty.db import Database, migrate
from loyalty.settings import Settings
from loyalty.tokens import Keys

TOKEN = "1000001:" + "A" * 35


@pytest.fixture
def collector() -> Iterator[None]:
    """The collector's settings as they were, afterwards."""
    before = gc.get_threshold()
    gc.unfreeze()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """A process that has not started a room yet."""
    url = f"sqlite:///{tmp_path / 'role.db'}"
    migrate(url)
    db = Database(url)
    yield Running(db, Settings(database_url=url), Keys("a secret of this test"), True)
    await db.close()


@pytest.mark.usefixtures("collector")
async def test_the_scheduler_alone_settles_what_start_up_made(running: Running) -> None:
    assert gc.get_freeze_count() == 0
    await serve._start_roles(running, Roles(scheduler=True), TOKEN)
    try:
        assert gc.get_freeze_count() > 1_000
        assert gc.get_threshold()[0] >= 10_000
    finally:
        await running.stop()
