"""How fast messages may leave: so many a second in all, one a second to a chat, and not at all
while Telegram has asked to wait. Always on real time. With Redis all instances share it.

The bot's answers draw on the same budget and go first: an answer takes its permit at once, even
if that leaves the bucket in debt, and waits its turn; ``take`` gives nothing until the debt is
paid.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence
from typing import Any, Protocol

from loyalty import clock

log = logging.getLogger(__name__)

CHAT_S = 1.0
"""Seconds between two messages to one chat."""

TALK = 18
"""So many messages may reach one chat at once, answers to its own taps included: Telegram lets
short bursts through. Beyond that one in ``CHAT_S``."""

_BURST_S = 0.2
# What a second can carry at most is rate + burst: 30 for the usual 25.
_REMEMBERED = 10_000


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

    async def in_turn(self, count: int = 1, *, chat_id: int | None = None) -> tuple[bool, float]:
        """Stand in line for what somebody waits for, ahead of everything that asks with ``take``.

        True and the seconds after which these ``count`` may leave, counted already (to
        ``chat_id``, too); or False and the seconds after which to ask again: a pause, or too
        many in a row to that chat.
        """
        ...

    async def answer(self, chat_id: int) -> tuple[bool, float]:
        """The same for an answer of the bot, which is given whatever happens to Redis."""
        ...

    def behind(self) -> float:
        """Seconds of what stood in line when ``take`` was asked last."""
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
        # When a chat's messages would all have left, one in ``chat_s``.
        self._talks: dict[int, float] = {}
        self._behind = 0.0

    async def take(self, wanted: int) -> tuple[int, float]:
        """See ``Limits.take``."""
        now = clock.monotonic()
        if now < self._paused_until:
            return 0, self._paused_until - now
        self._fill(now)
        self._behind = max(0.0, -self._level / self._rate)
        granted = max(0, min(wanted, math.floor(self._level)))
        self._level -= granted
        return granted, 0.0 if granted else (1 - self._level) / self._rate

    async def in_turn(self, count: int = 1, *, chat_id: int | None = None) -> tuple[bool, float]:
        """See ``Limits.in_turn``."""
        now = clock.monotonic()
        if now < self._paused_until:
            return False, self._paused_until - now
        if chat_id is not None:
            over = self._talk_over(chat_id, now)
            if over > 0:
                return False, over
            self._note_talk(chat_id, now)
        self._fill(now)
        self._level -= count
        return True, max(0.0, -self._level / self._rate)

    async def answer(self, chat_id: int) -> tuple[bool, float]:
        """See ``Limits.answer``."""
        return await self.in_turn(chat_id=chat_id)

    def behind(self) -> float:
        """See ``Limits.behind``."""
        return self._behind

    async def give_back(self, unused: int) -> None:
        """See ``Limits.give_back``."""
        self._level = min(self._size, self._level + unused)

    async def chats(self, chat_ids: Sequence[int]) -> list[float]:
        """See ``Limits.chats``."""
        now = clock.monotonic()
        if len(self._chats) > _REMEMBERED:
            self._chats = {chat: at for chat, at in self._chats.items() if at > now}
        waits = []
        for chat_id in chat_ids:
            wait = max(self._chats.get(chat_id, 0.0) - now, self._talk_over(chat_id, now), 0.0)
            if wait <= 0:
                self._chats[chat_id] = now + self._chat_s
                self._note_talk(chat_id, now)
            waits.append(wait)
        return waits

    async def pause(self, seconds: float) -> None:
        """See ``Limits.pause``."""
        self._paused_until = max(self._paused_until, clock.monotonic() + seconds)

    def paused(self) -> float:
        """See ``Limits.paused``."""
        return max(0.0, self._paused_until - clock.monotonic())

    async def close(self) -> None:
        """Nothing is held."""

    def _fill(self, now: float) -> None:
        self._level = min(self._size, self._level + (now - self._at) * self._rate)
        self._at = now

    def _talk_over(self, chat_id: int, now: float) -> float:
        """Seconds until one more may go to this chat."""
        return self._talks.get(chat_id, now) - now - (TALK - 1) * self._chat_s

    def _note_talk(self, chat_id: int, now: float) -> None:
        if len(self._talks) > _REMEMBERED:
            self._talks = {chat: at for chat, at in self._talks.items() if at > now}
        self._talks[chat_id] = max(now, self._talks.get(chat_id, now)) + self._chat_s


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
local granted = math.max(0, math.min(wanted, math.floor(level)))
level = level - granted
redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', now)
redis.call('PEXPIRE', KEYS[1], 60000)
if granted > 0 then return {granted, 0} end
return {0, math.ceil((1 - level) * 1000 / rate)}
"""
# KEYS: bucket, pause, and a chat's talk if it is for one. ARGV: count, rate, size, milliseconds
# between messages to a chat, how many at once. → counted, milliseconds to wait. What is left of a
# talk's key is when its messages would all have left.
_IN_TURN = """
local paused = redis.call('PTTL', KEYS[2])
if paused > 0 then return {0, paused} end
local count, rate, size = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if KEYS[3] then
  local left = math.max(0, redis.call('PTTL', KEYS[3]))
  local over = left - (tonumber(ARGV[5]) - 1) * tonumber(ARGV[4])
  if over > 0 then return {0, over} end
  redis.call('SET', KEYS[3], 1, 'PX', left + tonumber(ARGV[4]))
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local level, at = tonumber(kept[1]) or size, tonumber(kept[2]) or now
level = math.min(size, level + math.max(0, now - at) * rate / 1000) - count
redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', now)
redis.call('PEXPIRE', KEYS[1], 60000)
return {1, math.max(0, math.ceil(-level * 1000 / rate))}
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
# KEYS: two a chat, its last message and its talk. ARGV: milliseconds between messages, how many
# at once → milliseconds to wait, each
_CHATS = """
local waits = {}
local room = (tonumber(ARGV[2]) - 1) * tonumber(ARGV[1])
for i = 1, #KEYS, 2 do
  local left = math.max(0, redis.call('PTTL', KEYS[i + 1]))
  local wait = math.max(left - room, redis.call('PTTL', KEYS[i]), 0)
  if wait == 0 then
    redis.call('SET', KEYS[i], 1, 'PX', ARGV[1])
    redis.call('SET', KEYS[i + 1], 1, 'PX', left + tonumber(ARGV[1]))
  end
  waits[#waits + 1] = wait
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
_ANSWER_S = 0.3
"""So long an answer waits for Redis; then this process goes by itself, and asks again later."""


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
        self._in_turn = self._redis.register_script(_IN_TURN)
        self._chats = self._redis.register_script(_CHATS)
        self._pause = self._redis.register_script(_PAUSE)
        self._paused_until = 0.0
        self._listener: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self._begun = False
        self._behind = 0.0
        # While Redis is away answers go by what this process alone knows.
        self._alone = LocalLimits(per_second=per_second, chat_s=chat_s)
        self._away_until = 0.0

    async def take(self, wanted: int) -> tuple[int, float]:
        """See ``Limits.take``."""
        self._listen_up()
        if not self._begun:
            self._begun = True
            # Not a single call before a pause can be heard; without Redis there is none anyway.
            await clock.within(_LISTEN_AGAIN_S, self._listening.wait())
        keys = [f"{self._prefix}bucket", f"{self._prefix}pause"]
        granted, wait_ms = await self._take(keys=keys, args=[wanted, self._rate, self._size])
        self._behind = 0.0 if granted else max(0.0, int(wait_ms) / 1000 - 1 / self._rate)
        return int(granted), int(wait_ms) / 1000

    async def in_turn(self, count: int = 1, *, chat_id: int | None = None) -> tuple[bool, float]:
        """See ``Limits.in_turn``."""
        self._listen_up()
        keys = [f"{self._prefix}bucket", f"{self._prefix}pause"]
        if chat_id is not None:
            keys.append(f"{self._prefix}talk:{chat_id}")
        args = [count, self._rate, self._size, self._chat_ms, TALK]
        counted, wait_ms = await self._in_turn(keys=keys, args=args)
        return bool(counted), int(wait_ms) / 1000

    async def answer(self, chat_id: int) -> tuple[bool, float]:
        """See ``Limits.answer``."""
        from redis.exceptions import RedisError

        if self.paused() > 0:
            return False, self.paused()
        if clock.monotonic() >= self._away_until:
            try:
                async with asyncio.timeout(_ANSWER_S):
                    return await self.in_turn(chat_id=chat_id)
            except (RedisError, OSError, TimeoutError) as problem:
                self._away_until = clock.monotonic() + _LISTEN_AGAIN_S
                log.warning("answers go without Redis: %s", type(problem).__name__)
        return await self._alone.answer(chat_id)

    def behind(self) -> float:
        """See ``Limits.behind``."""
        return self._behind

    async def give_back(self, unused: int) -> None:
        """See ``Limits.give_back``."""
        await self._give_back(keys=[f"{self._prefix}bucket"], args=[unused, self._size])

    async def chats(self, chat_ids: Sequence[int]) -> list[float]:
        """See ``Limits.chats``."""
        kinds = ("chat", "talk")
        keys = [f"{self._prefix}{kind}:{chat_id}" for chat_id in chat_ids for kind in kinds]
        waits = await self._chats(keys=keys, args=[self._chat_ms, TALK])
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
            await clock.end(self._listener)
        await self._redis.aclose()

    @property
    def _channel(self) -> str:
        return f"{self._prefix}pauses"

    def _note(self, seconds: float) -> None:
        self._paused_until = max(self._paused_until, clock.monotonic() + seconds)

    def _listen_up(self) -> None:
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="limits")

    async def _listen(self) -> None:
        """Hear of pauses others were told of; of one in force, too, when the line was cut."""
        from redis.exceptions import RedisError

        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as line:
                    await line.subscribe(self._channel)
                    left = int(await self._redis.pttl(f"{self._prefix}pause"))
                    self._note(max(0, left) / 1000)
                    self._listening.set()
                    async for said in line.listen():
                        self._note(int(said["data"]) / 1000)
            except (RedisError, OSError) as problem:
                log.warning("pauses of others are not heard: %s", type(problem).__name__)
                await asyncio.sleep(_LISTEN_AGAIN_S)
