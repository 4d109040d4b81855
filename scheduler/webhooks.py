"""Calls the shop's other systems: claims what is due, posts it signed, writes down the answer.

Every process that sends messages does this too; leases share the work out.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import socket
import ssl
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from sqlalchemy.exc import SQLAlchemyError

from loyalty import clock, webhooks
from loyalty.db import Database
from loyalty.errors import DatabaseBusy
from loyalty.tokens import Keys

log = logging.getLogger(__name__)

POLL_S = 1.0
"""How often the queue is looked at when nobody says that there is something."""

CALLS = 16
"""Calls under way at once."""

TIMEOUT_S = 10.0
_TROUBLE_S = 2.0
_TROUBLE = (SQLAlchemyError, OSError, DatabaseBusy)
_LONGEST_WAIT_S = 86_400
_LONGEST_REST_S = 30.0


class PrivateAddress(OSError):
    """The name leads inside the house."""


class _PublicResolver(AbstractResolver):
    """Resolves names, and refuses those that lead inside; asked anew for every connection."""

    def __init__(self, *, demo: bool) -> None:
        self._demo = demo

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Every address of ``host``.

        Raises:
            PrivateAddress: one of them is not of the open internet.
            OSError: there is no such name.
        """
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, family=family
        )
        answers: list[ResolveResult] = []
        for kind, _type, proto, _name, address in found:
            ip = str(address[0])
            if not self._demo and not webhooks.is_public(ip):
                raise PrivateAddress(host)
            answers.append(
                ResolveResult(
                    hostname=host,
                    host=ip,
                    port=port,
                    family=kind,
                    proto=proto,
                    flags=int(socket.AI_NUMERICHOST),
                )
            )
        return answers

    async def close(self) -> None:
        """Nothing is kept open."""


