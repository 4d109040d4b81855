"""What a chain is made of: a trigger, steps, exits, re-entry, a control share.

``loyalty.chains.checking`` says what is wrong with one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from loyalty.messaging.templates import SCREEN
from loyalty.program.effects import LocalText, VoucherEffect
from loyalty.segments import Rule

END = "end"
"""Where a step may lead to: the end of the chain."""

Test = Literal[
    "has_bought",
    "bought_since_start",
    "points_spent",
    "purchase_returned",
    "purchase_rated",
    "ordered",
    "bought_category",
    "day_moved",
    "left_segment",
]
"""What a condition or an exit may ask about the customer's way through this chain: bought at all;
since it started; the points it is about are gone; its purchase came back, was rated; its cart was
ordered or emptied; its category was bought since; the day it is about is another one now; they
are not in the segment it is about any more."""

PURCHASE = "{purchase}"
"""Stands in a button's data for the purchase the chain is about, as ``ids.short_of`` says it."""

TRACK = "~"
"""In callback data, between a screen and the message whose button it was (``ids.short_of``)."""
_TRACK_LENGTH = 1 + 13
MAX_CALLBACK_BYTES = 64 - len(SCREEN) - _TRACK_LENGTH

STEP_ID = r"^[a-z0-9_]{1,48}$"
MAX_STEPS = 60

URGENCIES = (
    "bonus_expiry",
    "abandoned_cart",
    "birthday",
    "post_purchase",
    "rating",
    "welcome",
    "renewal",
    "replenishment",
    "tier_progress",
    "abandoned_view",
    "referral",
    "anniversary",
    "seasonal",
    "win_back",
    "other",
)
"""What a chain is like, for the order of triggers (``policy.PRIORITY``)."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# --- triggers --------------------------------------------------------------------------------


class EventTrigger(_Part):
    """Starts when an event of the type happens: ``once`` per customer, per ``purchase``, per
    ``event``, or per value of ``subject`` in the event's data (a cart's id)."""

    kind: Literal["event"] = "event"
    event: str = Field(min_length=1, max_length=48)
    occurrence: Literal["once", "purchase", "event", "subject"] = "once"
    subject: str | None = Field(default=None, max_length=48)
    # Only the customer's very first purchase.
    first: bool = False
    # Values the event's data must have: {"rise": true}, {"score": 5}.
    where: dict[str, bool | int | str] = Field(default_factory=dict)


class ExpiryTrigger(_Part):
    """Starts ``days_before`` the last day of points, once per customer and day."""

    kind: Literal["expiry"] = "expiry"
    days_before: int = Field(default=14, ge=1, le=90)


class DateTrigger(_Part):
    """Starts ``days_before`` a day of the customer's: ``birthday``, ``joined`` (yearly, from the
    first anniversary on) or a custom date ``field:KEY``. The day is the customer's own zone's."""

    kind: Literal["date"] = "date"
    field: str = Field(pattern=r"^(birthday|joined|field:[A-Za-z0-9_]{1,40})$")
    days_before: int = Field(default=0, ge=0, le=365)
    # For a custom field: every year on that day of that month.
    yearly: bool = False


class SilenceTrigger(_Part):
    """Starts ``days`` after the last purchase, once per last purchase."""

    kind: Literal["silence"] = "silence"
    days: int = Field(ge=1, le=3650)


class ReplenishTrigger(_Part):
    """Starts when goods of a category are due to run out: ``days`` after they were last bought,
    by the category's own number (see goods), or the customer's median interval if there is one.
    ``category`` None: every category that has a number of days."""

    kind: Literal["replenish"] = "replenish"
    category: str | None = Field(default=None, max_length=64)
    days: int | None = Field(default=None, ge=1, le=3650)
    # Of three or more purchases of the category the customer's own median interval counts.
    own_interval: bool = True


class SegmentTrigger(_Part):
    """Starts when somebody comes into the segment; those in it at the start do so too only if
    ``present``. Looked at every few minutes."""

    kind: Literal["segment"] = "segment"
    rule: Rule
    present: bool = False


class CalendarTrigger(_Part):
    """Starts on a day for everybody in the segment: a ``date``, or every year on ``month`` and
    ``day``; from ``hour`` of the business zone."""

    kind: Literal["calendar"] = "calendar"
    on: date | None = None
    month: int | None = Field(default=None, ge=1, le=12)
    day: int | None = Field(default=None, ge=1, le=31)
    hour: int = Field(default=10, ge=0, le=23)
    rule: Rule | None = None


Trigger = Annotated[
    EventTrigger
    | ExpiryTrigger
    | DateTrigger
    | SilenceTrigger
    | ReplenishTrigger
    | SegmentTrigger
    | CalendarTrigger,
    Field(discriminator="kind"),
]

ABOUT_A_DAY = (ExpiryTrigger, DateTrigger)
"""Triggers whose passes are about a day that ``WaitBefore`` can wait for."""


# --- steps -----------------------------------------------------------------------------------


class _Step(_Part):
    # Empty: named after its place by ``Definition``.
    id: str = Field(default="", max_length=48)


class Wait(_Step):
    """Until so long after the chain started, or after the step before was due."""

    kind: Literal["wait"] = "wait"
    days: int = Field(default=0, ge=0, le=3650)
    hours: int = Field(default=0, ge=0, le=23)
    minutes: int = Field(default=0, ge=0, le=59)
    since: Literal["start", "previous"] = "previous"

    @property
    def length(self) -> timedelta:
        """How long."""
        return timedelta(days=self.days, hours=self.hours, minutes=self.minutes)


class WaitHour(_Step):
    """Until the next time it is that hour in the customer's zone, on ``weekday`` (1 Monday … 7
    Sunday) if one is named."""

    kind: Literal["wait_hour"] = "wait_hour"
    hour: int = Field(ge=0, le=23)
    weekday: int | None = Field(default=None, ge=1, le=7)


class WaitBefore(_Step):
    """Until that many days before the day the chain is about, at an hour: the business zone's
    for points, the customer's own for their own days."""

    kind: Literal["wait_before"] = "wait_before"
    days: int = Field(ge=0, le=365)
    hour: int = Field(default=10, ge=0, le=23)


