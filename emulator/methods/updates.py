"""How a bot gets its updates: long polling and webhooks."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import urlsplit

from emulator.errors import TWO_POLLERS, WEBHOOK_ACTIVE, WEBHOOK_TOOK_OVER, ApiError, Unprocessable
from emulator.methods.registry import Call, method
from emulator.queueing import drop_pending, settle, take_batch
from emulator.world import Bot, Webhook

Json = dict[str, Any]
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
MAX_TIMEOUT = 50


@method("getUpdates")
async def get_updates(call: Call) -> list[Json]:
    """Pending updates; waits up to `timeout` seconds (at most 50) for the first one.

    A second poller ends the first with 409, and a webhook forbids polling.
    """
    world, bot, params = call.world, call.bot, call.params
    if bot.webhook.url:
        raise ApiError(409, WEBHOOK_ACTIVE)
    if "allowed_updates" in params:
        bot.allowed_updates = params["allowed_updates"]
        world.dirty("bot", str(bot.id))
    stop_poller(bot, TWO_POLLERS)
    settle(world, bot, params.get("offset", 0))
    limit = min(max(params.get("limit", 100), 1), 100)
    timeout = min(max(params.get("timeout", 0), 0), MAX_TIMEOUT)
    deadline = asyncio.get_running_loop().time() + timeout
    while not bot.pending:
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            return []
        turn: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        bot.poller = turn
        try:
            conflict = await asyncio.wait_for(turn, left)
        except TimeoutError:
            return []
        finally:
            if bot.poller is turn:
                bot.poller = None
        if conflict == "closing":
            return []
        if conflict:
            raise ApiError(409, conflict)
    return take_batch(world, bot, limit)


def stop_poller(bot: Bot, reason: str) -> None:
    """End a waiting `getUpdates` with a 409 of this text; an empty text just wakes it."""
    if bot.poller is not None and not bot.poller.done():
        bot.poller.set_result(reason)


@method("setWebhook")
def set_webhook(call: Call) -> bool:
    """Post updates to an address from now on; an empty address goes back to polling.

    `http://` is allowed as on a local Bot API server.
    """
    params = call.params
    url = params.get("url", "").strip()
    if not url:
        return _back_to_polling(call)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Unprocessable("bad webhook: An HTTPS URL must be provided for webhook")
    secret = params.get("secret_token", "")
    if secret and not _SECRET.fullmatch(secret):
        raise Unprocessable("secret token contains unallowed characters")
    connections = params.get("max_connections", 40)
    call.bot.webhook = Webhook(
        url=url,
        secret_token=secret,
        max_connections=min(max(connections, 1), 100),
        ip_address=params.get("ip_address", ""),
        has_certificate="certificate" in params,
    )
    if "allowed_updates" in params:
        call.bot.allowed_updates = params["allowed_updates"]
    _after_change(call)
    stop_poller(call.bot, WEBHOOK_TOOK_OVER)
    return True


@method("deleteWebhook")
def delete_webhook(call: Call) -> bool:
    """Back to polling; pending updates stay unless they are dropped."""
    return _back_to_polling(call)


def _back_to_polling(call: Call) -> bool:
    call.bot.webhook = Webhook()
    _after_change(call)
    return True


def _after_change(call: Call) -> None:
    if call.params.get("drop_pending_updates"):
        drop_pending(call.world, call.bot)
    call.world.dirty("bot", str(call.bot.id))
    call.world.on_update(call.bot)


@method("getWebhookInfo")
def get_webhook_info(call: Call) -> Json:
    """The address in use, what waits for it and the last fault."""
    bot = call.bot
    hook = bot.webhook
    info: Json = {
        "url": hook.url,
        "has_custom_certificate": hook.has_certificate,
        "pending_update_count": len(bot.pending),
    }
    if hook.url:
        info["max_connections"] = hook.max_connections
    if hook.ip_address:
        info["ip_address"] = hook.ip_address
    if hook.last_error_date:
        info["last_error_date"] = hook.last_error_date
        info["last_error_message"] = hook.last_error_message
    if bot.allowed_updates:
        info["allowed_updates"] = bot.allowed_updates
    return info
