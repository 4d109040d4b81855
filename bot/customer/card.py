"""The card: a QR for the cashier's camera and eight digits beside it, both for ten minutes."""

from __future__ import annotations

import asyncio

from aiogram.types import (
    BufferedInputFile,
    CopyTextButton,
    InlineKeyboardButton,
    InputMediaPhoto,
)
from markupsafe import Markup

from bot import qr
from bot.answers import Rows, Turn, button, keyboard, quietly
from bot.customer import menu
from loyalty import clock, customers
from loyalty.customers import ShownCard
from loyalty.texts import plain

REFRESH = "card_refresh"


async def show_card(turn: Turn) -> None:
    """Send the card as a picture that cannot be forwarded or saved."""
    shown, picture = await _make(turn)
    await asyncio.gather(
        turn.ctx.bot.send_photo(
            turn.visitor.chat_id,
            picture,
            caption=_caption(turn, shown),
            reply_markup=keyboard(_rows(turn, shown)),
            protect_content=True,
        ),
        turn.toast(),
    )


async def refresh_card(turn: Turn) -> None:
    """A fresh QR and code in the same message."""
    message = turn.tapped
    if message is None or not message.photo:
        await show_card(turn)
        return
    shown, picture = await _make(turn)
    done, _ = await asyncio.gather(
        quietly(
            turn.ctx.bot.edit_message_media(
                InputMediaPhoto(media=picture, caption=_caption(turn, shown)),
                chat_id=message.chat.id,
                message_id=message.message_id,
                reply_markup=keyboard(_rows(turn, shown)),
            )
        ),
        turn.toast(turn.say("Fresh for ten minutes ✨")),
    )
    if not done:
        await show_card(turn)


async def _make(turn: Turn) -> tuple[ShownCard, BufferedInputFile]:
    person = turn.visitor.customer
    assert person is not None
    customer_id = person.id
    shown = await turn.ctx.db.transact(
        lambda session: customers.show_card(
            session, keys=turn.ctx.keys, customer_id=customer_id, now=turn.now
        )
    )
    address = f"https://t.me/{turn.ctx.bot_username}?start=c_{shown.token}"
    picture = await asyncio.to_thread(qr.png, address)
    return shown, BufferedInputFile(picture, "card.png")


def _caption(turn: Turn, shown: ShownCard) -> str:
    _ = turn.say
    code = f"{shown.code[:4]} {shown.code[4:]}"
    until = shown.expires_at.astimezone(clock.zone(turn.locale.time_zone)).strftime("%H:%M")
    return "\n".join(
        str(line)
        for line in (
            _("💳 <b>Your card</b>"),
            _("Let the cashier scan it, or say the code:"),
            Markup("<code>{}</code>").format(code),
            "",
            _("Good until {time}. It is for you only 🔒", time=until),
        )
    )


def _rows(turn: Turn, shown: ShownCard) -> Rows:
    _ = turn.say
    copy = InlineKeyboardButton(
        text=plain(_("📋 Copy the code")), copy_text=CopyTextButton(text=shown.code)
    )
    return [[button(_("🔄 Refresh"), REFRESH), copy], menu.back(_)]
