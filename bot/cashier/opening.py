"""How a sale begins: a card's QR, the 8 digits under it, a pasted link."""

from __future__ import annotations

import re
from datetime import datetime

from aiogram.filters import CommandObject
from aiogram.types import Message
from sqlalchemy.orm import Session

from bot.cashier import quote as words
from bot.cashier import screens, selling
from bot.cashier.quote import SaleView
from bot.cashier.till import SUM, at_till, home_row, set_step
from bot.context import Context, Visitor
from loyalty import customers, enrolment
from loyalty.customers import Identified
from loyalty.purchases import drafts
from loyalty.staff import Staff
from loyalty.texts import Translator

CODE = re.compile(r"^\s*[0-9]{4}[\s\-–—]{0,3}[0-9]{4}\s*$")
"""The 8 digits under the QR, as people type them."""
CARD_LINK = re.compile(r"^\S*[?&]start=c_[A-Za-z0-9_-]{1,62}\S*$")


async def scan_link(
    _message: Message,
    command: CommandObject,
    ctx: Context,
    visitor: Visitor,
    now: datetime,
    _: Translator,
) -> None:
    """``/start c_…``: the camera has read a customer's QR."""
    await open_card(ctx, visitor, now, _, token=command.args or "")


async def scan_text(
    message: Message, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """The 8 digits typed, or the card's link pasted."""
    text = message.text or ""
    if CODE.match(text):
        await open_card(ctx, visitor, now, _, code=text)
    else:
        await open_card(ctx, visitor, now, _, token=text)


async def open_card(
    ctx: Context,
    visitor: Visitor,
    now: datetime,
    _: Translator,
    *,
    token: str | None = None,
    code: str | None = None,
) -> None:
    """Begin the sale of the card behind a link's ``token`` or a typed ``code``."""

    def identify(session: Session, person: Staff) -> Identified | None:
        if code is not None:
            return customers.identify_code(session, code=code, by=person.actor, now=now)
        return enrolment.identify(
            session,
            keys=ctx.keys,
            token=token or "",
            outlet_id=person.outlet_id,
            actor=person.actor,
            now=now,
            language=ctx.settings.language,
        )

    def unit(session: Session) -> SaleView | None:
        person = at_till(session, visitor)
        identified = identify(session, person)
        if identified is None:
            return None  # the wrong try has to be committed, so nothing is raised here
        draft = drafts.open_draft(
            session,
            identified=identified,
            staff=person,
            now=now,
            update_key=str(visitor.update_id),
        )
        if draft.status == drafts.OPEN:
            set_step(session, visitor, now, SUM, draft=draft.id)
        return words.view(session, draft, now=now)

    shown = await ctx.db.transact(unit)
    if shown is None:
        lines = (
            _("There is no such code now.")
            + " "
            + _("Ask the customer to refresh the card and read you the new one, or scan the QR.")
        )
        await screens.send(ctx, visitor, lines, [home_row(_)])
        return
    await selling.show_sale(ctx, visitor, now, _, shown, message_id=None)
