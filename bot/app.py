"""One bot at work: intake, workers and handlers put together, started and stopped."""

from __future__ import annotations

import asyncio
import gc
import hmac
import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from aiogram import Dispatcher
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNotFound,
    TelegramUnauthorizedError,
)
from aiogram.types import Update
from aiogram.types.update import UpdateTypeLookupError
from aiogram.utils.token import TokenValidationError
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot import cashier, commands, customer, groups, polling, qr
from bot.answers import RefusalMiddleware
from bot.cashier import countdown
from bot.conduct import ConductMiddleware
from bot.context import Context, VisitorMiddleware
from bot.errors import StartFailed
from bot.filtering import answer_inline
from bot.flood import Verdict
from bot.intake import Intake, Undecodable, chat_of
from bot.session import Budget, make_bot
from loyalty import clock, consent, customers, inbox, program, texts
from loyalty.db import Database
from loyalty.db.engine import AlreadyThere
from loyalty.settings import Settings
from loyalty.tokens import Keys

log = structlog.get_logger("bot")

SWEEP_S = 600
WEBHOOK_PATH = "/telegram/webhook"


def make_dispatcher(ctx: Context) -> Dispatcher:
    """The handlers of everybody; the state of a talk is in our tables, so aiogram keeps none."""
    dispatcher = Dispatcher(disable_fsm=True)
    dispatcher.update.outer_middleware(VisitorMiddleware(ctx))
    dispatcher.update.outer_middleware(ConductMiddleware())
    dispatcher.update.outer_middleware(RefusalMiddleware())
    dispatcher.include_routers(groups.router(), cashier.router(), customer.router())
    answer_inline(dispatcher)
    return dispatcher


@dataclass(slots=True)
class RunningBot:
    """A started bot; ``stop`` ends it."""

    ctx: Context
    bot_id: int
    username: str
    intake: Intake
    _tasks: list[asyncio.Task[None]]

    @property
    def handled(self) -> int:
        """How many updates were handled since the start."""
        return self.intake.handled

    async def idle(self) -> None:
        """Wait until every update that was received has been handled."""
        await self.intake.idle()

    async def settled(self) -> None:
        """Wait until that is so and every countdown shows the business clock's time."""
        await self.idle()
        await countdown.catch_up(self.ctx)

    async def accept_webhook(self, body: bytes, secret_header: str | None) -> int:
        """Keep what Telegram pushed; the HTTP status to answer with.

        200 only after it is on the disk; 403 without the right secret; 200 for what is no
        update at all (asking for it again would not make it one).

        Raises:
            whatever the database raised: answer 500, Telegram sends it again.
        """
        secret = self.ctx.settings.webhook_secret
        given = (secret_header or "").encode("utf-8", "surrogateescape")
        if secret is None or not hmac.compare_digest(given, secret.get_secret_value().encode()):
            return 403
        try:
            update = json.loads(body)
        except (ValueError, RecursionError):
            log.warning("webhook_not_json", size=len(body))
            return 200
        await self.intake.put([update])
        return 200

    async def stop(self, deadline_s: float = 10.0) -> None:
        """Stop fetching, let handlers in flight finish, keep the rest for the next start."""
        await clock.end(*self._tasks)
        await self.intake.stop(deadline_s)
        await self.ctx.living.flush()
        await self.ctx.bot.session.close()


async def start(
    db: Database,
    *,
    settings: Settings,
    keys: Keys,
    token: str,
    api_url: str | None = None,
    wake: Callable[[], None] | None = None,
    poll: bool = True,
    webhook_url: str | None = None,
    budget: Budget | None = None,
) -> RunningBot:
    """Start the bot of ``token``. ``wake`` nudges whoever sends the outbox; ``budget`` is what may
    be sent by both together (None: answers are not held back).

    ``poll`` fetches updates by long polling; otherwise they come through ``accept_webhook``,
    and ``webhook_url`` (if given) is registered with Telegram.

    Raises:
        StartFailed: Telegram does not know the token, or does not answer.
    """
    try:
        bot = make_bot(token, api_url, budget=budget)
    except TokenValidationError:
        raise StartFailed("token") from None
    try:
        me = await bot.get_me()
        if poll:
            await bot.delete_webhook()
        elif webhook_url is not None:
            secret = settings.webhook_secret
            await bot.set_webhook(
                webhook_url,
                allowed_updates=polling.ALLOWED_UPDATES,
                secret_token=secret.get_secret_value() if secret else None,
            )
    except (TelegramUnauthorizedError, TelegramNotFound):
        await bot.session.close()
        raise StartFailed("token") from None
    except TelegramAPIError:
        await bot.session.close()
        raise StartFailed("unreachable") from None
    username = me.username or ""
    await db.transact(_prepare)
    ctx = Context(db, keys, settings, bot, username, wake or _nobody)
    running = _assemble(ctx, username)
    await running.intake.start()
    running._tasks.append(asyncio.create_task(_keep_tidy(db)))
    running._tasks.append(asyncio.create_task(countdown.run(ctx)))
    announce = commands.announce(bot, default_language=settings.language)
    running._tasks.append(asyncio.create_task(announce))
    if poll:
        running._tasks.append(asyncio.create_task(polling.poll(bot, running.intake)))
    await asyncio.to_thread(qr.png, "warm")
    _settle_memory()
    log.info("bot_started", username=username, polling=poll)
    return running


