"""Everything the emulator remembers: people, bots, chats, files, calls."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from emulator.clock import Clock
from emulator.faults import Faults
from emulator.hub import Hub
from emulator.limits import Limits
from emulator.mischief import Mischief

Json = dict[str, Any]

MESSAGES_KEPT = 2_000
"""Messages kept per chat; older ones are forgotten."""
CALLS_KEPT = 50_000
FILE_BYTES_KEPT = 256 * 1024 * 1024
DELIVERY: Json = {
    "duplicate": False,
    "shuffle": False,
    "swap": 0,
    "delay": 0,
    "seed": 0,
    "retry_base": 1.0,
}
"""How updates reach bots unless the control API says otherwise."""
EPOCH = 1_767_225_600  # 2026-01-01: identifiers count from here, so they stay under 2**31


@dataclass(slots=True)
class Person:
    """Somebody with a phone in hand."""

    id: int
    first_name: str
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = None
    phone: str | None = None
    deactivated: bool = False

    def names(self) -> Json:
        """The name fields Telegram shows, absent ones left out."""
        named: Json = {"first_name": self.first_name}
        if self.last_name:
            named["last_name"] = self.last_name
        if self.username:
            named["username"] = self.username
        return named

    def as_user(self) -> Json:
        """The Bot API `User`."""
        user: Json = {"id": self.id, "is_bot": False, **self.names()}
        if self.language_code:
            user["language_code"] = self.language_code
        return user

    def as_chat(self) -> Json:
        """The Bot API `Chat` of the private conversation."""
        return {"id": self.id, **self.names(), "type": "private"}

    def as_json(self) -> Json:
        """All facts, for the control API and for saving."""
        return asdict(self)


@dataclass(slots=True)
class Webhook:
    """Where updates are posted to; an empty `url` means long polling."""

    url: str = ""
    secret_token: str = ""
    max_connections: int = 40
    ip_address: str = ""
    has_certificate: bool = False
    last_error_date: int = 0
    last_error_message: str = ""
    gone_since: float = 0.0


@dataclass(slots=True)
class Tap:
    """One press of an inline button, waiting for `answerCallbackQuery`."""

    id: str
    made_at: float
    answer: asyncio.Future[Json] | None = None


@dataclass(eq=False)
class Bot:
    """One bot account: the number before the colon of its token."""

    id: int
    username: str
    first_name: str
    profile: Json = field(default_factory=dict)
    """Texts and menus set by the bot, keyed by method family, then scope and language."""
    allowed_updates: list[str] = field(default_factory=list)
    webhook: Webhook = field(default_factory=Webhook)
    pending: deque[Json] = field(default_factory=deque)
    late: list[Json] = field(default_factory=list)
    """Those of `pending` that must be handed out once, however old their ids are."""
    poller: asyncio.Future[str] | None = None
    taps: OrderedDict[str, Tap] = field(default_factory=OrderedDict)

    def as_user(self) -> Json:
        """The Bot API `User` that signs this bot's messages."""
        return {
            "id": self.id,
            "is_bot": True,
            "first_name": self.first_name,
            "username": self.username,
        }


@dataclass(eq=False, slots=True)
class Chat:
    """The private conversation of one person with one bot."""

    bot_id: int
    user_id: int
    messages: OrderedDict[int, Json] = field(default_factory=OrderedDict)
    keyboard: Json | None = None
    """The reply keyboard on the screen now, with the message that brought it."""
    blocked: bool = False
    pinned: list[int] = field(default_factory=list)
    read: int = 0

    def add(self, message: Json) -> list[int]:
        """Append a message; returns the ids of old messages forgotten to make room."""
        self.messages[message["message_id"]] = message
        dropped = []
        while len(self.messages) > MESSAGES_KEPT:
            dropped.append(self.messages.popitem(last=False)[0])
        return dropped


@dataclass(slots=True)
class StoredFile:
    """One file as Telegram keeps it; `data` are its bytes."""

    file_id: str
    unique_id: str
    bot_id: int
    path: str
    kind: str
    name: str
    mime: str
    data: bytes
    width: int = 0
    height: int = 0


