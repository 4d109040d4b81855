"""The living message of each chat: the newest screen, the only one whose buttons work.

Which message that is has to be known at the next tap, not at once: notes are kept in memory
and written down together, so an answer waits for no transaction of its own. A note lost in a
crash costs one "this menu is old" and nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field

import structlog
from sqlalchemy.orm import Session

from loyalty import customers
from loyalty.db import Database

log = structlog.get_logger("bot.living")

DOUBLE_TAP_S = 3.0
"""A second tap on a message that has just been replaced is the same finger, not an old menu."""

NONE = 0
"""Noted for a chat that has no living message: its last screen stays as it is."""

WRITTEN_S = 10.0
"""How long a written note goes before the database: longer than any update is in hand."""

_REMEMBERED = 10_000


@dataclass(slots=True)
class Living:
    """Notes of the chats this process talks to."""

    db: Database
    _unwritten: dict[int, int] = field(default_factory=dict)
    # Written a moment ago: who was loaded before that would see the message before it.
    _written: OrderedDict[int, tuple[int, float]] = field(default_factory=OrderedDict)
    _replaced: OrderedDict[int, tuple[int, float]] = field(default_factory=OrderedDict)
    _writing: asyncio.Task[None] | None = None

    def of(self, telegram_id: int, written: int | None) -> int | None:
        """The living message of a chat; ``written``: what the database says."""
        noted = self._unwritten.get(telegram_id)
        if noted is not None:
            return noted or None
        known = self._written.get(telegram_id)
        if known is None or time.monotonic() - known[1] >= WRITTEN_S:
            return written or None
        if known[0] == NONE:
            return None
        # Messages are numbered upwards: a greater one was noted by another process since.
        return max(known[0], written or 0)

    def note(self, telegram_id: int, message_id: int, *, instead_of: int | None) -> None:
        """``message_id`` is the living one from now on."""
        self._unwritten[telegram_id] = message_id
        if instead_of is not None:
            self._replaced[telegram_id] = (instead_of, time.monotonic())
            self._replaced.move_to_end(telegram_id)
            if len(self._replaced) > _REMEMBERED:
                self._replaced.popitem(last=False)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    def let_go(self, telegram_id: int) -> None:
        """The newest screen stays in the chat as it is, whatever comes below it."""
        self.note(telegram_id, NONE, instead_of=None)

    def just_replaced(self, telegram_id: int, message_id: int) -> bool:
        """Whether that message was the living one a moment ago."""
        known = self._replaced.get(telegram_id)
        return (
            known is not None
            and known[0] == message_id
            and (time.monotonic() - known[1] < DOUBLE_TAP_S)
        )

    async def flush(self) -> None:
        """Wait until every note is written down."""
        while self._writing is not None:
            await asyncio.wait([self._writing])

    async def _write(self) -> None:
        try:
            while self._unwritten:
                notes = dict(self._unwritten)

                def unit(session: Session, notes: dict[int, int] = notes) -> None:
                    customers.set_menu_messages(session, notes)

                await self.db.transact(unit)
                at = time.monotonic()
                for telegram_id, message_id in notes.items():
                    self._written[telegram_id] = (message_id, at)
                    self._written.move_to_end(telegram_id)
                    if self._unwritten.get(telegram_id) == message_id:
                        del self._unwritten[telegram_id]
                while len(self._written) > _REMEMBERED:
                    self._written.popitem(last=False)
        except Exception as problem:  # noqa: BLE001 - they stay noted here; the next note tries again
            log.warning("living_not_written", error=type(problem).__name__)
        finally:
            self._writing = None
