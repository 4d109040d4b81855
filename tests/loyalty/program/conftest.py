"""A world for the program's tests, on each engine."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.world import World, open_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """A small business on a database of the test's own."""
    async with open_world(database_url) as opened:
        yield opened
