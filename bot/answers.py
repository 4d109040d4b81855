"""How the bot answers: the menu message edited in place, a new message, a toast on a tap."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import structlog
from aiogram.dispatcher.middlewares.base import BaseMiddleware
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest
from aiogram.methods import DeleteMessage, EditMessageReplyMarkup, TelegramMethod
from aiogram.types import (
    BufferedInputFile,
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    Message,
    TelegramObject,
    Update,
)
from sqlalchemy.orm import Session

from bot.context import Context, Visitor
from bot.words import Locale, sentence
from loyalty import customers
from loyalty.errors import DomainError
from loyalty.texts import Translator, plain

log = structlog.get_logger("bot")

Rows = Sequence[Sequence[InlineKeyboardButton]]
TOAST_LIMIT = 200


def button(text: object, data: str) -> InlineKeyboardButton:
    """A button that comes back to the bot. Not to be changed: the same one may be in use."""
    return _button(plain(str(text)), data)


@lru_cache(maxsize=2048)
def _button(text: str, data: str) -> InlineKeyboardButton:
    # The same few hundred all day long; making one anew costs as much as wording a line.
    return InlineKeyboardButton(text=text, callback_data=data)


def link(text: object, url: str) -> InlineKeyboardButton:
    """A button that opens an address."""
    return InlineKeyboardButton(text=plain(str(text)), url=url)


def keyboard(rows: Rows) -> InlineKeyboardMarkup:
    """Inline buttons under a message."""
    return InlineKeyboardMarkup(inline_keyboard=[list(row) for row in rows])


GO = "go"
"""Begins the data of buttons under messages that are no screens (receipts, reminders): a tap
opens a new screen below and leaves the message as it is."""


@dataclass(slots=True)
class Turn:
    """One update being answered: who, in which words, and the message a tapped button is on.

    ``fresh``: the tapped message is no screen (or an old one), so nothing is edited in place.
    """

    ctx: Context
    visitor: Visitor
    say: Translator
    now: datetime
    query: CallbackQuery | None = None
    arg: str = ""
    fresh: bool = False
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

    @property
    def living(self) -> int | None:
        """The number of the living message, the newest screen; None if there is none."""
        chat = self.visitor.chat
        return self.ctx.living.of(self.visitor.telegram_id, chat.menu_message_id if chat else None)

    @property
    def step_data(self) -> dict[str, Any]:
        """What the open question keeps in mind; empty without one."""
        chat = self.visitor.chat
        return dict(chat.step_data or {}) if chat else {}

    async def ask(self, step: str | None, data: dict[str, Any] | None = None) -> None:
        """Note what the next typed text will answer; None: nothing is asked (any more)."""
        await self.ctx.db.transact(lambda session: self.set_step(session, step, data))

    def set_step(
        self, session: Session, step: str | None, data: dict[str, Any] | None = None
    ) -> None:
        """The same inside a transaction that does more.

        What was asked until now is kept beside it: if the bot falls over before it has answered,
        the update is handled again as an answer to that, and must not do anything twice.
        """
        kept = {**(data or {}), **self.visitor.former}
        customers.set_step(session, telegram_id=self.visitor.telegram_id, step=step, data=kept)

    async def show(self, text: object, rows: Rows = (), *, toast: object = "") -> int:
        """Make this the living message: in place of the screen that was tapped, else below,
        and the former screen goes away. ``toast`` answers the tap. The message's number."""
        markup = keyboard(rows) if rows else None
        message = None if self.fresh else self.tapped
        if message is not None and message.text is not None and self._is_living(message):
            changed, _ = await asyncio.gather(
                quietly(
                    self.ctx.bot.edit_message_text(
                        str(text),
                        chat_id=message.chat.id,
                        message_id=message.message_id,
                        reply_markup=markup,
                    )
                ),
                self.toast(toast),
            )
            if changed:
                if self.living is None:
                    self._note(message.message_id)
                return message.message_id
        sent, _ = await asyncio.gather(
            self.ctx.bot.send_message(self.visitor.chat_id, str(text), reply_markup=markup),
            self.toast(toast),
        )
        return await self._replace(sent.message_id)

    async def show_photo(
        self,
        picture: BufferedInputFile,
        caption: object,
        rows: Rows = (),
        *,
        protect: bool = False,
        toast: object = "",
    ) -> int:
        """Make a picture the living message; ``protect``: it cannot be forwarded or saved.

        A picture takes the place of a picture in the same message, so a refresh moves nothing.
        """
        markup = keyboard(rows) if rows else None
        message = None if self.fresh else self.tapped
        # Guarded or not is settled when a message is sent: an edit would show the card unguarded.
        alike = message is not None and bool(message.has_protected_content) == protect
        if message is not None and message.photo and alike and self._is_living(message):
            changed, _ = await asyncio.gather(
                quietly(
                    self.ctx.bot.edit_message_media(
                        InputMediaPhoto(media=picture, caption=str(caption)),
                        chat_id=message.chat.id,
                        message_id=message.message_id,
                        reply_markup=markup,
                    )
                ),
                self.toast(toast),
            )
            if changed:
                return message.message_id
        sent, _ = await asyncio.gather(
            self.ctx.bot.send_photo(
                self.visitor.chat_id,
                picture,
                caption=str(caption),
                reply_markup=markup,
                protect_content=protect,
            ),
            self.toast(toast),
        )
        return await self._replace(sent.message_id)

    async def send(self, text: object, markup: Any = None) -> int:
        """Send a message that stays in the chat; its number."""
        sending = self.ctx.bot.send_message(self.visitor.chat_id, str(text), reply_markup=markup)
        if self.query is None or self._answered:
            return (await sending).message_id
        sent, _ = await asyncio.gather(sending, self.toast())
        return sent.message_id

    async def question(self, text: object, keys: Any, *, keep_former: bool = False) -> int:
        """Ask with keys under the field of entry, in a message that is the living one from now on.

        Such a message cannot be edited, so a question that is asked again takes the place of the
        former. ``keep_former``: the former screen stays, it has no buttons. The message's number.
        """
        message_id = await self.send(text, keys)
        if keep_former:
            self._note(message_id)
            return message_id
        return await self._replace(message_id)

    async def send_file(self, name: str, content: bytes, caption: object = "") -> int:
        """Send a file that stays in the chat; its message's number."""
        await self.toast()
        sent = await self.ctx.bot.send_document(
            self.visitor.chat_id,
            BufferedInputFile(content, name),
            caption=str(caption) or None,
        )
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

    def _is_living(self, message: Message) -> bool:
        living = self.living
        return living is None or message.message_id == living

    def _note(self, message_id: int) -> None:
        self.ctx.living.note(self.visitor.telegram_id, message_id, instead_of=self.living)

    async def _replace(self, message_id: int) -> int:
        """The new message is the living one; the former one goes, or at least its buttons."""
        old = self.living
        self._note(message_id)
        if old is not None and old != message_id:
            await self._clear_away(old)
        return message_id

    async def _clear_away(self, message_id: int) -> None:
        """The answer is in the chat by now: whatever refuses this, it is not said once more."""
        chat_id = self.visitor.chat_id
        ways: tuple[TelegramMethod[Any], ...] = (
            DeleteMessage(chat_id=chat_id, message_id=message_id),
            EditMessageReplyMarkup(chat_id=chat_id, message_id=message_id),
        )
        for way in ways:
            try:
                if await quietly(self.ctx.bot(way)):
                    return
            except TelegramAPIError as problem:
                log.info("screen_stays", problem=type(problem).__name__)


_HARMLESS = ("message is not modified",)
_LATE = (
    "query is too old",
    "query id is invalid",
    "message to edit not found",
    "message can't be edited",
    "there is no text in the message",
    "message to delete not found",
    "message can't be deleted",
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
