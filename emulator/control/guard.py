"""Who may use the control API: only this machine, only with JSON, never another site's page."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from emulator.errors import ControlError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address is this machine itself."""
    if not host:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback


def _host_of(header: str) -> str | None:
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None


def refuse_strangers(request: web.Request) -> None:
    """Raise 403 for another machine, another Host or another site, 415 for a body not JSON."""
    if not is_loopback(_host_of(request.headers.get("Host", ""))) or not is_loopback(
        request.remote
    ):
        raise ControlError(403, "the control API answers only on this machine")
    origin = request.headers.get("Origin")
    if origin is not None and not is_loopback(urlsplit(origin).hostname):
        raise ControlError(403, "the control API does not answer other sites")
    if request.can_read_body and request.content_type != "application/json":
        raise ControlError(415, "send application/json")


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Checks every control call and turns refusals into JSON."""
    if not request.path.startswith("/control"):
        return await handler(request)
    try:
        refuse_strangers(request)
        return await handler(request)
    except ControlError as error:
        return web.json_response({"error": error.text}, status=error.status)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return web.json_response({"error": error.reason}, status=error.status)
