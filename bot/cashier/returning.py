"""A return: which sale, what would come back, and only then the return itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aiogram.types import CallbackQuery, Message
from sqlalchemy.orm import Session

from bot.cashier import screens
from bot.cashier.quote import first_name
from bot.cashier.screens import base36
from bot.cashier.till import RETURN, at_till, locale_of, set_step
from bot.context import Context, Visitor
from loyalty import clock, purchases
from loyalty.purchases import ReturnedLine, ReturnResult, till
from loyalty.purchases.till import Sale, SoldLine
from loyalty.staff import Staff
from loyalty.texts import Translator

MOST_LINES = 40
"""Lines that can be chosen one by one; a longer receipt comes back whole."""
LABEL_LENGTH = 40


async def list_sales(
    _event: Message | CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """``/return``: the outlet's latest sales of today, or the number of an older one."""

    def unit(session: Session) -> tuple[str, list[Sale]]:
        person = at_till(session, visitor)
        set_step(session, visitor, now, RETURN)
        zone, outlet_id = _place(ctx, person)
        return zone, till.recent_sales(session, outlet_id=outlet_id, time_zone=zone, now=now)

    zone, sales = await ctx.db.transact(unit)
    if sales:
        text = _("↩️ Which purchase comes back? Choose it, or type the number of the sale.")
    else:
        text = _("No sales here today yet. To return an older purchase, type its number.")
    await screens.send(ctx, visitor, text, _sale_buttons(ctx, _, sales, zone))


def _place(ctx: Context, person: Staff) -> tuple[str, int]:
    assert person.outlet_id is not None
    return person.time_zone or ctx.settings.time_zone, person.outlet_id


def _sale_buttons(
    ctx: Context, _: Translator, sales: Sequence[Sale], zone: str
) -> list[list[tuple[str, str]]]:
    rows = []
    for sale in sales:
        at = sale.sold_at.astimezone(clock.zone(zone))
        total = _.money(sale.total - sale.returned, ctx.settings.currency)
        label = f"{at:%H:%M} · {total} · {(first_name(sale.customer_name) or '—')[:LABEL_LENGTH]}"
        rows.append([(label, f"ret:view:{base36(sale.purchase_id)}")])
    return rows


