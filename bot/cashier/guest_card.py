"""The QR by which a new guest takes the card of their first sale, on the till's screen."""

from __future__ import annotations

from datetime import datetime

from aiogram.types import BufferedInputFile

from bot import qr
from bot.context import Context, Visitor
from loyalty import enrolment
from loyalty.texts import Translator


async def send(
    ctx: Context, visitor: Visitor, now: datetime, _: Translator, customer_id: int
) -> bool:
    """A QR for the guest's own phone, by which the card becomes theirs; False: it is theirs."""
    token = await ctx.db.read(
        lambda session: enrolment.screen_token(
            session, keys=ctx.keys, customer_id=customer_id, now=now
        )
    )
    if token is None:
        return False
    url = f"https://t.me/{ctx.bot_username}?start=c_{token}"
    lines = [
        _("📱 Show this to the guest: they scan it with their phone's camera, and the points "
          "are theirs."),
        _("It works for three days. The same as a link: {url}", url=url),
    ]  # fmt: skip
    await ctx.bot.send_photo(
        visitor.chat_id,
        BufferedInputFile(qr.png(url), "card.png"),
        caption="\n".join(lines),
        parse_mode="HTML",
    )
    return True
