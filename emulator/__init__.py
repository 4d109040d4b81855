"""A local Telegram: a Bot API server with a control API and a chat page.

It knows nothing of any product and works with any bot library. `start_emulator` in
`emulator.server` starts it inside a running event loop; `python -m emulator` runs it alone.
"""

from emulator.server import RunningEmulator, start_emulator

__all__ = ["RunningEmulator", "start_emulator"]