def _assemble(ctx: Context, username: str) -> RunningBot:
    dispatcher = make_dispatcher(ctx)
    bot = ctx.bot

    async def handle(raw: dict[str, Any]) -> None:
        await _handle(dispatcher, ctx, raw)

    async def give_up(raw: dict[str, Any]) -> None:
        await _apologize(ctx, raw)

    return RunningBot(ctx, bot.id, username, Intake(ctx.db, bot.id, handle, give_up), [])


def _nobody() -> None:
    """Nobody to nudge: the dispatcher finds the message at its next look."""


def _prepare(session: Session) -> None:
    now = clock.now()
    try:
        program.ensure_default(session, now=now)
    except IntegrityError as problem:
        # Several processes start on a new database at once: the next look finds it.
        raise AlreadyThere from problem
    consent.ensure_texts(session, now=now)


async def _handle(dispatcher: Dispatcher, ctx: Context, raw: dict[str, Any]) -> None:
    verdict = ctx.flood.look(chat_of(raw), raw, now=clock.real_now().timestamp())
    if verdict is not Verdict.HANDLE:
        if verdict is Verdict.WARN:
            await _slow_down(ctx, raw)
        return
    try:
        update = Update.model_validate(raw, context={"bot": ctx.bot})
    except (ValidationError, RecursionError):
        raise Undecodable from None
    try:
        update.event_type  # noqa: B018 - raises for kinds newer than this program
    except UpdateTypeLookupError:
        return
    try:
        await dispatcher.feed_update(ctx.bot, update)
    except (TelegramForbiddenError, TelegramBadRequest) as refusal:
        if not _is_gone(refusal):
            raise
        # Blocked or deleted between their message and our answer.
        chat_id, now = chat_of(raw), clock.now()
        await ctx.db.transact(
            lambda session: customers.set_reachable(
                session, telegram_id=chat_id, reachable=False, now=now
            )
        )


async def _slow_down(ctx: Context, raw: dict[str, Any]) -> None:
    """Tell a person whose updates come faster than any thumb that some are left out."""
    chat_id = chat_of(raw)
    log.warning("flood", update_id=raw.get("update_id"))
    visit = await ctx.db.read(lambda session: customers.visit(session, chat_id))
    _ = texts.translator(visit.chat.language if visit.chat else ctx.settings.language)
    text = _("That is too fast for me 🙂 Please wait a moment and try again.")
    try:
        await ctx.bot.send_message(chat_id, str(text))
    except TelegramAPIError as problem:
        log.info("flood_not_told", problem=type(problem).__name__)


def _is_gone(refusal: TelegramAPIError) -> bool:
    """Whether Telegram says that nobody is there to read an answer."""
    words = refusal.message.lower()
    return isinstance(refusal, TelegramForbiddenError) or any(
        part in words for part in ("chat not found", "user_is_blocked")
    )


async def _apologize(ctx: Context, raw: dict[str, Any]) -> None:
    chat_id = chat_of(raw)
    if chat_id <= 0:
        return
    visit = await ctx.db.read(lambda session: customers.visit(session, chat_id))
    language = visit.chat.language if visit.chat else ctx.settings.language
    _ = texts.translator(language)
    text = _("Something went wrong on our side, sorry! Please try again a little later 🙏")
    await ctx.bot.send_message(chat_id, str(text))


async def _keep_tidy(db: Database) -> None:
    """Forget in time what must not be kept: failures, numbers, strangers."""
    while True:
        now = clock.now()

        def unit(session: Session, now: Any = now) -> None:
            inbox.sweep(session, now=clock.real_now())
            customers.forget_strangers(session, now=now)

        try:
            await db.transact(unit)
        except Exception as problem:  # noqa: BLE001 - the next sweep comes
            where = traceback.extract_tb(problem.__traceback__)[-1:]
            log.error("sweep_failed", error=type(problem).__name__, where=str(where))
        await asyncio.sleep(SWEEP_S)


def _settle_memory() -> None:
    """Take what start-up made out of the collector's sight: its pauses fall tenfold."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
