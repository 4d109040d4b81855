"""What handlers are given: the bot's surroundings, who is writing, their words, the moment.

Every handler may ask for ``ctx: Context``, ``visitor: Visitor``, ``_: Translator`` and
``now: datetime`` by name. The visitor is loaded with one statement per update (shared by the
updates that arrive together).

Order of routers: groups, ``bot.cashier.router()``, the customer's. The cashier's router
filters itself (``IsCashier``, and ``j_`` links, which strangers open too); what it leaves goes
to the customer's router, which answers everything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from aiogram import Bot
from aiogram.dispatcher.middlewares.base import BaseMiddleware
from aiogram.dispatcher.middlewares.user_context import EVENT_CONTEXT_KEY, EventContext
from aiogram.filters import Filter
from aiogram.types import TelegramObject, Update

from bot.batching import Batcher
from bot.flood import Flood
from bot.living import Living
from loyalty import clock, customers, texts
from loyalty.customers import Chat, Customer, StaffMember, Visit
from loyalty.db import Database
from loyalty.settings import Settings
from loyalty.tokens import Keys

SEEN_EVERY = timedelta(hours=6)
FORMER = "former"
"""The part of a step's data that says which update led to it, and from which question."""


@dataclass(slots=True)
class Context:
    """The bot's surroundings. ``wake()`` tells the dispatcher that a message waits to leave."""

    db: Database
    keys: Keys
    settings: Settings
    bot: Bot
    bot_username: str
    wake: Callable[[], None]
    flood: Flood = field(default_factory=Flood)
    living: Living = field(init=False)

    def __post_init__(self) -> None:
        self.living = Living(self.db)


@dataclass(slots=True)
class Visitor:
    """Who sent this update, as the database knew them when it arrived.

    ``language`` is what to speak: the chat's, else the staff member's, else guessed from
    Telegram. ``consented``: the customer's agreement to keep personal data stands. ``again``:
    this update moved the conversation on already, and the bot fell over before it answered;
    ``chat`` stands at the question it found then, so the same screen answers it the same way.
    """

    telegram_id: int
    chat_id: int
    language: str
    chat: Chat | None
    customer: Customer | None
    staff: StaffMember | None
    consented: bool
    update_id: int
    again: bool = False

    @property
    def is_cashier(self) -> bool:
        """Whether this person may sell: a staff member with an outlet."""
        return self.staff is not None and self.staff.outlet_id is not None

    @property
    def evidence(self) -> str:
        """Names this update where an effect must happen once however often it is handled."""
        return f"update:{self.update_id}"

    @property
    def former(self) -> dict[str, Any]:
        """This update and the question it found, to be kept with the one it leads to."""
        step, data = (self.chat.step, self.chat.step_data) if self.chat else (None, None)
        return {FORMER: {"update": self.update_id, "step": step, "data": data}}


def as_found(chat: Chat | None, update_id: int) -> tuple[Chat | None, bool]:
    """The chat as that update found it, and whether it has moved the conversation on already."""
    if chat is None or not chat.step_data or FORMER not in chat.step_data:
        return chat, False
    data = dict(chat.step_data)
    former = data.pop(FORMER)
    if former["update"] != update_id:
        return replace(chat, step_data=data or None), False
    return replace(chat, step=former["step"], step_data=former["data"]), True


class IsCashier(Filter):
    """Lets only people through who sell at an outlet."""

    async def __call__(self, _event: TelegramObject, visitor: Visitor | None = None) -> bool:
        """Whether the visitor is a cashier."""
        return visitor is not None and visitor.is_cashier


class VisitorMiddleware(BaseMiddleware):
    """Loads the visitor once per update and hands handlers what they ask for by name."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._visits: Batcher[int, Visit] = Batcher(self._load)

    async def _load(self, telegram_ids: list[int]) -> dict[int, Visit]:
        return await self._ctx.db.read(lambda session: customers.visits(session, telegram_ids))

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        """Fill ``data`` and go on; updates without a person get no visitor."""
        ctx, now = self._ctx, clock.now()
        data["ctx"], data["now"] = ctx, now
        context: EventContext = data[EVENT_CONTEXT_KEY]
        visitor = None
        if isinstance(event, Update) and context.user is not None:
            visitor = await self._visitor(event, context, now)
        language = visitor.language if visitor else ctx.settings.language
        data["visitor"], data["_"] = visitor, texts.translator(language)
        return await handler(event, data)

    async def _visitor(self, event: Update, context: EventContext, now: datetime) -> Visitor:
        user = context.user
        assert user is not None
        visit = await self._visits.get(user.id)
        chat, again = as_found(visit.chat, event.update_id)
        staff = visit.staff
        language = (
            (chat and chat.language)
            or (staff and staff.language)
            or texts.guess_language(user.language_code, default=self._ctx.settings.language)
        )
        if chat is not None and now - chat.last_seen_at > SEEN_EVERY:
            await self._ctx.db.transact(
                lambda session: customers.seen(session, telegram_id=user.id, now=now)
            )
        return Visitor(
            telegram_id=user.id,
            chat_id=context.chat.id if context.chat else user.id,
            language=language,
            chat=chat,
            customer=visit.customer,
            staff=staff,
            consented=visit.consented,
            update_id=event.update_id,
            again=again,
        )