class Condition(_Step):
    """Goes on if the ``test`` or the ``rule`` holds, else to the step called ``otherwise``
    further down. Exactly one of the two is given."""

    kind: Literal["condition"] = "condition"
    test: Test | None = None
    rule: Rule | None = None
    otherwise: str = END


class Button(_Part):
    """A button: what it says by language, and what it does: opens a screen of the bot (``data``,
    may hold ``PURCHASE``) or a link (counted on its way, see ``delivery.tracking``)."""

    texts: dict[str, str]
    data: str | None = None
    url: str | None = None


class Content(_Part):
    """Words by language, buttons, a picture (``media.id``)."""

    texts: dict[str, str]
    buttons: tuple[tuple[Button, ...], ...] = ()
    picture: int | None = Field(default=None, ge=1, lt=2**63)


class Variant(Content):
    """Other words for a share of the people, basis points; the rest get the step's own."""

    key: str = Field(pattern=r"^[a-z0-9]{1,8}$")
    share_bp: int = Field(ge=1, le=10_000)


class ForSegment(Content):
    """Other words for those in a segment; of several the first that holds."""

    rule: Rule


class MessageStep(_Step, Content):
    """A message by language; ``then`` leads elsewhere than to the next step."""

    kind: Literal["message"] = "message"
    variants: tuple[Variant, ...] = Field(default=(), max_length=4)
    for_segments: tuple[ForSegment, ...] = Field(default=(), max_length=8)
    # In the order they are tried.
    channels: tuple[Literal["telegram"], ...] = ("telegram",)
    # Hours after it was due at which it is too old to be said; None: until the chain's day ends.
    lifetime_hours: int | None = Field(default=48, ge=1, le=24 * 90)
    then: str | None = None

    def content(self, variant: str | None) -> Content:
        """What a variant says; the step's own for None and for one that is not there."""
        return next((one for one in self.variants if one.key == variant), self)


class StampGift(_Part):
    """Stamps on a card of the program."""

    card: str = Field(min_length=1, max_length=32)
    count: int = Field(default=1, ge=1, le=20)


