"""``regulars run`` and the single roles."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from commands import runtime
from commands.checks import check_redis, check_telegram, port_refused
from commands.common import (
    fail,
    load_settings,
    prepare_database,
    run_async,
    say,
    secret_of,
    show,
    show_json,
    token_of,
)
from commands.demo_cast import bring_people, first_cashier, follow_clock, seat_cashier
from commands.logs import set_up
from commands.presence import serving
from commands.reconcile import check_after_crash
from commands.runtime import Roles, Running
from commands.timemachine import TimeMachine, routes
from loyalty import clock
from loyalty.customers import customer
from loyalty.demo.phones import phones_of
from loyalty.settings import Settings
from loyalty.staff import outlet
from loyalty.tokens import Keys


def run(*, as_json: bool) -> None:
    """Bot, scheduler and panel in one process; without a token a local Telegram too."""
    settings = load_settings()
    _check_webhook(settings)
    set_up(settings.log_format)
    token = token_of(settings) if settings.bot_token is not None else None
    secret = secret_of(settings, may_make=True)
    prepare_database(settings)
    _quick_loop()
    run_async(lambda: _run_all(settings, token, Keys(secret), as_json=as_json))


def run_role(roles: Roles, *, as_json: bool) -> None:
    """One role in this process, for PostgreSQL and several instances."""
    settings = load_settings()
    _check_webhook(settings)
    set_up(settings.log_format)
    token = token_of(settings) if roles.bot or roles.scheduler else None
    secret = secret_of(settings, may_make=False)
    prepare_database(settings)
    _quick_loop()
    run_async(lambda: _run_role(settings, roles, token, Keys(secret), as_json=as_json))


def run_emulator(
    *,
    host: str,
    port: int,
    strict: bool,
    product_url: str | None,
    state_file: str | None,
    as_json: bool,
) -> None:
    """The local Telegram alone."""

    async def serve() -> None:
        stopping = runtime.listen_for_stop()
        from emulator import start_emulator

        try:
            started = await start_emulator(
                host, port, strict=strict, product_url=product_url, state_file=state_file
            )
        except OSError as problem:
            fail(port_refused("EMULATOR_PORT", host, port, problem))
        if as_json:
            show_json({"telegram": started.url})
        else:
            _ = say()
            show(_("Local Telegram: {url}", url=started.url))
        try:
            await stopping.wait()
        finally:
            await started.stop()

    run_async(serve)


def _check_webhook(settings: Settings) -> None:
    if settings.telegram_mode == "webhook" and settings.webhook_secret is None:
        _ = say()
        fail(_("WEBHOOK_SECRET is not set: without it anybody could push updates."))


def _quick_loop() -> None:
    if sys.platform != "win32":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


async def _run_all(settings: Settings, token: str | None, keys: Keys, *, as_json: bool) -> None:
    stopping = runtime.listen_for_stop()
    await check_redis(settings)
    if token is not None:
        await check_telegram(settings, token)
    emulated = token is None or await _outside_emulator(settings)
    db, _state = await runtime.open_database(settings, emulated=emulated)
    running = Running(db, settings, keys, emulated)
    running.undo.append(("database", db.close))
    try:
        async with runtime.marked_running(db) as unclean:
            await _start_all(running, token, unclean=unclean)
            running.complete = True
            _announce(running, as_json=as_json)
            await stopping.wait()
            rooms, running.undo = running.undo[1:], running.undo[:1]
            await Running(db, settings, keys, emulated, undo=rooms).stop()
    finally:
        await running.stop()


async def _outside_emulator(settings: Settings) -> bool:
    return settings.telegram_api_url is not None and await runtime.is_emulator(
        settings.telegram_api_url
    )


async def _start_all(running: Running, token: str | None, *, unclean: bool) -> None:
    started: dict[str, Any] = {"bot": None, "machine": None}
    extra = [runtime.webhook_route(lambda: started["bot"])]
    if running.emulated:
        extra += routes(lambda: started["machine"])
    if unclean:
        await check_after_crash(running.db)
    await runtime.start_admin(running, extra)
    emulator_here = token is None
    newcomers = False
    if emulator_here:
        await _start_emulator(running)
        await _fill_if_empty(running)
        newcomers = await _bring_people(running)
        token = runtime.DEMO_TOKEN
    scheduler = await runtime.start_scheduler(running, token or "")
    bot = started["bot"] = await runtime.start_bot(running, token or "", scheduler.wake)

    if running.emulated:
        api_url = running.settings.telegram_api_url or ""
        started["machine"] = TimeMachine(
            running.db,
            scheduler,
            settled=bot.settled,
            moved=lambda seconds: follow_clock(api_url, seconds),
        )
        cashier = await running.db.read(first_cashier)
        if newcomers and cashier is not None:
            await seat_cashier(
                running.db,
                api_url,
                staff_id=cashier[0],
                bot_username=bot.username,
                now=clock.now(),
            )


async def _start_emulator(running: Running) -> None:
    from emulator import start_emulator

    settings = running.settings
    panel = running.addresses["panel"].removesuffix("/admin")
    try:
        emulator = await start_emulator(
            settings.host,
            settings.emulator_port,
            product_url=panel,
            state_file=settings.data_folder / "local-telegram.db",
            bot_names=runtime.DEMO_BOT,
        )
    except OSError as problem:
        await running.stop()
        fail(port_refused("EMULATOR_PORT", settings.host, settings.emulator_port, problem))
    running.undo.append(("emulator", emulator.stop))
    running.settings = settings.model_copy(update={"telegram_api_url": emulator.url})
    running.addresses["telegram"] = emulator.url


async def _bring_people(running: Running) -> bool:
    # After the filling: the third phone belongs to a cashier of the demo and bears her name.
    cashier = await running.db.read(first_cashier)
    return await bring_people(
        running.addresses["telegram"],
        language=running.settings.language,
        cashier=cashier[1] if cashier else None,
        guests=await running.db.read(phones_of),
        token=runtime.DEMO_TOKEN,
    )


def _is_empty(session: Session) -> bool:
    return all(
        session.execute(sa.select(table.c.id).limit(1)).first() is None
        for table in (customer, outlet)
    )


async def _fill_if_empty(running: Running) -> None:
    """The demo's year in a database with nobody in it."""
    if not await running.db.read(_is_empty):
        return
    from commands.demo import fill_with_progress

    settings = running.settings
    await fill_with_progress(
        running.db,
        language=settings.language,
        time_zone=settings.time_zone,
        currency=settings.currency,
        now=clock.now(),
    )


