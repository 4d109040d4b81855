"""A sale, from the sum to the receipt."""

from __future__ import annotations

import re
from datetime import datetime

from aiogram.types import CallbackQuery, Message
from sqlalchemy.orm import Session

from bot.cashier import asking, extra_words, guest_card, screens
from bot.cashier import quote as words
from bot.cashier.quote import SaleView
from bot.cashier.till import PART, SUM, at_till, locale_of, set_step, step_number
from bot.cashier.words import refusal
from bot.context import Context, Visitor
from loyalty import customers
from loyalty.errors import (
    DomainError,
    DraftClosed,
    DraftNotFound,
    InsufficientPoints,
    PointsInvalid,
    PresenceRequired,
    RedemptionFrozen,
    RedemptionTooLarge,
)
from loyalty.purchases import PurchaseResult, draft_extras, drafts, undoing
from loyalty.purchases.drafts import Draft
from loyalty.staff import Staff
from loyalty.texts import Translator

NO_POINTS = (InsufficientPoints, PresenceRequired, RedemptionFrozen, RedemptionTooLarge)
"""Why the points of a sale may not be had after all, when it comes to it."""


async def show_sale(
    ctx: Context,
    visitor: Visitor,
    now: datetime,
    _: Translator,
    shown: SaleView,
    *,
    message_id: int | None,
) -> None:
    """Put the draft's screen into the chat, and remember which message it is."""
    text, buttons = words.quote_screen(_, shown, currency=ctx.settings.currency)
    if shown.draft.status != drafts.OPEN:
        text, buttons = _("This sale is already closed."), []
    await place(ctx, visitor, now, shown.draft, text, buttons, message_id=message_id)


async def place(
    ctx: Context,
    visitor: Visitor,
    now: datetime,
    draft: Draft,
    text: str,
    buttons: screens.Buttons,
    *,
    message_id: int | None,
) -> None:
    """Put words and buttons where this sale's screen is; None: below, in place of the old one."""
    placed = await screens.show(ctx, visitor, text, buttons, message_id=message_id, lasting=True)
    if placed != draft.message_id:
        if draft.message_id is not None and message_id is None and draft.status == drafts.OPEN:
            await screens.take_away(ctx, visitor, draft.message_id)
        await ctx.db.transact(
            lambda session: drafts.set_message(
                session, draft_id=draft.id, message_id=placed, now=now
            )
        )


def keep_coupons(
    session: Session, draft: Draft, person: Staff, now: datetime
) -> tuple[Draft, DomainError | None]:
    """The draft with its coupons, or without them and why, if the new sum does not allow them."""
    if not draft.vouchers:
        return draft, None
    try:
        drafts.quote_of(session, draft=draft, now=now)
    except DomainError as lost:
        dropped = draft_extras.drop_vouchers(session, draft_id=draft.id, staff=person, now=now)
        return dropped, lost
    return draft, None


async def screen_below(
    ctx: Context, visitor: Visitor, now: datetime, _: Translator, shown: SaleView
) -> None:
    """The screen under what was typed, where the eye and the thumb are; the old one goes."""
    await show_sale(ctx, visitor, now, _, shown, message_id=None)


async def ask_again(
    ctx: Context, visitor: Visitor, now: datetime, _: Translator, draft_id: int, error: DomainError
) -> None:
    """Say what was wrong with the answer; the sale waits, and its screen is now down here."""
    said = refusal(_, error, locale_of(ctx, visitor))

    def unit(session: Session) -> SaleView:
        draft = drafts.locked(session, draft_id, at_till(session, visitor))
        return words.view(session, draft, now=now)

    shown = await ctx.db.transact(unit)
    if shown.draft.status != drafts.OPEN:
        await screens.send(ctx, visitor, said)
        return
    if visitor.chat is not None and visitor.chat.step == PART:
        text, buttons = words.part_screen(_, shown)
    elif step_number(visitor, "item") >= 1:
        text, buttons = item_screen(_, shown, currency=ctx.settings.currency)
    else:
        text, buttons = words.quote_screen(_, shown, currency=ctx.settings.currency)
    await place(ctx, visitor, now, shown.draft, f"{said}\n\n{text}", buttons, message_id=None)


