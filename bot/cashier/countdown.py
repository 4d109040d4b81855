"""The visible countdown of questions to customers, and menus of cashiers that have to come off.

A small loop looks at what waits (both are rows, so a restart or a second instance changes
nothing), shows the time that is left on both screens, and ends a question nobody has answered.
It sleeps until the next edit is due, and a few seconds at most: a till's hold or a dismissal
may come from another process.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from aiogram.exceptions import TelegramAPIError, TelegramRetryAfter
from aiogram.methods import EditMessageText
from sqlalchemy.orm import Session

from bot.cashier import questions as said
from bot.cashier import quote as words
from bot.cashier.menus import take_off
from bot.cashier.screens import Buttons, keyboard
from bot.context import Context
from loyalty import clock, customers, purchases, staff, texts
from loyalty.errors import DomainError
from loyalty.purchases import drafts, questions
from loyalty.purchases.questions import ASKING, DRAFT, OVER, REFUSED, Question

log = structlog.get_logger(__name__)

LOOK_S = 3.0
"""Seconds between looks when no edit is due before."""
SOONEST_S = 0.05
PATIENCE_S = 5
"""Seconds an edit may take; a slow or limited one is left out, never waited for."""
TOGETHER = 8

_loops: dict[int, Countdown] = {}


def nudge(ctx: Context, *, asked: bool = False) -> None:
    """Something may have changed about a question: look now. Does nothing while none is open,
    unless one was ``asked`` just now."""
    loop = _loops.get(id(ctx))
    if loop is not None and (asked or loop.open):
        loop.event.set()


async def catch_up(ctx: Context) -> None:
    """Show now what the clock has made due; for whoever has just moved it."""
    loop = _loops.get(id(ctx))
    if loop is not None:
        await loop.look()


async def run(ctx: Context) -> None:
    """Count down until cancelled. A look that fails is noted, and the next one comes."""
    loop = Countdown(ctx)
    _loops[id(ctx)] = loop
    try:
        while True:
            pause = LOOK_S
            try:
                pause = await loop.look()
            except Exception as problem:  # noqa: BLE001 - the next look comes
                where = traceback.extract_tb(problem.__traceback__)[-1:]
                log.error("countdown_failed", error=type(problem).__name__, where=str(where))
            await clock.within(pause, loop.event.wait())
            loop.event.clear()
    finally:
        if _loops.get(id(ctx)) is loop:
            del _loops[id(ctx)]


@dataclass(slots=True)
class Countdown:
    """One process's loop. ``open``: how many questions waited at the last look."""

    ctx: Context
    open: int = 0
    event: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self) -> float:
        """Show what is due; seconds until the next look."""
        # One at a time: who waits for a look finds all of it on the screens afterwards.
        async with self._turn:
            return await self._look()

    async def _look(self) -> float:
        now = clock.now()

        def unit(session: Session) -> tuple[list[Question], list[staff.Leaving]]:
            return questions.waiting(session, now=now), staff.leaving(session)

        waiting, leaving = await self.ctx.db.read(unit)
        self.open = len(waiting)
        due = [one for one in waiting if one.state != ASKING or one.next_at <= now]
        limit = asyncio.Semaphore(TOGETHER)

        async def turn(question: Question) -> None:
            async with limit:
                await self._show(question)

        await asyncio.gather(*(turn(one) for one in due))
        for person in leaving:
            await take_off(self.ctx, person)
        ahead = [one.next_at for one in waiting if one not in due]
        soonest = (min(ahead) - clock.now()).total_seconds() if ahead else LOOK_S
        # What was shown just now has a next time of its own: the next look finds it.
        return max(SOONEST_S, min(LOOK_S, soonest))

    async def _show(self, question: Question) -> None:
        now = clock.now()
        mine = await self.ctx.db.transact(lambda s: questions.claim(s, question, now=now))
        if not mine:
            return
        if question.state == ASKING:
            await self._count(question)
        else:
            await self._end(question)

    async def _count(self, question: Question) -> None:
        left, currency = question.left(clock.now()), self.ctx.settings.currency
        edits = []
        if question.message_id is not None:
            text = said.asking(
                self._words(question.language), question, left=left, currency=currency
            )
            edits.append(self._edit(question.chat_id, question.message_id, *text))
        if question.kind == DRAFT and question.till_message_id is not None:
            text = said.waiting(
                self._words(question.till_language),
                question.id,
                name=words.first_name(question.customer_name),
                points=question.points,
                left=left,
            )
            edits.append(self._edit(question.till_chat_id, question.till_message_id, *text))
        await asyncio.gather(*edits)
        if await self.ctx.db.read(lambda s: questions.settled(s, question)):
            await self._mend(question)

    async def _end(self, question: Question) -> None:
        """Nobody has answered in time, or the till has chosen otherwise: the buttons go."""
        edits = []
        if question.message_id is not None:
            text = said.ended(self._words(question.language), question.state)
            edits.append(self._edit(question.chat_id, question.message_id, text))
        if question.kind == DRAFT and question.state in (OVER, REFUSED):
            edits.append(self._tell_till(question, question.state))
        if all(await asyncio.gather(*edits)):
            await self.ctx.db.transact(lambda s: questions.settle(s, question))

    async def _mend(self, question: Question) -> None:
        """The answer came while the countdown was on its way: the last word is the answer's."""
        _ = self._words(question.language)
        text = _("No points were spent.")
        if question.kind != DRAFT:
            if await self.ctx.db.read(lambda s: questions.agreed(s, hold_id=question.id)):
                points = _.points(question.points)
                text = _("👍 Agreed: the till may take {points}.", points=points)
        else:
            draft = await self.ctx.db.read(lambda s: drafts.get(s, draft_id=question.id))
            if draft.status == drafts.RECORDED and draft.redeem:
                text = _("✅ You have spent {points}.", points=_.points(draft.redeem))
            refused = draft.status == drafts.OPEN and draft.hold_id is None
            await self._tell_till(question, REFUSED if refused else None)
        if question.message_id is not None:
            await self._edit(question.chat_id, question.message_id, text)

    async def _tell_till(self, question: Question, ended: str | None) -> bool:
        """Put the sale as it is now where the till waited; whether there is nothing left to do."""
        if question.till_message_id is None:
            return True
        _ = self._words(question.till_language)
        text, buttons = await self._sale(question, _)
        if ended == REFUSED:
            note = _("The customer does not want to spend these points.")
            text = f"{note}\n\n{text}" if text else note
        elif ended == OVER:
            name = words.first_name(question.customer_name) or _("Customer without a name")
            note = _("⌛ Time is over: {name} has not answered. No points were spent.", name=name)
            text = f"{note}\n\n{text}" if text else note
        return await self._edit(question.till_chat_id, question.till_message_id, text, buttons)

    async def _sale(self, question: Question, _: texts.Translator) -> tuple[str, Buttons]:
        currency, now = self.ctx.settings.currency, clock.now()

        def unit(session: Session) -> words.SaleView | words.Done | None:
            draft = drafts.get(session, draft_id=question.id)
            if draft.status == drafts.RECORDED and draft.purchase_id is not None:
                result = purchases.result_of(session, purchase_id=draft.purchase_id, now=now)
                buyer = customers.get(session, draft.customer_id)
                return words.done(session, result, buyer, now=now)
            return words.view(session, draft, now=now) if draft.status == drafts.OPEN else None

        try:
            shown = await self.ctx.db.read(unit)
        except DomainError as refused:
            log.info("sale_not_shown", code=refused.code)
            shown = None
        if isinstance(shown, words.Done):
            return words.done_screen(_, shown, currency=currency)
        return words.quote_screen(_, shown, currency=currency) if shown else ("", [])

    def _words(self, language: str | None) -> texts.Translator:
        return texts.translator(language or self.ctx.settings.language)

    async def _edit(
        self, chat_id: int | None, message_id: int, text: str, buttons: Sequence[object] = ()
    ) -> bool:
        """Change a screen, past the patience others have with limits; whether it is done with."""
        if chat_id is None or not text:
            return True
        bot = self.ctx.bot
        edit = EditMessageText(
            chat_id=chat_id,
            message_id=message_id,
            text=text,
            parse_mode="HTML",
            reply_markup=keyboard(buttons),  # type: ignore[arg-type]
        )
        try:
            await bot.session.make_request(bot, edit, timeout=PATIENCE_S)
        except TelegramRetryAfter:
            log.info("countdown_limited")
            return False
        except TelegramAPIError as problem:
            # Deleted, blocked, the same already: there is nothing to show any more. A net that
            # fails is another matter: the lease runs out, and it is tried again.
            log.info("countdown_not_shown", problem=type(problem).__name__)
            return not _is_passing(problem)
        return True


def _is_passing(problem: TelegramAPIError) -> bool:
    return type(problem).__name__ in ("TelegramNetworkError", "TelegramServerError")