async def _run_role(
    settings: Settings, roles: Roles, token: str | None, keys: Keys, *, as_json: bool
) -> None:
    stopping = runtime.listen_for_stop()
    await check_redis(settings)
    if token is not None:
        await check_telegram(settings, token)
    emulated = await _outside_emulator(settings)
    if roles.admin and token is None:
        db, emulated = await runtime.open_any_database(settings)
    else:
        db, _state = await runtime.open_database(settings, emulated=emulated)
    running = Running(db, settings, keys, emulated)
    running.undo.append(("database", db.close))
    try:
        async with serving(db) as unclean:
            if unclean:
                await check_after_crash(db)
            await _start_roles(running, roles, token)
            running.complete = True
            _announce(running, as_json=as_json)
            await stopping.wait()
            rooms, running.undo = running.undo[1:], running.undo[:1]
            await Running(db, settings, keys, emulated, undo=rooms).stop()
    finally:
        await running.stop()


async def _start_roles(running: Running, roles: Roles, token: str | None) -> None:
    started: dict[str, Any] = {"bot": None}
    if roles.admin or (roles.bot and running.settings.telegram_mode == "webhook"):
        await runtime.start_admin(running, [runtime.webhook_route(lambda: started["bot"])])
    if roles.bot:
        started["bot"] = await runtime.start_bot(running, token or "", None)
    if roles.scheduler:
        await runtime.start_scheduler(running, token or "")
    if not roles.bot:
        # Which does so itself.
        runtime.settle_memory()


def _announce(running: Running, *, as_json: bool) -> None:
    if as_json:
        show_json({"ready": True, **running.addresses})
        return
    _ = say()
    if "telegram" in running.addresses:
        show(_("Telegram (local): {url}", url=running.addresses["telegram"]))
    if "bot" in running.addresses and "telegram" not in running.addresses:
        show(_("Bot: {url}", url=running.addresses["bot"]))
    if "panel" in running.addresses:
        show(_("Panel: {url}", url=running.addresses["panel"]))
    show(_("Ready. Press Ctrl+C to stop."))
