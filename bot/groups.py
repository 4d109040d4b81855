"""Where the bot does not belong: groups and channels; and chats that block or unblock it."""

from __future__ import annotations

import contextlib
from datetime import datetime

from aiogram import F, Router
from aiogram.enums import ChatType, ContentType
from aiogram.exceptions import TelegramAPIError
from aiogram.filters import Filter
from aiogram.types import CallbackQuery, Chat, ChatMemberUpdated, Message
from sqlalchemy.orm import Session

from bot.context import Context, Visitor
from loyalty import customers
from loyalty.texts import Translator

_AWAY = ("kicked", "left")
NEWS = {
    ContentType.PINNED_MESSAGE,
    ContentType.MESSAGE_AUTO_DELETE_TIMER_CHANGED,
    ContentType.CHAT_BACKGROUND_SET,
    ContentType.WRITE_ACCESS_ALLOWED,
    ContentType.CONNECTED_WEBSITE,
}
"""What Telegram itself notes in a chat: somebody pinned their card, nobody has said anything."""


class Elsewhere(Filter):
    """Any chat that is not one person's own."""

    async def __call__(self, event: Message | CallbackQuery) -> bool:
        """Whether the event comes from a group or channel."""
        message = event if isinstance(event, Message) else event.message
        return message is not None and message.chat.type != ChatType.PRIVATE


async def refuse(ctx: Context, chat: Chat, _: Translator) -> None:
    """Say once where the bot can be found, and leave."""
    # It may be without the right to speak, or out already: leaving is all that matters.
    with contextlib.suppress(TelegramAPIError):
        text = _(
            "I keep personal cards, so I only talk in private: @{name} 🙂",
            name=ctx.bot_username,
        )
        await ctx.bot.send_message(chat.id, str(text))
    with contextlib.suppress(TelegramAPIError):
        await ctx.bot.leave_chat(chat.id)


async def on_message(message: Message, ctx: Context, _: Translator) -> None:
    """A message in a group: a leftover from before the bot left, or it could not leave."""
    await refuse(ctx, message.chat, _)


async def on_news(message: Message) -> None:
    """Nobody wrote it, so nobody waits for an answer."""


async def on_tap(query: CallbackQuery, ctx: Context) -> None:
    """A tap in a group: on a message that was forwarded there."""
    with contextlib.suppress(TelegramAPIError):
        await ctx.bot.answer_callback_query(query.id)


async def on_membership(
    event: ChatMemberUpdated, ctx: Context, visitor: Visitor | None, now: datetime, _: Translator
) -> None:
    """Blocked or unblocked by a person; added to a group."""
    status = event.new_chat_member.status
    if event.chat.type != ChatType.PRIVATE:
        if status not in _AWAY:
            await refuse(ctx, event.chat, _)
        return
    if visitor is None:
        return
    telegram_id, reachable = visitor.telegram_id, status not in _AWAY

    def unit(session: Session) -> None:
        customers.set_reachable(session, telegram_id=telegram_id, reachable=reachable, now=now)

    await ctx.db.transact(unit)


def router() -> Router:
    """Groups, channels and blocking."""
    routes = Router(name="groups")
    routes.message.register(on_message, Elsewhere())
    routes.message.register(on_news, F.content_type.in_(NEWS))
    routes.callback_query.register(on_tap, F.message, Elsewhere())
    routes.my_chat_member.register(on_membership)
    return routes
