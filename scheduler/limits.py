"""How fast messages may leave: so many a second in all, one a second to a chat, and not at all
while Telegram has asked to wait. Always on real time. With Redis all instances share it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Sequence
from typing import Any, Protocol

from loyalty import clock

log = logging.getLogger(__name__)

CHAT_S = 1.0
"""Seconds between two messages to one chat."""

_BURST_S = 0.2
# What a second can carry at most is rate + burst: 30 for the usual 25.


class Limits(Protocol):
    """Permits to send."""

    async def take(self, wanted: int) -> tuple[int, float]:
        """Up to ``wanted`` permits; with none, the seconds until there may be one."""
        ...

    async def give_back(self, unused: int) -> None:
        """Return permits that were not used."""
        ...

    async def chats(self, chat_ids: Sequence[int]) -> list[float]:
        """For each chat 0 (it may be written to, and is noted) or the seconds to wait."""
        ...

    async def pause(self, seconds: float) -> None:
        """Nobody sends for so long; a longer pause in force stays."""
        ...

    def paused(self) -> float:
        """Seconds for which nobody may send, as far as is known here; 0: one may. Asked before
        each call, also of what was begun before the pause."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class LocalLimits:
    """Limits of one process."""

    def __init__(self, *, per_second: float, chat_s: float = CHAT_S) -> None:
        self._rate = per_second
        self._size = max(1.0, per_second * _BURST_S)
        self._level = self._size
        self._at = clock.monotonic()
        self._paused_until = 0.0
        self._chat_s = chat_s
        self._chats: dict[int, float] = {}

    async def take(self, wanted: int) -> tuple[int, float]:
        """See ``Limits.take``."""
        now = clock.monotonic()
        if now < self._paused_until:
            return 0, self._paused_until - now
        self._level = min(self._size, self._level + (now - self._at) * self._rate)
        self._at = now
        granted = min(wanted, math.floor(self._level))
        self._level -= granted
        return granted, 0.0 if granted else (1 - self._level) / self._rate

    async def give_back(self, unused: int) -> None:
        """See ``Limits.give_back``."""
        self._level = min(self._size, self._level + unused)

    async def chats(self, chat_ids: Sequence[int]) -> list[float]:
        """See ``Limits.chats``."""
        now = clock.monotonic()
        if len(self._chats) > 10_000:
            self._chats = {chat: at for chat, at in self._chats.items() if at > now}
        waits = []
        for chat_id in chat_ids:
            free_at = self._chats.get(chat_id, 0.0)
            if free_at <= now:
                self._chats[chat_id] = now + self._chat_s
            waits.append(max(0.0, free_at - now))
        return waits

    async def pause(self, seconds: float) -> None:
        """See ``Limits.pause``."""
        self._paused_until = max(self._paused_until, clock.monotonic() + seconds)

    def paused(self) -> float:
        """See ``Limits.paused``."""
        return max(0.0, self._paused_until - clock.monotonic())

    async def close(self) -> None:
        """Nothing is held."""


# KEYS: bucket, pause. ARGV: wanted, rate, size. → granted, milliseconds to wait
_TAKE = """
local paused = redis.call('PTTL', KEYS[2])
if paused > 0 then return {0, paused} end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local wanted, rate, size = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local level, at = tonumber(kept[1]) or size, tonumber(kept[2]) or now
level = math.min(size, level + math.max(0, now - at) * rate / 1000)
local granted = math.min(wanted, math.floor(level))
level = level - granted
redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', now)
redis.call('PEXPIRE', KEYS[1], 60000)
if granted > 0 then return {granted, 0} end
return {0, math.ceil((1 - level) * 1000 / rate)}
"""
# KEYS: bucket. ARGV: permits, size
_GIVE_BACK = """
local level = tonumber(redis.call('HGET', KEYS[1], 'level'))
if level then
  local fuller = math.min(tonumber(ARGV[2]), level + tonumber(ARGV[1]))
  redis.call('HSET', KEYS[1], 'level', tostring(fuller))
end
return 0
"""
# KEYS: one a chat. ARGV: milliseconds between messages → milliseconds to wait, each
_CHATS = """
local waits = {}
for i, key in ipairs(KEYS) do
  if redis.call('SET', key, 1, 'NX', 'PX', ARGV[1]) then
    waits[i] = 0
  else
    waits[i] = math.max(1, redis.call('PTTL', key))
  end
end
return waits
"""
# KEYS: pause. ARGV: milliseconds, the channel all instances listen to
_PAUSE = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], 1, 'PX', ARGV[1])
  redis.call('PUBLISH', ARGV[2], ARGV[1])
