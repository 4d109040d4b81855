"""Texts with entities: parse modes, automatic entities, Telegram's length rules."""

from emulator.text.formatted import MAX_CAPTION, MAX_TEXT, formatted

__all__ = ["MAX_CAPTION", "MAX_TEXT", "formatted"]