class Caller:
    """The calls of one process. ``start`` inside an event loop, end with ``stop``."""

    def __init__(
        self,
        db: Database,
        *,
        keys: Keys,
        timeout_s: float = TIMEOUT_S,
        owner: str | None = None,
    ) -> None:
        self.owner = owner or f"w-{secrets.token_hex(8)}"
        self._db = db
        self._keys = keys
        self._timeout_s = timeout_s
        self._wake = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._busy: dict[int, int] = {}
        # Failures in a row by endpoint, and until when it is left in peace (monotonic).
        self._resting: dict[int, tuple[int, float]] = {}
        self._http: dict[bool, aiohttp.ClientSession] = {}
        self._stopping = False

    def start(self) -> None:
        """Begin to call."""
        self._runner = asyncio.create_task(self._run(), name="webhooks")

    def wake(self) -> None:
        """There is something to tell: look at once."""
        self._wake.set()

    async def stop(self) -> None:
        """Claim no more, and let the calls under way finish."""
        self._stopping = True
        self._wake.set()
        if self._runner is not None:
            await asyncio.gather(self._runner, return_exceptions=True)
            self._runner = None
        if self._calls:
            await asyncio.wait(self._calls, timeout=self._timeout_s + 5.0)
        for http in self._http.values():
            await http.close()

    async def round(self) -> int:
        """Claim what there is room for and begin to call; how many. What is not done by the
        end of the lease is another's."""
        now, real_now = clock.now(), clock.real_now()
        room = CALLS - len(self._calls)
        if room <= 0 or not await self._db.read(
            lambda session: webhooks.is_anything_due(session, now=now, real_now=real_now)
        ):
            return 0
        busy = self._no_room()
        claimed = await self._db.transact(
            lambda session: webhooks.claim(
                session, owner=self.owner, limit=room, now=now, real_now=real_now, busy=busy
            )
        )
        for call in claimed.calls:
            self._busy[call.webhook_id] = self._busy.get(call.webhook_id, 0) + 1
            task = asyncio.create_task(self._tell(call, demo=claimed.demo))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)
        return len(claimed.calls)

    async def finish(self) -> None:
        """Wait until the calls under way have ended and are written down."""
        while self._calls:
            await asyncio.wait(set(self._calls))

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            pause_s = POLL_S
            try:
                await self.round()
            except _TROUBLE as problem:
                log.error("webhooks cannot go on: %s", type(problem).__name__)
                pause_s = _TROUBLE_S
            except Exception:
                log.exception("webhooks failed")
                pause_s = _TROUBLE_S
            if not self._stopping:
                await clock.within(pause_s, self._wake.wait())

    def _no_room(self) -> dict[int, int]:
        """Calls under way by endpoint; one that has just failed counts as full for a while."""
        now = clock.monotonic()
        resting = {
            webhook_id: webhooks.AT_ONCE
            for webhook_id, (_failures, until) in self._resting.items()
            if now < until
        }
        return {**self._busy, **resting}

    def _note(self, webhook_id: int, *, ok: bool) -> None:
        if ok:
            self._resting.pop(webhook_id, None)
            return
        failures = min(self._resting.get(webhook_id, (0, 0.0))[0] + 1, 10)
        rest = min(_LONGEST_REST_S, 0.5 * 2**failures)
        self._resting[webhook_id] = (failures, clock.monotonic() + rest)

    async def _tell(self, call: webhooks.Call, *, demo: bool) -> None:
        started = clock.monotonic()
        try:
            ok, code, retry_after_s = await self._post(call, demo=demo)
            took = round((clock.monotonic() - started) * 1000)
            self._note(call.webhook_id, ok=ok)
            outcome = webhooks.Outcome(call, ok, f"{code} {took}", retry_after_s)
            off = await self._db.transact(
                lambda session: webhooks.settle(
                    session, [outcome], owner=self.owner, now=clock.now()
                )
            )
            if off:
                log.error("webhook %s has failed for days and is switched off", call.webhook_id)
        except _TROUBLE as problem:
            # Told, but not written down: its lease ends, and it is told again.
            log.error("webhook %s not settled: %s", call.webhook_id, type(problem).__name__)
        except Exception:
            log.exception("a webhook call failed")
        finally:
            self._busy[call.webhook_id] -= 1
            # There is room for the next one.
            self._wake.set()

    async def _post(self, call: webhooks.Call, *, demo: bool) -> tuple[bool, str, int]:
        """Whether it was taken, the answer's code, and how long we are asked to wait."""
        if len(call.body) > webhooks.LARGEST_BODY:
            return False, "too_big", 0
        if not demo and _is_private_literal(call.url):
            return False, "private_address", 0
        try:
            async with self._session(demo=demo).post(
                call.url, data=call.body, headers=self._headers(call), allow_redirects=False
            ) as response:
                # The body is nobody's business; the connection is closed if there is much of it.
                wait = response.headers.get("Retry-After", "")
                retry_after = int(wait) if wait.isascii() and wait.isdigit() else 0
                ok = 200 <= response.status < 300
                return ok, str(response.status), min(retry_after, _LONGEST_WAIT_S)
        except TimeoutError:
            return False, "timeout", 0
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            return False, _code_of(problem), 0

    def _headers(self, call: webhooks.Call) -> dict[str, str]:
        secret = webhooks.secret_of(
            self._keys, webhook_id=call.webhook_id, number=call.secret_number
        )
        at = int(clock.real_now().timestamp())
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Regulars-Webhooks/1",
            webhooks.EVENT_HEADER: call.type,
            webhooks.DELIVERY_HEADER: str(call.id),
            webhooks.SIGNATURE_HEADER: webhooks.signature(secret, body=call.body, at=at),
        }

    def _session(self, *, demo: bool) -> aiohttp.ClientSession:
        if demo not in self._http:
            connector = aiohttp.TCPConnector(
                limit=CALLS, use_dns_cache=False, resolver=_PublicResolver(demo=demo)
            )
            self._http[demo] = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._http[demo]


def _is_private_literal(url: str) -> bool:
    """An address that is a number is not resolved, so it is looked at here."""
    host = urlsplit(url).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return not webhooks.is_public(host)


def _code_of(problem: BaseException) -> str:
    """A short code of why there was no answer; never the address."""
    seen: list[BaseException] = [problem]
    while (cause := seen[-1].__cause__ or getattr(seen[-1], "os_error", None)) is not None:
        if cause in seen:
            break
        seen.append(cause)
    if any(isinstance(one, PrivateAddress) for one in seen):
        return "private_address"
    if any(isinstance(one, ssl.SSLError | aiohttp.ClientSSLError) for one in seen):
        return "tls"
    if any(isinstance(one, socket.gaierror | aiohttp.ClientConnectorDNSError) for one in seen):
        return "unresolved"
    if isinstance(problem, aiohttp.InvalidURL):
        return "not_an_address"
    if isinstance(problem, aiohttp.ClientConnectorError):
        return "refused"
    return "dropped" if isinstance(problem, aiohttp.ClientError | OSError) else "failed"
