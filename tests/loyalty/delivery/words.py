"""A step of a chain, said to somebody without sending it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from loyalty.chains.model import Definition
from loyalty.delivery.wording import say_step
from loyalty.messaging.templates import Message
from tests.world import ZONE, World

EVENT = {"kind": "event", "event": "test.began"}


def chain_of(
    ru: str, en: str | None = None, trigger: Mapping[str, Any] = EVENT, **more: Any
) -> Definition:
    """A chain of one message ``m``."""
    step = {"kind": "message", "id": "m", "texts": {"ru": ru, "en": en or ru}, **more}
    document = {"title": {"ru": "Проба", "en": "Trial"}, "trigger": trigger, "steps": [step]}
    return Definition.model_validate(document)


async def said(
    world: World,
    definition: Definition,
    customer_id: int,
    *,
    subject: Mapping[str, Any] | None = None,
    day: date | None = None,
    variant: str | None = None,
    segment: int | None = None,
    language: str | None = None,
    sample: bool = False,
) -> Message:
    """What the step says now."""
    return await world.db.read(
        lambda s: say_step(
            s,
            definition,
            "m",
            customer_id=customer_id,
            subject=subject or {},
            day=day,
            variant=variant,
            segment=segment,
            now=world.now,
            time_zone=ZONE,
            language=language,
            sample=sample,
        )
    )


def plain(message: Message) -> str:
    """The text with ordinary spaces."""
    return re.sub(r"[\u00a0\u202f]", " ", message.text)