class VoucherGift(_Part):
    """A coupon of the customer's own; ``minimum`` of the receipt in minor units."""

    name: LocalText
    effect: VoucherEffect
    valid_days: int = Field(default=7, ge=1, le=365)
    minimum: int = Field(default=0, ge=0)


class GiftStep(_Step):
    """Something given: points that are good for ``points_days`` (None: the program's), stamps,
    or a coupon. Exactly one. Who cannot be told, or is in a control group, gets none."""

    kind: Literal["gift"] = "gift"
    points: int | None = Field(default=None, ge=1, le=1_000_000)
    points_days: int | None = Field(default=None, ge=1, le=3650)
    stamps: StampGift | None = None
    voucher: VoucherGift | None = None


class TagStep(_Step):
    """Puts a tag on the customer, or takes it off."""

    kind: Literal["tag"] = "tag"
    tag: str = Field(min_length=1, max_length=40)
    remove: bool = False


class WebhookStep(_Step):
    """Tells the shop's other systems: an outgoing webhook ``chain.step`` with this name."""

    kind: Literal["webhook"] = "webhook"
    name: str = Field(pattern=r"^[a-z0-9_.]{1,48}$")


class TaskStep(_Step):
    """Somebody of the staff is to call this customer: a row of the call list."""

    kind: Literal["task"] = "task"
    title: LocalText
    due_days: int = Field(default=3, ge=0, le=90)


Step = Annotated[
    Wait
    | WaitHour
    | WaitBefore
    | Condition
    | MessageStep
    | GiftStep
    | TagStep
    | WebhookStep
    | TaskStep,
    Field(discriminator="kind"),
]
Exit = Test | Rule
ACTS = (MessageStep, GiftStep, TagStep, WebhookStep, TaskStep)
"""Steps that do something; every one of them leaves a touch."""


class ReEntry(_Part):
    """Whether somebody may come again with another occurrence: each time (``days`` 0), not within
    ``days`` of the last start, or ``never``; and not while on the way, if ``one_at_a_time``."""

    never: bool = False
    days: int = Field(default=0, ge=0, le=3650)
    one_at_a_time: bool = False


class Definition(_Part):
    """A chain. ``holdout_bp``: control share in basis points; None: the program's."""

    title: dict[str, str]
    about: dict[str, str] = Field(default_factory=dict)
    trigger: Trigger
    steps: tuple[Step, ...] = Field(max_length=MAX_STEPS)
    exits: tuple[Exit, ...] = ()
    re_entry: ReEntry = ReEntry()
    holdout_bp: int | None = Field(default=None, ge=0, le=5000)
    # Its place in the order of triggers; None: by the chain's key.
    urgency: str | None = Field(default=None, max_length=32)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """Steps without a name are called after their place, so that every one has a name."""
        steps = given.get("steps") if isinstance(given, dict) else None
        if not isinstance(steps, list | tuple):
            return given
        named = [
            {**step, "id": step.get("id") or f"step{number}"} if isinstance(step, dict) else step
            for number, step in enumerate(steps, 1)
        ]
        return {**given, "steps": named}

    def step(self, step_id: str) -> Step | None:
        """The step called ``step_id``."""
        return next((step for step in self.steps if step.id == step_id), None)

    def message(self, step_id: str) -> MessageStep | None:
        """The message called ``step_id``."""
        found = self.step(step_id)
        return found if isinstance(found, MessageStep) else None

    @property
    def messages(self) -> Iterator[MessageStep]:
        """Its messages, in order."""
        return (step for step in self.steps if isinstance(step, MessageStep))

    @property
    def is_about_purchase(self) -> bool:
        """Whether each pass through the chain is about one purchase."""
        trigger = self.trigger
        if isinstance(trigger, EventTrigger):
            return trigger.occurrence == "purchase" or trigger.first
        return isinstance(trigger, SilenceTrigger | ReplenishTrigger)

    @property
    def is_about_day(self) -> bool:
        """Whether each pass is about a day."""
        return isinstance(self.trigger, ABOUT_A_DAY)

    def index_of(self, step_id: str) -> int:
        """Where a jump leads: the step's place, or past the last one."""
        places = (index for index, step in enumerate(self.steps) if step.id == step_id)
        return next(places, len(self.steps))
