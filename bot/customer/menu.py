"""The living menu: one message with buttons to everything."""

from __future__ import annotations

from aiogram.types import InlineKeyboardButton

from bot.answers import Rows, Turn, button
from bot.customer import leaving
from loyalty import wallet
from loyalty.texts import Translator

MENU, CARD, BALANCE, HISTORY = "menu", "card", "balance", "history"
STAMPS, OFFERS, INVITE = "stamps", "offers", "invite"
PROFILE, PRIVACY, HELP, LANGUAGE = "profile", "privacy", "help", "language"
TALK = "talk"


def rows(_: Translator) -> Rows:
    """Buttons of the menu."""
    return [
        [button(_("💳 Show my card"), CARD)],
        [button(_("💰 Points"), BALANCE), button(_("☕️ Stamps"), STAMPS)],
        [button(_("🎟 Offers"), OFFERS), button(_("🤝 Invite"), INVITE)],
        [button(_("🧾 History"), HISTORY), button(_("🙂 Profile"), PROFILE)],
        [button(_("🔒 My data"), PRIVACY), button(_("💬 Write to us"), TALK)],
        [button(_("❓ Help"), HELP)],
    ]


def back(_: Translator) -> list[InlineKeyboardButton]:
    """The row that leads back to the menu."""
    return [button(_("« Menu"), MENU)]


async def show_menu(turn: Turn, *, head: object | None = None) -> None:
    """The menu, with what the customer has in its first line; ``head`` is said before it."""
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
    said = [part for part in (head, text, leaving.line(turn)) if part]
    await turn.show("\n\n".join(map(str, said)), [*leaving.rows(turn), *rows(say)])
