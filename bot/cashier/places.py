"""At which outlet a cashier stands: shown on every home screen, changed by two taps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aiogram.types import CallbackQuery
from sqlalchemy.orm import Session

from bot.cashier import screens
from bot.cashier.screens import Buttons, base36
from bot.cashier.till import home_of, set_step, standing
from bot.context import Context, Visitor
from loyalty import staff
from loyalty.texts import Translator


async def choose(query: CallbackQuery, ctx: Context, visitor: Visitor, _: Translator) -> None:
    """[🏪 Change outlet]: the outlets one may sell at."""

    def unit(session: Session) -> tuple[staff.Staff, Sequence[staff.Outlet]]:
        person = standing(session, visitor)
        return person, staff.outlets_of(session, staff_id=person.id)

    person, mine = await ctx.db.read(unit)
    rows: Buttons = [
        [(f"{'✅ ' if place.id == person.outlet_id else ''}{place.name}", _to(place))]
        for place in mine
    ]
    words = _("🏪 Where are you today?")
    if not mine:
        words = _("You have no outlet yet. Please ask the owner for one.")
    await screens.show(
        ctx, visitor, words, [*rows, [(_("« Back"), "place:home")]],
        message_id=screens.screen_of(query),
    )  # fmt: skip


def _to(place: staff.Outlet) -> str:
    return f"place:at:{base36(place.id)}"


async def stand(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> str:
    """One of the outlets: from now on this is where one sells. Open sales stay where they are."""

    def unit(session: Session) -> staff.Staff:
        person = standing(session, visitor)
        place = screens.number_at(query.data, 0)
        moved = staff.stand_at(session, staff_id=person.id, outlet_id=place, now=now)
        if moved.outlet_id != person.outlet_id:
            set_step(session, visitor, now, None)
        return moved

    person = await ctx.db.transact(unit)
    await _home(query, ctx, visitor, _)
    return _("You are at {outlet} now.", outlet=person.outlet_name)


async def home(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[« Back]: the home screen; nothing is asked for any more."""
    await ctx.db.transact(lambda session: set_step(session, visitor, now, None))
    await _home(query, ctx, visitor, _)


async def _home(query: CallbackQuery, ctx: Context, visitor: Visitor, _: Translator) -> None:
    text, buttons = await home_of(ctx, visitor, _)
    await screens.show(ctx, visitor, text, buttons, message_id=screens.screen_of(query))
