"""Posting updates to webhooks: in order by chat, with Telegram's retries."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any

import aiohttp

from emulator.queueing import come_again, expired, forget, lane_of
from emulator.world import Bot, Webhook, World

Json = dict[str, Any]
LONGEST_PAUSE = 60.0
GONE_SECONDS = 23 * 3600
ANSWER_SECONDS = 60
Execute = Callable[[Bot, str, Json], Awaitable[Any]]


class Courier:
    """Carries the updates of every bot that has a webhook.

    Updates of one chat (or taps of one person) leave one after the other; different chats side
    by side, up to `max_connections`. A failed one is tried again with growing pauses.
    """

    def __init__(self, world: World, http: aiohttp.ClientSession, execute: Execute) -> None:
        self.world = world
        self._http = http
        self._execute = execute
        self._lanes: dict[tuple[int, str], deque[Json]] = {}
        self._tasks: dict[tuple[int, str], asyncio.Task[None]] = {}
        self._slots: dict[int, tuple[Webhook, asyncio.Semaphore]] = {}
        self._taken: dict[int, list[Json]] = {}
        world.on_update = self.collect

    def collect(self, bot: Bot) -> None:
        """Put everything queued for a webhook bot into lanes; stop lanes of a removed webhook."""
        hook = bot.webhook
        if not hook.url:
            self._drop(bot)
            return
        known = self._slots.get(bot.id)
        if known is None or known[0] is not hook:
            self._drop(bot)
            self._slots[bot.id] = (hook, asyncio.Semaphore(hook.max_connections))
        taken = self._taken.setdefault(bot.id, [])
        for update in list(islice(bot.pending, len(taken), None)):
            taken.append(update)
            lane = (bot.id, lane_of(update))
            self._lanes.setdefault(lane, deque()).append(update)
            if lane not in self._tasks:
                self._tasks[lane] = asyncio.create_task(self._run(bot, hook, lane))

    def _drop(self, bot: Bot) -> None:
        for lane in [lane for lane in self._lanes if lane[0] == bot.id]:
            self._lanes.pop(lane).clear()
            task = self._tasks.pop(lane, None)
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        self._slots.pop(bot.id, None)
        self._taken.pop(bot.id, None)

    async def _run(self, bot: Bot, hook: Webhook, lane: tuple[int, str]) -> None:
        queue = self._lanes[lane]
        slots = self._slots[bot.id][1]
        while queue:
            index = -1 if self.world.delivery["shuffle"] else 0
            update = queue[index]
            pause = self.world.delivery["retry_base"]
            while bot.webhook is hook and not expired(self.world, bot, update):
                async with slots:
                    done = await self._post(bot, hook, update)
                if done:
                    break
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            if bot.webhook is not hook or not queue:
                return
            del queue[index]
            self._finished(bot, update)
        del self._lanes[lane]
        self._tasks.pop(lane, None)

    def _finished(self, bot: Bot, update: Json) -> None:
        for store in (bot.pending, self._taken.get(bot.id, [])):
            for index, waiting in enumerate(store):
                if waiting is update:
                    del store[index]
                    break
        bot.late = [late for late in bot.late if late is not update]
        forget(self.world, bot, update)
        come_again(self.world, bot, update)

    async def _post(self, bot: Bot, hook: Webhook, update: Json) -> bool:
        """Post one update; True once it is settled."""
        headers = {"Content-Type": "application/json"}
        if hook.secret_token:
            headers["X-Telegram-Bot-Api-Secret-Token"] = hook.secret_token
        try:
            async with self._http.post(
                hook.url,
                data=json.dumps(update, ensure_ascii=False).encode(),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            ) as answer:
                body = await answer.read()
                status, reason = answer.status, answer.reason
        except (TimeoutError, aiohttp.ClientError) as error:
            self._failed(hook, f"Connection failed: {type(error).__name__}")
            return False
        if 200 <= status < 300:
            hook.gone_since = 0.0
            await self._answered(bot, body)
            return True
        self._failed(hook, f"Wrong response from the webhook: {status} {reason}")
        self._note_gone(bot, hook, status)
        return False

    def _failed(self, hook: Webhook, text: str) -> None:
        hook.last_error_date = self.world.clock.stamp()
        hook.last_error_message = text

    def _note_gone(self, bot: Bot, hook: Webhook, status: int) -> None:
        """410 for 23 hours ends the webhook."""
        now = self.world.clock.now()
        if status != 410:
            hook.gone_since = 0.0
        elif not hook.gone_since:
            hook.gone_since = now
        elif now - hook.gone_since >= GONE_SECONDS:
            bot.webhook = Webhook()
            self.world.dirty("bot", str(bot.id))

    async def _answered(self, bot: Bot, body: bytes) -> None:
        """An answer may itself be a method call; a broken one is passed over, as in Telegram."""
        try:
            call = json.loads(body) if body.strip() else None
        except ValueError:
            return
        if isinstance(call, dict) and isinstance(call.get("method"), str):
            await self._execute(bot, call.pop("method"), call)

    async def stop(self) -> None:
        """Cancel every lane and wait for it."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
