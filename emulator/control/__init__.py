"""The control API under `/control`: for tests and for the chat page alike."""

from emulator.control.guard import guard
from emulator.control.routes import control_routes

__all__ = ["control_routes", "guard"]
