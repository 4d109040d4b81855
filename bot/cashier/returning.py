"""A return: which sale, what would come back, and only then the return itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aiogram.types import CallbackQuery, Message
from sqlalchemy.orm import Session

from bot.cashier import picking, screens
from bot.cashier.quote import first_name
from bot.cashier.screens import base36
from bot.cashier.till import RETURN, at_till, home_row, locale_of, set_step
from bot.context import Context, Visitor
from loyalty import clock, purchases
from loyalty.purchases import ReturnResult, till
from loyalty.purchases.till import Sale, SoldLine
from loyalty.staff import Staff
from loyalty.texts import Translator

LABEL_LENGTH = 16


async def list_sales(
    event: Message | CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
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
    rows = [*_sale_buttons(ctx, _, sales, zone, now), home_row(_)]
    await screens.menu(ctx, visitor, event, text, rows)


def _place(ctx: Context, person: Staff) -> tuple[str, int]:
    assert person.outlet_id is not None
    return person.time_zone or ctx.settings.time_zone, person.outlet_id


def _sale_buttons(
    ctx: Context, _: Translator, sales: Sequence[Sale], zone: str, now: datetime
) -> list[list[tuple[str, str]]]:
    rows = []
    today = clock.local_date(now, zone)
    for sale in sales:
        at = sale.sold_at.astimezone(clock.zone(zone))
        when = f"{at:%H:%M}" if at.date() == today else f"{at:%d.%m %H:%M}"
        total = _.money(sale.total - sale.returned, ctx.settings.currency)
        label = f"{when} · {total} · {(first_name(sale.customer_name) or '—')[:LABEL_LENGTH]}"
        rows.append([(label, f"ret:view:{base36(sale.purchase_id)}")])
    return rows


async def take_number(
    message: Message, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """The number of a sale, typed: the till's own on the receipt, or our six digits."""
    number = (message.text or "").strip().lstrip("№#").strip()

    def unit(session: Session) -> tuple[str, list[Sale]]:
        person = at_till(session, visitor)
        zone, outlet_id = _place(ctx, person)
        found = till.find_sales(session, outlet_id=outlet_id, number=number[:64], now=now)
        return zone, found if number else []

    zone, found = await ctx.db.read(unit)
    if not found:
        words = _(
            "I found no sale with this number at your outlet. It is the number on the till's "
            "receipt, or № and six digits on the screen after a sale."
        )
        await screens.send(ctx, visitor, words, [home_row(_)])
    elif len(found) == 1:
        await _preview(ctx, visitor, now, _, found[0].purchase_id, "", message_id=None)
    else:
        words = _("Which of these?")
        rows = [*_sale_buttons(ctx, _, found, zone, now), home_row(_)]
        await screens.send(ctx, visitor, words, rows)


async def view(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """A sale was chosen, or a line of it ticked: what would come back."""
    purchase_id, picked = _asked(query)
    screen = screens.screen_of(query)
    await _preview(ctx, visitor, now, _, purchase_id, picked, message_id=screen)


def _asked(query: CallbackQuery) -> tuple[int, str]:
    """The sale and the lines a button names; an older button names none."""
    parts = (query.data or "").split(":")
    picked = parts[3] if len(parts) > 3 and parts[1] in ("pick", "take") else ""
    return screens.number_at(query.data, 0), picked


async def _preview(
    ctx: Context,
    visitor: Visitor,
    now: datetime,
    _: Translator,
    purchase_id: int,
    picked: str,
    *,
    message_id: int | None,
) -> None:
    def unit(session: Session) -> tuple[Sale, list[SoldLine], dict[int, int], ReturnResult]:
        person = at_till(session, visitor)
        sale = till.get_sale(session, purchase_id=purchase_id, outlet_id=_place(ctx, person)[1])
        lines = till.lines_of(session, purchase_id=purchase_id)
        chosen = picking.read(lines, picked)
        result = purchases.preview_return(
            session, purchase_id=purchase_id, lines=picking.returned(lines, chosen), now=now
        )
        return sale, lines, chosen, result

    sale, lines, chosen, result = await ctx.db.read(unit)
    text = _what_comes_back(ctx, visitor, _, sale, result)
    buttons = _line_buttons(ctx, _, sale, lines, chosen)
    label = _("✅ Return what is ticked") if chosen else _("✅ Return all that is left")
    code = picking.write(lines, chosen) if buttons else ""
    buttons.append([(label, f"ret:take:{base36(purchase_id)}:{code}")])
    buttons.append([(_("Back"), "ret:close")])
    await screens.show(ctx, visitor, text, buttons, message_id=message_id)


def _line_buttons(
    ctx: Context, _: Translator, sale: Sale, lines: Sequence[SoldLine], chosen: dict[int, int]
) -> list[list[tuple[str, str]]]:
    left = [line for line in lines if line.left_milli > 0]
    pieces = sum(picking.pieces_left(line) for line in left)
    if pieces < 2 or len(lines) > picking.MOST_LINES:
        return []

    def data(line: SoldLine, count: int) -> str:
        code = picking.write(lines, {**chosen, line.n: count})
        return f"ret:pick:{base36(sale.purchase_id)}:{code}"

    rows = []
    for line in left:
        most, count = picking.pieces_left(line), chosen.get(line.n, 0)
        money = _.money(line.amount * line.left_milli // line.quantity_milli, ctx.settings.currency)
        name = (line.name or str(_("Line {n}", n=line.n)))[:LABEL_LENGTH]
        mark = "☑️" if count else "▫️"
        if not picking.by_piece(line):
            rows.append([(f"{mark} {name} · {money}", data(line, 0 if count else most))])
            continue
        label = f"{mark} {name} · {count}/{most} · {money}"
        rows.append([(label, data(line, 0 if count else most))])
        rows.append([("−", data(line, max(0, count - 1))), ("+", data(line, min(most, count + 1)))])
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
    purchase_id, picked = _asked(query)

    def unit(session: Session) -> tuple[Sale, ReturnResult]:
        person = at_till(session, visitor)
        sale = till.get_sale(session, purchase_id=purchase_id, outlet_id=_place(ctx, person)[1])
        lines = till.lines_of(session, purchase_id=purchase_id)
        result = purchases.record_return(
            session,
            purchase_id=purchase_id,
            lines=picking.returned(lines, picking.read(lines, picked)),
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
    await screens.show(ctx, visitor, "\n".join(lines), buttons, message_id=screen, lasting=True)
    return _("Returned")


async def close(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[Back]: nothing comes back."""
    await ctx.db.transact(lambda session: set_step(session, visitor, now, None))
    buttons = [[(_("🛍 New sale"), "till:sale"), (_("↩️ Return"), "till:return")]]
    words = _("Nothing was returned.")
    await screens.show(ctx, visitor, words, buttons, message_id=screens.screen_of(query))
