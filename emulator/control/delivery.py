"""Control calls about how updates reach bots: twice, out of order, late, or made by hand."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from emulator.control.asking import (
    body_of,
    bot_named,
    flag_in,
    number_in,
    only,
    world_of,
)
from emulator.errors import ControlError
from emulator.queueing import inject_raw
from emulator.world import World

Json = dict[str, Any]
LONGEST_DELAY_S = 600.0


async def get_delivery(request: web.Request) -> web.Response:
    """The options in force and, under `done`, which updates they touched."""
    world = world_of(request)
    return web.json_response({**world.delivery, "done": world.mischief.deeds()})


async def put_delivery(request: web.Request) -> web.Response:
    """How updates reach bots: `{duplicate, swap, delay, seed, shuffle, retry_base}`.

    What is not named stays as it is; the notes of `GET` and the draw of the seed begin anew.
    """
    world, body = world_of(request), await body_of(request)
    only(body, "duplicate", "shuffle", "swap", "delay", "seed", "retry_base")
    wanted = {**world.delivery, **body}
    wanted["shuffle"] = flag_in(wanted, "shuffle", default=False)
    if not isinstance(wanted["duplicate"], bool):
        wanted["duplicate"] = _share(wanted, "duplicate")
    wanted["swap"] = _share(wanted, "swap")
    wanted["seed"] = int(number_in(wanted, "seed", 0))
    wanted["retry_base"] = number_in(wanted, "retry_base", 1.0)
    share, seconds = _delay(wanted)
    world.delivery.update(wanted)
    _apply(world, share, seconds)
    return web.json_response(world.delivery)


def _apply(world: World, share: float, seconds: tuple[float, float]) -> None:
    options = world.delivery
    world.mischief.set(
        duplicate=0.0 if isinstance(options["duplicate"], bool) else options["duplicate"],
        swap=options["swap"],
        share=share,
        seconds=seconds,
        seed=options["seed"],
    )


def _share(body: Json, name: str) -> float:
    """A share from 0 (never) to 1 (always)."""
    share = number_in(body, name, 0)
    if share > 1:
        raise ControlError(400, f"{name} is a share from 0 to 1")
    return share


def _delay(body: Json) -> tuple[float, tuple[float, float]]:
    """Share and bounds in seconds of `delay`: a number delays every update by as much."""
    given = body["delay"]
    if not isinstance(given, dict):
        seconds = number_in(body, "delay", 0)
        return (1.0 if seconds else 0.0), (seconds, seconds)
    only(given, "share", "seconds")
    bounds = given.get("seconds", [0.05, 0.5])
    if not isinstance(bounds, list) or len(bounds) != 2:
        raise ControlError(400, "seconds of a delay are two numbers: the least and the most")
    least, most = (number_in({"seconds": bound}, "seconds", 0) for bound in bounds)
    if not least <= most <= LONGEST_DELAY_S:
        raise ControlError(400, f"seconds of a delay grow and end at {LONGEST_DELAY_S:g}")
    return _share({"share": 1, **given}, "share"), (least, most)


async def post_update(request: web.Request) -> web.Response:
    """Hand a bot a raw update, however odd; without `update_id` it gets the next one."""
    world, body = world_of(request), await body_of(request)
    only(body, "bot", "update")
    update = body.get("update")
    if not isinstance(update, dict):
        raise ControlError(400, "update must be an object")
    update.setdefault("update_id", world.next_update_id())
    inject_raw(world, bot_named(world, body.get("bot")), update)
    return web.json_response({"update_id": update["update_id"]})
