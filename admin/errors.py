"""Refusals and faults as pages of the panel, in its style and language."""

from __future__ import annotations

import traceback

import structlog
from aiohttp import web

from admin.base import Handler
from admin.guard import is_fragment
from admin.render import language, page
from admin.words import Words
from loyalty.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound, TooManyTries

_log = structlog.get_logger("admin")

_STATUS: tuple[tuple[type[DomainError], int], ...] = (
    (TooManyTries, 429),
    (NotFound, 404),
    (NotAllowed, 403),
    (Conflict, 409),
    (Invalid, 400),
)


def status_of(error: DomainError) -> int:
    """The HTTP status that goes with a refusal of the domain."""
    return next((status for family, status in _STATUS if isinstance(error, family)), 400)


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what goes wrong on the panel's pages into a page; leave other paths alone."""
    if not request.path.startswith("/admin") or request.path.startswith("/admin/static/"):
        return await handler(request)
    try:
        return await handler(request)
    except DomainError as error:
        return _page(request, status_of(error), str(Words(language(request)).problem(error)))
    except web.HTTPException as answer:
        if answer.status < 400 or "HX-Redirect" in answer.headers:
            raise
        return _page(request, answer.status)
    except ConnectionResetError:
        raise  # the visitor left in the middle: nobody to tell, nothing to mend
    except Exception as problem:  # noqa: BLE001 - logged, and told to the person
        # Places only: values in a traceback would be names, phones and cookies.
        places = traceback.extract_tb(problem.__traceback__)[-8:]
        where = [f"{place.filename}:{place.lineno} {place.name}" for place in places]
        _log.error("page failed", route=_route(request), kind=type(problem).__name__, where=where)
        return _page(request, 500)


def _route(request: web.Request) -> str:
    """The shape of the address, without the ids and tokens in it."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


def _page(request: web.Request, status: int, sentence: str | None = None) -> web.Response:
    t = language(request)
    headings = {
        403: (t("This page is not for you"), t("Ask the owner if you need it.")),
        404: (t("Nothing here"), t("The link is old, or the page has moved.")),
        429: (t("Please wait a little"), t("Too many tries.")),
        500: (t("Something broke on our side"), t("Try again in a minute. We have noted it.")),
    }
    other = (t("This did not work"), t("Go back and try again."))
    if request.method not in ("GET", "HEAD") and status == 403 and sentence is None:
        # Most often a form that was open since yesterday, not a forbidden page.
        headings[403] = (t("This form is too old"), t("Open the page again and repeat."))
    heading, hint = headings.get(status, other)
    template = "_problem.html" if is_fragment(request) else "error.html"
    return page(
        request, template, status=status, code=status, heading=heading, hint=sentence or hint
    )
