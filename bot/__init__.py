"""The Telegram face: customers and cashiers.

``start`` is the door: intake, workers and the command menus of one bot. aiogram takes seconds
to import, so it is imported only when a bot is started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.app import RunningBot

__all__ = ["RunningBot", "start"]


async def start(*args: Any, **kwargs: Any) -> RunningBot:
    """Start a bot; see ``bot.app.start``."""
    from bot.app import start as start_app

    return await start_app(*args, **kwargs)


def __getattr__(name: str) -> Any:
    if name == "RunningBot":
        from bot.app import RunningBot

        return RunningBot
    raise AttributeError(name)
