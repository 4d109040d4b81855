"""Checks compiled from the Bot API's JSON Schema: parameters of calls, and answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema

from emulator.errors import Unprocessable

Json = dict[str, Any]
_SCHEMA_FILE = Path(__file__).parent / "schema" / "botapi.json"
_MARKUPS = {
    "inline_keyboard": "InlineKeyboardMarkup",
    "keyboard": "ReplyKeyboardMarkup",
    "remove_keyboard": "ReplyKeyboardRemove",
    "force_reply": "ForceReply",
}


@cache
def schema() -> Json:
    """The whole compact schema, read once."""
    loaded: Json = json.loads(_SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


@cache
def method_names() -> dict[str, str]:
    """Every method of the schema by its lower-case name: Telegram ignores the case."""
    return {name.lower(): name for name in schema()["methods"]}


@cache
def parameter_kinds(method: str) -> dict[str, str]:
    """How each parameter of a method travels as text: str, int, float, bool, id or json."""
    request = schema()["$defs"][schema()["methods"][method]["request"]]
    return {name: _kind(node) for name, node in request.get("properties", {}).items()}


def _kind(node: Json) -> str:
    types = node.get("type")
    if types == ["integer", "string"]:
        return "id"
    options = node.get("anyOf", [])
    if any(option.get("type") == "string" for option in options):
        return "text_or_json"
    plain = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
    if isinstance(types, list):
        return "float" if "number" in types else "text_or_json"
    return plain.get(str(types), "json") if node else "json"


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"].rsplit("/", 1)[1]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _compiled(root: Json) -> Callable[[Any], Any]:
    """Compile one node together with only those definitions it reaches."""
    reached: Json = {}
    waiting = list(_references(root))
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached[name] = schema()["$defs"][name]
            waiting.extend(_references(reached[name]))
    document = {**root, "$defs": reached}
    compiled: Callable[[Any], Any] = fastjsonschema.compile(document, use_default=False)
    return compiled


@cache
def _request_check(method: str) -> Callable[[Any], Any]:
    node = schema()["$defs"][schema()["methods"][method]["request"]]
    properties = {k: v for k, v in node.get("properties", {}).items() if k != "reply_markup"}
    return _compiled({**node, "properties": properties})


@cache
def _definition_check(name: str) -> Callable[[Any], Any]:
    return _compiled({"$ref": f"#/$defs/{name}"})


@cache
def _answer_check(method: str) -> Callable[[Any], Any]:
    """Shared between methods of one answer type: compiling `Message` takes half a second."""
    returns = schema()["methods"][method]["returns"]
    if "$ref" in returns:
        return _definition_check(returns["$ref"].rsplit("/", 1)[1])
    if {"$ref": "#/$defs/Message"} in returns.get("anyOf", []):
        return _definition_check("Message")
    if method == "getUpdates":
        return lambda _updates: (
            None
        )  # each was checked when it was queued; injected ones may be odd
    return _compiled(dict(returns))


def check_request(method: str, params: Json) -> None:
    """Raise Telegram's 400 when the parameters of a call do not fit the schema."""
    _run(_request_check(method), params, "")
    markup = params.get("reply_markup")
    if markup is None or "reply_markup" not in parameter_kinds(method):
        return
    if not isinstance(markup, dict):
        raise Unprocessable("object expected as reply markup")
    name = next((name for key, name in _MARKUPS.items() if key in markup), None)
    if name is not None:
        _run(_definition_check(name), markup, "reply_markup")


def check_answer(method: str, result: Any) -> None:
    """Raise ValueError when our own answer does not fit the schema (a fault of the emulator)."""
    try:
        _answer_check(method)(result)
    except fastjsonschema.JsonSchemaValueException as error:
        raise ValueError(f"{method} answered outside the schema: {error.message}") from error


def check_update(update: Json) -> None:
    """Raise ValueError when an update we are about to hand out does not fit the schema."""
    try:
        _definition_check("Update")(update)
    except fastjsonschema.JsonSchemaValueException as error:
        raise ValueError(f"update outside the schema: {error.message}") from error


def _run(check: Callable[[Any], Any], value: Any, where: str) -> None:
    try:
        check(value)
    except fastjsonschema.JsonSchemaValueException as error:
        path = [where, *[str(part) for part in error.path[1:]]]
        place = ".".join(part for part in path if part)
        if error.rule == "required":
            raise Unprocessable(_missing(error, value, place)) from error
        what = error.message.split(" ", 1)[1]
        raise Unprocessable(f"can't parse {place or 'parameters'}: {what}") from error


def _missing(error: Any, value: Any, place: str) -> str:
    """Telegram's wording for an absent top-level parameter, a plain one for a nested field."""
    if place or not isinstance(value, dict):
        return f"can't parse {place}: {error.message.split(' ', 1)[1]}"
    absent = next((name for name in error.rule_definition if name not in value), "parameter")
    special = {
        "chat_id": "chat_id is empty",
        "text": "message text is empty",
        "from_chat_id": "chat_id is empty",
        "message_id": "message identifier is not specified",
        "user_id": "invalid user_id specified",
        "photo": "there is no photo in the request",
        "document": "there is no document in the request",
        "sticker": "there is no sticker in the request",
        "animation": "there is no animation in the request",
        "video": "there is no video in the request",
        "file_id": "file_id is not specified",
        "callback_query_id": "query ID is invalid",
    }
    return special.get(absent, f'parameter "{absent}" is required')
