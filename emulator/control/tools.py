"""Control calls about the emulator itself: bots, faults, limits, clock, transcript, events."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any

import aiohttp
from aiohttp import web

from emulator.clock import parse_span
from emulator.control.asking import (
    body_of,
    bot_named,
    number_in,
    only,
    query_number,
    text_in,
    world_of,
)
from emulator.errors import ControlError
from emulator.faults import KINDS, Fault
from emulator.world import Bot, World

Json = dict[str, Any]
PRODUCT_URL: web.AppKey[str] = web.AppKey("product_url", str)
HTTP: web.AppKey[aiohttp.ClientSession] = web.AppKey("http", aiohttp.ClientSession)
PING_SECONDS = 15.0
PRODUCT_SECONDS = 300


def _bot_json(bot: Bot) -> Json:
    return {
        "id": bot.id,
        "username": bot.username,
        "first_name": bot.first_name,
        "webhook": bot.webhook.url,
        "polling": bot.poller is not None,
        "pending": len(bot.pending),
    }


async def get_bots(request: web.Request) -> web.Response:
    """Every bot that has called."""
    return web.json_response([_bot_json(bot) for bot in world_of(request).bots.values()])


async def put_bot(request: web.Request) -> web.Response:
    """Name a bot before or after its first call: `{username?, first_name?}`."""
    world, body = world_of(request), await body_of(request)
    only(body, "username", "first_name")
    text = request.match_info["id"]
    if not text.isascii() or not text.isdigit():
        raise ControlError(400, "a bot's id is the number before the colon of its token")
    bot = world.bot(int(text))
    if "username" in body:
        bot.username = text_in(body, "username").lstrip("@")
    if "first_name" in body:
        bot.first_name = text_in(body, "first_name")
    world.dirty("bot", text)
    world.hub.publish({"kind": "bots"})
    return web.json_response(_bot_json(bot))


async def get_state(request: web.Request) -> web.Response:
    """What the page needs at the start."""
    world = world_of(request)
    return web.json_response(
        {
            "bots": [_bot_json(bot) for bot in world.bots.values()],
            "people": [person.as_json() for person in world.people.values()][:200],
            "now": world.clock.now(),
            "offset": world.clock.offset,
            "product_clock": bool(request.app[PRODUCT_URL]),
        }
    )


async def get_requests(request: web.Request) -> web.Response:
    """Bot API calls after the id `after`, oldest first; `bot`, `method`, `limit` narrow them."""
    world, after = world_of(request), query_number(request, "after")
    method = request.query.get("method", "").lower()
    bot = bot_named(world, request.query["bot"]).id if "bot" in request.query else None
    found = [
        call
        for call in world.calls
        if call["id"] > after
        and (not method or call["method"].lower() == method)
        and (bot is None or call["bot"] == bot)
    ]
    limit = query_number(request, "limit")
    return web.json_response(found[:limit] if limit else found)


async def post_fault(request: web.Request) -> web.Response:
    """Arm a fault for the next calls of a method."""
    body = await body_of(request)
    only(
        body,
        *("method", "chat_id", "kind", "times", "retry_after", "seconds", "description", "status"),
    )
    kind = str(body.get("kind"))
    if kind not in KINDS:
        raise ControlError(400, f"kind is one of {', '.join(KINDS)}")
    chat_id = body.get("chat_id")
    if chat_id is not None and not isinstance(chat_id, int):
        raise ControlError(400, "chat_id must be a whole number")
    fault = Fault(
        method=body.get("method") or "*",
        kind=kind,
        times=int(number_in(body, "times", 1, least=1)),
        chat_id=chat_id,
        retry_after=int(number_in(body, "retry_after", 1, least=1)),
        seconds=None if body.get("seconds") is None else number_in(body, "seconds", 0),
        description=text_in(body, "description") if "description" in body else None,
        status=int(number_in(body, "status", 500, least=500)),
    )
    world_of(request).faults.add(fault)
    return web.json_response(fault.as_json())


async def get_faults(request: web.Request) -> web.Response:
    """Faults still armed."""
    return web.json_response(world_of(request).faults.as_json())


async def delete_faults(request: web.Request) -> web.Response:
    """Disarm every fault."""
    world_of(request).faults.clear()
    return web.json_response({"ok": True})


async def get_limits(request: web.Request) -> web.Response:
    """The flood limits in force."""
    return web.json_response(world_of(request).limits.as_json())


async def put_limits(request: web.Request) -> web.Response:
    """Change the flood limits; 0 switches one off."""
    world, body = world_of(request), await body_of(request)
    only(body, "global_per_second", "per_chat_per_second", "burst")
    world.limits.set({name: number_in(body, name, 0) for name in body})
    return web.json_response(world.limits.as_json())


def _clock_json(world: World) -> Json:
    return {"now": world.clock.now(), "offset": world.clock.offset}


async def get_clock(request: web.Request) -> web.Response:
    """The emulator's own time."""
    return web.json_response(_clock_json(world_of(request)))


