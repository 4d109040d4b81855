"""A shop at the local Telegram for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from emulator import RunningEmulator
from tests.bot.cashier.street import Street, open_street


@pytest.fixture
async def street(sqlite_database: str, emulator: RunningEmulator) -> AsyncIterator[Street]:
    """A shop with a bot and nobody in it yet."""
    async with open_street(sqlite_database, emulator) as opened:
        yield opened


@pytest.fixture
async def street_on_both(database_url: str, emulator: RunningEmulator) -> AsyncIterator[Street]:
    """The same on each database."""
    async with open_street(database_url, emulator) as opened:
        yield opened
