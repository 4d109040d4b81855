"""An echo bot as python-telegram-bot's documentation writes them; only the base URLs are set.

python echo_ptb.py API_URL TOKEN
"""

from __future__ import annotations

import sys

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import (
    Application,
    CallbackQueryHandler,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    filters,
)


async def start(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Greet, with a button."""
    assert update.message is not None
    assert update.effective_user is not None
    text = " ".join([f"Hello, {update.effective_user.first_name}!", *(context.args or [])])
    keyboard = [[InlineKeyboardButton("Press me", callback_data="pressed")]]
    await update.message.reply_text(text, reply_markup=InlineKeyboardMarkup(keyboard))


async def echo(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    """Say it back."""
    assert update.message is not None
    await update.message.reply_text(f"Echo: {update.message.text}")


async def photo(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    """Download a photo, count its bytes, send it back by its file id."""
    assert update.message is not None
    largest = update.message.photo[-1]
    data = await (await largest.get_file()).download_as_bytearray()
    await update.message.reply_photo(largest.file_id, caption=f"{len(data)} bytes")


async def button(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer a tap and change the message."""
    query = update.callback_query
    assert query is not None
    await query.answer("Well pressed")
    await query.edit_message_text("Pressed")


def main() -> None:
    """Poll until told to end."""
    api_url, token = sys.argv[1:3]
    builder = Application.builder().token(token)
    builder = builder.base_url(f"{api_url}/bot").base_file_url(f"{api_url}/file/bot")
    application = builder.build()
    application.add_handler(CommandHandler("start", start))
    application.add_handler(MessageHandler(filters.TEXT & ~filters.COMMAND, echo))
    application.add_handler(MessageHandler(filters.PHOTO, photo))
    application.add_handler(CallbackQueryHandler(button))
    application.run_polling(allowed_updates=Update.ALL_TYPES)


if __name__ == "__main__":
    main()
