"""Who stands at the till, what a tap or a text of theirs may rely on, and refusals in words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from aiogram.dispatcher.middlewares.base import BaseMiddleware
from aiogram.filters import Filter
from aiogram.types import CallbackQuery, TelegramObject
from sqlalchemy.orm import Session

from bot.cashier import screens
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
        return visitor is not None and visitor.is_cashier and _role(visitor) in staff.SELLING


def _role(visitor: Visitor) -> str | None:
    return visitor.staff.role if visitor.staff is not None else None


class InStep(Filter):
    """Lets a message through that answers one of our questions."""

    def __init__(self, step: str) -> None:
        self._step = step

    async def __call__(self, _event: TelegramObject, visitor: Visitor | None = None) -> bool:
        """Whether this is what the visitor was asked for."""
        return visitor is not None and step_of(visitor) == self._step


def step_of(visitor: Visitor) -> str | None:
    """What the chat was asked last."""
    return visitor.chat.step if visitor.chat is not None else None


def step_number(visitor: Visitor, name: str) -> int:
    """A number the step needs to go on; -1, which nothing has, without it."""
    data = (visitor.chat.step_data if visitor.chat is not None else None) or {}
    value = data.get(name)
    return int(value) if isinstance(value, (int, str)) and str(value).isdigit() else -1


def at_till(session: Session, visitor: Visitor) -> staff.Staff:
    """The cashier, as the database knows them in this very transaction.

    Raises:
        RoleMissing: the role was taken away meanwhile.
        OutletNotFound: nobody said where they sell.
    """
    person = staff.find_by_telegram(session, telegram_id=visitor.telegram_id)
    if person is None or not person.sells:
        raise RoleMissing(needed=staff.CASHIER)
    if person.outlet_id is None:
        raise OutletNotFound()
    return person


def set_step(
    session: Session, visitor: Visitor, now: datetime, step: str | None, **data: int
) -> None:
    """What the chat is asked for now, and the ids the answer will need."""
    if visitor.chat is None:
        customers.open_chat(
            session, telegram_id=visitor.telegram_id, language=visitor.language, now=now
        )
    kept = {name: str(number) for name, number in data.items()}
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
            error.facts.get("status") != "changed"
        )
        if over and (step_of(visitor) or "").startswith(STEP):
            await ctx.db.transact(lambda session: set_step(session, visitor, now, None))
        if not isinstance(event, CallbackQuery):
            await screens.send(ctx, visitor, words)
            return
        await screens.answer(event, plain(words), alert=True)
        screen = screens.screen_of(event)
        if over and screen is not None:
            await screens.take_buttons_off(ctx, visitor, screen)
