"""A message as Telegram is asked for it."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loyalty.messaging.media import Picture
from loyalty.messaging.outbox import SERVICE
from loyalty.messaging.templates import SCREEN, Message

_CAPTION = 1024
"""Characters under a picture; more words than that leave without it."""

_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is being sent, as Telegram is asked for it.

    ``chain_version``: the chain it is a step of. ``picture`` goes with it, by the name Telegram
    knows it by or, for the first time, as an upload.
    """

    id: int
    chat_id: int
    method: str
    params: Mapping[str, Any]
    message_class: str
    customer_id: int | None = None
    chain_version: int | None = None
    picture: Picture | None = None

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for it: a service message."""
        return self.message_class == SERVICE


def fits_under(text: str) -> bool:
    """Whether an HTML text is short enough to stand under a picture."""
    return len(html.unescape(_TAG.sub("", text))) <= _CAPTION


def call_of(
    chat_id: int, message: Message, picture: Picture | None, *, protect: bool = False
) -> tuple[str, dict[str, Any]]:
    """The method that says this message, and what it is given (a picture is added by whoever
    calls: by its name or as an upload)."""
    params: dict[str, Any] = {"chat_id": chat_id, "parse_mode": "HTML"}
    if picture is not None:
        method = picture.method
        params["caption"] = message.text
    elif message.photo:
        method = "sendPhoto"
        params |= {"photo": message.photo, "caption": message.text}
    else:
        method = "sendMessage"
        params |= {"text": message.text, "link_preview_options": {"is_disabled": True}}
    if message.buttons:
        params["reply_markup"] = {
            "inline_keyboard": [[_button(button) for button in line] for line in message.buttons]
        }
    if protect:
        params["protect_content"] = True
    return method, params


def _button(button: Mapping[str, str]) -> dict[str, str]:
    if button.get("url"):
        return {"text": button["text"], "url": button["url"]}
    if button.get("tap"):
        return {"text": button["text"], "callback_data": button["tap"]}
    return {"text": button["text"], "callback_data": f"{SCREEN}{button['data']}"}
