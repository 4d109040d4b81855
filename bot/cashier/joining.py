"""Becoming a cashier by a single-use link, the cashier's own menu, and losing both."""

from __future__ import annotations

from datetime import datetime

from aiogram.dispatcher.event.bases import SkipHandler
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message
from sqlalchemy.orm import Session

from bot.cashier import screens
from bot.cashier.menus import remove_menu, set_menu
from bot.cashier.till import home_of, set_step
from bot.cashier.till import how_to_begin as how_to_begin
from bot.context import Context, Visitor
from loyalty import customers, staff
from loyalty.errors import InvitationUsed, RoleMissing
from loyalty.texts import Translator


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
    if not person.sells:
        words = _("✅ Connected, {name}: tests of your messages will come here.", name=person.name)
        await screens.send(ctx, visitor, words)
        return
    await set_menu(ctx, visitor, _)
    if person.role == staff.OWNER:
        await screens.send(
            ctx, visitor, _("🔑 You are here as the owner, {name}.", name=person.name)
        )
    await screens.send(ctx, visitor, *await home_of(ctx, visitor, _))


async def start(
    _message: Message, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """A plain ``/start`` of a cashier: the greeting again, and the menu in today's language."""
    assert visitor.staff is not None
    await ctx.db.transact(lambda session: set_step(session, visitor, now, None))
    await set_menu(ctx, visitor, _)
    await screens.send(ctx, visitor, *await home_of(ctx, visitor, _))


async def help_text(
    event: Message | CallbackQuery, ctx: Context, visitor: Visitor, _: Translator
) -> None:
    """``/help``: the sale in four lines."""
    await set_menu(ctx, visitor, _)
    words = _(
        "<b>How the till works</b>\n"
        "1. Scan the customer's QR with your camera, or send me the 8 digits under it.\n"
        "2. Type the sum, for example 450 or 1 200.50.\n"
        "3. Spend points if the customer wants to, then confirm. Done!\n"
        "Stamps and coupons have buttons under the sum; a coupon's QR can be scanned too.\n\n"
        "A mistake? Tap Undo right after the sale, later Return: by today's list, "
        "or by the number of the sale.\n"
        "Your own card is at /card, another language at /language."
    )
    _hello, buttons = await home_of(ctx, visitor, _)
    await screens.menu(ctx, visitor, event, words, buttons)


async def outsider_tap(_query: CallbackQuery, ctx: Context, visitor: Visitor) -> None:
    """A till's button under the finger of somebody who does not work at one (any more)."""
    await remove_menu(ctx, visitor)
    raise RoleMissing(needed=staff.CASHIER)


async def outsider_command(_message: Message, ctx: Context, visitor: Visitor) -> None:
    """A till's command from somebody who does not work at one (any more)."""
    await remove_menu(ctx, visitor)
    raise RoleMissing(needed=staff.CASHIER)
