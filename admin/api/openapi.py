"""The OpenAPI 3.1 document, made from the very models that check what comes in."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from admin.api.answers import Problem
from admin.api.door import Operation
from admin.api.operations import BASE, OPERATIONS
from admin.api.problems import CONTENT_TYPE, HTTP_STATUS, status_of
from loyalty.errors import all_codes

_REF = "#/components/schemas/{model}"
_ABOUT = """\
The door for tills, web shops and other systems. One key per outlet, sent as a bearer token.

* Amounts are decimal strings with two places, moments ISO 8601 with their offset.
* Every call that writes needs an `Idempotency-Key`; the same key with the same body is answered
  the same for 72 hours, with `Idempotency-Replayed: true`.
* Unknown fields are refused. Refusals are `application/problem+json` with a `code`: 400 the request
  does not have the shape described here (`errors` says where), 409 it has but the program or the
  state of things forbids it, 403 spending or selling is not allowed, 404 nobody or nothing by
  that name, 422 the key was used for another request.
"""
_WHAT = {
    400: "The request does not have this shape, or has no Idempotency-Key",
    401: "The key is missing, wrong or was taken back",
    403: "Not allowed",
    404: "There is no such customer, purchase, hold or voucher",
    405: "The address does not take this method",
    409: "Well-formed, but the program or the state of things forbids it",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "The key was used for another request",
    429: "Too many requests, or too many wrong codes",
    500: "A fault on our side",
    503: "Very busy; try again with the same key",
}
_RETRY = {
    "Retry-After": {
        "description": "Seconds to wait.",
        "schema": {"type": "integer", "minimum": 1},
    }
}


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The whole document."""
    models = [m for op in OPERATIONS for m in (op.body, op.answer) if m is not None]
    unique: list[type[BaseModel]] = list(dict.fromkeys([*models, Problem]))
    _, schemas = models_json_schema([(m, "validation") for m in unique], ref_template=_REF)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for operation in OPERATIONS:
        paths[operation.path][operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Regulars POS API", "version": "1.0.0", "description": _ABOUT},
        "servers": [{"url": BASE}],
        "security": [{"outletKey": []}],
        "tags": [{"name": "till", "description": "What a till asks and tells"}],
        "paths": dict(paths),
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "outletKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An outlet's key: `regulars key add --outlet NAME`.",
                }
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    said: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": ["till"],
        "parameters": _parameters(operation),
        "responses": _responses(operation),
    }
    if operation.work.__doc__:
        said["description"] = _description(operation)
    if operation.body is not None:
        content: dict[str, Any] = {"schema": _of(operation.body)}
        if operation.example is not None:
            content["examples"] = {"usual": {"value": operation.example}}
        said["requestBody"] = {
            "required": not operation.body_optional,
            "content": {"application/json": content},
        }
    return said


def _description(operation: Operation) -> str:
    codes = ", ".join(f"`{code}`" for code in operation.refusals)
    # A flag is told in words: with it a call needs no key, which a schema cannot say. The same
    # call has an address of its own.
    flags = "".join(f" `?{name}=true`: {said}" for name, said in operation.flags.items())
    return f"{operation.summary}.{flags} Refusals of its own: {codes}."


def _of(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "{id}" in operation.path:
        found.append(
            {
                "name": "id",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "pattern": "^[0-9]{1,19}$"},
                "example": "812345678901234567",
            }
        )
    if "{code}" in operation.path:
        found.append(
            {
                "name": "code",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "minLength": 1, "maxLength": 64},
                "example": "SPRING10",
            }
        )
    if operation.once is not None:
        found.append(_key_parameter(operation))
    found.append(
        {
            "name": "Accept-Language",
            "in": "header",
            "required": False,
            "description": "ru or en: the language of titles and names.",
            "schema": {"type": "string"},
            "example": "en",
        }
    )
    return found


def _key_parameter(operation: Operation) -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": operation.once is True,
        "description": "Names this request: sent again it is answered the same, done once.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
    }


def _responses(operation: Operation) -> dict[str, Any]:
    statuses = {status_of(all_codes()[code]) for code in operation.refusals if code in all_codes()}
    statuses |= {400, 401, 405, 429, 500, 503}
    if operation.once is not None:
        statuses |= {409, 422}
    if operation.body is not None:
        statuses |= {413, 415}
    if "{" in operation.path:
        statuses.add(404)
    good: dict[str, Any] = {"description": "Done"}
    if operation.answer is not None:
        good["content"] = {"application/json": {"schema": _of(operation.answer)}}
    if operation.once is not None:
        good["headers"] = {
            "Idempotency-Replayed": {
                "description": "The answer is the stored one.",
                "schema": {"type": "string", "enum": ["true"]},
            }
        }
    if operation.links:
        good["links"] = {
            target: {"operationId": target, "parameters": {"id": f"$response.body#/{name}"}}
            for target, name in operation.links.items()
        }
    found = {str(operation.status): good}
    for status in sorted(statuses):
        found[str(status)] = _problem(status, operation)
    return found


def _problem(status: int, operation: Operation) -> dict[str, Any]:
    known = all_codes()
    codes = [c for c in operation.refusals if c in known and status_of(known[c]) == status]
    codes += [code for code, its in HTTP_STATUS.items() if its == status]
    said: dict[str, Any] = {
        "description": _WHAT[status] + (f": {', '.join(codes)}" if codes else ""),
        "content": {CONTENT_TYPE: {"schema": _of(Problem)}},
    }
    if status in (429, 503):
        said["headers"] = _RETRY
    if status == 405:
        said["headers"] = {"Allow": {"schema": {"type": "string"}}}
    if status == 401:
        said["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return said