class World:
    """The one store of a running emulator."""

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self.clock = Clock()
        self.people: dict[int, Person] = {}
        self.bots: dict[int, Bot] = {}
        self.chats: dict[tuple[int, int], Chat] = {}
        self.files: OrderedDict[str, StoredFile] = OrderedDict()
        self.file_paths: dict[str, StoredFile] = {}
        self.file_bytes = 0
        self.calls: deque[Json] = deque(maxlen=CALLS_KEPT)
        self.calls_made = 0
        self.faults = Faults()
        self.limits = Limits()
        self.hub = Hub()
        self.delivery: Json = dict(DELIVERY)
        self.mischief = Mischief()
        self.bot_names: dict[int, tuple[str, str]] = {}
        self.on_update: Callable[[Bot], None] = lambda _bot: None
        self.dirty: Callable[[str, str], None] = lambda _kind, _key: None
        self.last_message_id = 0
        self.last_update_id = 0
        self._file_count = 0

    def next_message_id(self) -> int:
        """Grows always, also over a restart without saved state."""
        self.last_message_id = max(self.last_message_id + 1, int((time.time() - EPOCH) * 4))
        return self.last_message_id

    def next_update_id(self) -> int:
        """Grows always, also over a restart without saved state."""
        self.last_update_id = max(self.last_update_id + 1, int((time.time() - EPOCH) * 8))
        return self.last_update_id

    def bot(self, bot_id: int) -> Bot:
        """The bot with this number, made on first sight with a predictable username."""
        bot = self.bots.get(bot_id)
        if bot is None:
            first_name, username = self.bot_names.get(bot_id, (f"Bot {bot_id}", f"bot{bot_id}_bot"))
            bot = self.bots[bot_id] = Bot(bot_id, username, first_name)
            self.dirty("bot", str(bot_id))
            self.hub.publish({"kind": "bots"})
        return bot

    def bot_by_username(self, username: str) -> Bot | None:
        """The known bot of this name, whatever the case."""
        wanted = username.lstrip("@").lower()
        return next((b for b in self.bots.values() if b.username.lower() == wanted), None)

    def chat(self, bot_id: int, user_id: int) -> Chat:
        """The conversation, made when the person writes first."""
        key = (bot_id, user_id)
        chat = self.chats.get(key)
        if chat is None:
            chat = self.chats[key] = Chat(bot_id, user_id)
            self.dirty("chat", f"{bot_id}:{user_id}")
        return chat

    def store_message(self, chat: Chat, message: Json) -> None:
        """Put a new or changed message into the chat and mark it for saving."""
        for dropped in chat.add(message):
            self.dirty("message", f"{chat.bot_id}:{chat.user_id}:{dropped}")
        self.dirty("message", f"{chat.bot_id}:{chat.user_id}:{message['message_id']}")

    def store_file(
        self,
        bot_id: int,
        kind: str,
        data: bytes,
        *,
        name: str = "",
        mime: str = "application/octet-stream",
        size: tuple[int, int] = (0, 0),
    ) -> StoredFile:
        """Keep bytes under a new file id; the oldest files go when memory runs full."""
        self._file_count += 1
        suffix = "." + name.rsplit(".", 1)[1] if "." in name else ""
        file_id = f"{kind[:2].upper()}AgAD{secrets.token_urlsafe(36)}"
        path = f"{kind}s/file_{int(time.time())}_{self._file_count}{suffix}"
        unique = hashlib.sha256(data).hexdigest()[:15]
        stored = StoredFile(file_id, unique, bot_id, path, kind, name, mime, data, *size)
        self.keep_file(stored)
        self.dirty("file", file_id)
        return stored

    def keep_file(self, stored: StoredFile) -> None:
        """Index a file; used for new and for reloaded ones."""
        self.files[stored.file_id] = stored
        self.file_paths[stored.path] = stored
        self.file_bytes += len(stored.data)
        while self.file_bytes > FILE_BYTES_KEPT and len(self.files) > 1:
            _, old = self.files.popitem(last=False)
            self.file_paths.pop(old.path, None)
            self.file_bytes -= len(old.data)
            self.dirty("file", old.file_id)

    def forget(self) -> None:
        """Start anew. Bots with a poll in flight stay known, with nothing set; ids keep growing."""
        for chat in self.chats.values():
            for message_id in chat.messages:
                self.dirty("message", f"{chat.bot_id}:{chat.user_id}:{message_id}")
            self.dirty("chat", f"{chat.bot_id}:{chat.user_id}")
        for person in self.people:
            self.dirty("person", str(person))
        for file_id in self.files:
            self.dirty("file", file_id)
        polling = []
        for bot in self.bots.values():
            self.dirty("bot", str(bot.id))
            for update in bot.pending:
                self.dirty("update", f"{bot.id}:{update['update_id']}")
            bot.pending.clear()
            bot.late.clear()
            bot.webhook = Webhook()
            bot.profile.clear()
            bot.allowed_updates = []
            bot.taps.clear()
            if bot.poller is not None and not bot.poller.done():
                polling.append(bot)
            self.on_update(bot)
        for store in (self.people, self.chats, self.files, self.file_paths, self.calls):
            store.clear()
        self.bots = {bot.id: bot for bot in polling}
        self.file_bytes = 0
        self.clock.offset = 0.0
        self.dirty("clock", "")
        self.faults.clear()
        self.limits.reset()
        self.delivery.update(DELIVERY)
        self.mischief.reset()
        self.hub.publish({"kind": "reset"})
