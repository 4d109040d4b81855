"""A shop on each database."""

from collections.abc import AsyncIterator

import pytest

from tests.loyalty.chains.triggers.shop import Shop, open_shop


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    """A shop with nobody and nothing in it."""
    async with open_shop(database_url) as opened:
        yield opened
