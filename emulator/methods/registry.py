"""One call of a bot and the register of the methods that answer it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from emulator.errors import ApiError, Unprocessable
from emulator.params import Upload
from emulator.world import Bot, Chat, Person, World

Json = dict[str, Any]


@dataclass(slots=True)
class Call:
    """A call being carried out: typed parameters, uploads, and who is asking."""

    world: World
    bot: Bot
    method: str
    params: Json
    uploads: dict[str, Upload] = field(default_factory=dict)
    http: aiohttp.ClientSession | None = None

    def chat(self) -> tuple[Chat, Person]:
        """The conversation named by `chat_id`, if the bot may see it.

        Raises 400 `chat not found` for one that was never opened by the person.
        """
        return find_chat(self.world, self.bot, self.params.get("chat_id"))

    def writable_chat(self) -> tuple[Chat, Person]:
        """The conversation, if the bot may write there now: 403 when blocked or gone."""
        chat, person = self.chat()
        if person.deactivated:
            raise ApiError(403, "Forbidden: user is deactivated")
        if chat.blocked:
            raise ApiError(403, "Forbidden: bot was blocked by the user")
        return chat, person

    def count(self, chat: Chat) -> None:
        """Count one message against the flood limits; raises 429 when over."""
        paid = bool(self.params.get("allow_paid_broadcast"))
        self.world.limits.take(self.bot.id, chat.user_id, paid=paid)


def find_chat(world: World, bot: Bot, chat_id: Any) -> tuple[Chat, Person]:
    """The conversation of `bot` with `chat_id`; 400 when there is none."""
    if chat_id in (None, ""):
        raise Unprocessable("chat_id is empty")
    if isinstance(chat_id, int):
        chat = world.chats.get((bot.id, chat_id))
        person = world.people.get(chat_id)
        if chat is not None and person is not None:
            return chat, person
        if chat_id in world.bots:
            raise ApiError(403, "Forbidden: bots can't send messages to bots")
    raise Unprocessable("chat not found")


Handler = Callable[[Call], Awaitable[Any] | Any]
METHODS: dict[str, Handler] = {}


def method(name: str) -> Callable[[Handler], Handler]:
    """Register the function that carries out the Bot API method `name`."""

    def register(handler: Handler) -> Handler:
        METHODS[name] = handler
        return handler

    return register
