"""A typed bot library as the client: an echo bot by long polling against strict checks."""

import asyncio

import pytest
from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError, TelegramRetryAfter
from aiogram.filters import CommandStart
from aiogram.types import (
    BotCommand,
    BufferedInputFile,
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
)

from tests.emulator.client import ANNA, TOKEN, Client
from tests.emulator.test_http import qr

MARKUP = InlineKeyboardMarkup(
    inline_keyboard=[[InlineKeyboardButton(text="Press", callback_data="press")]]
)


def make_dispatcher() -> Dispatcher:
    dispatcher = Dispatcher()

    @dispatcher.message(CommandStart(deep_link=True))
    async def start(message: Message) -> None:
        await message.answer(f"<b>start</b> {message.text}", parse_mode="HTML", reply_markup=MARKUP)

    @dispatcher.message(F.contact)
    async def contact(message: Message) -> None:
        assert message.contact is not None
        await message.answer_photo(
            BufferedInputFile(qr("x"), "card.png"), caption=message.contact.phone_number
        )

    @dispatcher.callback_query()
    async def press(query: CallbackQuery) -> None:
        assert isinstance(query.message, Message)
        await query.message.edit_text("pressed")
        await query.answer("done", show_alert=True)

    @dispatcher.message()
    async def echo(message: Message) -> None:
        await message.answer(message.text or "?")

    return dispatcher


async def shown(client: Client, count: int) -> list[str]:
    """The texts on the screen once there are `count` of them."""
    while len(seen := await client.screen()) < count:
        await asyncio.sleep(0.01)
    return [message["text"] or message["caption"] for message in seen]


async def test_echo_bot_by_long_polling(client: Client) -> None:
    server = TelegramAPIServer.from_base(client.emulator.url)
    bot = Bot(TOKEN, session=AiohttpSession(api=server))
    dispatcher = make_dispatcher()
    me = await bot.get_me()
    await client.control("PUT", f"/users/{ANNA}", {"first_name": "Anna", "phone": "+79001110001"})
    running = asyncio.create_task(
        dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False)
    )
    link = f"https://t.me/{me.username}?start=c_1"
    await client.control("POST", f"/users/{ANNA}/open", {"link": link})
    assert await shown(client, 2) == ["/start c_1", "start /start c_1"]
    place = {"message_id": (await client.screen())[-1]["message_id"], "button": "Press"}
    tap = await client.control("POST", f"/users/{ANNA}/tap", place)
    assert tap["answer"] == {"text": "done", "show_alert": True, "url": None}
    await client.control("POST", f"/users/{ANNA}/send", {"contact": "own"})
    await client.control("POST", f"/users/{ANNA}/send", {"sticker": True})
    texts = await shown(client, 6)
    assert texts[1] == "pressed"
    assert {"+79001110001", "?"} <= set(texts)
    await dispatcher.stop_polling()
    await running
    await bot.session.close()


async def test_typed_answers_and_errors(client: Client) -> None:
    await client.meet()
    server = TelegramAPIServer.from_base(client.emulator.url)
    async with Bot(TOKEN, session=AiohttpSession(api=server)) as bot:
        await bot.set_my_commands([BotCommand(command="card", description="Card")])
        assert [c.command for c in await bot.get_my_commands()] == ["card"]
        sent = await bot.send_message(ANNA, "hi", reply_markup=MARKUP, protect_content=True)
        assert sent.has_protected_content
        assert (await bot.get_chat(ANNA)).first_name == "Anna"
        assert (await bot.get_webhook_info()).url == ""
        photo = await bot.send_photo(ANNA, BufferedInputFile(qr("x"), "q.png"))
        assert photo.photo
        file = await bot.get_file(photo.photo[-1].file_id)
        assert file.file_path
        downloaded = await bot.download_file(file.file_path)
        assert downloaded is not None
        assert downloaded.read() == qr("x")
        with pytest.raises(TelegramBadRequest, match="message is not modified"):
            await sent.edit_text("hi", reply_markup=MARKUP)
        await client.control("POST", "/faults", {"method": "sendMessage", "kind": "429"})
        with pytest.raises(TelegramRetryAfter):
            await bot.send_message(ANNA, "x")
        await client.control("POST", f"/users/{ANNA}/block")
        with pytest.raises(TelegramForbiddenError):
            await bot.send_message(ANNA, "x")
