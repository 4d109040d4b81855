"""Reading control calls: bodies, people, bots."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from emulator.errors import ControlError
from emulator.world import Bot, Person, World

Json = dict[str, Any]
WORLD: web.AppKey[World] = web.AppKey("world", World)


def world_of(request: web.Request) -> World:
    """The store of this server."""
    return request.app[WORLD]


async def body_of(request: web.Request) -> Json:
    """The JSON object of a call, empty when there is no body. Raises 400 for anything else."""
    if not request.can_read_body:
        return {}
    try:
        body = json.loads(await request.read())
    except ValueError as error:
        raise ControlError(400, "the body is not JSON") from error
    if not isinstance(body, dict):
        raise ControlError(400, "the body is not a JSON object")
    return body


def only(body: Json, *allowed: str) -> None:
    """Refuse fields nobody knows: a misspelt option must not pass in silence."""
    unknown = sorted(set(body) - set(allowed))
    if unknown:
        raise ControlError(400, f"unknown field: {unknown[0]}")


def number_in(body: Json, name: str, default: float, *, least: float = 0) -> float:
    """A number field of at least `least`."""
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
        raise ControlError(400, f"{name} must be a number of at least {least:g}")
    return value


def text_in(body: Json, name: str) -> str:
    """A text field that must be there."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ControlError(400, f"{name} must be a text")
    return value


def flag_in(body: Json, name: str, *, default: bool) -> bool:
    """A true-or-false field."""
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise ControlError(400, f"{name} must be true or false")
    return value


def user_id_of(request: web.Request) -> int:
    """The person's number from the path."""
    text = request.match_info["id"]
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**52:
        raise ControlError(400, "a person's id is a positive whole number")
    return int(text)


def person_of(request: web.Request) -> Person:
    """The person of the path; 404 when nobody has that number."""
    person = world_of(request).people.get(user_id_of(request))
    if person is None:
        raise ControlError(404, "there is no such person; PUT /control/users/{id} first")
    return person


def bot_named(world: World, wanted: Any) -> Bot:
    """A bot by id or username; without a name, the only bot there is."""
    if wanted in (None, ""):
        if len(world.bots) == 1:
            return next(iter(world.bots.values()))
        count = "no bot has" if not world.bots else "several bots have"
        raise ControlError(409, f"{count} called this emulator: name one in `bot`")
    text = str(wanted)
    found = world.bots.get(int(text)) if text.isascii() and text.isdigit() else None
    found = found or world.bot_by_username(text)
    if found is None:
        raise ControlError(404, f"no bot {text} has called this emulator yet")
    return found


def query_number(request: web.Request, name: str, default: int = 0) -> int:
    """A whole number of the query string."""
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit():
        raise ControlError(400, f"{name} must be a whole number")
    return int(text)
