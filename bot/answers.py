"""How the bot answers: the menu message edited in place, a new message, a toast on a tap."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from aiogram.dispatcher.middlewares.base import BaseMiddleware
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import (
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
    TelegramObject,
    Update,
)

from bot.context import Context, Visitor
from bot.words import Locale, sentence
from loyalty.errors import DomainError
from loyalty.texts import Translator, plain

log = structlog.get_logger("bot")

Rows = Sequence[Sequence[InlineKeyboardButton]]
TOAST_LIMIT = 200


def button(text: object, data: str) -> InlineKeyboardButton:
    """A button that comes back to the bot."""
    return InlineKeyboardButton(text=plain(str(text)), callback_data=data)


def link(text: object, url: str) -> InlineKeyboardButton:
    """A button that opens an address."""
    return InlineKeyboardButton(text=plain(str(text)), url=url)


def keyboard(rows: Rows) -> InlineKeyboardMarkup:
    """Inline buttons under a message."""
    return InlineKeyboardMarkup(inline_keyboard=[list(row) for row in rows])


@dataclass(slots=True)
class Turn:
    """One update being answered: who, in which words, and the message a tapped button is on."""

    ctx: Context
    visitor: Visitor
    say: Translator
    now: datetime
    query: CallbackQuery | None = None
    arg: str = ""
    _answered: bool = field(default=False)

    @property
    def locale(self) -> Locale:
        """What amounts and moments are worded in."""
        return Locale(self.ctx.settings.currency, self.ctx.settings.time_zone)

    @property
    def tapped(self) -> Message | None:
        """The message whose button was tapped, if Telegram still gives it."""
        message = self.query.message if self.query else None
        return message if isinstance(message, Message) else None

    async def show(self, text: object, rows: Rows = ()) -> int:
        """Put a screen where the tapped button was, or send it; the message's number."""
        markup = keyboard(rows) if rows else None
        message = self.tapped
        if message is not None and message.text is not None:
            changed, _ = await asyncio.gather(
                quietly(
                    self.ctx.bot.edit_message_text(
                        str(text),
                        chat_id=message.chat.id,
                        message_id=message.message_id,
                        reply_markup=markup,
                    )
                ),
                self.toast(),
            )
            if changed:
                return message.message_id
        return await self.send(text, markup)

    async def send(self, text: object, markup: Any = None) -> int:
        """Send a new message; its number."""
        sending = self.ctx.bot.send_message(self.visitor.chat_id, str(text), reply_markup=markup)
        if self.query is None or self._answered:
            return (await sending).message_id
        sent, _ = await asyncio.gather(sending, self.toast())
        return sent.message_id

    async def toast(self, text: object = "", *, alert: bool = False) -> None:
        """Answer the tap (once; later calls do nothing), with a line on the screen if given."""
        if self.query is None or self._answered:
            return
        self._answered = True
        words = plain(str(text))[:TOAST_LIMIT] or None
        await quietly(
            self.ctx.bot.answer_callback_query(self.query.id, text=words, show_alert=alert)
        )


_HARMLESS = ("message is not modified",)
_LATE = (
    "query is too old",
    "query id is invalid",
    "message to edit not found",
    "message can't be edited",
    "there is no text in the message",
    "message to delete not found",
    "message_id_invalid",
)


async def quietly(call: Awaitable[Any]) -> bool:
    """Make a call whose refusal is no fault; False if it came too late to have any effect.

    Raises:
        TelegramBadRequest: a refusal of another kind.
    """
    try:
        await call
    except TelegramBadRequest as refusal:
        words = refusal.message.lower()
        if any(part in words for part in _HARMLESS):
            return True
        if any(part in words for part in _LATE):
            return False
        raise
    return True


class RefusalMiddleware(BaseMiddleware):
    """Turns a refusal of the domain into a sentence for the person who met it."""

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        """Handle, or say politely why not."""
        try:
            return await handler(event, data)
        except DomainError as error:
            visitor: Visitor | None = data.get("visitor")
            if visitor is None or not isinstance(event, Update):
                raise
            log.info("refused", code=error.code, update_id=event.update_id)
            turn = Turn(data["ctx"], visitor, data["_"], data["now"], event.callback_query)
            words = sentence(turn.say, error, turn.locale)
            if turn.query is not None and len(plain(str(words))) <= TOAST_LIMIT:
                await turn.toast(words, alert=True)
            else:
                await turn.send(words)
            return None
