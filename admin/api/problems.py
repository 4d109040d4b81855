"""Refusals of the POS API: RFC 9457 documents with a code, a status and the facts."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from aiohttp import web

from admin.api.field_words import word
from admin.api.fields import moment_text, money_text
from admin.api.words import title_of
from admin.base import SETTINGS, Handler
from loyalty.db.engine import ConnectionLost
from loyalty.errors import (
    AmountOutOfRange,
    CodeInvalid,
    DatabaseBusy,
    DomainError,
    NotAllowed,
    NotFound,
    PhoneInvalid,
    RequestInFlight,
    TooManyTries,
)
from loyalty.errors import IdempotencyConflict as KeyReused
from loyalty.texts import LANGUAGES, translator

_log = structlog.get_logger("api")

PREFIX = "/api/"
TYPE = "urn:regulars:problem:"
CONTENT_TYPE = "application/problem+json"

_STATUS: tuple[tuple[type[DomainError], int], ...] = (
    (TooManyTries, 429),
    (DatabaseBusy, 503),
    (KeyReused, 422),
    # A code or number that is nobody's is not found, whatever its shape.
    (CodeInvalid, 404),
    (PhoneInvalid, 404),
    (NotFound, 404),
    (NotAllowed, 403),
)
"""What is not here is 409: well-formed, but the program or the state of things forbids it."""

HTTP_STATUS = {
    "bad_request": 400,
    "json_invalid": 400,
    "idempotency_key_missing": 400,
    "idempotency_key_invalid": 400,
    "key_invalid": 401,
    "not_found": 404,
    "method_not_allowed": 405,
    "request_in_flight": 409,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "validation_failed": 400,
    "idempotency_conflict": 422,
    "too_many_requests": 429,
    "internal_error": 500,
    "database_busy": 503,
}
"""What any call may be refused with."""

_OF_HTTP = {
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}
# Members of the document; a fact of the same name gets another.
_RENAMED = {"status": "state", "code": "voucher", "type": "kind", "title": "name"}
_MONEY = ("minimum", "maximum")


class Refusal(Exception):
    """A refusal that HTTP knows and the domain does not."""

    def __init__(
        self, status: int, code: str, headers: Mapping[str, str] | None = None, **facts: Any
    ) -> None:
        self.status = status
        self.code = code
        self.headers = dict(headers or {})
        self.facts = facts
        super().__init__(code)


def status_of(kind: type[DomainError]) -> int:
    """The status that goes with a refusal of the domain."""
    return next((status for family, status in _STATUS if issubclass(kind, family)), 409)


def language_of(request: web.Request) -> str:
    """What the caller reads: ``Accept-Language``, else the business's language."""
    wishes = request.headers.get("Accept-Language", "")[:200].replace(" ", "").split(",")
    for wish in wishes[:10]:
        name = wish.split(";")[0].split("-")[0].lower()
        if name in LANGUAGES:
            return name
    return request.app[SETTINGS].language


def problem(
    request: web.Request,
    status: int,
    code: str,
    facts: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """The document of one refusal, in the caller's language."""
    words = translator(language_of(request))
    title = title_of(words, code, status)
    body: dict[str, Any] = {"type": TYPE + code, "title": title, "status": status, "code": code}
    for name, value in (facts or {}).items():
        if name == "errors":
            body[name] = [
                {"field": one["field"], "problem": word(words, one["fault"])} for one in value
            ]
        elif value is not None:
            body[_RENAMED.get(name, name)] = value
    return web.Response(
        status=status,
        text=json.dumps(body, ensure_ascii=False),
        content_type=CONTENT_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def of_domain(request: web.Request, error: DomainError) -> web.Response:
    """The document of a refusal of the domain."""
    facts = {name: _plain(error, name, value) for name, value in error.facts.items()}
    headers = {}
    wait = error.facts.get("retry_after_s")
    if isinstance(error, (DatabaseBusy, RequestInFlight, TooManyTries)):
        headers["Retry-After"] = str(wait or 1)
    return problem(request, status_of(type(error)), error.code, facts, headers)


def _plain(error: DomainError, name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return moment_text(value)
    if name.endswith("_id") and isinstance(value, int):
        return str(value)  # 63 bits do not fit a JavaScript number
    if name in _MONEY and isinstance(value, int):
        if isinstance(error, AmountOutOfRange) or error.code.startswith("voucher"):
            return money_text(value)
        return value
    if isinstance(value, (str, int, float, bool, list, dict, type(None))):
        return value
    return str(value)


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever goes wrong under ``/api`` into a problem document."""
    if not request.path.startswith(PREFIX):
        return await handler(request)
    try:
        return await handler(request)
    except Refusal as refusal:
        return problem(request, refusal.status, refusal.code, refusal.facts, refusal.headers)
    except DomainError as error:
        return of_domain(request, error)
    except web.HTTPException as answer:
        if answer.status < 400:
            raise
        code = _OF_HTTP.get(answer.status, "bad_request")
        kept = {"Allow": answer.headers["Allow"]} if "Allow" in answer.headers else {}
        return problem(request, answer.status, code, None, kept)
    except ConnectionLost:
        return problem(request, 503, "database_busy", None, {"Retry-After": "1"})
    except ConnectionResetError:
        raise  # the till hung up: nobody to tell
    except Exception as fault:  # noqa: BLE001 - logged, and told to the till
        # Places only: values in a traceback would be phones, tokens and receipts.
        places = traceback.extract_tb(fault.__traceback__)[-8:]
        where = [f"{place.filename}:{place.lineno} {place.name}" for place in places]
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "unknown"
        _log.error("call failed", route=route, kind=type(fault).__name__, where=where)
        return problem(request, 500, "internal_error")
