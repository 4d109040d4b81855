"""The Telegram face: customers and cashiers.

``start`` is the door: intake, workers and the command menus of one bot. aiogram takes seconds
to import, so it is imported only when a bot is started.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.app import RunningBot

__all__ = ["RunningBot", "start"]


async def start(*args: Any, **kwargs: Any) -> RunningBot:
    """Start a bot; see ``bot.app.start``."""
    # The library builds hundreds of models as it is imported; the collector would look at them
    # again and again meanwhile (a sixth of the time).
    gc.disable()
    try:
        from bot.app import start as start_app
    finally:
        gc.enable()
    return await start_app(*args, **kwargs)


def __getattr__(name: str) -> Any:
    if name == "RunningBot":
        from bot.app import RunningBot

        return RunningBot
    raise AttributeError(name)
