"""What tests of the bot share: the local Telegram, an open database, the bot at work."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from bot.app import RunningBot
from loyalty.db import Database
from tests.bot.phone import Telegram, running_bot


@pytest.fixture
async def telegram() -> AsyncIterator[Telegram]:
    """A local Telegram without rate limits, strict about requests and answers."""
    from emulator import start_emulator

    free = {"global_per_second": 0, "per_chat_per_second": 0}
    server = await start_emulator("127.0.0.1", 0, strict=True, limits=free)
    async with aiohttp.ClientSession() as http:
        yield Telegram(server.url, http)
    await server.stop()


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open database, on each engine."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def running(db: Database, telegram: Telegram) -> AsyncIterator[RunningBot]:
    """The bot, polling."""
    async with running_bot(db, telegram) as started:
        yield started
