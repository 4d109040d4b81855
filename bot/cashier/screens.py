"""How a till's screens get to the chat: sent once, then edited in place.

Of the menus the newest is the only one: what comes below it takes its place. Every sale has one
screen of its own, which is ``lasting``: it goes on below when something is typed, and stays in
the chat when it is finished, with its Undo.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import structlog
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message
from markupsafe import Markup

from bot.context import Context, Visitor
from loyalty.ids import short_of
from loyalty.texts import plain

log = structlog.get_logger(__name__)

Buttons = Sequence[Sequence[tuple[str, str]]]
"""Rows of (label, callback data)."""

ALERT_LENGTH = 200


base36 = short_of
"""A number as short as callback data wants it."""


def numbers(data: str | None) -> list[int]:
    """The numbers after the two words of ``sale:confirm:1a:2b``; what is no number is left out."""
    found: list[int] = []
    for part in (data or "").split(":")[2:]:
        with contextlib.suppress(ValueError):  # forged data is answered like an unknown sale
            found.append(int(part, 36) if part.isalnum() and part.isascii() else -1)
    return found


def number_at(data: str | None, place: int) -> int:
    """The number at that place of the callback data; -1, which nothing has, if there is none."""
    found = numbers(data)
    # Ids have 63 bits; a longer forged number would not even fit the question to the database.
    return found[place] if place < len(found) and found[place] < 2**63 else -1


def keyboard(buttons: Buttons) -> InlineKeyboardMarkup | None:
    """The inline keyboard; None without buttons."""
    if not buttons:
        return None
    return InlineKeyboardMarkup(
        inline_keyboard=[
            [InlineKeyboardButton(text=_label(text), callback_data=data) for text, data in row]
            for row in buttons
        ]
    )


def _label(text: str) -> str:
    """Buttons know no HTML: our words lose it, a name of goods stays as it is."""
    return plain(text) if isinstance(text, Markup) else text


async def send(
    ctx: Context,
    visitor: Visitor,
    text: str,
    buttons: Buttons | None = None,
    *,
    lasting: bool = False,
) -> int:
    """A new message; its id. With buttons it takes the place of the menu before it."""
    message = await ctx.bot.send_message(
        visitor.chat_id, text, parse_mode="HTML", reply_markup=keyboard(buttons or ())
    )
    # Somebody else's chat (a question, an answer to the till) is not where this visitor looks.
    if buttons and visitor.chat_id == visitor.telegram_id:
        old = _living(ctx, visitor)
        if lasting:
            ctx.living.let_go(visitor.telegram_id)
        else:
            ctx.living.note(visitor.telegram_id, message.message_id, instead_of=old)
        if old is not None:
            await take_away(ctx, visitor, old)
    return message.message_id


def _living(ctx: Context, visitor: Visitor) -> int | None:
    written = visitor.chat.menu_message_id if visitor.chat is not None else None
    return ctx.living.of(visitor.telegram_id, written)


async def show(
    ctx: Context,
    visitor: Visitor,
    text: str,
    buttons: Buttons | None = None,
    *,
    message_id: int | None,
    lasting: bool = False,
) -> int:
    """Change the message in place, or send a new one if it cannot be; the id of the screen."""
    if message_id is not None and lasting:
        _let_stay(ctx, visitor, message_id)
    if message_id is not None:
        try:
            await ctx.bot.edit_message_text(
                text,
                chat_id=visitor.chat_id,
                message_id=message_id,
                parse_mode="HTML",
                reply_markup=keyboard(buttons or ()),
            )
        except TelegramBadRequest as problem:
            # The same screen again is fine; anything else (deleted, too old) needs a new message.
            if "message is not modified" in problem.message:
                return message_id
            log.info("screen_not_edited", problem=problem.message)
        else:
            return message_id
    return await send(ctx, visitor, text, buttons, lasting=lasting)


def _let_stay(ctx: Context, visitor: Visitor, message_id: int) -> None:
    if visitor.chat_id == visitor.telegram_id and _living(ctx, visitor) == message_id:
        ctx.living.let_go(visitor.telegram_id)


async def take_away(ctx: Context, visitor: Visitor, message_id: int) -> None:
    """Remove a screen that another has taken the place of."""
    try:
        await ctx.bot.delete_message(visitor.chat_id, message_id)
    except TelegramBadRequest:
        # Older than Telegram lets one delete, or gone: words only, then.
        await take_buttons_off(ctx, visitor, message_id)


async def menu(
    ctx: Context,
    visitor: Visitor,
    event: Message | CallbackQuery,
    text: str,
    buttons: Buttons,
) -> int:
    """A menu: in place of the one that was tapped, else below; its message."""
    tapped = screen_of(event) if isinstance(event, CallbackQuery) else None
    here = tapped if tapped is not None and tapped == _living(ctx, visitor) else None
    return await show(ctx, visitor, text, buttons, message_id=here)


async def take_buttons_off(ctx: Context, visitor: Visitor, message_id: int) -> None:
    """Leave a finished screen as words only."""
    with contextlib.suppress(TelegramBadRequest):  # gone or bare already: nothing left to tap
        await ctx.bot.edit_message_reply_markup(
            chat_id=visitor.chat_id, message_id=message_id, reply_markup=None
        )


async def answer(query: CallbackQuery, text: str | None = None, *, alert: bool = False) -> None:
    """End the button's waiting; a tap too old for an answer is let be."""
    short = text if text is None or len(text) <= ALERT_LENGTH else text[: ALERT_LENGTH - 1] + "…"
    try:
        await query.answer(short, show_alert=alert)
    except TelegramBadRequest as problem:
        log.info("tap_not_answered", problem=problem.message)


def screen_of(query: CallbackQuery) -> int | None:
    """The message whose button was tapped."""
    return query.message.message_id if query.message is not None else None
