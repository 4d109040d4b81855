"""A panel with the shipped chains, and a marketer signed in."""

from __future__ import annotations

import pytest

from loyalty import chains
from tests.admin import shop
from tests.admin.conftest import panel, serve, visitor, world  # noqa: F401 - fixtures
from tests.admin.shop import Visitor
from tests.world import World


@pytest.fixture
async def marketer(world: World, visitor: Visitor) -> Visitor:  # noqa: F811
    """A marketer, signed in, in a shop with the chains that come with the program."""
    await world.db.transact(lambda s: chains.ensure_shipped(s, now=world.now))
    await shop.hire(world, "marketer", name="Vera")
    await visitor.sign_in("marketer")
    return visitor
