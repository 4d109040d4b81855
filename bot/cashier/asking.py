"""Many points at once: the customer is asked in their own chat, and their tap makes the sale."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import structlog
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError
from aiogram.types import CallbackQuery
from sqlalchemy.orm import Session

from bot.cashier import countdown, questions, screens
from bot.cashier import quote as words
from bot.cashier.screens import Buttons
from bot.cashier.till import SUM, at_till, set_step
from bot.context import Context, Visitor
from loyalty import customers, staff, texts
from loyalty.errors import CustomerNotFound, DraftClosed, DraftNotFound, HoldAlreadyResolved
from loyalty.purchases import asking, drafts, hold_words
from loyalty.purchases.asking import Question
from loyalty.purchases.drafts import Draft
from loyalty.purchases.questions import DRAFT
from loyalty.texts import Translator

log = structlog.get_logger(__name__)


async def ask_tap(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[Spend N, with the customer's tap]."""
    draft_id, points = (screens.number_at(query.data, place) for place in (0, 1))
    screen = screens.screen_of(query)
    await ask(ctx, visitor, now, _, draft_id, points, message_id=screen)


async def ask(
    ctx: Context,
    visitor: Visitor,
    now: datetime,
    _: Translator,
    draft_id: int,
    points: int,
    *,
    message_id: int | None,
) -> None:
    """Set the points aside, ask the customer, and show the cashier that we wait."""

    def unit(session: Session) -> tuple[Question, customers.Customer]:
        person = at_till(session, visitor)
        asked = asking.ask(session, draft_id=draft_id, staff=person, points=points, now=now)
        set_step(session, visitor, now, SUM, draft=draft_id)
        return asked, customers.get(session, asked.draft.customer_id)

    asked, person = await ctx.db.transact(unit)
    name = words.first_name(person.name)
    message_id_asked = await _put(ctx, visitor, asked, texts.translator(person.language))
    if message_id_asked is not None:
        await _note(ctx, asked, message_id_asked)
        said, back = questions.waiting(
            _, draft_id, name=name, points=asked.points, left=asked.seconds
        )
    else:
        shown = await _unasked(ctx, visitor, now, asked)
        said, back = words.quote_screen(_, shown, currency=ctx.settings.currency)
        who = name or _("Customer without a name")
        note = _("I cannot write to {name}: please spend fewer points.", name=who)
        said = f"{note}\n\n{said}"
    old = asked.draft.message_id
    placed = await screens.show(ctx, visitor, said, back, message_id=message_id, lasting=True)
    if message_id is None and old is not None:
        await screens.take_away(ctx, visitor, old)
    if placed != old:
        await ctx.db.transact(
            lambda session: drafts.set_message(
                session, draft_id=draft_id, message_id=placed, now=now
            )
        )
    countdown.nudge(ctx, asked=True)


async def _note(ctx: Context, asked: Question, message_id: int) -> None:
    await ctx.db.transact(
        lambda session: asking.note_message(
            session, draft_id=asked.draft.id, hold_id=asked.hold_id, message_id=message_id
        )
    )


async def _unasked(
    ctx: Context, visitor: Visitor, now: datetime, asked: Question
) -> words.SaleView:
    """The sale without the points that nobody can be asked about."""

    def unit(session: Session) -> words.SaleView:
        draft = asking.not_asked(
            session,
            draft_id=asked.draft.id,
            hold_id=asked.hold_id,
            staff=at_till(session, visitor),
            now=now,
        )
        return words.view(session, draft, now=now)

    return await ctx.db.transact(unit)


async def _put(ctx: Context, visitor: Visitor, asked: Question, _: Translator) -> int | None:
    """Put the question into the customer's chat, in place of one asked before; its message."""
    buyer = replace(visitor, chat_id=asked.chat_id)
    text = hold_words.question(
        _,
        points=asked.points,
        outlet=asked.outlet,
        total=asked.total,
        currency=ctx.settings.currency,
        seconds=asked.seconds,
    )
    try:
        if asked.former is not None:
            over = _("The till asks anew: see below 👇")
            await screens.show(
                ctx, replace(visitor, chat_id=asked.former[0]), over, message_id=asked.former[1]
            )
        return await screens.send(ctx, buyer, text, questions.answers(_, DRAFT, asked.hold_id))
    except (TelegramForbiddenError, TelegramBadRequest) as problem:
        log.info("customer_not_asked", problem=problem.message)
        return None


async def agree(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> str | None:
    """The customer's yes: the sale is recorded and the till is told."""

    def unit(session: Session) -> tuple[Draft, words.Done, staff.Staff]:
        buyer = customers.get(session, _customer_id(visitor))
        draft, result = asking.agree(
            session,
            hold_id=screens.number_at(query.data, 0),
            customer_id=_customer_id(visitor),
            now=now,
        )
        done = words.done(session, result, buyer, now=now)
        return draft, done, staff.get(session, draft.staff_id)

    try:
        draft, done, person = await ctx.db.transact(unit)
    except (HoldAlreadyResolved, DraftClosed, DraftNotFound, CustomerNotFound):
        return await _over(query, ctx, visitor, _)
    ctx.wake()
    said = _("✅ You have spent {points}.", points=_.points(done.result.redeemed))
    await screens.show(ctx, visitor, said, message_id=screens.screen_of(query))
    tr = texts.translator(person.language or ctx.settings.language)
    screen = words.done_screen(tr, done, currency=ctx.settings.currency)
    await _tell_till(ctx, visitor, person, draft, *screen)
    return None


async def refuse(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> str | None:
    """The customer's no: the sale goes on without the points."""

    def unit(session: Session) -> tuple[words.SaleView, staff.Staff]:
        draft = asking.refuse(
            session,
            hold_id=screens.number_at(query.data, 0),
            customer_id=_customer_id(visitor),
            now=now,
        )
        return words.view(session, draft, now=now), staff.get(session, draft.staff_id)

    try:
        shown, person = await ctx.db.transact(unit)
    except (HoldAlreadyResolved, DraftClosed, DraftNotFound):
        return await _over(query, ctx, visitor, _)
    said = _("No points were spent.")
    await screens.show(ctx, visitor, said, message_id=screens.screen_of(query))
    tr = texts.translator(person.language or ctx.settings.language)
    text, buttons = words.quote_screen(tr, shown, currency=ctx.settings.currency)
    note = tr("The customer does not want to spend these points.")
    await _tell_till(ctx, visitor, person, shown.draft, f"{note}\n\n{text}", buttons)
    await ctx.db.transact(lambda session: asking.told(session, draft_id=shown.draft.id))
    return None


def _customer_id(visitor: Visitor) -> int:
    return visitor.customer.id if visitor.customer is not None else -1


async def _over(query: CallbackQuery, ctx: Context, visitor: Visitor, _: Translator) -> str:
    said = _("This question is over. If you still want to spend points, tell the cashier.")
    await screens.show(ctx, visitor, said, message_id=screens.screen_of(query))
    return said


async def _tell_till(
    ctx: Context, visitor: Visitor, person: staff.Staff, draft: Draft, text: str, buttons: Buttons
) -> None:
    if person.telegram_id is None:
        return
    try:
        till = replace(visitor, chat_id=person.telegram_id)
        await screens.show(ctx, till, text, buttons, message_id=draft.message_id)
    except TelegramForbiddenError as problem:
        log.info("till_not_told", problem=problem.message)
