"""Messages with pictures: uploaded once by whoever comes first, sent by name from then on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy.exc import SQLAlchemyError

from loyalty import clock
from loyalty.db import ConnectionLost, Database
from loyalty.delivery import Outgoing
from loyalty.errors import DatabaseBusy
from loyalty.messaging import media
from loyalty.messaging.media import Picture
from scheduler.telegram import Reply, Telegram

log = logging.getLogger(__name__)

_UNKNOWN_NAME = ("wrong file identifier", "wrong remote file", "invalid file_id", "file reference")
_TROUBLE = (SQLAlchemyError, ConnectionLost, DatabaseBusy, OSError)


class Pictures:
    """Sends messages with pictures of one bot."""

    def __init__(self, db: Database, telegram: Telegram, *, bot_id: int) -> None:
        self._db = db
        self._telegram = telegram
        self._bot_id = bot_id
        self._names: dict[int, str] = {}
        self._turns: dict[int, asyncio.Lock] = {}

    async def send(self, message: Outgoing, *, may_call: Callable[[], bool]) -> Reply | None:
        """Ask Telegram; None: nothing was asked, since meanwhile ``may_call`` said no.

        A name Telegram does not know (any more) is forgotten and the picture uploaded anew, once.
        """
        picture = message.picture
        if picture is None:
            raise ValueError("a message without a picture")
        name = self._names.get(picture.id) or picture.file_id
        if name is not None:
            reply = await self._by_name(message, picture, name)
            if reply.kind != "rejected" or not _is_unknown_name(reply):
                return reply
            log.warning("Telegram does not know picture %s by its name any more", picture.id)
            await self._forget(picture.id, name)
            if not may_call():
                return None
        return await self._upload(message, replace(picture, file_id=None), may_call)

    async def _by_name(self, message: Outgoing, picture: Picture, name: str) -> Reply:
        return await self._telegram.call(message.method, {**message.params, picture.field: name})

    async def _upload(
        self, message: Outgoing, picture: Picture, may_call: Callable[[], bool]
    ) -> Reply | None:
        turn = self._turns.setdefault(picture.id, asyncio.Lock())
        async with turn:
            name = self._names.get(picture.id)
            if name is None:
                return await self._first(message, picture, may_call)
        # Somebody else has uploaded it while this one waited.
        return await self._by_name(message, picture, name) if may_call() else None

    async def _first(
        self, message: Outgoing, picture: Picture, may_call: Callable[[], bool]
    ) -> Reply | None:
        content = await self._db.read(lambda session: media.load(session, picture.id))
        if not may_call():
            return None
        if content is None:
            return Reply("rejected", reason="the picture is gone")
        reply = await self._telegram.upload(
            message.method,
            message.params,
            field=picture.field,
            name=content.name,
            kind=content.kind,
            data=content.data,
        )
        if reply.kind == "sent" and reply.file_id is not None:
            await self._remember(picture.id, reply.file_id)
        return reply

    async def _remember(self, media_id: int, name: str) -> None:
        self._names[media_id] = name
        try:
            await self._db.transact(
                lambda session: media.remember(
                    session, media_id=media_id, bot_id=self._bot_id, file_id=name, now=clock.now()
                )
            )
        except _TROUBLE as problem:
            # It has left; at worst another process uploads the picture once more.
            log.warning("a picture's name was not kept: %s", type(problem).__name__)

    async def _forget(self, media_id: int, name: str) -> None:
        if self._names.get(media_id) == name:
            del self._names[media_id]
        try:
            await self._db.transact(
                lambda session: media.forget(
                    session, media_id=media_id, bot_id=self._bot_id, file_id=name
                )
            )
        except _TROUBLE as problem:
            log.warning("a picture's name was not forgotten: %s", type(problem).__name__)


def _is_unknown_name(reply: Reply) -> bool:
    reason = (reply.reason or "").lower()
    return any(words in reason for words in _UNKNOWN_NAME)
