"""A message that tells a coupon's code is reached only by who was given one."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty.chains.checking import problems_of
from loyalty.chains.model import Definition

GIFT = {
    "kind": "gift",
    "id": "gift",
    "voucher": {
        "name": {"ru": "Скидка", "en": "Off"},
        "effect": {"kind": "percent", "rate_bp": 1000},
    },
}
POINTS = {"kind": "gift", "id": "points", "points": 50}
ASK = {"kind": "condition", "id": "ask", "test": "has_bought", "otherwise": "say"}


def say(id_: str = "say", text: str = "{code}", **more: Any) -> dict[str, Any]:
    return {"kind": "message", "id": id_, "texts": {"ru": text, "en": text}, **more}


def fields(*steps: dict[str, Any]) -> list[str]:
    definition = Definition.model_validate(
        {
            "title": {"ru": "Проба", "en": "Trial"},
            "trigger": {"kind": "event", "event": "test.began"},
            "steps": steps,
        }
    )
    found = [one for one in problems_of(definition) if one["problem"] == "code_without_gift"]
    return [one["field"] for one in found]


VARIANT = {"key": "b", "share_bp": 5000, "texts": {"ru": "{code}", "en": "x"}}


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ([GIFT, say()], []),
        ([say()], ["steps.0.texts"]),
        ([POINTS, say()], ["steps.1.texts"]),
        ([say(), GIFT], ["steps.0.texts"]),
        # Whoever has not bought comes past the gift.
        ([ASK, GIFT, say()], ["steps.2.texts"]),
        ([{**ASK, "otherwise": "gift"}, say("hello", "hi"), GIFT, say()], []),
        ([ASK, GIFT, say("told", then="end"), say(text="hi")], []),
        # Words instead for whoever has none.
        ([ASK, GIFT, say(text="{code|ask at the till}")], []),
        ([say(text="hi", variants=[VARIANT])], ["steps.0.variants.0.texts"]),
        ([GIFT, say(text="hi", variants=[VARIANT])], []),
    ],
)
def test_a_code_needs_a_gift(steps: list[dict[str, Any]], wrong: list[str]) -> None:
    assert fields(*steps) == wrong
