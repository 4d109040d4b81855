"""Which update goes to which screen.

Taps are looked up in a table by the part before the colon, so a tap costs one step however
many screens there are; data that is in no table is answered as an old button.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from types import ModuleType

import sqlalchemy as sa
from aiogram import F, Router
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.types import CallbackQuery, Message
from sqlalchemy.orm import Session

from bot.answers import GO, Turn
from bot.context import Context, Visitor
from bot.customer import (
    arriving,
    card,
    contact,
    entry,
    help,
    history,
    invite,
    join,
    menu,
    offers,
    paper,
    points,
    privacy,
    privacy_erase,
    profile,
    rating,
    stamps,
    talk,
)
from loyalty import customers, delivery
from loyalty.receipts import customer_stats
from loyalty.texts import Translator

Screen = Callable[[Turn], Awaitable[None]]
StepScreen = Callable[[Turn, str], Awaitable[None]]

ASK_BIRTHDAY_AFTER = timedelta(days=1)


async def open_menu(turn: Turn) -> None:
    """The menu; once in a lifetime the question for the birthday comes instead."""
    if not join.is_member(turn) or not await _birthday_due(turn):
        await join.resume(turn)
        return
    await profile.ask_birthday(turn)


async def _birthday_due(turn: Turn) -> bool:
    person, chat = turn.visitor.customer, turn.visitor.chat
    if person is None or person.birth_day or (chat and chat.step):
        return False
    if person.birthday_asked_at is not None:
        return turn.visitor.again  # by this very update, before the bot fell over
    if person.joined_at is not None and turn.now - person.joined_at >= ASK_BIRTHDAY_AFTER:
        return True
    customer_id = person.id
    query = sa.select(customer_stats.c.orders).where(customer_stats.c.customer_id == customer_id)
    orders = await turn.ctx.db.read(lambda session: session.execute(query).scalar_one_or_none())
    return bool(orders)


async def _ads_yes(turn: Turn) -> None:
    await join.answer_ads(turn, granted=True)


async def _ads_no(turn: Turn) -> None:
    await join.answer_ads(turn, granted=False)


MODULES: tuple[ModuleType, ...] = (
    card,
    points,
    history,
    entry,
    stamps,
    offers,
    invite,
    profile,
    privacy,
    privacy_erase,
    rating,
    talk,
    paper,
)
"""Each brings its screens: ``MEMBERS`` (for customers; everybody else is led to join first),
``OPEN`` (for everybody) and ``STEPS`` (what a typed text answers)."""


def _collect(kind: str, own: dict[str, Screen]) -> dict[str, Screen]:
    found = dict(own)
    for module in MODULES:
        for name, screen in getattr(module, kind, {}).items():
            assert name not in found, f"two screens are called {name!r}"
            found[name] = screen
    return found


MEMBERS: dict[str, Screen] = _collect("MEMBERS", {})
OPEN: dict[str, Screen] = _collect(
    "OPEN",
    {
        menu.MENU: open_menu,
        menu.HELP: help.show_help,
        join.AGREE: join.agree,
        join.TEXT: join.show_full_text,
        join.SHORT: join.resume,
        join.OTHER_LANGUAGE: join.switch_language,
        join.ADS_YES: _ads_yes,
        join.ADS_NO: _ads_no,
    },
)
STEPS: dict[str, StepScreen] = {
    name: screen for module in MODULES for name, screen in getattr(module, "STEPS", {}).items()
}
# What anything but a text is answered while a step stands; the others get the common word.
OTHERS: dict[str, Screen] = {
    name: screen for module in MODULES for name, screen in getattr(module, "OTHERS", {}).items()
}

SHOWING = {
    menu.CARD, menu.BALANCE, menu.HISTORY, menu.STAMPS, menu.OFFERS, menu.INVITE, menu.PROFILE,
    menu.PRIVACY, menu.LANGUAGE, menu.HELP, offers.USE, invite.QR, card.REFRESH,
}  # fmt: skip
"""Screens that change nothing: good to open from an old menu too."""

COMMANDS: dict[str, str] = {
    "card": menu.CARD,
    "balance": menu.BALANCE,
    "stamps": menu.STAMPS,
    "offers": menu.OFFERS,
    "history": menu.HISTORY,
    "invite": menu.INVITE,
    "profile": menu.PROFILE,
    "privacy": menu.PRIVACY,
    "language": menu.LANGUAGE,
    "help": menu.HELP,
    "menu": menu.MENU,
}


async def _go(turn: Turn, name: str) -> None:
    await profile.leave_question(turn, name)
    screen = OPEN.get(name)
    if screen is None and name in MEMBERS:
        screen = MEMBERS[name] if join.is_member(turn) else join.resume
    await (screen or help.stale)(turn)
    # Whatever the screen did, the tap must not be left spinning.
    await turn.toast()


async def on_tap(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """A tap on any button of ours (or of an old version, or a forged one)."""
    name, _colon, arg = (query.data or "").partition(":")
    turn = Turn(ctx, visitor, _, now, query, arg)
    if name == GO:
        # Under a receipt or a reminder: the screen opens below, the message stays as it is.
        data, message_id = delivery.split_mark(arg)
        name, _colon, turn.arg = data.partition(":")
        turn.fresh = True
        if message_id is not None:
            await _count(turn, query, message_id, name)
    elif (tapped := _number_of(query)) is not None and turn.living not in (None, tapped):
        if ctx.living.just_replaced(visitor.telegram_id, tapped):
            await turn.toast()  # a double tap: the first one has been answered
            return
        await help.close_old(turn, tapped)
        # What only shows something is shown, below; what changes something is not done from an
        # old screen. (So a tap that was answered just before a crash is answered well again.)
        await _go(turn, name if name in SHOWING else menu.MENU)
        return
    await _go(turn, name)


async def _count(turn: Turn, query: CallbackQuery, message_id: int, screen: str) -> None:
    """A tap on a button of a chain's or a campaign's message; handled again it is the same tap."""
    chat_id = turn.visitor.chat_id

    def unit(session: Session) -> bool:
        return delivery.note_tap(
            session,
            outbox_id=message_id,
            chat_id=chat_id,
            screen=screen,
            key=f"tap:{query.id}",
            now=turn.now,
        )

    await turn.ctx.db.transact(unit)


def _number_of(query: CallbackQuery) -> int | None:
    return query.message.message_id if query.message is not None else None


async def on_start(
    message: Message,
    command: CommandObject,
    ctx: Context,
    visitor: Visitor,
    now: datetime,
    _: Translator,
) -> None:
    """``/start``: for a customer the menu, for everybody else the next step of joining."""
    del message
    payload = (command.args or "").strip()
    turn = Turn(ctx, visitor, _, now)
    # What brings a member is looked at now, what brought a stranger once they have joined.
    kept = None if join.is_member(turn) else join.remembered(payload)

    def unit(session: Session) -> None:
        customers.open_chat(
            session,
            telegram_id=visitor.telegram_id,
            language=visitor.language,
            now=now,
            payload=kept,
        )

    await ctx.db.transact(unit)
    await profile.leave_question(turn, menu.MENU)
    hint = None
    if join.is_member(turn):
        if await paper.opened(turn, payload):
            return
        hint = await arriving.of_member(turn, payload) if payload else None
    elif payload:
        hint = await arriving.of_stranger(turn, payload)
    if hint is None and join.is_member(turn):
        await open_menu(turn)
    else:
        await join.resume(turn, hint=hint)


async def on_stop(
    message: Message, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """``/stop``: no more advertising, at once."""
    del message
    turn = Turn(ctx, visitor, _, now)
    await profile.leave_question(turn, menu.PRIVACY)
    await privacy.stop_ads(turn)


async def on_command(
    message: Message,
    command: CommandObject,
    ctx: Context,
    visitor: Visitor,
    now: datetime,
    _: Translator,
) -> None:
    """Every other command of the menu."""
    del message
    await _go(Turn(ctx, visitor, _, now), COMMANDS[command.command.lower()])


async def on_contact(
    message: Message, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """A shared contact."""
    assert message.contact is not None
    forwarded = message.forward_origin is not None
    await join.take_contact(Turn(ctx, visitor, _, now), message.contact, forwarded=forwarded)


async def on_anything(
    message: Message, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """Everything else: the answer to an open question, or a helpful word."""
    turn = Turn(ctx, visitor, _, now)
    steps = STEPS if join.is_member(turn) else join.OPEN_STEPS
    step = (visitor.chat.step or "") if visitor.chat is not None else ""
    asked, text = steps.get(step), message.text or ""
    if join.is_member(turn) and step != join.ADS and contact.is_back(text):
        # The key outlives its question, which another screen may have taken the place of.
        await contact.take_text_at_number(turn, text)
        return
    if asked is not None and text and not text.startswith("/"):
        await asked(turn, text)
        return
    other = OTHERS.get(step)
    if other is not None and join.is_member(turn) and not text:
        await other(turn)
        return
    await help.not_understood(turn, content=message.content_type)


def router() -> Router:
    """The customer's side of the bot; it answers every message and tap of a private chat."""
    routes = Router(name="customer")
    routes.callback_query.register(on_tap)
    routes.message.register(on_start, CommandStart(ignore_case=True))
    routes.message.register(on_stop, Command("stop", ignore_case=True))
    routes.message.register(on_command, Command(*COMMANDS, ignore_case=True))
    routes.message.register(on_contact, F.contact)
    routes.message.register(on_anything)
    return routes
