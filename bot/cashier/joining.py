"""Becoming a cashier by a single-use link, the cashier's own menu, and losing both."""

from __future__ import annotations

import contextlib
from datetime import datetime

from aiogram.dispatcher.event.bases import SkipHandler
from aiogram.exceptions import TelegramAPIError
from aiogram.filters import CommandObject
from aiogram.types import BotCommand, BotCommandScopeChat, CallbackQuery, Message
from sqlalchemy.orm import Session

from bot.cashier import screens
from bot.cashier.screens import Buttons
from bot.cashier.till import set_step
from bot.context import Context, Visitor
from loyalty import customers, staff
from loyalty.errors import InvitationUsed, RoleMissing
from loyalty.texts import Translator, plain

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
    with contextlib.suppress(TelegramAPIError):
        scope = BotCommandScopeChat(chat_id=visitor.chat_id)
        await ctx.bot.set_my_commands(menu(_), scope=scope)


async def remove_menu(ctx: Context, visitor: Visitor) -> None:
    """Take the cashier's commands off the chat, with the role."""
    with contextlib.suppress(TelegramAPIError):  # a menu that stays behind only answers politely
        await ctx.bot.delete_my_commands(scope=BotCommandScopeChat(chat_id=visitor.chat_id))


async def join(
    _message: Message,
    command: CommandObject,
    ctx: Context,
    visitor: Visitor,
    now: datetime,
    _: Translator,
) -> None:
    """Follow a ``j_`` link; one that is used, late or forged behaves as a plain start."""
    token = (command.args or "").removeprefix("j_")

    def accept(session: Session) -> staff.Staff:
        person = staff.accept_bot_invitation(
            session, token=token, telegram_id=visitor.telegram_id, now=now
        )
        if person.language is None:
            staff.set_language(session, staff_id=person.id, language=visitor.language)
        customers.open_chat(
            session, telegram_id=visitor.telegram_id, language=visitor.language, now=now
        )
        customers.set_step(session, telegram_id=visitor.telegram_id, step=None)
        return person

    try:
        person = await ctx.db.transact(accept)
    except InvitationUsed:
        if await ctx.db.read(lambda session: staff.knows_invitation(session, token=token)):
            words = _(
                "This invitation no longer works. If you are to work here, ask for a new link."
            )
            await screens.send(ctx, visitor, words)
        raise SkipHandler from None
    await set_menu(ctx, visitor, _)
    await screens.send(ctx, visitor, greeting(_, person.name, person.outlet_name), home_buttons(_))


def greeting(_: Translator, name: str, outlet_name: str | None) -> str:
    """Hello, where you are, and how to begin."""
    if outlet_name is None:
        hello = _("👋 Hello, {name}! You have no outlet yet: ask the owner for one.", name=name)
    else:
        hello = _(
            "👋 Hello, {name}! You are at the till of {outlet}.", name=name, outlet=outlet_name
        )
    return hello + "\n\n" + how_to_begin(_)


def how_to_begin(_: Translator) -> str:
    """The two ways to start a sale."""
    return _(
        "To start a sale, scan the customer's QR with your phone's camera "
        "or send me the 8 digits under it."
    )


def home_buttons(_: Translator) -> Buttons:
    """Everything a cashier can do, by buttons."""
    return [
        [(_("🛍 New sale"), "till:sale"), (_("↩️ Return"), "till:return")],
        [(_("📊 My shift"), "till:shift"), (_("❓ Help"), "till:help")],
    ]


async def start(
    _message: Message, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """A plain ``/start`` of a cashier: the greeting again, and the menu in today's language."""
    assert visitor.staff is not None
    await ctx.db.transact(lambda session: set_step(session, visitor, now, None))
    await set_menu(ctx, visitor, _)
    words = greeting(_, visitor.staff.name, visitor.staff.outlet_name)
    await screens.send(ctx, visitor, words, home_buttons(_))


async def help_text(
    _event: Message | CallbackQuery, ctx: Context, visitor: Visitor, _: Translator
) -> None:
    """``/help``: the sale in four lines."""
    await set_menu(ctx, visitor, _)
    words = _(
        "<b>How the till works</b>\n"
        "1. Scan the customer's QR with your camera, or send me the 8 digits under it.\n"
        "2. Type the sum, for example 450 or 1 200.50.\n"
        "3. Spend points if the customer wants to, then confirm. Done!\n"
        "Stamps and coupons have buttons under the sum; a coupon's QR can be scanned too.\n\n"
        "A mistake? Tap Return: by today's list, or by the number of the sale.\n"
        "Your own card is at /card, another language at /language."
    )
    await screens.send(ctx, visitor, words, home_buttons(_))


async def outsider_tap(_query: CallbackQuery, ctx: Context, visitor: Visitor) -> None:
    """A till's button under the finger of somebody who does not work at one (any more)."""
    await remove_menu(ctx, visitor)
    raise RoleMissing(needed=staff.CASHIER)


async def outsider_command(_message: Message, ctx: Context, visitor: Visitor) -> None:
    """A till's command from somebody who does not work at one (any more)."""
    await remove_menu(ctx, visitor)
    raise RoleMissing(needed=staff.CASHIER)
