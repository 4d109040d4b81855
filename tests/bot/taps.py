"""Taps from an old message, another device or a forger: put straight into the inbox."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from bot.app import RunningBot
from tests.bot.phone import Phone

_NUMBERS = itertools.count(2**40)


@dataclass(frozen=True)
class Answer:
    """What the tap's own answer said; None: it was not answered at all."""

    text: str | None
    alert: bool


async def tap_raw(
    running: RunningBot,
    phone: Phone,
    data: str,
    *,
    message_id: int | None = None,
    chat_id: int | None = None,
    times: int = 1,
) -> Answer:
    """Tap a button with ``data`` on any message, there or not; ``times``: at once."""
    last = message_id if message_id is not None else (await phone.from_bot())[-1]["message_id"]
    updates = [_update(phone, data, last, chat_id or phone.id) for _ in range(times)]
    await running.intake.put(updates)
    await running.idle()
    answers = await phone.telegram.requests("answerCallbackQuery")
    name = updates[-1]["callback_query"]["id"]
    found = [a["parameters"] for a in answers if a["parameters"]["callback_query_id"] == name]
    if not found:
        return Answer(None, False)
    alert = str(found[0].get("show_alert")).lower() == "true"
    return Answer(str(found[0].get("text") or ""), alert)


def _update(phone: Phone, data: str, message_id: int, chat_id: int) -> dict[str, Any]:
    number = next(_NUMBERS)
    return {
        "update_id": number,
        "callback_query": {
            "id": f"q{number}",
            "from": {
                "id": phone.id,
                "is_bot": False,
                "first_name": "X",
                "language_code": "en",
            },
            "chat_instance": "1",
            "message": {
                "message_id": message_id,
                "date": 1_790_000_000,
                "text": "…",
                "chat": {"id": chat_id, "type": "private", "first_name": "X"},
            },
            "data": data,
        },
    }
