"""Named places in the life of a message at which a process kills itself with SIGKILL."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from loyalty import chains, delivery
from loyalty.db import Database
from scheduler.telegram import Telegram

POINTS = (
    "enrol:in",
    "enrol:after",
    "advance:in",
    "advance:after",
    "claim:in",
    "claim:after",
    "begin:in",
    "begin:after",
    "call:before",
    "call:during",
    "call:after",
    "settle:in",
    "settle:after",
    "recover:in",
    "recover:after",
)
"""``in``: its statements are done, its transaction is not committed. ``after``: just committed."""


class Killer:
    """Ends this process the ``nth`` time it comes by ``point``."""

    def __init__(self, point: str, nth: int) -> None:
        self._point = point
        self._left = nth

    def passes(self, point: str) -> None:
        """This place is reached."""
        if self._is_here(point):
            os.kill(os.getpid(), signal.SIGKILL)

    def _is_here(self, point: str) -> bool:
        if point != self._point:
            return False
        self._left -= 1
        return self._left <= 0

    def install(self) -> None:
        """Watch every place. The process is thrown away afterwards, so nothing is undone."""
        for module, name, called in (
            (chains, "enrol", "enrol_from_events"),
            (chains, "advance", "advance"),
            (delivery, "claim", "claim"),
            (delivery, "begin", "begin"),
            (delivery, "settle", "settle"),
            (delivery, "recover", "recover"),
        ):
            self._watch_unit(module, name, called)
        self._watch_commits()
        self._watch_calls()

    def _watch_unit(self, module: Any, name: str, called: str) -> None:
        original: Callable[..., Any] = getattr(module, called)

        def watched(session: Session, *args: Any, **options: Any) -> Any:
            result = original(session, *args, **options)
            if _did_something(name, result):
                self.passes(f"{name}:in")
                session.info.setdefault("passed", set()).add(name)
            return result

        setattr(module, called, watched)

    def _watch_commits(self) -> None:
        original = Database.transact

        async def watched(db: Database, unit: Callable[[Session], Any]) -> Any:
            passed: set[str] = set()

            def noted(session: Session) -> Any:
                result = unit(session)
                passed.update(session.info.pop("passed", ()))
                return result

            result = await original(db, noted)
            for name in passed:
                self.passes(f"{name}:after")
            return result

        Database.transact = watched  # type: ignore[method-assign,assignment]

    def _watch_calls(self) -> None:
        original = Telegram.call

        async def watched(telegram: Telegram, method: str, params: Any) -> Any:
            self.passes("call:before")
            call = asyncio.create_task(original(telegram, method, params))
            if self._is_here("call:during"):
                # Somewhere on the way: before it is heard, or before the answer is.
                await asyncio.sleep(random.uniform(0, 0.006))
                os.kill(os.getpid(), signal.SIGKILL)
            reply = await call
            self.passes("call:after")
            return reply

        Telegram.call = watched  # type: ignore[method-assign,assignment]


def _did_something(name: str, result: Any) -> bool:
    if name == "advance":
        return bool(result.moved)
    return True if name == "settle" else bool(result)
