"""The till's door: who calls, how often, what they ask, and once only.

Every call is an ``Operation``: a plain function over a session with its body and answer. The
door does what they share, in one transaction with the call's own work: the key is looked up
there (a key taken back is refused at once), and the stored answer of a repeated request is
given instead of doing anything.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from sqlalchemy.orm import Session

from admin.api import body as bodies
from admin.api.answers import dump
from admin.api.field_words import fault
from admin.api.limits import LIMITS
from admin.api.problems import Refusal, language_of
from admin.base import DATABASE, KEYS, SETTINGS
from loyalty import clock, idempotency, staff, tokens
from loyalty.errors import DomainError
from loyalty.settings import Settings
from loyalty.staff import OutletKey
from loyalty.tokens import Keys

_BEARER = re.compile(r"[Bb]earer +([A-Za-z0-9_~+/.=-]{16,256}) *")
_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_ID = re.compile(r"[0-9]{1,19}")
_KNOWN_FOR_S = 60.0
_MOST_KNOWN = 1000
_USED_EVERY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a call knows beside its body."""

    till: OutletKey
    keys: Keys
    settings: Settings
    language: str
    now: datetime
    path: Mapping[str, str]
    query: Mapping[str, bool]
    # The client's own key of this request, and what tells the request from others.
    key: str | None
    fingerprint: str

    def number(self, name: str) -> int:
        """An id in the path.

        Raises:
            Refusal: 404: no id of ours looks so.
        """
        text = self.path[name]
        if not _ID.fullmatch(text) or int(text) >= 2**63:
            raise Refusal(404, "not_found")
        return int(text)


@dataclass(frozen=True, slots=True)
class Done:
    """The call did what it was asked. ``customer_id``: whom the answer tells of."""

    answer: BaseModel | None
    status: int = 200
    customer_id: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The call refuses, and what it wrote stays (a wrong try, a placed hold)."""

    error: DomainError


Work = Callable[[Session, Call, Any], Done | Refused]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call of the API."""

    name: str
    method: str
    path: str
    summary: str
    work: Work
    body: type[BaseModel] | None = None
    body_optional: bool = False
    answer: type[BaseModel] | None = None
    status: int = 200
    # Needs an Idempotency-Key; False: it may have one; None: it writes nothing.
    once: bool | None = None
    # Always counts wrong tries, so it writes although it changes nothing.
    counts: bool = False
    # Flags in the query, with what they mean.
    flags: Mapping[str, str] = field(default_factory=dict)
    # Codes of refusals this call knows beside those of every call.
    refusals: tuple[str, ...] = ()
    example: Any = None
    # Calls that go on with what this one made, and where its id is in the answer.
    links: Mapping[str, str] = field(default_factory=dict)


class Known:
    """Keys that were good a moment ago: spares their calls a question before the body is read.

    Whether the key is good now is asked in the call's own transaction, always.
    """

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()

    def has(self, name: str) -> bool:
        """Whether it was good within the last minute."""
        return self._until.get(name, 0.0) > clock.monotonic()

    def add(self, name: str) -> None:
        """It is good now."""
        self._until[name] = clock.monotonic() + _KNOWN_FOR_S
        self._until.move_to_end(name)
        if len(self._until) > _MOST_KNOWN:
            self._until.popitem(last=False)

    def drop(self, name: str) -> None:
        """It is good no more."""
        self._until.pop(name, None)


KNOWN: web.AppKey[Known] = web.AppKey("api_known", Known)


def handler(operation: Operation) -> Any:
    """The route's handler of this operation."""

    async def handle(request: web.Request) -> web.Response:
        return await _handle(request, operation)

    return handle


async def _handle(request: web.Request, operation: Operation) -> web.Response:
    secret = await _secret(request)
    flags = _flags(request, operation)
    parsed: Any = {}
    if operation.body is not None and (request.can_read_body or not operation.body_optional):
        parsed = await bodies.read(request)
    text = bodies.canonical(parsed)
    document = bodies.fill(operation.body, parsed) if operation.body is not None else None
    writes = operation.once is not None and not any(flags.values())
    key = _key(request, required=writes and operation.once is True)
    key = key if writes else None
    app, now = request.app, clock.now()
    mark = bodies.fingerprint(app[KEYS], operation.method, request.path, text) if key else ""

    def unit(session: Session) -> tuple[int, str | None, bool] | Refused:
        till = staff.find_key(session, key=secret)
        if till is None:
            raise _unknown(request, secret)
        call = Call(
            till=till,
            keys=app[KEYS],
            settings=app[SETTINGS],
            language=language_of(request),
            now=now,
            path=request.match_info,
            query=flags,
            key=key,
            fingerprint=mark,
        )
        return _run(session, operation, call, document)

    door = app[DATABASE].read if _only_reads(operation, document, flags) else app[DATABASE].transact
    outcome = await door(unit)
    if isinstance(outcome, Refused):
        raise outcome.error
    status, answer, replayed = outcome
    headers = {"Cache-Control": "no-store"}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    if answer is None:
        return web.Response(status=status, headers=headers)
    return web.Response(
        status=status, text=answer, content_type="application/json", headers=headers
    )


