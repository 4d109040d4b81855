"""A running product: which rooms are started, in which order, and how they stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from commands.checks import port_refused
from commands.common import fail, say
from loyalty import clock
from loyalty.db import (
    Database,
    InstallationState,
    InstallationStateError,
    read_installation,
    stamp_installation,
)
from loyalty.db.installation import DEMO, LIVE, set_bot_username, set_running
from loyalty.settings import Settings
from loyalty.tokens import Keys

log = logging.getLogger("regulars")

DEMO_TOKEN = "1000001:demo-token-of-the-local-telegram-only"  # noqa: S105 - opens nothing
DEMO_BOT = {1000001: ("Regulars", "regulars_demo_bot")}
WEBHOOK_PATH = "/telegram/webhook"
STOP_S = 20.0


@dataclass(slots=True)
class Roles:
    """Which rooms this process runs."""

    bot: bool = False
    scheduler: bool = False
    admin: bool = False


@dataclass(slots=True)
class Running:
    """Everything started, with what to undo, last first."""

    db: Database
    settings: Settings
    keys: Keys
    emulated: bool
    addresses: dict[str, str] = field(default_factory=dict)
    undo: list[tuple[str, Callable[[], Awaitable[Any]]]] = field(default_factory=list)
    limits: Any = None
    complete: bool = False
    """Whether every room has started; until then ``/ready`` says no."""

    async def stop(self) -> None:
        """Stop every room in turn; one that fails to does not keep the others."""
        for name, step in reversed(self.undo):
            try:
                await asyncio.wait_for(step(), STOP_S)
            except Exception:
                log.exception("stopping %s failed", name)


async def is_emulator(api_url: str) -> bool:
    """Whether the Bot API at ``api_url`` is the local Telegram (it has a control API)."""
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=5)) as http,
            http.get(f"{api_url.rstrip('/')}/control/bots") as answer,
        ):
            return answer.status == 200 and isinstance(await answer.json(), list)
    except (ClientError, TimeoutError, OSError, ValueError):
        return False


async def open_database(
    settings: Settings, *, emulated: bool
) -> tuple[Database, InstallationState]:
    """The database with its stamp checked against the Telegram in use; out if they disagree."""
    db = Database(settings.database_url)
    wanted = DEMO if emulated else LIVE
    try:
        state = await db.transact(
            lambda session: stamp_installation(session, wanted=wanted, now=clock.real_now())
        )
    except InstallationStateError as problem:
        await db.close()
        _ = say()
        if problem.stamp == LIVE:
            fail(
                _(
                    "This database holds real customers: set BOT_TOKEN to serve them, or point"
                    " DATABASE_URL elsewhere to play with the demo."
                )
            )
        fail(
            _(
                "This database holds a demo: point DATABASE_URL at a new one to work with the"
                " real Telegram."
            )
        )
    if emulated:
        clock.set_offset(state.clock_offset)
    return db, state


async def open_any_database(settings: Settings) -> tuple[Database, bool]:
    """For a role that talks to no Telegram: the database, and whether it is a demo."""
    db = Database(settings.database_url)
    state = await db.read(read_installation)
    emulated = state is not None and state.stamp == DEMO
    if state is not None and emulated:
        clock.set_offset(state.clock_offset)
    return db, emulated


async def start_bot(running: Running, token: str, wake: Callable[[], None] | None) -> Any:
    """The bot, with its webhook or its polling; out with a sentence if Telegram refuses it."""
    import bot
    from bot.errors import StartFailed

    settings = running.settings
    webhook = settings.telegram_mode == "webhook"
    url = f"{settings.public_url.rstrip('/')}{WEBHOOK_PATH}" if webhook else None
    limits = await _limits(running, token)
    try:
        started = await bot.start(
            running.db,
            settings=settings,
            keys=running.keys,
            token=token,
            api_url=settings.telegram_api_url,
            wake=wake,
            poll=not webhook,
            webhook_url=url,
            budget=limits,
        )
    except StartFailed as problem:
        _ = say()
        if str(problem) == "token":
            fail(_("Telegram does not know this BOT_TOKEN; check it with @BotFather."))
        fail(_("Telegram does not answer; check the network and TELEGRAM_API_URL."))
    running.undo.append(("bot", started.stop))
    username = started.username
    await running.db.transact(lambda session: set_bot_username(session, username=username))
    running.addresses["bot"] = f"https://t.me/{username}"
    return started


async def _limits(running: Running, token: str) -> Any:
    """What the bot's answers and the scheduler's messages of this process are counted by."""
    from scheduler import open_limits

    if running.limits is None:
        bot_id = int(token.split(":")[0])
        running.limits = await open_limits(running.db, settings=running.settings, bot_id=bot_id)
        running.undo.append(("limits", running.limits.close))
    return running.limits


async def start_scheduler(running: Running, token: str) -> Any:
    """Ticks and the dispatcher."""
    import scheduler

    started = await scheduler.start(
        running.db,
        settings=running.settings,
        token=token,
        api_url=running.settings.telegram_api_url,
        bot_id=int(token.split(":")[0]),
        keys=running.keys,
        limits=await _limits(running, token),
    )
    running.undo.append(("scheduler", started.stop))
    return started


async def start_admin(running: Running, extra_routes: list[web.RouteDef]) -> None:
    """The panel's port; out with a sentence when it is taken."""
    import admin

    settings = running.settings
    app = admin.make_app(
        running.db,
        settings=settings,
        keys=running.keys,
        extra_routes=extra_routes,
        is_complete=lambda: running.complete,
    )
    try:
        started = await admin.start(app, settings.host, settings.port)
    except OSError as problem:
        await running.stop()
        fail(port_refused("PORT", settings.host, settings.port, problem))
    running.undo.append(("admin", started.stop))
    running.addresses["panel"] = f"{started.address}/admin"


def webhook_route(started: Callable[[], Any]) -> web.RouteDef:
    """Where Telegram pushes updates; ``started`` gives the bot once it runs."""

    async def accept(request: web.Request) -> web.Response:
        bot = started()
        if bot is None:
            raise web.HTTPServiceUnavailable
        secret = request.headers.get("X-Telegram-Bot-Api-Secret-Token")
        return web.Response(status=await bot.accept_webhook(await request.read(), secret))

    return web.post(WEBHOOK_PATH, accept)


@contextlib.asynccontextmanager
async def marked_running(db: Database) -> AsyncIterator[bool]:
    """Mark the database as served; yields whether the last stop was unclean."""
    state = await db.read(read_installation)
    unclean = state is not None and state.running
    await db.transact(lambda session: set_running(session, running=True))
    yield unclean
    await db.transact(lambda session: set_running(session, running=False))


def settle_memory() -> None:
    """Take what start-up made out of the collector's sight. It asked for a fifth of a
    dispatcher's time at full speed."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def listen_for_stop() -> asyncio.Event:
    """Set by SIGTERM or SIGINT from now on: one that comes while starting stops right after."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    return stopping
