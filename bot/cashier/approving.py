"""The customer's tap for a till's hold: yes lets the till go on, no frees the points."""

from __future__ import annotations

from datetime import datetime

from aiogram.types import CallbackQuery
from sqlalchemy.orm import Session

from bot.cashier import screens
from bot.context import Context, Visitor
from loyalty.errors import HoldAlreadyResolved
from loyalty.purchases import holding
from loyalty.texts import Translator


async def agree(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> str | None:
    """The customer's yes: the till that waits may record the sale."""

    def unit(session: Session) -> int:
        return holding.approve(
            session, hold_id=_hold_id(query), customer_id=_customer_id(visitor), now=now
        )

    try:
        points = await ctx.db.transact(unit)
    except HoldAlreadyResolved:
        return await _over(query, ctx, visitor, _)
    said = _("👍 Agreed: the till may take {points}.", points=_.points(points))
    await screens.show(ctx, visitor, said, message_id=screens.screen_of(query))
    return None


async def refuse(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> str | None:
    """The customer's no: the points are free again."""

    def unit(session: Session) -> None:
        holding.decline(
            session, hold_id=_hold_id(query), customer_id=_customer_id(visitor), now=now
        )

    try:
        await ctx.db.transact(unit)
    except HoldAlreadyResolved:
        return await _over(query, ctx, visitor, _)
    said = _("No points were spent.")
    await screens.show(ctx, visitor, said, message_id=screens.screen_of(query))
    return None


def _hold_id(query: CallbackQuery) -> int:
    """The id in the button; -1, which nothing has, if it is forged."""
    text = (query.data or "").rpartition(":")[2]
    known = text.isascii() and text.isdigit() and len(text) <= 19
    return int(text) if known and int(text) < 2**63 else -1


def _customer_id(visitor: Visitor) -> int:
    return visitor.customer.id if visitor.customer is not None else -1


async def _over(query: CallbackQuery, ctx: Context, visitor: Visitor, _: Translator) -> str:
    said = _("This question is over. If you still want to spend points, tell the cashier.")
    await screens.show(ctx, visitor, said, message_id=screens.screen_of(query))
    return said
