"""Who stands at the till, what a tap or a text of theirs may rely on, and refusals in words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from aiogram.dispatcher.middlewares.base import BaseMiddleware
from aiogram.filters import Filter
from aiogram.types import CallbackQuery, TelegramObject
from sqlalchemy.orm import Session

from bot.cashier import countdown, screens
from bot.cashier.words import refusal
from bot.context import Context, Visitor
from bot.words import Locale
from loyalty import customers, staff
from loyalty.errors import DomainError, DraftClosed, DraftNotFound, OutletNotFound, RoleMissing
from loyalty.texts import Translator, plain

STEP = "till:"
"""Every step of ours begins so."""
SUM, PART, COUPON, RETURN = "till:sum", "till:part", "till:coupon", "till:return"


class AtTill(Filter):
    """Lets only people through who may sell, at an outlet."""

    async def __call__(self, _event: TelegramObject, visitor: Visitor | None = None) -> bool:
        """Whether the visitor is a cashier, or an owner with an outlet."""
        person = visitor.staff if visitor is not None else None
        if person is None or person.role not in staff.SELLING:
            return False
        # A cashier whose outlet is gone is told so by the handlers.
        return person.outlet_id is not None or person.role == staff.CASHIER


class InStep(Filter):
    """Lets a message through that answers one of our questions."""

    def __init__(self, step: str) -> None:
        self._step = step

    async def __call__(self, _event: TelegramObject, visitor: Visitor | None = None) -> bool:
        """Whether this is what the visitor was asked for."""
        return visitor is not None and step_of(visitor) == self._step


class AnsweredBefore(Filter):
    """Lets a text through that has led to this question for a sum itself.

    Its handler is run again when the bot dies, or Telegram fails, between what it did and what it
    said; read anew, a number of points or a code of digits would be taken for the sum.
    """

    async def __call__(self, _event: TelegramObject, visitor: Visitor | None = None) -> bool:
        """Whether the open question came of this very update."""
        return (
            visitor is not None
            and step_of(visitor) == SUM
            and step_number(visitor, "by") == visitor.update_id
            and step_number(visitor, "draft") >= 0
        )


def step_of(visitor: Visitor) -> str | None:
    """What the chat was asked last."""
    return visitor.chat.step if visitor.chat is not None else None


def step_number(visitor: Visitor, name: str) -> int:
    """A number the step needs to go on; -1, which nothing has, without it."""
    data = (visitor.chat.step_data if visitor.chat is not None else None) or {}
    value = data.get(name)
    return int(value) if isinstance(value, (int, str)) and str(value).isdigit() else -1


def standing(session: Session, visitor: Visitor) -> staff.Staff:
    """The cashier as the database knows them in this very transaction, at an outlet or not.

    Raises:
        RoleMissing: the role was taken away meanwhile.
    """
    person = staff.find_by_telegram(session, telegram_id=visitor.telegram_id)
    if person is None or not person.sells:
        raise RoleMissing(needed=staff.CASHIER)
    return person


def at_till(session: Session, visitor: Visitor) -> staff.Staff:
    """The same, standing at an open outlet: whoever sells is asked for here.

    Raises:
        RoleMissing: the role was taken away meanwhile.
        OutletNotFound: nobody said where they sell, or that outlet is closed.
    """
    person = standing(session, visitor)
    if person.outlet_id is None:
        raise OutletNotFound()
    return person


def how_to_begin(_: Translator) -> str:
    """The two ways to start a sale."""
    return _(
        "To start a sale, scan the customer's QR with your phone's camera "
        "or send me the 8 digits under it."
    )


def home_row(_: Translator) -> list[tuple[str, str]]:
    """The button that leads back to the home screen, in its place."""
    return [(_("« Back"), "place:home")]


def home_buttons(_: Translator, *, several: bool = False) -> screens.Buttons:
    """Everything a cashier can do, by buttons; ``several``: there are outlets to choose from."""
    rows = [
        [(_("🛍 New sale"), "till:sale"), (_("↩️ Return"), "till:return")],
        [(_("📊 My shift"), "till:shift"), (_("❓ Help"), "till:help")],
    ]
    return [*rows, [(_("🏪 Change outlet"), "place:choose")]] if several else rows


async def home_of(ctx: Context, visitor: Visitor, _: Translator) -> tuple[str, screens.Buttons]:
    """The home screen: who and where one is, and how to begin.

    Raises:
        RoleMissing: the role was taken away meanwhile.
    """

    def unit(session: Session) -> tuple[staff.Staff, int]:
        person = standing(session, visitor)
        return person, len(staff.outlets_of(session, staff_id=person.id))

    person, places = await ctx.db.read(unit)
    if person.outlet_name is not None:
        hello = _(
            "👋 Hello, {name}! You are at the till of {outlet}.",
            name=person.name,
            outlet=person.outlet_name,
        )
    elif places:
        hello = _("👋 Hello, {name}! Your outlet is closed: choose another.", name=person.name)
    else:
        hello = _(
            "👋 Hello, {name}! You have no outlet yet: ask the owner for one.", name=person.name
        )
    several = places > 1 or (places == 1 and person.outlet_id is None)
    return f"{hello}\n\n{how_to_begin(_)}", home_buttons(_, several=several)


def set_step(
    session: Session, visitor: Visitor, now: datetime, step: str | None, **data: int
) -> None:
    """What the chat is asked for now, the ids an answer will need, the update that led here."""
    if visitor.chat is None:
        customers.open_chat(
            session, telegram_id=visitor.telegram_id, language=visitor.language, now=now
        )
    kept = {name: str(number) for name, number in data.items()}
    if step is not None:
        kept["by"] = str(visitor.update_id)
    customers.set_step(session, telegram_id=visitor.telegram_id, step=step, data=kept or None)


def locale_of(ctx: Context, visitor: Visitor) -> Locale:
    """What sums and moments are worded in at this till."""
    zone = visitor.staff.outlet_time_zone if visitor.staff is not None else None
    return Locale(ctx.settings.currency, zone or ctx.settings.time_zone)


class Refusals(BaseMiddleware):
    """Puts refusals of the domain into words, and answers every tap.

    A handler of a tap may return words for the tap's own answer.
    """

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        """Run the handler; a refusal becomes an answer in the chat."""
        ctx: Context = data["ctx"]
        visitor: Visitor = data["visitor"]
        say: Translator = data["_"]
        try:
            said = await handler(event, data)
        except DomainError as error:
            words = refusal(say, error, locale_of(ctx, visitor))
            await self._refuse(ctx, visitor, event, error, words, data["now"])
            return None
        finally:
            # Whatever was chosen, a question to the customer may be over by it.
            countdown.nudge(ctx)
        if isinstance(event, CallbackQuery):
            await screens.answer(event, plain(said) if isinstance(said, str) else None)
        return None

    async def _refuse(
        self,
        ctx: Context,
        visitor: Visitor,
        event: TelegramObject,
        error: DomainError,
        words: str,
        now: datetime,
    ) -> None:
        over = isinstance(error, (DraftClosed, DraftNotFound, RoleMissing)) and (
            error.facts.get("status") not in ("changed", "elsewhere")
        )
        # A tap on an old screen is no end of the sale that is rung up below it.
        other = (
            isinstance(event, CallbackQuery)
            and not isinstance(error, RoleMissing)
            and screens.number_at(event.data, 0) != step_number(visitor, "draft")
        )
        if over and not other and (step_of(visitor) or "").startswith(STEP):
            await ctx.db.transact(lambda session: set_step(session, visitor, now, None))
        if not isinstance(event, CallbackQuery):
            await screens.send(ctx, visitor, words)
            return
        await screens.answer(event, plain(words), alert=True)
        screen = screens.screen_of(event)
        if over and screen is not None:
            await screens.take_buttons_off(ctx, visitor, screen)
