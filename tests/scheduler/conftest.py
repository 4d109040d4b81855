"""A business whose messages arrive in a local Telegram, on each database."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from emulator import RunningEmulator
from loyalty import clock
from tests.emulator.client import Client
from tests.scheduler.stage import Stage, open_stage


@pytest.fixture(autouse=True)
def _own_time() -> Iterator[None]:
    """Business time is real time again afterwards."""
    yield
    clock.set_offset(timedelta())


@pytest.fixture
async def client(emulator: RunningEmulator) -> AsyncIterator[Client]:
    """Calls of a bot and of people."""
    async with Client(emulator) as opened:
        yield opened


@pytest.fixture
async def stage(database_url: str, client: Client) -> AsyncIterator[Stage]:
    """A scheduler that does nothing by itself, on each database."""
    async with open_stage(database_url, client) as opened:
        yield opened
