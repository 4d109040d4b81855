"""Manners for every update: whose tap it is, and a sign of life when an answer takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiogram.dispatcher.middlewares.base import BaseMiddleware
from aiogram.enums import ChatAction, ChatType
from aiogram.exceptions import TelegramAPIError
from aiogram.types import CallbackQuery, TelegramObject, Update

from bot.context import Context, Visitor
from loyalty.texts import Translator, plain

log = structlog.get_logger("bot")

PATIENCE_S = 0.8
"""An answer that takes longer is announced by "typing…"."""


class ConductMiddleware(BaseMiddleware):
    """Turns away taps on somebody else's message; shows "typing…" while the answer is made."""

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        """Handle, unless the tap is forged."""
        ctx: Context = data["ctx"]
        visitor: Visitor | None = data["visitor"]
        if not isinstance(event, Update) or visitor is None:
            return await handler(event, data)
        query = event.callback_query
        if query is not None and _is_foreign(query):
            log.warning("foreign_tap", update_id=event.update_id)
            await _turn_away(ctx, query, data["_"])
            return None
        loop, signs = asyncio.get_running_loop(), set[asyncio.Task[None]]()

        def announce() -> None:
            signs.add(asyncio.create_task(_typing(ctx, visitor.chat_id)))

        timer = loop.call_later(PATIENCE_S, announce)
        try:
            return await handler(event, data)
        finally:
            timer.cancel()
            for sign in signs:
                sign.cancel()


def _is_foreign(query: CallbackQuery) -> bool:
    """Whether the message belongs to another person's private chat: Telegram never does that."""
    chat = query.message.chat if query.message is not None else None
    return chat is not None and chat.type == ChatType.PRIVATE and chat.id != query.from_user.id


async def _turn_away(ctx: Context, query: CallbackQuery, _: Translator) -> None:
    try:
        await ctx.bot.answer_callback_query(
            query.id, text=plain(_("This button is not for you 🙂")), show_alert=True
        )
    except TelegramAPIError as problem:
        log.info("tap_not_answered", problem=type(problem).__name__)


async def _typing(ctx: Context, chat_id: int) -> None:
    try:
        await ctx.bot.send_chat_action(chat_id, ChatAction.TYPING)
    except TelegramAPIError as problem:
        log.info("not_announced", problem=type(problem).__name__)
