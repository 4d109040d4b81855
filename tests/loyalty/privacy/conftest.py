"""A business with one person in it about whom everything is known."""

from collections.abc import AsyncIterator

import pytest

from tests.loyalty.privacy.anna import Anna, move_in
from tests.world import World, open_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """A small business on a database of the test's own, on each engine."""
    async with open_world(database_url) as opened:
        yield opened


@pytest.fixture
async def anna(world: World) -> Anna:
    """Somebody who has left traces everywhere."""
    return await move_in(world)
