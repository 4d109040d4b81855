"""A request's JSON: read strictly, once, and named by a fingerprint."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from admin.api.field_words import fault
from admin.api.problems import Refusal
from loyalty.tokens import Keys

Document = TypeVar("Document", bound=BaseModel)

MOST_BYTES = 1024 * 1024
# An escaped NUL, not an escaped backslash before "u0000".
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_MOST_DIGITS = 19
_MOST_PROBLEMS = 20


async def read(request: web.Request) -> Any:
    """The parsed body.

    Raises:
        Refusal: 415 it is no JSON by its type, 400 it is none by its contents.
        web.HTTPRequestEntityTooLarge: it is larger than a till's request can be.
    """
    if request.content_type != "application/json":
        raise Refusal(415, "unsupported_media_type")
    try:
        raw = await request.read()
    except web.RequestPayloadError:  # said to be compressed, and is not
        raise Refusal(400, "json_invalid") from None
    if len(raw) > MOST_BYTES:
        raise web.HTTPRequestEntityTooLarge(max_size=MOST_BYTES, actual_size=len(raw))
    try:
        text = raw.decode("utf-8")
        parsed = json.loads(
            text,
            parse_int=_whole,
            parse_float=_float,
            parse_constant=_refuse,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError):
        raise Refusal(400, "json_invalid") from None
    return parsed


def canonical(parsed: Any) -> str:
    """The body as it always looks, whatever its spaces and the order of its names.

    Raises:
        Refusal: 400: a string that is no text (a NUL, half of a surrogate pair).
    """
    text = json.dumps(parsed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Refusal(400, "json_invalid") from None
    if "\\u0000" in text and _NUL.search(text):
        raise Refusal(400, "json_invalid")
    return text


def fingerprint(keys: Keys, method: str, path: str, body: str) -> str:
    """What tells one request from another; keyed, so that it gives no phone number away."""
    return keys.mac("idempotency", f"{method} {path}\n{body}".encode()).hex()


def fill(model: type[Document], parsed: Any) -> Document:
    """The document a body is meant to be.

    Raises:
        Refusal: 400 with what is wrong, field by field.
    """
    try:
        return model.model_validate(parsed)
    except ValidationError as problem:
        found = problem.errors(include_url=False, include_input=False)
        wrong = [error["loc"] for error in found]
        errors = [
            {
                "field": _place(error["loc"]),
                "fault": fault(
                    error["type"],
                    said=error["msg"].removeprefix("Value error, "),
                    facts=error.get("ctx"),
                ),
            }
            for error in found
            # A list whose items are wrong is called too short as well: they do not count as its.
            if error["type"] != "too_short" or not _has_inside(error["loc"], wrong)
        ][:_MOST_PROBLEMS]
        raise Refusal(400, "validation_failed", errors=errors) from None


def _has_inside(place: tuple[int | str, ...], places: list[tuple[int | str, ...]]) -> bool:
    """Whether one of the places lies within this one."""
    return any(len(one) > len(place) and one[: len(place)] == place for one in places)


def _place(steps: tuple[int | str, ...]) -> str:
    place = ""
    for step in steps:
        place += f"[{step}]" if isinstance(step, int) else f".{step}"
    return place.lstrip(".")[:200] or "body"


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("too large")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("too large")
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found