async def post_clock(request: web.Request) -> web.Response:
    """Move the emulator's own clock forward: `{advance: "3d"}`."""
    world, body = world_of(request), await body_of(request)
    only(body, "advance")
    world.clock.offset += _span(body)
    world.dirty("clock", "")
    world.hub.publish({"kind": "clock", **_clock_json(world)})
    return web.json_response(_clock_json(world))


def _span(body: Json) -> int:
    try:
        return parse_span(text_in(body, "advance"))
    except ValueError as error:
        raise ControlError(400, str(error)) from error


async def post_product_clock(request: web.Request) -> web.Response:
    """Ask the product to move its clock (`/demo/clock`); the page may not call it itself."""
    body = await body_of(request)
    only(body, "advance")
    _span(body)
    base = request.app[PRODUCT_URL]
    if not base:
        raise ControlError(404, "no product gave its address")
    try:
        async with request.app[HTTP].post(
            f"{base.rstrip('/')}/demo/clock",
            json=body,
            timeout=aiohttp.ClientTimeout(total=PRODUCT_SECONDS),
        ) as answer:
            text = await answer.text()
            if answer.status == 200:
                _follow_product(world_of(request), text)
            return web.Response(text=text, status=answer.status, content_type=answer.content_type)
    except (TimeoutError, aiohttp.ClientError) as error:
        raise ControlError(502, "the product did not answer") from error


def _follow_product(world: World, text: str) -> None:
    """Bring the emulator's clock to the product's `now`, unless the product already did."""
    try:
        moment = datetime.fromisoformat(json.loads(text)["now"]).timestamp()
    except (ValueError, KeyError, TypeError):
        return
    ahead = moment - world.clock.now()
    if ahead > 1:
        world.clock.offset += ahead
        world.dirty("clock", "")
        world.hub.publish({"kind": "clock", **_clock_json(world)})


async def delete_all(request: web.Request) -> web.Response:
    """Forget everything."""
    world_of(request).forget()
    return web.json_response({"ok": True})


async def get_file(request: web.Request) -> web.Response:
    """The bytes of a stored file. Only pictures are shown in place; the rest is downloaded."""
    stored = world_of(request).file_paths.get(request.match_info["path"])
    if stored is None:
        raise ControlError(404, "there is no such file")
    picture = stored.mime in ("image/png", "image/jpeg", "image/gif", "image/webp")
    headers = {"Cache-Control": "private, max-age=86400"}
    if not picture:
        headers["Content-Disposition"] = "attachment"
    kind = stored.mime if picture else "application/octet-stream"
    return web.Response(body=stored.data, content_type=kind, headers=headers)


async def get_events(request: web.Request) -> web.StreamResponse:
    """What happens, as server-sent events, until the page leaves."""
    hub = world_of(request).hub
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    await response.prepare(request)
    queue = hub.watch()
    try:
        await response.write(b": hello\n\n")
        while True:
            try:
                # Not wait_for: Python 3.11's may swallow the cancellation that ends us.
                async with asyncio.timeout(PING_SECONDS):
                    event = await queue.get()
            except TimeoutError:
                await response.write(b": ping\n\n")
                continue
            if event is None:
                break
            data = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
            await response.write(f"data: {data}\n\n".encode())
    except ConnectionResetError:
        return response
    finally:
        hub.unwatch(queue)
    return response
