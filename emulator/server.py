"""Starting and stopping the local Telegram."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from emulator.botapi import BotApi
from emulator.control import control_routes, guard
from emulator.control.asking import WORLD
from emulator.control.tools import HTTP, PRODUCT_URL
from emulator.methods.updates import stop_poller
from emulator.page import page_routes
from emulator.saving import Saver
from emulator.webhooks import Courier
from emulator.world import World

UPLOAD_BYTES = 55 * 1024 * 1024


@dataclass(slots=True)
class RunningEmulator:
    """A started emulator: where it answers, and how to stop it."""

    host: str
    port: int
    world: World
    _runner: web.AppRunner
    _courier: Courier
    _http: aiohttp.ClientSession
    _saver: Saver | None

    @property
    def url(self) -> str:
        """The address for bots and for the page, without a trailing slash."""
        shown = "127.0.0.1" if self.host in ("0.0.0.0", "") else self.host  # noqa: S104
        return f"http://[{shown}]:{self.port}" if ":" in shown else f"http://{shown}:{self.port}"

    async def stop(self) -> None:
        """Answer waiting polls, save, close every connection."""
        for bot in self.world.bots.values():
            stop_poller(bot, "closing")
        self.world.mischief.flush()
        self.world.hub.close()
        await self._courier.stop()
        await self._runner.cleanup()
        await self._http.close()
        if self._saver is not None:
            self._saver.close()


async def start_emulator(
    host: str = "127.0.0.1",
    port: int = 8081,
    *,
    strict: bool = False,
    product_url: str | None = None,
    state_file: str | Path | None = None,
    limits: Mapping[str, float] | None = None,
    bot_names: Mapping[int, tuple[str, str]] | None = None,
) -> RunningEmulator:
    """Start the local Telegram in the running event loop.

    `port` 0 takes a free one. `strict` also checks answers and updates against the schema and
    refuses unknown parameters. `product_url` is where the page's clock button leads.
    `state_file` keeps chats and waiting updates over a restart, even after `kill -9`.
    `limits` overrides `global_per_second`, `per_chat_per_second`, `burst` (0: off).
    `bot_names` gives first name and username by bot id; others are `bot<id>_bot`.
    Raises OSError when the address is taken.
    """
    world = World(strict=strict)
    world.bot_names = dict(bot_names or {})
    if limits:
        world.limits.default.update(limits)
        world.limits.reset()
    http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    api = BotApi(world, http)
    courier = Courier(world, http, api.execute)
    app = web.Application(client_max_size=UPLOAD_BYTES, middlewares=[guard])
    app[WORLD] = world
    app[HTTP] = http
    app[PRODUCT_URL] = product_url or ""
    app.add_routes([web.route("*", r"/bot{token:[^/]+}/{method:[^/]*}", api.handle)])
    app.add_routes([web.get(r"/file/bot{token:[^/]+}/{path:.+}", api.handle_file)])
    app.add_routes([*control_routes(), *page_routes()])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    saver: Saver | None = None
    try:
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        await site.start()
        saver = Saver(world, Path(state_file)) if state_file is not None else None
    except BaseException:
        await runner.cleanup()
        await http.close()
        raise
    for bot in world.bots.values():
        courier.collect(bot)
    actual = runner.addresses[0][1] if runner.addresses else port
    return RunningEmulator(host, actual, world, runner, courier, http, saver)
