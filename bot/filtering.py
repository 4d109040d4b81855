"""Filters answer where they are asked.

aiogram hands every filter that is no coroutine (each ``F.text``) to a thread, so one tap used to
cost five hops between threads before its handler began: more than the handler itself.
"""

from __future__ import annotations

from typing import Any

from aiogram import Router
from aiogram.dispatcher.event.handler import FilterObject


def answer_inline(router: Router) -> None:
    """Let the plain filters of a router and of those below it run in the event loop.

    They only look at the update; none of ours waits for anything. To be called once every
    handler is registered.
    """
    for part in router.chain_tail:
        for observer in part.observers.values():
            for handler in observer.handlers:
                for check in handler.filters or ():
                    _inline(check)


def _inline(check: FilterObject) -> None:
    if check.awaitable:
        return
    plain = check.callback

    async def ask(*args: Any, **kwargs: Any) -> Any:
        return plain(*args, **kwargs)

    check.callback = ask
    check.awaitable = True
