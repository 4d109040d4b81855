"""A shop with one till, served for real on a free port, on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from admin import RunningAdmin
from loyalty import clock
from loyalty.db import stamp_installation
from loyalty.db.installation import set_bot_username
from tests.admin.api.shop import Shop, Till, add_key
from tests.world import World


@pytest.fixture
async def shop(world: World, panel: RunningAdmin) -> AsyncIterator[Shop]:
    """The shop is open now."""
    world.now = clock.now()

    def unit(session: object) -> None:
        stamp_installation(session, wanted="demo", now=world.now)  # type: ignore[arg-type]
        set_bot_username(session, username="regulars_bot")  # type: ignore[arg-type]

    await world.db.transact(unit)
    key = await add_key(world, world.outlet_id)
    async with aiohttp.ClientSession() as http:
        yield Shop(world, panel, Till(http, panel, key))