end
return 0
"""
_LISTEN_AGAIN_S = 1.0


class RedisLimits:
    """Limits shared by every instance of a bot, kept in Redis under one prefix. A pause is called
    out to all of them, so that it holds for calls that already have their permits."""

    def __init__(
        self, url: str, *, bot_id: int | str, per_second: float, chat_s: float = CHAT_S
    ) -> None:
        from redis.asyncio import Redis

        self._redis: Any = Redis.from_url(url)
        self._prefix = f"regulars:{bot_id}:"
        self._rate = per_second
        self._size = max(1.0, per_second * _BURST_S)
        self._chat_ms = max(1, int(chat_s * 1000))
        self._take = self._redis.register_script(_TAKE)
        self._give_back = self._redis.register_script(_GIVE_BACK)
        self._chats = self._redis.register_script(_CHATS)
        self._pause = self._redis.register_script(_PAUSE)
        self._paused_until = 0.0
        self._listener: asyncio.Task[None] | None = None

    async def take(self, wanted: int) -> tuple[int, float]:
        """See ``Limits.take``."""
        if self._listener is None:
            listening = asyncio.Event()
            self._listener = asyncio.create_task(self._listen(listening), name="limits")
            # Not a single call before a pause can be heard; without Redis there is none anyway.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(listening.wait(), _LISTEN_AGAIN_S)
        keys = [f"{self._prefix}bucket", f"{self._prefix}pause"]
        granted, wait_ms = await self._take(keys=keys, args=[wanted, self._rate, self._size])
        return int(granted), int(wait_ms) / 1000

    async def give_back(self, unused: int) -> None:
        """See ``Limits.give_back``."""
        await self._give_back(keys=[f"{self._prefix}bucket"], args=[unused, self._size])

    async def chats(self, chat_ids: Sequence[int]) -> list[float]:
        """See ``Limits.chats``."""
        keys = [f"{self._prefix}chat:{chat_id}" for chat_id in chat_ids]
        waits = await self._chats(keys=keys, args=[self._chat_ms])
        return [int(wait) / 1000 for wait in waits]

    async def pause(self, seconds: float) -> None:
        """See ``Limits.pause``."""
        self._note(seconds)
        milliseconds = max(1, int(seconds * 1000))
        await self._pause(keys=[f"{self._prefix}pause"], args=[milliseconds, self._channel])

    def paused(self) -> float:
        """See ``Limits.paused``."""
        return max(0.0, self._paused_until - clock.monotonic())

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        await self._redis.aclose()

    @property
    def _channel(self) -> str:
        return f"{self._prefix}pauses"

    def _note(self, seconds: float) -> None:
        self._paused_until = max(self._paused_until, clock.monotonic() + seconds)

    async def _listen(self, listening: asyncio.Event) -> None:
        """Hear of pauses others were told of; of one in force, too, when the line was cut."""
        from redis.exceptions import RedisError

        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as line:
                    await line.subscribe(self._channel)
                    left = int(await self._redis.pttl(f"{self._prefix}pause"))
                    self._note(max(0, left) / 1000)
                    listening.set()
                    async for said in line.listen():
                        self._note(int(said["data"]) / 1000)
            except (RedisError, OSError) as problem:
                log.warning("pauses of others are not heard: %s", type(problem).__name__)
                await asyncio.sleep(_LISTEN_AGAIN_S)
