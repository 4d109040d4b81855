"""`/bot<token>/<method>`: from an HTTP request to a method and back, with every call noted."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import time
from typing import Any

import aiohttp
from aiohttp import web

from emulator import checks
from emulator.errors import ApiError, Unprocessable
from emulator.faults import Fault
from emulator.methods import METHODS, Call
from emulator.params import Upload, read_call, typed
from emulator.world import Bot, World

Json = dict[str, Any]
_TOKEN = re.compile(r"([1-9]\d{0,18}):[\w-]{30,}", re.ASCII)
_MAYBE_TOKEN = re.compile(r"\d+:.*")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_HANG_SECONDS = 60.0
_SLOW_SECONDS = 1.0


class Dropped(Exception):
    """The connection is to be cut without an answer."""


class BotApi:
    """The Bot API side of the server."""

    def __init__(self, world: World, http: aiohttp.ClientSession) -> None:
        self.world = world
        self.http = http

    async def handle(self, request: web.Request) -> web.Response:
        """One HTTP call of a bot."""
        info = request.match_info
        try:
            bot = self._bot(info["token"])
            method = self._method(info["method"])
            raw, uploads = await read_call(request)
        except ApiError as error:
            return _response(error.answer())
        try:
            return _response(await self.carry_out(bot, method, raw, uploads))
        except Dropped:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()

    async def handle_file(self, request: web.Request) -> web.Response:
        """`/file/bot<token>/<path>`: the bytes of a file of this bot."""
        try:
            bot = self._bot(request.match_info["token"])
        except ApiError as error:
            return _response(error.answer())
        stored = self.world.file_paths.get(request.match_info["path"])
        if stored is None or stored.bot_id != bot.id:
            return _response(ApiError(404, "Not Found").answer())
        return web.Response(body=stored.data, content_type="application/octet-stream")

    def _bot(self, token: str) -> Bot:
        found = _TOKEN.fullmatch(token)
        if found is None:
            if _MAYBE_TOKEN.fullmatch(token):
                raise ApiError(401, "Unauthorized")
            raise ApiError(404, "Not Found")
        return self.world.bot(int(found[1]))

    def _method(self, name: str) -> str:
        known = checks.method_names().get(name.lower())
        if known is None:
            raise ApiError(404, "Not Found: method not found")
        return known

    async def execute(self, bot: Bot, name: str, raw: Json) -> None:
        """A call made by answering a webhook: carried out and noted, its answer goes nowhere."""
        try:
            method = self._method(name)
            await self.carry_out(bot, method, raw, {})
        except (ApiError, Dropped):
            return

    async def carry_out(self, bot: Bot, method: str, raw: Json, uploads: dict[str, Upload]) -> Json:
        """Faults, checks, the method itself, the note in the transcript; returns the body.

        Raises Dropped when a fault cuts the connection.
        """
        world = self.world
        fault = world.faults.take(method, raw.get("chat_id"))
        note = self._note(bot, method, raw, uploads, fault)
        try:
            await _before(fault)
            result = await self._result(bot, method, raw, uploads, note)
            answer = {"ok": True, "result": result}
        except ApiError as error:
            answer = error.answer()
        except Dropped:
            note["dropped"] = True
            raise
        finally:
            note["seconds"] = round(time.time() - note["time"], 6)
        note["answer"] = answer
        if fault is not None and fault.kind == "drop_after":
            note["dropped"] = True
            raise Dropped
        return answer

    def _note(
        self, bot: Bot, method: str, raw: Json, uploads: dict[str, Upload], fault: Fault | None
    ) -> Json:
        world = self.world
        world.calls_made += 1
        note: Json = {
            "id": world.calls_made,
            "bot": bot.id,
            "method": method,
            "parameters": raw,
            "answer": None,
            "time": time.time(),
            "clock": world.clock.now(),
        }
        if uploads:
            note["uploads"] = {
                name: {"name": upload.name, "size": len(upload.data)}
                for name, upload in uploads.items()
            }
        if fault is not None:
            note["fault"] = fault.kind
        world.calls.append(note)
        return note

    async def _result(
        self, bot: Bot, method: str, raw: Json, uploads: dict[str, Upload], note: Json
    ) -> Any:
        params, unknown = typed(method, raw)
        note["parameters"] = params
        unknown = [name for name in unknown if name not in uploads]
        if unknown:
            note["unknown"] = unknown
            if self.world.strict:
                raise Unprocessable(f'unknown parameter "{unknown[0]}"')
        checks.check_request(method, params)
        handler = METHODS.get(method)
        if handler is None:
            raise ApiError(501, f"Not Implemented: the emulator does not carry out {method}")
        result = handler(Call(self.world, bot, method, params, uploads, self.http))
        if inspect.isawaitable(result):
            result = await result
        if self.world.strict:
            try:
                checks.check_answer(method, result)
            except ValueError as error:
                raise ApiError(500, f"Internal Server Error: {error}") from error
        return result


async def _before(fault: Fault | None) -> None:
    """What a fault does instead of, or before, the call itself."""
    if fault is None:
        return
    error = fault.error()
    if error is not None:
        raise error
    if fault.kind == "drop_before":
        raise Dropped
    if fault.kind == "hang":
        await asyncio.sleep(_HANG_SECONDS if fault.seconds is None else fault.seconds)
        raise Dropped
    if fault.kind == "slow":
        await asyncio.sleep(_SLOW_SECONDS if fault.seconds is None else fault.seconds)


def _response(answer: Json) -> web.Response:
    status = 200 if answer["ok"] else answer["error_code"]
    return web.Response(
        body=_encode(answer).encode("utf-8", "replace"),
        status=status,
        content_type="application/json",
    )
