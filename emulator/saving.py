"""Keeping the world over a restart: every change reaches a file within milliseconds.

One SQLite file of JSON rows, written in small batches without waiting for the disk: what the
operating system has taken survives `kill -9` of this process.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emulator.world import Bot, Chat, Person, StoredFile, Webhook, World

Json = dict[str, Any]
BATCH_SECONDS = 0.02
_TABLES = """
CREATE TABLE IF NOT EXISTS items (
    kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, data BLOB,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID
"""


class Saver:
    """Loads the world once, then follows it."""

    def __init__(self, world: World, path: Path) -> None:
        self._world = world
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = _opened(path)
        self._changed: dict[tuple[str, str], None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._load()
        world.dirty = self._mark

    def _mark(self, kind: str, key: str) -> None:
        self._changed[kind, key] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BATCH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write what changed since the last time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        changed, self._changed = self._changed, {}
        if not changed:
            return
        rows, gone = [], []
        for kind, key in changed:
            found = self._row(kind, key)
            if found is None:
                gone.append((kind, key))
            else:
                rows.append((kind, key, json.dumps(found[0], ensure_ascii=True), found[1]))
        last = {"message": self._world.last_message_id, "update": self._world.last_update_id}
        rows.append(("last", "", json.dumps(last), None))
        self._db.execute("BEGIN")
        self._db.executemany("DELETE FROM items WHERE kind = ? AND key = ?", gone)
        self._db.executemany("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)", rows)
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Write the rest and let go of the file."""
        self.flush()
        self._world.dirty = lambda _kind, _key: None
        self._db.close()

    def _row(self, kind: str, key: str) -> tuple[Any, bytes | None] | None:
        """The present state of one thing; None when it is gone."""
        world = self._world
        if kind == "clock":
            return world.clock.offset, None
        if kind == "file":
            stored = world.files.get(key)
            return None if stored is None else _file_row(stored)
        numbers = [int(part) for part in key.split(":") if part.lstrip("-").isdigit()]
        body: Any = None
        if kind == "person" and numbers[0] in world.people:
            body = world.people[numbers[0]].as_json()
        elif kind == "bot" and numbers[0] in world.bots:
            body = _bot_row(world.bots[numbers[0]])
        elif kind == "chat" and (numbers[0], numbers[1]) in world.chats:
            chat = world.chats[numbers[0], numbers[1]]
            body = [chat.keyboard, chat.blocked, chat.pinned]
        elif kind == "message" and (numbers[0], numbers[1]) in world.chats:
            body = world.chats[numbers[0], numbers[1]].messages.get(numbers[2])
        elif kind == "update" and len(numbers) == 2 and numbers[0] in world.bots:
            pending = world.bots[numbers[0]].pending
            body = next((u for u in pending if u.get("update_id") == numbers[1]), None)
        return None if body is None else (body, None)

    def _load(self) -> None:
        rows = list(self._db.execute("SELECT kind, key, body, data FROM items ORDER BY kind, key"))
        order = ("last", "clock", "person", "bot", "chat", "file", "message", "update")
        rows.sort(key=lambda row: order.index(row[0]))
        messages, updates = [], []
        for kind, key, text, data in rows:
            body = json.loads(text)
            if kind == "message":
                messages.append((key, body))
            elif kind == "update":
                updates.append((int(key.split(":")[0]), body))
            else:
                self._restore(kind, key, body, data)
        for key, body in sorted(messages, key=lambda pair: pair[1]["message_id"]):
            bot_id, user_id, _ = (int(part) for part in key.split(":"))
            self._world.chat(bot_id, user_id).add(body)
        for bot_id, body in sorted(updates, key=lambda pair: pair[1].get("update_id", 0)):
            self._world.bot(bot_id).pending.append(body)

    def _restore(self, kind: str, key: str, body: Any, data: bytes | None) -> None:
        world = self._world
        if kind == "last":
            world.last_message_id, world.last_update_id = body["message"], body["update"]
        elif kind == "clock":
            world.clock.offset = float(body)
        elif kind == "person":
            world.people[int(key)] = Person(**body)
        elif kind == "bot":
            body["webhook"] = Webhook(**body["webhook"])
            world.bots[int(key)] = Bot(**body)
        elif kind == "chat":
            bot_id, user_id = (int(part) for part in key.split(":"))
            keyboard, blocked, pinned = body
            chat = Chat(bot_id, user_id, keyboard=keyboard, blocked=blocked, pinned=pinned)
            world.chats[bot_id, user_id] = chat
        elif kind == "file":
            world.keep_file(StoredFile(**body, data=data or b""))


def _opened(path: Path) -> sqlite3.Connection:
    """The file ready for use; one that is no database is put aside as `….broken`."""
    for attempt in (1, 2):
        db = sqlite3.connect(path, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = OFF")
            db.execute(_TABLES)
        except sqlite3.OperationalError:
            db.close()
            raise
        except sqlite3.DatabaseError:
            db.close()
            if attempt == 2:
                raise
            path.replace(path.with_name(path.name + ".broken"))
            continue
        return db
    raise AssertionError("unreachable")


def _bot_row(bot: Bot) -> Json:
    return {
        "id": bot.id,
        "username": bot.username,
        "first_name": bot.first_name,
        "profile": bot.profile,
        "allowed_updates": bot.allowed_updates,
        "webhook": asdict(bot.webhook),
    }


def _file_row(stored: StoredFile) -> tuple[Json, bytes]:
    fields = ("file_id", "unique_id", "bot_id", "path", "kind", "name", "mime", "width", "height")
    return {name: getattr(stored, name) for name in fields}, stored.data
