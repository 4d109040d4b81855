"""What was made quick answers as before: filters, forms, short answers, buttons."""

from __future__ import annotations

import inspect
import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiogram import Bot, Dispatcher, F, Router
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import (
    AnswerCallbackQuery,
    EditMessageText,
    SendMessage,
    SetMyCommands,
    TelegramMethod,
)
from aiogram.types import BotCommand, InlineKeyboardButton, ReplyKeyboardRemove

from bot import cashier, customer, groups
from bot.answers import button, keyboard
from bot.filtering import answer_inline
from bot.intake import incoming
from bot.session import make_bot
from emulator import RunningEmulator
from tests.bot.phone import TOKEN

Json = dict[str, Any]


def checks(router: Router) -> list[Any]:
    """Every filter of every handler."""
    return [
        check
        for part in router.chain_tail
        for observer in part.observers.values()
        for handler in observer.handlers
        for check in handler.filters or ()
    ]


async def test_no_filter_of_ours_goes_to_a_thread() -> None:
    dispatcher = Dispatcher(disable_fsm=True)
    dispatcher.include_routers(groups.router(), cashier.router(), customer.router())
    assert any(not check.awaitable for check in checks(dispatcher))
    answer_inline(dispatcher)
    assert checks(dispatcher)
    assert all(check.awaitable for check in checks(dispatcher))
    assert all(
        inspect.iscoroutinefunction(check.callback) or callable(check.callback)
        for check in checks(dispatcher)
    )


@pytest.mark.parametrize(("text", "found"), [("yes", True), ("no", False)])
async def test_a_filter_in_the_loop_says_the_same(text: str, found: bool) -> None:
    router = Router()

    async def handler() -> None:
        """Never called."""

    router.message.register(handler, F == "yes")
    answer_inline(router)
    [check] = checks(router)
    assert bool(await check.call(text)) is found


SOME = keyboard(
    [
        [
            button("Очки & <b>", "points:1"),
            InlineKeyboardButton(text="x", url="https://t.me/a?b=c"),
        ],
        [InlineKeyboardButton(text="used", style="danger", callback_data="z")],
    ]
)


@pytest.mark.parametrize(
    "method",
    [
        SendMessage(chat_id=5, text="a & b ✅", reply_markup=SOME, protect_content=False),
        EditMessageText(chat_id=5, message_id=7, text="<b>x</b>", reply_markup=SOME),
        SendMessage(chat_id=5, text="x", reply_markup=ReplyKeyboardRemove(remove_keyboard=True)),
        AnswerCallbackQuery(callback_query_id="1", text="ё", show_alert=True),
        SetMyCommands(commands=[BotCommand(command="a", description="b")], language_code="ru"),
    ],
)
async def test_a_form_holds_what_aiograms_own_would(method: TelegramMethod[Any]) -> None:
    ours = make_bot(TOKEN, "http://localhost:1")
    api = TelegramAPIServer.from_base("http://localhost:1")
    theirs = Bot(TOKEN, session=AiohttpSession(api=api), default=ours.default)
    session, other = ours.session, theirs.session
    assert isinstance(session, AiohttpSession)
    assert isinstance(other, AiohttpSession)
    form = session.build_form_data(ours, method)()
    mine = parse_qsl(bytes(form._value).decode(), keep_blank_values=True)  # type: ignore[attr-defined]
    wanted = {field[0]["name"]: field[2] for field in other.build_form_data(theirs, method)._fields}
    assert {name: _loaded(value) for name, value in mine} == {
        name: _loaded(value) for name, value in wanted.items()
    }


def _loaded(value: str) -> Any:
    return json.loads(value) if value[:1] in "[{" else value


async def test_answers_come_back_short_and_refusals_whole(emulator: RunningEmulator) -> None:
    bot = make_bot(TOKEN, emulator.url)
    await bot.get_me()
    session = bot.session
    assert isinstance(session, AiohttpSession)
    http = await session.create_session()
    address = f"{emulator.url}/control/users/9"
    async with http.put(address, json={"first_name": "A", "started": True}) as answer:
        assert answer.status == 200
    sent = await bot.send_message(9, "one", reply_markup=SOME)
    assert (sent.chat.id, sent.chat.type) == (9, "private")
    edited = await bot.edit_message_text("two", chat_id=9, message_id=sent.message_id)
    assert not isinstance(edited, bool)
    assert edited.message_id == sent.message_id
    with pytest.raises(TelegramBadRequest, match="not modified"):
        await bot.edit_message_text("two", chat_id=9, message_id=sent.message_id)
    with pytest.raises(TelegramBadRequest, match="chat not found"):
        await bot.send_message(10, "x")
    # A short message can still be acted on.
    await sent.delete()
    async with http.get(f"{address}/messages") as answer:
        assert await answer.json() == []
    await session.close()


def test_a_tap_is_kept_without_the_buttons_it_was_among() -> None:
    message = {"message_id": 3, "chat": {"id": 9}, "text": "x", "reply_markup": {"a": 1}}
    query = {"id": "1", "from": {"id": 9}, "data": "menu", "message": message}
    update = {"update_id": 4, "callback_query": query}
    row = incoming(update)
    assert row is not None
    assert '"reply_markup"' not in row.body
    assert '"data":"menu"' in row.body
    assert '"text":"x"' in row.body
    assert message["reply_markup"] == {"a": 1}
    for odd in ({"callback_query": 5}, {"callback_query": {"message": "x"}}):
        assert incoming({"update_id": 1, **odd}) is not None