def _run(
    session: Session, operation: Operation, call: Call, document: Any
) -> tuple[int, str | None, bool] | Refused:
    if call.key is None:
        done = operation.work(session, call, document)
        if isinstance(done, Refused):
            return done
        return done.status, _text(done), False
    client = call.till.actor
    stored = idempotency.begin(
        session, client=client, key=call.key, fingerprint=call.fingerprint, now=call.now
    )
    if stored is not None:
        again = stored.answer
        return again["status"], again["body"], True
    done = operation.work(session, call, document)
    if isinstance(done, Refused):
        return done
    text = _text(done)
    idempotency.keep(
        session,
        client=client,
        key=call.key,
        fingerprint=call.fingerprint,
        # As a text: a database may put the names of a document in another order.
        answer=json.dumps({"status": done.status, "body": text}, ensure_ascii=False),
        customer_id=done.customer_id,
        now=call.now,
    )
    return done.status, text, False


def _text(done: Done) -> str | None:
    if done.answer is None:
        return None
    return json.dumps(dump(done.answer), ensure_ascii=False, separators=(",", ":"))


def _only_reads(operation: Operation, document: Any, flags: Mapping[str, bool]) -> bool:
    """Whether nothing is written: wrong tries of typed codes are counted, so those are."""
    if operation.once is not None or operation.counts:
        return any(flags.values())
    customer = getattr(document, "customer", None)
    return not getattr(document, "vouchers", ()) and (customer is None or not is_code(customer))


def is_code(customer: str) -> bool:
    """Whether this is 8 digits, as people type them."""
    digits = customer.replace(" ", "").replace("-", "")
    return len(digits) == 8 and digits.isascii() and digits.isdigit()


async def _secret(request: web.Request) -> str:
    """The caller's key, known a moment ago at least.

    Raises:
        Refusal: 401 it is nobody's, 429 it calls too often.
    """
    found = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    if found is None:
        raise _unknown(request, "")
    secret = found[1]
    name = tokens.hash_secret(secret)
    wait = request.app[LIMITS].take(name)
    if wait:
        raise Refusal(429, "too_many_requests", {"Retry-After": str(wait)}, retry_after_s=wait)
    known = request.app[KNOWN]
    if not known.has(name):
        till = await request.app[DATABASE].read(lambda session: staff.find_key(session, key=secret))
        if till is None:
            raise _unknown(request, secret)
        await _note_used(request, till)
        known.add(name)
    return secret


async def _note_used(request: web.Request, till: OutletKey) -> None:
    now = clock.now()
    if till.last_used_at is None or now - till.last_used_at > _USED_EVERY:
        await request.app[DATABASE].transact(
            lambda session: staff.note_key_used(session, key_id=till.id, now=now)
        )


def _unknown(request: web.Request, secret: str) -> Refusal:
    if secret:
        request.app[KNOWN].drop(tokens.hash_secret(secret))
    return Refusal(401, "key_invalid", {"WWW-Authenticate": 'Bearer realm="regulars"'})


def _key(request: web.Request, *, required: bool) -> str | None:
    given = request.headers.getall("Idempotency-Key", [])
    if not given:
        if required:
            raise Refusal(400, "idempotency_key_missing")
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise Refusal(400, "idempotency_key_invalid")
    return given[0]


def _flags(request: web.Request, operation: Operation) -> dict[str, bool]:
    """The flags of the query; anything else there is refused like an unknown field."""
    found: dict[str, bool] = {}
    for name, value in request.query.items():
        if name not in operation.flags or name in found or value not in ("true", "false"):
            place = {"field": f"query.{name}"[:200], "fault": fault("flag")}
            raise Refusal(400, "bad_request", errors=[place])
        found[name] = value == "true"
    return found
