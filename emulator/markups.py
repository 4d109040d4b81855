"""Keyboards: what Telegram accepts in `reply_markup`."""

from __future__ import annotations

from typing import Any

from emulator.errors import Unprocessable
from emulator.text.spans import clean_link

Json = dict[str, Any]
_ACTIONS = (
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
    "disabled",
)
_STYLES = ("danger", "success", "primary")


def check_markup(markup: Json | None) -> None:
    """Raise Telegram's 400 for a keyboard it would refuse."""
    if not markup:
        return
    if "inline_keyboard" in markup:
        buttons = [button for row in markup["inline_keyboard"] for button in row]
        if len(buttons) > 100:
            raise Unprocessable("REPLY_MARKUP_TOO_LONG")
        for button in buttons:
            _check_inline(button)
    elif "keyboard" in markup:
        if not any(markup["keyboard"]):
            raise Unprocessable("reply keyboard must be non-empty")
        if len(markup.get("input_field_placeholder", "")) > 64:
            raise Unprocessable("input field placeholder is too long")
        for row in markup["keyboard"]:
            for button in row:
                if not _label(button).strip():
                    raise Unprocessable("can't parse keyboard button: text must be non-empty")


def _label(button: Any) -> str:
    return button if isinstance(button, str) else str(button["text"])


def _check_inline(button: Json) -> None:
    text = button["text"]
    given = [name for name in _ACTIONS if name in button]
    if not text.strip():
        raise Unprocessable("can't parse inline keyboard button: text must be non-empty")
    if not given:
        raise Unprocessable(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )
    if len(given) > 1:
        raise Unprocessable("BUTTON_TYPE_INVALID")
    if button.get("style") not in (None, *_STYLES):
        raise Unprocessable("BUTTON_STYLE_INVALID")
    if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= 64:
        raise Unprocessable("BUTTON_DATA_INVALID")
    if "copy_text" in button and not 1 <= len(button["copy_text"]["text"]) <= 256:
        raise Unprocessable("BUTTON_COPY_TEXT_INVALID")
    if "url" in button and clean_link(button["url"]) is None:
        raise Unprocessable(
            f"inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL"
        )
    if "web_app" in button:
        _check_web_app(button["web_app"]["url"])


def _check_web_app(url: str) -> None:
    if not url.startswith("https://") and not url.startswith(
        ("http://localhost", "http://127.0.0.1")
    ):
        raise Unprocessable(
            f"inline keyboard button Web App URL '{url}' is invalid: Only HTTPS links are allowed"
        )


def find_button(markup: Json | None, wanted: str) -> Json | None:
    """The inline button with this callback data or label."""
    if not markup:
        return None
    buttons: list[Json] = [b for row in markup.get("inline_keyboard", []) for b in row]
    by_data = (b for b in buttons if b.get("callback_data") == wanted)
    by_label = (b for b in buttons if b["text"] == wanted)
    return next(by_data, None) or next(by_label, None)


def find_key(keyboard: Json | None, wanted: str) -> Json | None:
    """The reply-keyboard button with this label."""
    for row in keys(keyboard) or []:
        for key in row:
            if key["text"] == wanted:
                return key
    return None


def keys(keyboard: Json | None) -> list[list[Json]] | None:
    """Rows of a reply keyboard, plain strings turned into buttons."""
    if not keyboard:
        return None
    return [
        [{"text": key} if isinstance(key, str) else key for key in row]
        for row in keyboard["keyboard"]
    ]
