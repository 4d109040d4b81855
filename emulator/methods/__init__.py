"""Bot API methods that are truly carried out, by name. Importing this package fills the list."""

from emulator.methods import chats, edits, media, messages, profile, updates
from emulator.methods.registry import METHODS, Call

__all__ = ["METHODS", "Call", "chats", "edits", "media", "messages", "profile", "updates"]
