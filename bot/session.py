"""The way to Telegram: within what may be sent, patient with 429, deaf to answers that mean "it
is so already"."""

from __future__ import annotations

import asyncio
import json
import math
import time
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlencode

import structlog
from aiogram import Bot
from aiogram.client.default import Default, DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.session.middlewares.base import (
    BaseRequestMiddleware,
    NextRequestMiddlewareType,
)
from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
from aiogram.enums import ParseMode
from aiogram.exceptions import TelegramRetryAfter
from aiogram.methods import EditMessageText, Response, SendMessage, TelegramMethod
from aiogram.types import InlineKeyboardMarkup, LinkPreviewOptions
from aiohttp import BytesPayload, FormData, Payload

log = structlog.get_logger("bot.session")

_PLAIN = (str, int, float, Default)
PATIENCE_S = 60
"""How long a reply waits for Telegram's limits before the update is tried again later."""

_NO_MESSAGES = ("sendChatAction", "sendMessageDraft")


class Budget(Protocol):
    """What may be sent to all chats together, shared with whoever else speaks for this bot."""

    async def answer(self, chat_id: int) -> tuple[bool, float]:
        """True and the seconds to wait until a message to this chat may leave, counted already;
        or False and the seconds after which to ask again."""

    async def pause(self, seconds: float) -> None:
        """Telegram has asked everybody to wait so long."""

    def paused(self) -> float:
        """Seconds that are left of such a pause; 0: none."""


class Patience(BaseRequestMiddleware):
    """Lets messages go as ``budget`` allows (None: at once), and waits as long as a 429 asks for,
    up to ``PATIENCE_S`` in all. What is no message of its own (an edit, the answer to a tap) is
    not counted by Telegram and goes at once."""

    def __init__(self, budget: Budget | None = None) -> None:
        self._budget = budget

    async def __call__(
        self,
        make_request: NextRequestMiddlewareType[Any],
        bot: Bot,
        method: TelegramMethod[Any],
    ) -> Response[Any]:
        """Make the request when it may be made, again after a pause that Telegram asked for.

        Raises:
            TelegramRetryAfter: that takes longer than anybody should wait here.
        """
        budget = self._budget if _is_message(method) else None
        until = time.monotonic() + PATIENCE_S
        while True:
            if budget is not None:
                await _wait_for_turn(budget, method, until)
            try:
                return await make_request(bot, method)
            except TelegramRetryAfter as limit:
                if budget is not None:
                    await _pause_all(budget, limit.retry_after)
                if time.monotonic() + limit.retry_after > until:
                    raise
                await asyncio.sleep(limit.retry_after)


def _is_message(method: TelegramMethod[Any]) -> bool:
    name = method.__api_method__
    return name.startswith(("send", "copyMessage", "forwardMessage")) and name not in _NO_MESSAGES


async def _wait_for_turn(budget: Budget, method: TelegramMethod[Any], until: float) -> None:
    chat_id: int = getattr(method, "chat_id", 0)
    while True:
        counted, wait_s = await budget.answer(chat_id)
        if time.monotonic() + wait_s > until:
            words = "more has to leave than may"
            raise TelegramRetryAfter(method=method, message=words, retry_after=math.ceil(wait_s))
        await asyncio.sleep(wait_s)
        # A pause that began meanwhile holds for whoever stood in line, too.
        if counted and budget.paused() <= 0:
            return


async def _pause_all(budget: Budget, seconds: float) -> None:
    log.warning("asked_to_wait", seconds=seconds)
    try:
        await budget.pause(seconds)
    except Exception as problem:  # noqa: BLE001 - noted in this process all the same
        log.error("pause_not_shared", error=type(problem).__name__)


class _Fields(FormData):
    """Fields without a file, as they are sent: aiohttp's own form draws a random boundary for
    parts there are none of, which took a tenth of an answer's time."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._body = urlencode(fields).encode()

    def __call__(self) -> Payload:
        """The request's body."""
        return BytesPayload(self._body, content_type="application/x-www-form-urlencoded")


def _shortened(content: str) -> str:
    """An answer without what hangs on its message; one of any other form as it is."""
    try:
        told = json.loads(content)["result"]
        kept = {name: told[name] for name in ("message_id", "date", "chat")}
    except (ValueError, KeyError, TypeError):
        return content
    return json.dumps({"ok": True, "result": kept})


class LeanSession(AiohttpSession):
    """Sends what has no file as a plain form."""

    def build_form_data(self, bot: Bot, method: TelegramMethod[Any]) -> FormData:
        """The request's body, as aiogram wants it made."""
        prepared: dict[str, Any] = {}
        for name, value in method:
            if isinstance(value, InlineKeyboardMarkup):
                prepared[name] = value.model_dump_json(exclude_none=True, warnings=False)
            elif isinstance(value, _PLAIN):
                prepared[name] = self.prepare_value(value, bot=bot, files={})
            elif value is not None:
                return self._any_form(bot, method)
        # An enum of words is one of its words.
        return _Fields({name: str.__str__(value) for name, value in prepared.items() if value})

    def _any_form(self, bot: Bot, method: TelegramMethod[Any]) -> FormData:
        files: dict[str, Any] = {}
        prepared = {
            name: self.prepare_value(value, bot=bot, files=files)
            for name, value in method.model_dump(warnings=False).items()
            if value is not None
        }
        if files:
            return super().build_form_data(bot, method)
        return _Fields({name: str.__str__(value) for name, value in prepared.items() if value})

    def check_response(
        self, bot: Bot, method: TelegramMethod[Any], status_code: int, content: str
    ) -> Response[Any]:
        """The answer; of a text that was sent or changed its number, chat and moment alone.

        What comes back is what was sent: making models of its text and of every button took a
        fifth of a tap.
        """
        if status_code == HTTPStatus.OK and isinstance(method, SendMessage | EditMessageText):
            content = _shortened(content)
        return super().check_response(bot, method, status_code, content)


def make_bot(token: str, api_url: str | None, *, budget: Budget | None = None) -> Bot:
    """A bot that talks HTML to the Bot API at ``api_url`` (None: Telegram's own), as fast as
    ``budget`` allows (None: as it likes).

    Raises:
        aiogram.utils.token.TokenValidationError: not of a token's shape.
    """
    api = TelegramAPIServer.from_base(api_url.rstrip("/")) if api_url else PRODUCTION
    session = LeanSession(api=api)
    session.middleware(Patience(budget))
    return Bot(
        token,
        session=session,
        default=DefaultBotProperties(
            parse_mode=ParseMode.HTML, link_preview=LinkPreviewOptions(is_disabled=True)
        ),
    )
