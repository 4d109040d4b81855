"""Undo: the cashier's slip of the hand is taken back, asked once, within a few minutes."""

from __future__ import annotations

from datetime import datetime

from aiogram.types import CallbackQuery
from sqlalchemy.orm import Session

from bot.cashier import quote as words
from bot.cashier import screens, selling
from bot.cashier.screens import base36
from bot.cashier.till import SUM, at_till, set_step
from bot.context import Context, Visitor
from loyalty import customers, purchases
from loyalty.errors import UndoRefused
from loyalty.purchases import ReturnResult, drafts, undoing
from loyalty.purchases.till import short_number
from loyalty.purchases.undoing import Undoable
from loyalty.texts import Translator


async def ask(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> str | None:
    """[↩️ Undo]: asked once more, with what it is about."""
    purchase_id = screens.number_at(query.data, 0)

    def unit(session: Session) -> tuple[Undoable, customers.Customer]:
        person = at_till(session, visitor)
        found = undoing.check_undo(session, purchase_id=purchase_id, staff=person, now=now)
        return found, customers.get(session, found.customer_id)

    try:
        found, buyer = await ctx.db.read(unit)
    except UndoRefused as refused:
        return await _refused(query, ctx, visitor, now, _, purchase_id, refused)
    total = _.money(found.total, ctx.settings.currency)
    name = words.first_name(buyer.name)
    if name:
        text = _("↩️ Undo the sale of <b>{total}</b> to {name}?", total=total, name=name)
    else:
        text = _("↩️ Undo the sale of <b>{total}</b>?", total=total)
    text += "\n" + _("All will be as before it: points, stamps and coupons go back.")
    buttons = [
        [
            (_("✅ Yes, undo"), f"undo:do:{base36(purchase_id)}"),
            (_("Back"), f"undo:back:{base36(purchase_id)}"),
        ]
    ]
    await screens.show(ctx, visitor, text, buttons, message_id=screens.screen_of(query))
    return None


async def do(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> str | None:
    """[Yes, undo]: once, however often it is tapped."""
    purchase_id = screens.number_at(query.data, 0)

    def unit(session: Session) -> ReturnResult:
        person = at_till(session, visitor)
        return undoing.undo(session, purchase_id=purchase_id, staff=person, now=now)

    try:
        result = await ctx.db.transact(unit)
    except UndoRefused as refused:
        return await _refused(query, ctx, visitor, now, _, purchase_id, refused)
    ctx.wake()
    await _show_undone(query, ctx, visitor, _, result)
    return _("This sale was undone already.") if result.replayed else _("Undone")


async def _show_undone(
    query: CallbackQuery, ctx: Context, visitor: Visitor, _: Translator, result: ReturnResult
) -> None:
    currency = ctx.settings.currency
    lines: list[str] = [
        _("↩️ <b>Undone.</b> Sale № {number}", number=short_number(result.purchase_id)),
        _("Sum: <b>{total}</b>", total=_.money(result.amount, currency)),
        _("Give back: <b>{money}</b>", money=_.money(result.money_back, currency)),
        _("Balance: {points}", points=_.points(result.balance)),
    ]
    if result.debt:
        n = _.number(result.debt)
        lines.append(_("Of these spent already: {n}; the next points make up for them", n=n))
    name = base36(result.purchase_id)
    buttons = [[(_("🛍 Same guest again"), f"undo:again:{name}"), (_("🛍 New sale"), "till:sale")]]
    screen = screens.screen_of(query)
    await screens.show(ctx, visitor, "\n".join(lines), buttons, message_id=screen, lasting=True)


async def again(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[Same guest again]: the sum is typed anew, for the same card."""
    purchase_id = screens.number_at(query.data, 0)

    def unit(session: Session) -> words.SaleView:
        person = at_till(session, visitor)
        draft = undoing.again(session, purchase_id=purchase_id, staff=person, now=now)
        if draft.status == drafts.OPEN:
            set_step(session, visitor, now, SUM, draft=draft.id)
        return words.view(session, draft, now=now)

    shown = await ctx.db.transact(unit)
    await selling.show_sale(ctx, visitor, now, _, shown, message_id=None)


async def back(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[Back]: the sale stays as it is."""
    await _show_done(query, ctx, visitor, now, _, screens.number_at(query.data, 0), over=False)


async def _refused(
    query: CallbackQuery,
    ctx: Context,
    visitor: Visitor,
    now: datetime,
    _: Translator,
    purchase_id: int,
    refused: UndoRefused,
) -> str:
    """Why not; the screen offers what is left to do."""
    reason = refused.facts["reason"]
    said = {
        undoing.LATE: _("It is too late to undo this sale. It can be returned instead."),
        undoing.RETURNED: _("Goods of this sale came back already. The rest can be returned."),
        undoing.DONE: _("This sale was undone already."),
        undoing.NOT_YOURS: _("Only who has made a sale can undo it. It can be returned."),
    }[reason]
    if reason == undoing.DONE:
        screen = screens.screen_of(query)
        if screen is not None:
            await screens.take_buttons_off(ctx, visitor, screen)
    else:
        await _show_done(query, ctx, visitor, now, _, purchase_id, over=True)
    return said


async def _show_done(
    query: CallbackQuery,
    ctx: Context,
    visitor: Visitor,
    now: datetime,
    _: Translator,
    purchase_id: int,
    *,
    over: bool,
) -> None:
    def unit(session: Session) -> words.Done:
        person = at_till(session, visitor)
        undoing.check_here(session, purchase_id=purchase_id, staff=person)
        result = purchases.result_of(session, purchase_id=purchase_id, now=now)
        assert result.customer_id is not None
        buyer = customers.get(session, result.customer_id)
        return words.done(session, result, buyer, now=now)

    shown = await ctx.db.read(unit)
    text, buttons = words.done_screen(_, shown, currency=ctx.settings.currency)
    if over:
        back = (_("↩️ Return this"), f"ret:view:{base36(purchase_id)}")
        buttons = [[back if data.startswith("undo:") else (label, data) for label, data in row]
                   for row in buttons]  # fmt: skip
    screen = screens.screen_of(query)
    await screens.show(ctx, visitor, text, buttons, message_id=screen, lasting=True)