async def take_number(
    message: Message, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """The number of a sale, typed."""
    number = (message.text or "").strip().lstrip("№#").strip()

    def unit(session: Session) -> tuple[str, list[Sale]]:
        person = at_till(session, visitor)
        zone, outlet_id = _place(ctx, person)
        found = till.find_sales(session, outlet_id=outlet_id, number=number[:64], now=now)
        return zone, found if number else []

    zone, found = await ctx.db.read(unit)
    if not found:
        words = _(
            "I found no sale with this number at your outlet. "
            "The number is on the screen after a sale: № and six digits."
        )
        await screens.send(ctx, visitor, words)
    elif len(found) == 1:
        await _preview(ctx, visitor, now, _, found[0].purchase_id, 0, message_id=None)
    else:
        words = _("Which of these?")
        await screens.send(ctx, visitor, words, _sale_buttons(ctx, _, found, zone))


async def view(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """A sale was chosen, or a line of it ticked: what would come back."""
    purchase_id, ticked = (screens.number_at(query.data, place) for place in (0, 1))
    screen = screens.screen_of(query)
    await _preview(ctx, visitor, now, _, purchase_id, max(ticked, 0), message_id=screen)


def _chosen(lines: Sequence[SoldLine], ticked: int) -> list[ReturnedLine] | None:
    """The ticked lines (bit n for line n), all that is left of each; None: the whole sale."""
    if ticked == 0:
        return None
    return [
        ReturnedLine(n=line.n, quantity_milli=line.left_milli)
        for line in lines
        if ticked >> line.n & 1 and line.left_milli > 0
    ] or None


async def _preview(
    ctx: Context,
    visitor: Visitor,
    now: datetime,
    _: Translator,
    purchase_id: int,
    ticked: int,
    *,
    message_id: int | None,
) -> None:
    def unit(session: Session) -> tuple[Sale, list[SoldLine], ReturnResult]:
        person = at_till(session, visitor)
        sale = till.get_sale(session, purchase_id=purchase_id, outlet_id=_place(ctx, person)[1])
        lines = till.lines_of(session, purchase_id=purchase_id)
        result = purchases.preview_return(
            session, purchase_id=purchase_id, lines=_chosen(lines, ticked), now=now
        )
        return sale, lines, result

    sale, lines, result = await ctx.db.read(unit)
    text = _what_comes_back(ctx, visitor, _, sale, result)
    buttons = _line_buttons(ctx, _, sale, lines, ticked)
    label = _("✅ Return all that is left") if ticked == 0 else _("✅ Return what is ticked")
    buttons.append([(label, f"ret:do:{base36(purchase_id)}:{base36(ticked)}")])
    buttons.append([(_("Back"), "ret:close")])
    await screens.show(ctx, visitor, text, buttons, message_id=message_id)


def _line_buttons(
    ctx: Context, _: Translator, sale: Sale, lines: Sequence[SoldLine], ticked: int
) -> list[list[tuple[str, str]]]:
    left = [line for line in lines if line.left_milli > 0]
    if len(left) < 2 or max(line.n for line in lines) > MOST_LINES:
        return []
    rows = []
    for line in left:
        mark = "☑️" if ticked >> line.n & 1 else "▫️"
        name = line.name or str(_("Line {n}", n=line.n))
        money = _.money(line.amount * line.left_milli // line.quantity_milli, ctx.settings.currency)
        label = f"{mark} {name[:LABEL_LENGTH]} · {money}"
        data = f"ret:view:{base36(sale.purchase_id)}:{base36(ticked ^ 1 << line.n)}"
        rows.append([(label, data)])
    return rows


def _what_comes_back(
    ctx: Context, visitor: Visitor, _: Translator, sale: Sale, result: ReturnResult
) -> str:
    locale = locale_of(ctx, visitor)
    moment = _.moment(sale.sold_at, locale.time_zone)
    lines = [
        _("↩️ <b>Return of sale № {number}</b>, {moment}", number=sale.number, moment=moment),
        _("Customer: {name}", name=first_name(sale.customer_name)) if sale.customer_name else None,
        _("Goods: <b>{money}</b>", money=_.money(result.amount, locale.currency)),
        *_effects(_, result, locale.currency),
    ]
    return "\n".join(line for line in lines if line)


def _effects(_: Translator, result: ReturnResult, currency: str) -> list[str]:
    lines: list[str] = [_("Give back: <b>{money}</b>", money=_.money(result.money_back, currency))]
    if result.spent_returned:
        n = _.number(result.spent_returned)
        lines.append(_("Points back to the customer: {n}", n=n))
    if result.earned_reversed:
        n = _.number(result.earned_reversed)
        lines.append(_("Points taken back: {n}", n=n))
    if result.debt_added:
        n = _.number(result.debt_added)
        lines.append(_("Of these spent already: {n}; the next points make up for them", n=n))
    if result.gift_returned:
        money = _.money(result.gift_returned, currency)
        lines.append(_("Back on the gift card: {money}", money=money))
    stamps = sum(result.stamps_taken.values())
    if stamps:
        lines.append(_("Stamps taken back: {n}", n=_.number(stamps)))
    return lines


async def do(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> str:
    """The return itself; the customer's message is on its way to their chat."""
    purchase_id, ticked = (screens.number_at(query.data, place) for place in (0, 1))

    def unit(session: Session) -> tuple[Sale, ReturnResult]:
        person = at_till(session, visitor)
        sale = till.get_sale(session, purchase_id=purchase_id, outlet_id=_place(ctx, person)[1])
        lines = till.lines_of(session, purchase_id=purchase_id)
        result = purchases.record_return(
            session,
            purchase_id=purchase_id,
            lines=_chosen(lines, max(ticked, 0)),
            actor=person.actor,
            now=now,
            key=f"bot:{visitor.telegram_id}:{visitor.update_id}",
        )
        set_step(session, visitor, now, None)
        return sale, result

    sale, result = await ctx.db.transact(unit)
    ctx.wake()
    currency = ctx.settings.currency
    lines = [
        _("✅ <b>Returned.</b> Sale № {number}", number=sale.number),
        _("Goods: <b>{money}</b>", money=_.money(result.amount, currency)),
        *_effects(_, result, currency),
    ]
    buttons = [[(_("🛍 New sale"), "till:sale")]]
    screen = screens.screen_of(query)
    await screens.show(ctx, visitor, "\n".join(lines), buttons, message_id=screen)
    return _("Returned")


async def close(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[Back]: nothing comes back."""
    await ctx.db.transact(lambda session: set_step(session, visitor, now, None))
    buttons = [[(_("🛍 New sale"), "till:sale"), (_("↩️ Return"), "till:return")]]
    words = _("Nothing was returned.")
    await screens.show(ctx, visitor, words, buttons, message_id=screens.screen_of(query))
