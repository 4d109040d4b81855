"""A bot and a person at a strict local Telegram."""

from collections.abc import AsyncIterator

import pytest

from emulator import RunningEmulator
from tests.emulator.client import Client


@pytest.fixture
async def client(emulator: RunningEmulator) -> AsyncIterator[Client]:
    """Calls of a bot and of people."""
    async with Client(emulator) as client:
        yield client