def item_screen(_: Translator, shown: SaleView, *, currency: str) -> tuple[str, screens.Buttons]:
    """The items so far, and the question for the next one's sum."""
    items = extra_words.item_lines(_, shown.draft, shown.categories, currency=currency)
    question = _("➕ Enter the sum of the next item:")
    text = "\n".join(map(str, [*words.who(_, shown), "", *items, question]))
    return text, [[(_("Back"), f"sale:show:{screens.base36(shown.draft.id)}")]]


async def take_part(
    message: Message, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """How many points to spend, typed."""
    text = re.sub(r"\s", "", message.text or "")
    draft_id = step_number(visitor, "draft")
    try:
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):
            raise PointsInvalid()
        await _spend(ctx, visitor, now, _, draft_id, int(text), message_id=None)
    except RedemptionTooLarge as error:
        if error.facts["reason"] == "tap":
            await asking.ask(ctx, visitor, now, _, draft_id, int(text), message_id=None)
        else:
            await ask_again(ctx, visitor, now, _, draft_id, error)
    except PointsInvalid as error:
        await ask_again(ctx, visitor, now, _, draft_id, error)


async def spend_all(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[Spend N]: as many points as the screen named."""
    draft_id, points = (screens.number_at(query.data, place) for place in (0, 1))
    screen = screens.screen_of(query)
    await _spend(ctx, visitor, now, _, draft_id, points, message_id=screen)


async def spend_none(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[Change points] and [Back]: the quote without spending."""
    draft_id = screens.number_at(query.data, 0)
    screen = screens.screen_of(query)
    await _spend(ctx, visitor, now, _, draft_id, 0, message_id=screen)


async def _spend(
    ctx: Context,
    visitor: Visitor,
    now: datetime,
    _: Translator,
    draft_id: int,
    points: int,
    *,
    message_id: int | None,
) -> None:
    def unit(session: Session) -> SaleView:
        person = at_till(session, visitor)
        draft = drafts.set_redeem(session, draft_id=draft_id, staff=person, points=points, now=now)
        set_step(session, visitor, now, SUM, draft=draft.id)
        return words.view(session, draft, now=now)

    shown = await ctx.db.transact(unit)
    if message_id is None:
        await screen_below(ctx, visitor, now, _, shown)
    else:
        await show_sale(ctx, visitor, now, _, shown, message_id=message_id)


async def ask_part(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[Spend part…]: ask how many."""
    draft_id = screens.number_at(query.data, 0)

    def unit(session: Session) -> SaleView:
        person = at_till(session, visitor)
        draft = drafts.set_redeem(session, draft_id=draft_id, staff=person, points=0, now=now)
        set_step(session, visitor, now, PART, draft=draft.id)
        return words.view(session, draft, now=now)

    shown = await ctx.db.transact(unit)
    text, buttons = words.part_screen(_, shown)
    screen = screens.screen_of(query)
    await place(ctx, visitor, now, shown.draft, text, buttons, message_id=screen)


async def confirm(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> str | None:
    """[Confirm]: the sale is recorded, once, however often this is tapped.

    It is recorded as the screen showed it: sum, points, money to pay, coupons and stamps; if
    any of them has changed since, the screen is shown anew instead.
    """
    draft_id, total, redeem, to_pay, marks = (
        screens.number_at(query.data, place) for place in range(5)
    )

    def unit(session: Session) -> tuple[PurchaseResult, words.Done]:
        person = at_till(session, visitor)
        draft = drafts.locked(session, draft_id, person)
        if draft.status == drafts.OPEN and marks != extra_words.marks(draft):
            drafts.check_open(draft, person, now)
            raise DraftClosed(status=drafts.CHANGED, purchase_id=None)
        buyer = customers.get(session, draft.customer_id)
        result = drafts.confirm(
            session, draft_id=draft_id, staff=person, now=now, shown=(total, redeem)
        )
        # A promotion that has ended meanwhile: nobody is charged what no screen has named.
        if not result.replayed and result.to_pay != to_pay:
            raise DraftClosed(status=drafts.CHANGED, purchase_id=None)
        if step_number(visitor, "draft") == draft_id:
            set_step(session, visitor, now, None)
        return result, words.done(session, result, buyer, now=now)

    try:
        result, done = await ctx.db.transact(unit)
        if result.replayed and await ctx.db.read(
            lambda session: undoing.is_undone(session, purchase_id=result.purchase_id)
        ):
            # An old screen of it: what it would show is no longer so.
            raise DraftClosed(status="undone", purchase_id=result.purchase_id)
    except DraftClosed as error:
        if error.facts.get("status") != drafts.CHANGED:
            raise
        return await _show_changed(query, ctx, visitor, now, _, draft_id, error)
    except NO_POINTS as refused:
        return await _show_without_points(query, ctx, visitor, now, _, draft_id, refused)
    ctx.wake()
    text, buttons = words.done_screen(_, done, currency=ctx.settings.currency)
    screen = screens.screen_of(query)
    await screens.show(ctx, visitor, text, buttons, message_id=screen, lasting=True)
    if done.new_guest is not None and not result.replayed:
        await guest_card.send(ctx, visitor, now, _, done.new_guest)
    return _("This sale is already recorded.") if result.replayed else _("Recorded")


async def _show_changed(
    query: CallbackQuery,
    ctx: Context,
    visitor: Visitor,
    now: datetime,
    _: Translator,
    draft_id: int,
    error: DraftClosed,
) -> str:
    """The sale as it is now, where its screen is; an old message is only told off.

    Raises:
        DraftClosed: the tapped message is not the sale's screen (any more).
    """

    def unit(session: Session) -> SaleView:
        at_till(session, visitor)
        return words.view(session, drafts.get(session, draft_id=draft_id), now=now)

    shown = await ctx.db.read(unit)
    screen = screens.screen_of(query)
    if shown.draft.message_id != screen:
        raise error
    await show_sale(ctx, visitor, now, _, shown, message_id=screen)
    return refusal(_, error, locale_of(ctx, visitor))


async def _show_without_points(
    query: CallbackQuery,
    ctx: Context,
    visitor: Visitor,
    now: datetime,
    _: Translator,
    draft_id: int,
    error: DomainError,
) -> str:
    """Spent elsewhere or frozen since the screen was made: why, and the sale without the points.

    Raises:
        DomainError: the refusal, if no points were to be spent or the screen is an old one.
    """
    screen = screens.screen_of(query)

    def unit(session: Session) -> SaleView:
        person = at_till(session, visitor)
        draft = drafts.locked(session, draft_id, person)
        drafts.check_open(draft, person, now)
        if not draft.redeem or draft.message_id != screen:
            raise error
        used_up = isinstance(error, PresenceRequired)
        draft = drafts.without_points(session, draft, now, used_up=used_up)
        return words.view(session, draft, now=now)

    shown = await ctx.db.transact(unit)
    said = refusal(_, error, locale_of(ctx, visitor))
    text, buttons = words.quote_screen(_, shown, currency=ctx.settings.currency)
    if not isinstance(error, PresenceRequired):  # the screen itself says that the card is used up
        text = f"{said}\n\n{text}"
    await place(ctx, visitor, now, shown.draft, text, buttons, message_id=screen)
    return said


async def cancel(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[Cancel]: nothing is sold."""
    draft_id = screens.number_at(query.data, 0)

    def unit(session: Session) -> None:
        person = at_till(session, visitor)
        drafts.cancel(session, draft_id=draft_id, staff=person, now=now)
        if step_number(visitor, "draft") == draft_id:
            set_step(session, visitor, now, None)

    await ctx.db.transact(unit)
    words_ = _("Cancelled, nothing was recorded.")
    buttons = [[(_("🛍 New sale"), "till:sale")]]
    await screens.show(ctx, visitor, words_, buttons, message_id=screens.screen_of(query))


async def unknown_tap(_query: CallbackQuery) -> None:
    """A button of ours that no screen has any more."""
    raise DraftNotFound()
