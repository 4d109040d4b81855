"""Reading a Bot API call: query, form, multipart or JSON into typed parameters."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from emulator import checks
from emulator.errors import ApiError, Unprocessable

Json = dict[str, Any]
_TRUE = frozenset({"true", "1", "yes", "y", "on"})
_FALSE = frozenset({"false", "0", "no", "n", "off", ""})


@dataclass(slots=True)
class Upload:
    """A file sent with a call; `data` are its bytes."""

    name: str
    mime: str
    data: bytes


async def read_call(request: web.Request) -> tuple[Json, dict[str, Upload]]:
    """Parameters as they came (strings, or JSON values) and the files beside them.

    Raises a 400 refusal for a body that cannot be read.
    """
    raw: Json = dict(request.query) if request.query_string else {}
    uploads: dict[str, Upload] = {}
    if request.method != "POST" or not request.can_read_body:
        return raw, uploads
    try:
        await _read_body(request, raw, uploads)
    except web.HTTPRequestEntityTooLarge as error:
        raise ApiError(413, "Request Entity Too Large") from error
    return raw, uploads


async def _read_body(request: web.Request, raw: Json, uploads: dict[str, Upload]) -> None:
    kind = request.content_type
    if kind == "application/json":
        try:
            body = json.loads(await request.read())
        except ValueError as error:
            raise Unprocessable("can't parse JSON object") from error
        if not isinstance(body, dict):
            raise Unprocessable("can't parse JSON object")
        raw.update(body)
    elif kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        try:
            form = await request.post()
        except (ValueError, AssertionError) as error:
            raise Unprocessable("can't parse the form") from error
        for name, value in form.items():
            if isinstance(value, web.FileField):
                uploads[name] = Upload(value.filename or name, value.content_type, _bytes(value))
                raw.setdefault(name, f"attach://{name}")
            else:
                raw[name] = value if isinstance(value, str) else bytes(value).decode()


def _bytes(field: web.FileField) -> bytes:
    with field.file as handle:
        return handle.read()


def typed(method: str, raw: Json) -> tuple[Json, list[str]]:
    """Parameters of `method` in their own types, and the names it does not know.

    Telegram ignores unknown parameters; strict mode refuses them (the caller's choice).
    """
    kinds = checks.parameter_kinds(method)
    params: Json = {}
    unknown: list[str] = []
    for name, value in raw.items():
        kind = kinds.get(name)
        if kind is None:
            unknown.append(name)
        elif value is not None:
            made = _typed(name, kind, value)
            if made is not None:
                params[name] = _with_buttons(made) if name == "reply_markup" else made
    return params, unknown


def _typed(name: str, kind: str, value: Any) -> Any:
    if not isinstance(value, str):
        if isinstance(value, dict | list):
            return without_nulls(value)
        if kind == "bool" and isinstance(value, int):
            return bool(value)
        if kind == "str" and isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        return value
    if kind in ("str", "text_or_json"):
        return _maybe_json(value) if kind == "text_or_json" else value
    if kind == "id":
        return int(value) if value.lstrip("-").isascii() and value.lstrip("-").isdigit() else value
    if kind == "bool":
        return _boolean(name, value)
    if kind in ("int", "float"):
        return _number(name, kind, value)
    return _decoded(name, value)


def _maybe_json(value: str) -> Any:
    """A value that may be plain text (a file id) or an object written as JSON."""
    if value[:1] not in ("{", "["):
        return value
    try:
        return without_nulls(json.loads(value))
    except ValueError:
        return value


def _boolean(name: str, value: str) -> bool:
    lowered = value.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise Unprocessable(f'can\'t parse "{name}": expected true or false')


def _number(name: str, kind: str, value: str) -> int | float | None:
    if not value.strip():
        return None
    try:
        return int(value) if kind == "int" else float(value)
    except ValueError as error:
        raise Unprocessable(f'can\'t parse "{name}": expected a number') from error


def _decoded(name: str, value: str) -> Any:
    if not value.strip():
        return None
    try:
        return without_nulls(json.loads(value))
    except ValueError as error:
        what = "reply keyboard markup" if name == "reply_markup" else name
        raise Unprocessable(f"can't parse {what} JSON object") from error


def _with_buttons(markup: Any) -> Any:
    """A reply keyboard may hold plain strings for text buttons."""
    if not isinstance(markup, dict) or not isinstance(markup.get("keyboard"), list):
        return markup
    rows = [
        [{"text": key} if isinstance(key, str) else key for key in row]
        if isinstance(row, list)
        else row
        for row in markup["keyboard"]
    ]
    return {**markup, "keyboard": rows}


def without_nulls(value: Any) -> Any:
    """The same value with null fields left out, as Telegram reads them."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
