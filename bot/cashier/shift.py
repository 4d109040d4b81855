"""``/shift``: what this cashier has sold today."""

from __future__ import annotations

from datetime import datetime

from aiogram.types import CallbackQuery, Message
from sqlalchemy.orm import Session

from bot.cashier import screens
from bot.cashier.joining import home_buttons
from bot.cashier.till import at_till
from bot.context import Context, Visitor
from loyalty import clock, staff
from loyalty.purchases import till
from loyalty.texts import Translator


async def shift(
    _event: Message | CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """Count, sum and points of today, by the outlet's calendar."""

    def unit(session: Session) -> tuple[staff.Staff, till.Shift]:
        person = at_till(session, visitor)
        assert person.outlet_id is not None
        zone = person.time_zone or ctx.settings.time_zone
        return person, till.shift(
            session, staff_id=person.id, outlet_id=person.outlet_id, time_zone=zone, now=now
        )

    person, today = await ctx.db.read(unit)
    currency = ctx.settings.currency
    day = clock.local_date(now, person.time_zone or ctx.settings.time_zone)
    lines = [
        _("📊 <b>{outlet}, {day}</b>", outlet=person.outlet_name, day=_.day(day)),
        _(
            "Sales: {n}, for {total}",
            n=_.number(today.sales),
            total=_.money(today.total, currency),
        ),
        _("Points given: {n}", n=_.number(today.earned)),
        _("Points spent: {n}", n=_.number(today.redeemed)),
    ]
    if today.returned:
        lines.append(_("Came back: {total}", total=_.money(today.returned, currency)))
    await screens.send(ctx, visitor, "\n".join(lines), home_buttons(_))
