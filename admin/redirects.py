"""``/r/<token>``: counts a click on a link of a message and leads on to where it was meant to."""

from __future__ import annotations

import hashlib
import re

from aiohttp import web
from sqlalchemy.orm import Session

from admin.api.limits import Limits
from admin.base import KEYS, caller_address, db, open_to_all
from admin.render import language, page
from loyalty import clock, delivery

HEADERS = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
"""The other side does not learn the token; nobody on the way keeps the answer."""

VISITS: web.AppKey[Limits] = web.AppKey("redirect_visits", Limits)
CLICKS: web.AppKey[Limits] = web.AppKey("redirect_clicks", Limits)

_SHAPE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_PREVIEWS = re.compile(
    r"(?<!cu)bot\b|crawler|spider|preview|facebookexternalhit|whatsapp|viber|vkshare|skypeuri"
    r"|slack|discord|curl/|wget/|python-|headless|monitor|uptime",
    re.IGNORECASE,
)


def set_up(app: web.Application) -> None:
    """How often one address may come (a whole office or a mobile network shares one), and how
    often one link counts from it: more than that is a machine, led on but not counted."""
    app[VISITS] = Limits(rate=20.0, burst=300.0)
    app[CLICKS] = Limits(rate=0.1, burst=10.0)


def routes() -> list[web.AbstractRouteDef]:
    """The one address; ``HEAD`` too."""
    return [web.get(delivery.PATH + r"{token:[^/]{0,200}}", follow)]


@open_to_all
async def follow(request: web.Request) -> web.StreamResponse:
    """Lead on, for ever; a token that is none of ours gets a small page in the visitor's words."""
    address, token = caller_address(request), request.match_info["token"]
    wait = request.app[VISITS].take(address)
    if wait:
        return _page(request, 429, Retry_After=str(wait))
    if not _SHAPE.fullmatch(token):
        return _page(request, 404)
    counts = _is_person(request) and not request.app[CLICKS].take(f"{address} {_mark(token)}")
    keys, now = request.app[KEYS], clock.now()

    def look(session: Session) -> delivery.Tracked | None:
        return delivery.find_link(session, token, keys=keys)

    link = await db(request).read(look)
    if link is None:
        return _page(request, 404)
    if counts:
        await db(request).transact(lambda session: delivery.note_link(session, link, now=now))
    return web.Response(status=302, headers={**HEADERS, "Location": link.url})


def _mark(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def _is_person(request: web.Request) -> bool:
    """Not a program that only looks what is behind the link."""
    ahead = "".join(request.headers.get(name, "") for name in ("Purpose", "Sec-Purpose", "X-Moz"))
    agent = request.headers.get("User-Agent", "")
    looks = "prefetch" in ahead.lower() or "preview" in ahead.lower()
    return request.method == "GET" and not looks and not _PREVIEWS.search(agent)


def _page(request: web.Request, status: int, **headers: str) -> web.Response:
    t = language(request)
    if status == 429:
        heading, hint = t("Please wait a little"), t("Open the link again in a minute.")
    else:
        heading = t("This link leads nowhere")
        hint = t("It may have been copied without its end. Open it from the message once more.")
    answer = page(request, "link.html", status=status, heading=heading, hint=hint)
    answer.headers.update(HEADERS)
    answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return answer
