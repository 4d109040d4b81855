"""The panel, served for real on a free port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import aiohttp
import pytest
from aiohttp import web

from admin import RunningAdmin, make_app, start
from loyalty.settings import Settings
from loyalty.tokens import Keys
from tests.admin.shop import Visitor
from tests.world import World, open_world

KEYS = Keys("a secret of the tests only")


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """A small business on a database of the test's own, on each engine."""
    async with open_world(database_url) as opened:
        yield opened


async def _broken(request: web.Request) -> web.StreamResponse:
    raise RuntimeError("on purpose")


@pytest.fixture
async def serve(world: World) -> AsyncIterator[Callable[..., Awaitable[RunningAdmin]]]:
    """`await serve(**settings)` starts the panel on this world."""
    async with AsyncExitStack() as stack:

        async def serving(**settings: object) -> RunningAdmin:
            chosen = Settings.model_validate(
                {"database_url": world.db.url, "language": "en", **settings}
            )
            from admin.base import open_to_all

            extra = [web.get("/admin/broken", open_to_all(_broken))]
            app = make_app(world.db, settings=chosen, keys=KEYS, extra_routes=extra)
            running = await start(app, "127.0.0.1", 0)
            stack.push_async_callback(running.stop)
            return running

        yield serving


@pytest.fixture
async def panel(serve: Callable[..., Awaitable[RunningAdmin]]) -> RunningAdmin:
    """The panel with default settings."""
    return await serve()


@pytest.fixture
async def visitor(panel: RunningAdmin) -> AsyncIterator[Visitor]:
    """Somebody with a browser who has not signed in."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield Visitor(panel, session)
