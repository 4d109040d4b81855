"""The till's door: the POS API under ``/api/v1``.

``operations`` lists every call; ``door`` does what they share (keys, limits, idempotency),
``fields``/``requests``/``answers`` are its documents, ``problems`` its refusals, ``openapi``
describes it all from the same models. ``set_up`` gives it to an application.
"""

from __future__ import annotations

import json

from aiohttp import web

from admin.api.door import KNOWN, Known, handler
from admin.api.limits import LIMITS, Limits
from admin.api.openapi import document
from admin.api.operations import BASE, OPERATIONS
from admin.api.problems import middleware
from admin.base import open_to_all

__all__ = ["LIMITS", "Limits", "document", "middleware", "set_up"]


def set_up(app: web.Application) -> None:
    """Add the calls to the application, with what they remember between calls.

    The caller has put ``middleware`` among the application's and set its database, settings
    and keys.
    """
    app[LIMITS], app[KNOWN] = Limits(), Known()
    for operation in OPERATIONS:
        app.router.add_route(operation.method, BASE + operation.path, handler(operation))
    app.router.add_get(f"{BASE}/openapi.json", _document, allow_head=True)


@open_to_all
async def _document(request: web.Request) -> web.Response:
    del request
    return web.json_response(document(), dumps=lambda value: json.dumps(value, ensure_ascii=False))
