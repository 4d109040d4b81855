"""What a chain is made of: a trigger, steps, exits; checked when it is saved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from loyalty.messaging import placeholders
from loyalty.messaging.templates import SCREEN
from loyalty.texts import LANGUAGES

END = "end"
"""Where a step may lead to: the end of the chain."""

Test = Literal[
    "has_bought", "bought_since_start", "points_spent", "purchase_returned", "purchase_rated"
]
"""What a condition or an exit may ask about the customer, or the purchase the chain is about."""

PURCHASE = "{purchase}"
"""Stands in a button's data for the purchase the chain is about, as ``ids.short_of`` says it."""
_LONGEST_ID = 13

MAX_CALLBACK_BYTES = 64 - len(SCREEN)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EventTrigger(_Part):
    """Starts when an event of the type happens; ``once`` per customer or per purchase."""

    kind: Literal["event"] = "event"
    event: str
    occurrence: Literal["once", "purchase"] = "once"


class ExpiryTrigger(_Part):
    """Starts ``days_before`` the last day of points, once per customer and day."""

    kind: Literal["expiry"] = "expiry"
    days_before: int = Field(default=14, ge=1, le=90)


class Wait(_Part):
    """Until so long after the chain started, or after the step before."""

    kind: Literal["wait"] = "wait"
    days: int = Field(default=0, ge=0, le=3650)
    hours: int = Field(default=0, ge=0, le=23)
    minutes: int = Field(default=0, ge=0, le=59)
    since: Literal["start", "previous"] = "previous"

    @property
    def length(self) -> timedelta:
        """How long."""
        return timedelta(days=self.days, hours=self.hours, minutes=self.minutes)


class WaitHour(_Part):
    """Until the next time it is that hour in the customer's zone."""

    kind: Literal["wait_hour"] = "wait_hour"
    hour: int = Field(ge=0, le=23)


class WaitBefore(_Part):
    """Until that many days before the day the chain is about, at an hour of the business zone."""

    kind: Literal["wait_before"] = "wait_before"
    days: int = Field(ge=0, le=90)
    hour: int = Field(default=10, ge=0, le=23)


class Condition(_Part):
    """Goes on if the test holds, else to the step called ``otherwise`` further down."""

    kind: Literal["condition"] = "condition"
    test: Test
    otherwise: str = END


class Button(_Part):
    """A button: what it says by language, and what it does. ``data`` may hold ``PURCHASE``."""

    texts: dict[str, str]
    data: str | None = None
    url: str | None = None


class MessageStep(_Part):
    """A message by language; ``then`` leads elsewhere than to the next step."""

    kind: Literal["message"] = "message"
    id: str = Field(pattern=r"^[a-z0-9_]{1,48}$")
    texts: dict[str, str]
    buttons: tuple[tuple[Button, ...], ...] = ()
    # Hours after it was due at which it is too old to be said; None: until the chain's day ends.
    lifetime_hours: int | None = Field(default=48, ge=1, le=24 * 90)
    then: str | None = None


Step = Annotated[
    Wait | WaitHour | WaitBefore | Condition | MessageStep, Field(discriminator="kind")
]
Trigger = Annotated[EventTrigger | ExpiryTrigger, Field(discriminator="kind")]


class Definition(_Part):
    """A chain. ``holdout_bp``: control share in basis points; None: the program's."""

    title: dict[str, str]
    trigger: Trigger
    steps: tuple[Step, ...]
    exits: tuple[Test, ...] = ()
    holdout_bp: int | None = Field(default=None, ge=0, le=5000)

    def message(self, step_id: str) -> MessageStep | None:
        """The message called ``step_id``."""
        return next((s for s in self.steps if isinstance(s, MessageStep) and s.id == step_id), None)

    @property
    def is_about_purchase(self) -> bool:
        """Whether each pass through the chain is about one purchase."""
        trigger = self.trigger
        return isinstance(trigger, EventTrigger) and trigger.occurrence == "purchase"

    def index_of(self, step_id: str) -> int:
        """Where a jump leads: the message's place, or past the last step."""
        for index, step in enumerate(self.steps):
            if isinstance(step, MessageStep) and step.id == step_id:
                return index
        return len(self.steps)


def problems_of(definition: Definition) -> Iterator[dict[str, str]]:
    """What is wrong with a chain, as field and problem; none if it may be published."""
    for language in LANGUAGES:
        if not definition.title.get(language, "").strip():
            yield {"field": "title", "problem": f"language_missing:{language}"}
    seen: set[str] = set()
    if not any(isinstance(step, MessageStep) for step in definition.steps):
        yield {"field": "steps", "problem": "no_message"}
    for index, step in enumerate(definition.steps):
        field = f"steps[{index}]"
        if isinstance(step, WaitBefore) and definition.trigger.kind != "expiry":
            yield {"field": field, "problem": "no_date_to_wait_for"}
        target = None
        if isinstance(step, Condition):
            target = step.otherwise
        if isinstance(step, MessageStep):
            target = step.then
            if step.id in seen or step.id == END:
                yield {"field": f"{field}.id", "problem": "id_taken"}
            seen.add(step.id)
            yield from _message_problems(step, field, about_purchase=definition.is_about_purchase)
        if target not in (None, END) and definition.index_of(str(target)) <= index:
            yield {"field": field, "problem": "leads_back"}
        elif target not in (None, END) and definition.message(str(target)) is None:
            yield {"field": field, "problem": "leads_nowhere"}


def _message_problems(
    step: MessageStep, field: str, *, about_purchase: bool
) -> Iterator[dict[str, str]]:
    for problem in placeholders.problems_of_texts(step.texts):
        yield {"field": f"{field}.texts", "problem": problem}
    for row in step.buttons:
        for button in row:
            if (button.data is None) == (button.url is None):
                yield {"field": f"{field}.buttons", "problem": "data_or_url"}
            if button.data is not None:
                for problem in _data_problems(button.data, about_purchase=about_purchase):
                    yield {"field": f"{field}.buttons", "problem": problem}
            if button.url is not None and not button.url.startswith(("https://", "http://")):
                yield {"field": f"{field}.buttons", "problem": "not_a_link"}
            missing = [name for name in LANGUAGES if not button.texts.get(name, "").strip()]
            for language in missing:
                yield {"field": f"{field}.buttons", "problem": f"language_missing:{language}"}


def _data_problems(data: str, *, about_purchase: bool) -> Iterator[str]:
    filled = data.replace(PURCHASE, "z" * _LONGEST_ID) if about_purchase else data
    if "{" in filled or "}" in filled:
        yield "unknown_variable"
    if not 1 <= len(filled.encode()) <= MAX_CALLBACK_BYTES:
        yield "data_length"
