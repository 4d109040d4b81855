"""Stamps and coupons beside a sale: counted, typed, scanned, chosen, taken out again."""

from __future__ import annotations

import re
from datetime import datetime

from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message
from sqlalchemy.orm import Session

from bot.cashier import extra_words, opening, screens, selling
from bot.cashier import quote as words
from bot.cashier.quote import SaleView
from bot.cashier.till import COUPON, SUM, at_till, locale_of, set_step, step_number
from bot.cashier.words import refusal
from bot.context import Context, Visitor
from loyalty import vouchers
from loyalty.errors import (
    DomainError,
    DraftClosed,
    DraftNotFound,
    PresenceRequired,
    RoleMissing,
    VoucherNeedsCustomer,
    VoucherNotFound,
    VoucherNotYours,
)
from loyalty.purchases import draft_extras, drafts
from loyalty.purchases.drafts import Draft
from loyalty.texts import Translator
from loyalty.vouchers import Voucher

LINK = re.compile(r"^\S*[?&]start=v_([A-Za-z0-9]{3,32})\S*$")
"""A coupon's link, pasted."""

_OVER = (DraftClosed, DraftNotFound, RoleMissing)


async def set_stamps(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[☕ +1], [➖], [➕]: so many stamps as the button says."""
    draft_id, stamps = (screens.number_at(query.data, place) for place in (0, 1))
    card_key = (query.data or "").rpartition(":")[2]

    def unit(session: Session) -> SaleView:
        person = at_till(session, visitor)
        draft = draft_extras.set_stamps(
            session,
            draft_id=draft_id,
            staff=person,
            card_key=card_key,
            stamps=stamps,
            now=now,
        )
        return words.view(session, draft, now=now)

    shown = await ctx.db.transact(unit)
    await selling.show_sale(ctx, visitor, now, _, shown, message_id=screens.screen_of(query))


async def ask_code(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[Coupon]: the question for a code; own coupons as buttons if the card was just shown."""
    draft_id = screens.number_at(query.data, 0)

    def unit(session: Session) -> tuple[SaleView, list[Voucher]]:
        person = at_till(session, visitor)
        draft = drafts.locked(session, draft_id, person)
        drafts.check_open(draft, person, now)
        return _asked(session, visitor, draft, now)

    shown, mine = await ctx.db.transact(unit)
    text, buttons = extra_words.coupon_screen(_, words.who(_, shown), shown.draft, mine)
    screen = screens.screen_of(query)
    await selling.place(ctx, visitor, now, shown.draft, text, buttons, message_id=screen)


def _asked(
    session: Session, visitor: Visitor, draft: Draft, now: datetime
) -> tuple[SaleView, list[Voucher]]:
    set_step(session, visitor, now, COUPON, draft=draft.id)
    mine: list[Voucher] = []
    if draft.may_redeem:
        found = vouchers.mine(session, customer_id=draft.customer_id, now=now)
        mine = extra_words.usable(found, draft)
    return words.view(session, draft, now=now), mine


async def back(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[Back] from the question for a code: the sale as it stands."""
    draft_id = screens.number_at(query.data, 0)

    def unit(session: Session) -> SaleView:
        person = at_till(session, visitor)
        draft = drafts.locked(session, draft_id, person)
        drafts.check_open(draft, person, now)
        set_step(session, visitor, now, SUM, draft=draft.id)
        return words.view(session, draft, now=now)

    shown = await ctx.db.transact(unit)
    await selling.show_sale(ctx, visitor, now, _, shown, message_id=screens.screen_of(query))


async def use_own(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """A tap on one of the customer's own coupons."""
    draft_id, voucher_id = (screens.number_at(query.data, place) for place in (0, 1))

    def unit(session: Session) -> SaleView:
        person = at_till(session, visitor)
        draft = drafts.locked(session, draft_id, person)
        item = vouchers.get(session, voucher_id=voucher_id)
        if item.customer_id != draft.customer_id:
            raise VoucherNotYours()
        if not draft.may_redeem:
            raise PresenceRequired()
        draft = draft_extras.add_voucher(
            session, draft_id=draft_id, staff=person, code=item.code, now=now
        )
        set_step(session, visitor, now, SUM, draft=draft.id)
        return words.view(session, draft, now=now)

    shown = await ctx.db.transact(unit)
    await selling.show_sale(ctx, visitor, now, _, shown, message_id=screens.screen_of(query))


async def drop(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[No coupon]: the sale without any code."""
    draft_id = screens.number_at(query.data, 0)

    def unit(session: Session) -> SaleView:
        person = at_till(session, visitor)
        draft = draft_extras.drop_vouchers(session, draft_id=draft_id, staff=person, now=now)
        set_step(session, visitor, now, SUM, draft=draft.id)
        return words.view(session, draft, now=now)

    shown = await ctx.db.transact(unit)
    await selling.show_sale(ctx, visitor, now, _, shown, message_id=screens.screen_of(query))


# --- codes that are typed or scanned ---------------------------------------------------------


async def take_code(
    message: Message, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """A typed code; 8 digits that are no coupon are the next customer's card."""
    text = (message.text or "").strip()
    link = LINK.match(text)
    await _take(ctx, visitor, now, _, link[1] if link else text)


async def scan_coupon(
    _message: Message,
    command: CommandObject,
    ctx: Context,
    visitor: Visitor,
    now: datetime,
    _: Translator,
) -> None:
    """``/start v_…``: the camera has read a coupon's QR."""
    await _take(ctx, visitor, now, _, (command.args or "").removeprefix("v_"))


async def _take(ctx: Context, visitor: Visitor, now: datetime, _: Translator, code: str) -> None:
    draft_id = step_number(visitor, "draft")
    if draft_id < 0:
        raise VoucherNeedsCustomer()
    is_card = opening.CODE.match(code) is not None

    def unit(session: Session) -> SaleView | None:
        person = at_till(session, visitor)
        draft = drafts.locked(session, draft_id, person)
        drafts.check_open(draft, person, now)
        if draft.amount is None:
            return words.view(session, draft, now=now)
        vouchers.ensure_may_try(session, by=person.actor, now=now)
        item = vouchers.find(session, code)
        if item is None:
            # A picture or a sticker is no guess.
            if code and not is_card:
                vouchers.note_wrong(session, by=person.actor, now=now)
            return None  # the wrong try has to be committed, so nothing is raised here
        draft = draft_extras.add_voucher(
            session, draft_id=draft_id, staff=person, code=item.code, now=now
        )
        set_step(session, visitor, now, SUM, draft=draft.id)
        return words.view(session, draft, now=now)

    try:
        shown = await ctx.db.transact(unit)
    except _OVER:
        raise
    except DomainError as error:
        await _ask_again(ctx, visitor, now, _, draft_id, error)
        return
    if shown is not None and shown.draft.amount is None:
        await screens.send(ctx, visitor, _("First the sum, please, and then the coupon 🙂"))
    elif shown is not None:
        await selling.screen_below(ctx, visitor, now, _, shown)
    elif is_card:
        await opening.open_card(ctx, visitor, now, _, code=code)
    else:
        await _ask_again(ctx, visitor, now, _, draft_id, VoucherNotFound(code=code[:32]))


async def _ask_again(
    ctx: Context, visitor: Visitor, now: datetime, _: Translator, draft_id: int, error: DomainError
) -> None:
    """Why this code does not go; another may be typed, or the sale goes on without."""
    said = refusal(_, error, locale_of(ctx, visitor))

    def unit(session: Session) -> tuple[SaleView, list[Voucher]]:
        draft = drafts.locked(session, draft_id, at_till(session, visitor))
        drafts.check_open(draft, at_till(session, visitor), now)
        return _asked(session, visitor, draft, now)

    shown, mine = await ctx.db.transact(unit)
    text, rows = extra_words.coupon_screen(_, words.who(_, shown), shown.draft, mine)
    text = f"{said}\n\n{text}"
    await selling.place(ctx, visitor, now, shown.draft, text, rows, message_id=None)
