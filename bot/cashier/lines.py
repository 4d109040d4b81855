"""A sum by items: what kind of goods each is, by buttons; one more item, one item less."""

from __future__ import annotations

from datetime import datetime

from aiogram.types import CallbackQuery, Message
from sqlalchemy.orm import Session

from bot.cashier import extra_words, screens, selling
from bot.cashier import quote as words
from bot.cashier.quote import SaleView
from bot.cashier.till import SUM, at_till, locale_of, set_step, step_number
from bot.cashier.words import refusal
from bot.context import Context, Visitor
from loyalty.amounts import parse_sum
from loyalty.errors import AmountInvalid, AmountOutOfRange, DomainError, DraftNotFound
from loyalty.purchases import draft_lines, drafts
from loyalty.texts import Translator


async def show_again(
    _message: Message, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """A text that has been dealt with already: what came of it, once more."""
    draft_id = step_number(visitor, "draft")

    def unit(session: Session) -> SaleView:
        person = at_till(session, visitor)
        return words.view(session, drafts.locked(session, draft_id, person), now=now)

    shown = await ctx.db.transact(unit)
    await selling.screen_below(ctx, visitor, now, _, shown)


async def take_sum(
    message: Message, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """The sum, as people type it; anything else is asked for once more and changes nothing."""
    draft_id, place = step_number(visitor, "draft"), step_number(visitor, "item")
    try:
        amount = parse_sum(message.text or "")
    except (AmountInvalid, AmountOutOfRange) as error:
        await selling.ask_again(ctx, visitor, now, _, draft_id, error)
        return

    def unit(session: Session) -> tuple[SaleView, DomainError | None]:
        person = at_till(session, visitor)
        draft = drafts.get(session, draft_id=draft_id)
        count = len(draft_lines.items_of(draft))
        # Without "another item" a sum corrects the last one.
        at = place if 0 <= place <= count else max(0, count - 1)
        draft = draft_lines.set_item(
            session, draft_id=draft_id, staff=person, place=at, amount=amount, now=now
        )
        draft, lost = selling.keep_coupons(session, draft, person, now)
        return words.view(session, draft, now=now), lost

    shown, lost = await ctx.db.transact(unit)
    if lost is not None:
        why = refusal(_, lost, locale_of(ctx, visitor))
        await screens.send(ctx, visitor, _("The coupon is out of this sale: {why}", why=why))
    await selling.screen_below(ctx, visitor, now, _, shown)


async def set_category(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """A tap on a kind of goods: the item is of this kind, or of none again."""
    draft_id, place, mark = (screens.number_at(query.data, n) for n in range(3))

    def unit(session: Session) -> SaleView:
        person = at_till(session, visitor)
        known = draft_lines.categories(session, now=now)
        wanted = {extra_words.mark_of(one.category): one.category for one in known}
        if mark != extra_words.ANY and mark not in wanted:
            raise DraftNotFound()
        draft = draft_lines.set_category(
            session,
            draft_id=draft_id,
            staff=person,
            place=place,
            category=wanted.get(mark),
            now=now,
        )
        draft, _lost = selling.keep_coupons(session, draft, person, now)
        set_step(session, visitor, now, SUM, draft=draft.id)
        return words.view(session, draft, now=now)

    shown = await ctx.db.transact(unit)
    await selling.show_sale(ctx, visitor, now, _, shown, message_id=screens.screen_of(query))


async def ask_item(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[Another item]: the question for its sum; the sale stands as it is meanwhile."""
    draft_id, place = (screens.number_at(query.data, n) for n in (0, 1))

    def unit(session: Session) -> SaleView:
        person = at_till(session, visitor)
        draft = drafts.locked(session, draft_id, person)
        drafts.check_open(draft, person, now)
        if not 1 <= place <= len(draft_lines.items_of(draft)):
            raise DraftNotFound()
        # Which item the next sum will be: heard twice, it is still that one.
        set_step(session, visitor, now, SUM, draft=draft.id, item=place)
        return words.view(session, draft, now=now)

    shown = await ctx.db.transact(unit)
    text, rows = selling.item_screen(_, shown, currency=ctx.settings.currency)
    screen = screens.screen_of(query)
    await selling.place(ctx, visitor, now, shown.draft, text, rows, message_id=screen)


async def drop_item(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[Without the last one]: so many items as the button says are kept."""
    draft_id, count = (screens.number_at(query.data, n) for n in (0, 1))

    def unit(session: Session) -> SaleView:
        person = at_till(session, visitor)
        draft = draft_lines.drop_item(
            session, draft_id=draft_id, staff=person, count=count, now=now
        )
        draft, _lost = selling.keep_coupons(session, draft, person, now)
        set_step(session, visitor, now, SUM, draft=draft.id)
        return words.view(session, draft, now=now)

    shown = await ctx.db.transact(unit)
    await selling.show_sale(ctx, visitor, now, _, shown, message_id=screens.screen_of(query))
