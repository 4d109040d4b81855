"""Calls to the Bot API: JSON over kept connections, without any library's models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp

DEFAULT_API_URL = "https://api.telegram.org"
CONNECTIONS = 100
"""Calls under way at once."""

URGENT_CONNECTIONS = 10
"""Of these, so many are kept for what somebody waits for."""

CONNECT_S = 10.0
TOTAL_S = 25.0
"""Less than a lease: a call has ended, or is unknown, before its row may be taken away."""

_AS_JSON = {"Content-Type": "application/json"}
_BLOCKED = ("chat not found", "user_is_blocked", "user is deactivated", "peer_id_invalid")

Kind = Literal["sent", "refused", "limited", "unauthorised", "unknown", "blocked", "rejected"]


@dataclass(frozen=True, slots=True)
class Reply:
    """How a call ended; ``retry_after`` in seconds for a limited one, ``file_id`` what Telegram
    calls the picture of a message that was sent."""

    kind: Kind
    message_id: int | None = None
    retry_after: float = 0.0
    reason: str | None = None
    file_id: str | None = None


class Telegram:
    """The Bot API of one bot. Open inside an event loop, end with ``close``."""

    def __init__(self, *, token: str, api_url: str | None, total_s: float = TOTAL_S) -> None:
        self._base = f"{(api_url or DEFAULT_API_URL).rstrip('/')}/bot{token}/"
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=50),
            timeout=aiohttp.ClientTimeout(total=total_s, sock_connect=min(CONNECT_S, total_s)),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()

    async def call(self, method: str, params: Mapping[str, Any]) -> Reply:
        """Ask once, and say how it ended. Only programming errors are raised."""
        try:
            body = _json(params).encode()
        except (TypeError, ValueError) as problem:
            # Not said at all: nothing that could be written down.
            return Reply("rejected", reason=f"cannot be written: {type(problem).__name__}")
        return await self._post(method, body, _AS_JSON)

    async def upload(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        field: str,
        name: str,
        kind: str,
        data: bytes,
    ) -> Reply:
        """The same with a file: ``field`` is what the Bot API calls it, ``kind`` its MIME type."""
        form = aiohttp.FormData()
        for key, value in params.items():
            form.add_field(key, value if isinstance(value, str) else _json(value))
        form.add_field(field, data, filename=name, content_type=kind)
        return await self._post(method, form, None)

    async def _post(self, method: str, data: Any, headers: Mapping[str, str] | None) -> Reply:
        try:
            async with self._http.post(self._base + method, data=data, headers=headers) as response:
                return read_reply(response.status, await response.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as problem:
            # Nothing was said yet, so nothing can have arrived.
            return Reply("refused", reason=type(problem).__name__)
        except (TimeoutError, aiohttp.ClientError, OSError) as problem:
            return Reply("unknown", reason=type(problem).__name__)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _json(value: Any) -> str:
    return _ENCODER.encode(value)


def read_reply(status: int, body: bytes) -> Reply:
    """What an answer means for the message."""
    if status >= 500:
        return Reply("unknown", reason=f"http_{status}")
    try:
        answer = json.loads(body)
        description = str(answer.get("description") or "")
        if answer.get("ok") is True:
            result = answer["result"]
            return Reply("sent", message_id=int(result["message_id"]), file_id=_file_of(result))
        if status == 429:
            seconds = float((answer.get("parameters") or {}).get("retry_after") or 1)
            return Reply("limited", retry_after=seconds, reason="429")
    except (ValueError, AttributeError, KeyError, TypeError):
        # Answered, but not in the Bot API's words: something in between.
        return Reply("limited", retry_after=1.0) if status == 429 else _unreadable(status)
    if status == 403 or any(words in description.lower() for words in _BLOCKED):
        return Reply("blocked", reason=description)
    if status in (401, 404):
        return Reply("unauthorised", retry_after=30.0, reason=description)
    return Reply("rejected", reason=description or f"http_{status}")


def _file_of(result: Mapping[str, Any]) -> str | None:
    """The largest size of a photo, or the animation."""
    if result.get("photo"):
        return str(result["photo"][-1]["file_id"])
    return str(result["animation"]["file_id"]) if result.get("animation") else None


def _unreadable(status: int) -> Reply:
    kind: Kind = "rejected" if 400 <= status < 500 else "unknown"
    return Reply(kind, reason=f"http_{status}")
