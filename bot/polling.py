"""Long polling: raw updates go into the inbox before the offset moves.

On PostgreSQL any number of processes may want to poll; the one that holds an advisory lock
does, and when its connection goes, the next takes over.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import sqlalchemy as sa
import structlog
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.intake import Intake
from loyalty.db import Database

log = structlog.get_logger("bot.polling")

LONG_POLL_S = 25
BATCH = 100
ALLOWED_UPDATES = ["message", "callback_query", "my_chat_member"]
TAKE_OVER_S = 0.5
_LOCK_CLASS = 0x504F4C4C  # "POLL"


class PollRefused(Exception):
    """Telegram answered with an error; ``retry_after_s`` says when to ask again."""

    def __init__(self, code: int, description: str, retry_after_s: float) -> None:
        self.code = code
        self.retry_after_s = retry_after_s
        super().__init__(description)


async def poll(bot: Bot, intake: Intake) -> None:
    """Fetch updates for ever; only one process of all that share a database does."""
    failures = 0
    while True:
        try:
            async with _leadership(intake.db, bot.id) as connection:
                # Telegram remembers what was confirmed; what was kept and not confirmed comes
                # again and is known by its number. So no offset outlives the process: update
                # numbers may start anew after a quiet week.
                offset = 0
                while True:
                    offset = await _poll_once(bot, intake, offset)
                    failures = 0
                    if connection is not None:
                        # The lock is gone with its connection: somebody else may poll by now.
                        await connection.execute(sa.text("SELECT 1"))
        except PollRefused as problem:
            failures += 1
            log.warning("poll_refused", code=problem.code, description=str(problem))
            await asyncio.sleep(problem.retry_after_s)
        except Exception as problem:  # noqa: BLE001 - a bot that stops asking is deaf for ever
            # Drivers have errors of their own when a connection dies under them.
            failures += 1
            # Only the kind: an address in the text would carry the token.
            log.warning("poll_failed", error=type(problem).__name__, failures=failures)
            await asyncio.sleep(min(15.0, 0.2 * 2 ** min(failures, 7)))


async def _poll_once(bot: Bot, intake: Intake, offset: int) -> int:
    """Fetch one batch and keep it; the offset that confirms it with the next request."""
    updates = await get_updates(bot, offset=offset)
    if not updates:
        return 0
    numbers = [u["update_id"] for u in updates if isinstance(u, dict) and "update_id" in u]
    numbers = [number for number in numbers if isinstance(number, int)]
    if not numbers:
        raise ValueError("updates without numbers")
    await intake.put(updates)
    return int(max(numbers)) + 1


async def get_updates(bot: Bot, *, offset: int, timeout_s: int = LONG_POLL_S) -> list[Any]:
    """Raw updates from ``offset`` on, as JSON and not as models: one that aiogram cannot
    decode must not hold up the rest.

    Raises:
        PollRefused: Telegram said no.
        aiohttp.ClientError, TimeoutError, ValueError: no answer, or not one of Telegram's.
    """
    assert isinstance(bot.session, AiohttpSession)
    http = await bot.session.create_session()
    url = bot.session.api.api_url(token=bot.token, method="getUpdates")
    body = {
        "offset": offset,
        "limit": BATCH,
        "timeout": timeout_s,
        "allowed_updates": ALLOWED_UPDATES,
    }
    limit = aiohttp.ClientTimeout(total=timeout_s + 15, sock_connect=10)
    async with http.post(url, json=body, timeout=limit) as answer:
        content = json.loads(await answer.read())
    if not isinstance(content, dict):
        raise ValueError("not an answer of the Bot API")
    result = content.get("result")
    if content.get("ok") is True and isinstance(result, list):
        return result
    parameters = content.get("parameters") or {}
    code = int(content.get("error_code") or answer.status)
    wait = float(parameters.get("retry_after") or {409: 3, 401: 30, 404: 30}.get(code, 2))
    raise PollRefused(code, str(content.get("description", ""))[:200], wait)


@asynccontextmanager
async def _leadership(db: Database, bot_id: int) -> AsyncIterator[AsyncConnection | None]:
    """Wait for the right to poll; on SQLite there is only one process."""
    if db.engine is None:
        yield None
        return
    engine = db.engine.execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        key = {"class": _LOCK_CLASS, "key": bot_id % 2**31}
        mine = sa.text("SELECT pg_try_advisory_lock(:class, :key)")
        # A lock has no event to wait for: it is asked for until whoever holds it has gone.
        while not (await connection.execute(mine, key)).scalar_one():  # noqa: ASYNC110
            await asyncio.sleep(TAKE_OVER_S)
        log.info("polling_here")
        try:
            yield connection
        finally:
            # A pooled connection lives on; one that broke took the lock with it.
            await connection.invalidate()
