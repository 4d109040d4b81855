"""What stands before every page: security headers, origin and form checks, roles."""

from __future__ import annotations

import base64
import hmac
from urllib.parse import quote, urlsplit

from aiohttp import web

from admin.base import KEYS, ME, SETTINGS, VISIT, Handler, needed_roles
from admin.sessions import is_https

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": forms would then be sent with "Origin: null" and be refused.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=(), payment=()",
}
_HSTS = "max-age=31536000; includeSubDomains"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def csrf_token(request: web.Request) -> str:
    """What a form must bring along: tied to the visitor's cookie, of no use without it."""
    mac = request.app[KEYS].mac("panel-form", request.get(VISIT, "").encode())
    return base64.urlsafe_b64encode(mac[:24]).decode()


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler: every answer leaves with the headers, errors and files included."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    # Which versions answer here is nobody's business.
    response.headers["Server"] = "Regulars"
    if is_https(request):
        response.headers.setdefault("Strict-Transport-Security", _HSTS)
    if request.path.startswith("/admin/static/"):
        lasting = "public, max-age=31536000, immutable" if "v" in request.query else "no-cache"
        response.headers.setdefault("Cache-Control", lasting)
    elif request.path.startswith("/admin"):
        response.headers.setdefault("Cache-Control", "no-store")


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse forms from elsewhere and pages above one's role; the panel's paths only."""
    if not request.path.startswith("/admin") or request.path.startswith("/admin/static"):
        return await handler(request)
    if request.method not in _SAFE:
        await _check_form(request)
    if request.match_info.http_exception is not None:
        return await handler(request)  # 404 and 405 are the same for everybody
    roles = needed_roles(request.match_info.handler)
    if roles == ():
        return await handler(request)
    person = request[ME]
    if person is None:
        raise to_sign_in(request)
    if roles is None or person.role not in roles:
        raise web.HTTPForbidden
    return await handler(request)


def to_sign_in(request: web.Request) -> web.HTTPException:
    """Where a stranger is sent; back to this page afterwards if it can be opened by a link."""
    back = request.path_qs if request.method == "GET" and not is_fragment(request) else "/admin"
    address = f"/admin/sign-in?next={quote(back, safe='/')}"
    if is_fragment(request):
        return web.HTTPUnauthorized(headers={"HX-Redirect": address})
    return web.HTTPSeeOther(address)


def is_fragment(request: web.Request) -> bool:
    """Whether a script of the page asks for a part of it."""
    return request.headers.get("HX-Request") == "true"


def local_path(text: str | None) -> str:
    """A path of the panel to go back to; anything else becomes its first page."""
    if not text or not text.startswith("/admin") or "\\" in text or "//" in text:
        return "/admin"
    parts = urlsplit(text)
    if parts.scheme or parts.netloc or any(ord(sign) < 32 for sign in text):
        return "/admin"
    return text


async def _check_form(request: web.Request) -> None:
    if not _is_same_origin(request):
        raise web.HTTPForbidden
    given = request.headers.get("X-CSRF-Token")
    if given is None:
        value = (await request.post()).get("csrf", "")
        given = value if isinstance(value, str) else ""
    if not hmac.compare_digest(given.encode(), csrf_token(request).encode()):
        raise web.HTTPForbidden


def _is_same_origin(request: web.Request) -> bool:
    origin = request.headers.get("Origin")
    if origin is None:
        # Old browsers and scripts name no origin; those that do say what kind of request it is.
        return request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
    ours = {urlsplit(request.app[SETTINGS].public_url).netloc.lower(), request.host.lower()}
    return urlsplit(origin).netloc.lower() in ours
