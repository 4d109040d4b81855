"""The cashier's command menu: put into the chat with the role, taken off with it."""

from __future__ import annotations

import contextlib

import structlog
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramForbiddenError
from aiogram.types import BotCommand, BotCommandScopeChat
from sqlalchemy.orm import Session

from bot.context import Context, Visitor
from loyalty import clock, staff, texts
from loyalty.texts import Translator, plain

log = structlog.get_logger(__name__)

COMMANDS = ("sale", "return", "shift", "help")


def menu(_: Translator) -> list[BotCommand]:
    """The commands of a cashier's chat."""
    words = {
        "sale": _("New sale"),
        "return": _("Return a purchase"),
        "shift": _("My shift today"),
        "help": _("How the till works"),
    }
    return [BotCommand(command=name, description=plain(words[name])) for name in COMMANDS]


async def set_menu(ctx: Context, visitor: Visitor, _: Translator) -> None:
    """Give the chat the cashier's commands; without them everything still works by buttons."""
    scope = BotCommandScopeChat(chat_id=visitor.chat_id)
    try:
        await ctx.bot.set_my_commands(menu(_), scope=scope)
    except TelegramAPIError as problem:
        log.info("till_menu_not_set", problem=type(problem).__name__)
        return
    now = clock.now()
    await ctx.db.transact(
        lambda session: staff.menu_set(session, telegram_id=visitor.telegram_id, now=now)
    )


async def remove_menu(ctx: Context, visitor: Visitor) -> None:
    """Take the cashier's commands off the chat, with the role."""
    with contextlib.suppress(TelegramAPIError):  # a menu that stays behind only answers politely
        await ctx.bot.delete_my_commands(scope=BotCommandScopeChat(chat_id=visitor.chat_id))


async def take_off(ctx: Context, person: staff.Leaving) -> None:
    """Take the menu off the chat of somebody who has left, and say so; once."""

    def mine(session: Session) -> bool:
        return staff.take_menu(session, staff_id=person.staff_id, set_at=person.set_at)

    if not await ctx.db.transact(mine):
        return
    _ = texts.translator(person.language or ctx.settings.language)
    try:
        scope = BotCommandScopeChat(chat_id=person.telegram_id)
        await ctx.bot.delete_my_commands(scope=scope)
        await ctx.bot.send_message(
            person.telegram_id, _("Your access to the till has ended. Thank you for your work! 🙏")
        )
    except (TelegramForbiddenError, TelegramBadRequest) as gone:
        log.info("till_menu_not_taken", problem=type(gone).__name__)
    except TelegramAPIError as problem:
        log.warning("till_menu_not_taken", problem=type(problem).__name__)
        await ctx.db.transact(
            lambda session: staff.menu_stays(
                session, staff_id=person.staff_id, set_at=person.set_at
            )
        )
