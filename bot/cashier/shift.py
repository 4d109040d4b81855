"""``/shift``: what this cashier has sold today, and the day before."""

from __future__ import annotations

from datetime import datetime, timedelta

from aiogram.types import CallbackQuery, Message
from sqlalchemy.orm import Session

from bot.cashier import screens
from bot.cashier.till import at_till, home_buttons
from bot.context import Context, Visitor
from loyalty import clock, staff
from loyalty.purchases import till
from loyalty.texts import Translator


async def shift(
    event: Message | CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[📊 My shift], [Today], [Yesterday]: a day of the outlet's calendar."""
    back = isinstance(event, CallbackQuery) and (event.data or "").endswith(":1")

    def unit(session: Session) -> tuple[staff.Staff, till.Shift, int]:
        person = at_till(session, visitor)
        assert person.outlet_id is not None
        zone = person.time_zone or ctx.settings.time_zone
        day = clock.local_date(now, zone) - timedelta(days=back)
        found = till.shift(
            session, staff_id=person.id, outlet_id=person.outlet_id, time_zone=zone, day=day
        )
        return person, found, len(staff.outlets_of(session, staff_id=person.id))

    person, found, places = await ctx.db.read(unit)
    day = clock.local_date(now, person.time_zone or ctx.settings.time_zone)
    day -= timedelta(days=back)
    head = _("📊 <b>{outlet}, {day}</b>", outlet=person.outlet_name, day=_.day(day))
    lines = [head, *_said(_, found, ctx.settings.currency)]
    other = (_("Today »"), "till:shift:0") if back else (_("« Yesterday"), "till:shift:1")
    buttons = [[other], *home_buttons(_, several=places > 1)]
    await screens.menu(ctx, visitor, event, "\n".join(lines), buttons)


def _said(_: Translator, found: till.Shift, currency: str) -> list[str]:
    lines: list[str] = [
        _(
            "Sales: {n}, for {total}",
            n=_.number(found.sales),
            total=_.money(found.total, currency),
        )
    ]
    if found.sales:
        lines.append(_("Average receipt: {money}", money=_.money(found.average, currency)))
    lines.append(
        _(
            "Points: {given} given, {spent} spent",
            given=_.number(found.earned),
            spent=_.number(found.redeemed),
        )
    )
    extras = []
    if found.stamps:
        extras.append(_("Stamps: {n}", n=_.number(found.stamps)))
    if found.coupons:
        extras.append(_("Coupons: {n}", n=_.number(found.coupons)))
    if extras:
        lines.append(" · ".join(extras))
    if found.returns:
        money = _.money(found.returned, currency)
        lines.append(_("Returns: {n}, for {money}", n=_.number(found.returns), money=money))
    if found.undone:
        money = _.money(found.undone_total, currency)
        lines.append(_("Undone: {n}, for {money}", n=_.number(found.undone), money=money))
    return lines
