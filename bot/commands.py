"""What Telegram shows beside the chat: the command menu and the bot's description."""

from __future__ import annotations

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError
from aiogram.types import BotCommand

from loyalty import texts
from loyalty.texts import N_, Translator, plain

log = structlog.get_logger("bot")

CUSTOMER = {
    "card": N_("My card"),
    "balance": N_("My points"),
    "stamps": N_("My stamp cards"),
    "offers": N_("Coupons and offers"),
    "history": N_("How points came and went"),
    "invite": N_("Invite a friend"),
    "profile": N_("My profile"),
    "privacy": N_("My data and agreements"),
    "language": N_("Language"),
    "stop": N_("No more offers"),
    "help": N_("Help"),
}
DESCRIPTION = N_(
    "Your loyalty card in Telegram: show it at the till, collect points, pay with them."
)
SHORT_DESCRIPTION = N_("Loyalty card: points, gifts, receipts 💛")


def menu(_: Translator) -> list[BotCommand]:
    """The customer's command menu."""
    return [
        BotCommand(command=name, description=plain(_(label))) for name, label in CUSTOMER.items()
    ]


async def announce(bot: Bot, *, default_language: str) -> None:
    """Set menu and descriptions: the default language for all, the other for those who read it.

    The bot works without them, so a refusal is only noted.
    """
    codes: list[tuple[str | None, str]] = [(None, default_language)]
    codes += [(language, language) for language in texts.LANGUAGES]
    try:
        for code, language in codes:
            _ = texts.translator(language)
            await bot.set_my_commands(menu(_), language_code=code)
            await bot.set_my_description(plain(_(DESCRIPTION)), language_code=code)
            await bot.set_my_short_description(plain(_(SHORT_DESCRIPTION)), language_code=code)
    except TelegramAPIError as problem:
        log.warning("menu_not_set", error=type(problem).__name__)
