"""The living menu: one message with buttons to everything."""

from __future__ import annotations

from aiogram.types import InlineKeyboardButton
from sqlalchemy.orm import Session

from bot.answers import Rows, Turn, button, quietly
from loyalty import customers, wallet
from loyalty.texts import Translator

MENU, CARD, BALANCE, HISTORY = "menu", "card", "balance", "history"
STAMPS, OFFERS, INVITE = "stamps", "offers", "invite"
PROFILE, PRIVACY, HELP, LANGUAGE = "profile", "privacy", "help", "language"


def rows(_: Translator) -> Rows:
    """Buttons of the menu."""
    return [
        [button(_("💳 Show my card"), CARD)],
        [button(_("💰 Points"), BALANCE), button(_("☕️ Stamps"), STAMPS)],
        [button(_("🎟 Offers"), OFFERS), button(_("🤝 Invite"), INVITE)],
        [button(_("🧾 History"), HISTORY), button(_("🙂 Profile"), PROFILE)],
        [button(_("🔒 My data"), PRIVACY), button(_("❓ Help"), HELP)],
    ]


def back(_: Translator) -> list[InlineKeyboardButton]:
    """The row that leads back to the menu."""
    return [button(_("« Menu"), MENU)]


async def show_menu(turn: Turn, *, head: object | None = None) -> None:
    """Put the menu where the tap was, or send it anew (and take the old one's buttons away).

    ``head`` is a line to say first.
    """
    visitor, say = turn.visitor, turn.say
    person = visitor.customer
    if person is None:
        return
    customer_id = person.id
    balance = await turn.ctx.db.read(
        lambda session: wallet.balance(session, customer_id=customer_id, now=turn.now)
    )
    text = say(
        "You have <b>{points}</b>. Show your card at the till to earn and spend 💛",
        points=say.points(balance.available),
    )
    shown = await turn.show(f"{head}\n\n{text}" if head else text, rows(say))
    await remember(turn, shown)


async def remember(turn: Turn, message_id: int) -> None:
    """Note which message is the menu now; the one before loses its buttons."""
    chat = turn.visitor.chat
    old = chat.menu_message_id if chat else None
    if old == message_id:
        return

    def unit(session: Session) -> None:
        customers.set_menu_message(
            session, telegram_id=turn.visitor.telegram_id, message_id=message_id
        )

    await turn.ctx.db.transact(unit)
    if old is not None:
        await quietly(
            turn.ctx.bot.edit_message_reply_markup(
                chat_id=turn.visitor.chat_id, message_id=old, reply_markup=None
            )
        )
