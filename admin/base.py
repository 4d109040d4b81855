"""What every page needs: keys of the application and the request, who may open what."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

from loyalty.db import Database
from loyalty.settings import Settings
from loyalty.staff import ANALYST, CASHIER, MARKETER, OWNER, Staff
from loyalty.tokens import Keys

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

DATABASE: web.AppKey[Database] = web.AppKey("database", Database)
SETTINGS: web.AppKey[Settings] = web.AppKey("settings", Settings)
KEYS: web.AppKey[Keys] = web.AppKey("keys", Keys)
# argon2 holds 64 MB and 0.2 s a try: few at once, and never on the event loop.
HASHING: web.AppKey[ThreadPoolExecutor] = web.AppKey("hashing", ThreadPoolExecutor)

ME: web.RequestKey[Staff | None] = web.RequestKey("me", Staff)
# The secret of the visitor's cookie, signed in or not; forms are tied to it.
VISIT: web.RequestKey[str] = web.RequestKey("visit", str)

PANEL = (OWNER, MARKETER, ANALYST)
"""Roles that may enter the panel; cashiers work in the chat."""
SEE_PHONES = (OWNER, MARKETER)
"""Roles that may see phone numbers."""
_NEEDS = "needs_roles"

assert CASHIER not in PANEL


def allowed(*roles: str) -> Callable[[Handler], Handler]:
    """Let only these roles open the page; no role at all means it is open to everybody.

    A panel page without this mark is refused to everybody (``needed_roles``).
    """

    def mark(handler: Handler) -> Handler:
        setattr(handler, _NEEDS, roles)
        return handler

    return mark


open_to_all = allowed()
"""For pages without sign-in: the sign-in page itself, invitations, the language switch."""


def needed_roles(handler: Any) -> tuple[str, ...] | None:
    """The roles a handler asks for; () is everybody, None means that nobody decided."""
    roles: tuple[str, ...] | None = getattr(handler, _NEEDS, None)
    return roles


def me(request: web.Request) -> Staff:
    """Who is signed in; for pages that need a role, where there always is somebody."""
    person = request[ME]
    if person is None:
        raise web.HTTPForbidden
    return person


def db(request: web.Request) -> Database:
    """The database of the application."""
    return request.app[DATABASE]


def sees_phones(request: web.Request) -> bool:
    """Whether who asks may see phone numbers."""
    return me(request).role in SEE_PHONES


async def off_the_loop(request: web.Request, work: Callable[..., T], *args: Any) -> T:
    """Run slow hashing in a thread."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(request.app[HASHING], partial(work, *args))


def caller_address(request: web.Request) -> str:
    """Who is calling; a proxy on our side of the wire is believed about its caller."""
    peer = request.remote or ""
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")[-1].strip()
    try:
        trusted = ipaddress.ip_address(peer).is_private
        return str(ipaddress.ip_address(forwarded)) if trusted and forwarded else peer
    except ValueError:
        return peer
