"""What a chain does, in words: how it begins, its times, its steps, when it stops."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from babel.dates import get_day_names
from markupsafe import Markup, escape

from admin.chains_trigger_words import TriggerSayer, clock_text
from admin.chains_variables import ROOMY, SHORT, known_of, told, told_shortly
from loyalty.chains.model import (
    Condition,
    Definition,
    EventTrigger,
    GiftStep,
    MessageStep,
    Step,
    TagStep,
    TaskStep,
    VoucherGift,
    Wait,
    WaitBefore,
    WaitHour,
    WebhookStep,
)
from loyalty.program.wording import say_effect
from loyalty.texts import N_, Translator

TESTS: dict[str, str] = {
    "has_bought": N_("has bought at least once"),
    "bought_since_start": N_("has bought since the chain began"),
    "points_spent": N_("has spent the points it is about"),
    "purchase_returned": N_("has brought the purchase back"),
    "purchase_rated": N_("has rated the purchase"),
    "ordered": N_("has placed the order, emptied the cart or begun another"),
    "bought_category": N_("has bought these goods again"),
    "day_moved": N_("the day the chain is about has moved"),
    "left_segment": N_("is not in the segment any more"),
}
"""What a condition or an exit asks; "the customer …"."""

KINDS: dict[str, str] = {
    "message": N_("Message"),
    "wait": N_("Wait a while"),
    "wait_hour": N_("Wait for an hour or a weekday"),
    "wait_before": N_("Wait until some days before"),
    "condition": N_("Two ways"),
    "gift": N_("Gift"),
    "tag": N_("Tag"),
    "task": N_("Call by the staff"),
    "webhook": N_("Tell another system"),
}
"""Steps, as the editor offers them."""
WAITS = ("wait", "wait_hour", "wait_before")
ACTING = ("message", "gift", "tag", "task", "webhook")


def span(t: Translator, *, days: int = 0, hours: int = 0, minutes: int = 0) -> Markup:
    """ "2 days 3 hours"; "no time" for none."""
    parts = [
        t.plural(one, many, n)
        for one, many, n in (
            ("{n} day", "{n} days", days),
            ("{n} hour", "{n} hours", hours),
            ("{n} minute", "{n} minutes", minutes),
        )
        if n
    ]
    return Markup(" ").join(parts) if parts else t("at once")


@dataclass(slots=True)
class Line:
    """A line of a chain's picture. ``kind``: wait, a step's kind; ``title`` what it is, ``text``
    what it says or does, ``leads`` where it may lead to, ``notes`` more of it."""

    step_id: str
    kind: str
    number: int
    title: Markup
    text: str = ""
    when: Markup | None = None
    leads: Markup | None = None
    notes: list[Markup] = field(default_factory=list)
    buttons: list[list[str]] = field(default_factory=list)
    picture: int | None = None


class ChainSayer(TriggerSayer):
    """Says chains in one language: how they begin, go on and end."""

    @property
    def end(self) -> str:
        """What the end of a chain is called."""
        t = self._t
        return str(t("the end"))

    def kind(self, kind: str) -> Markup:
        """What a step of a kind is called."""
        return t_kind(self._t, kind)

    # --- its steps ---------------------------------------------------------------------------

    def waits(self, step: Step) -> Markup:
        """When a waiting step ends: "in 2 days", "at 10:00 of the customer"."""
        t = self._t
        match step:
            case Wait():
                length = span(t, days=step.days, hours=step.hours, minutes=step.minutes)
                if not step.length:
                    return t("at once")
                if step.since == "start":
                    return t("{span} after the beginning", span=length)
                return t("{span} later", span=length)
            case WaitHour():
                if step.weekday is None:
                    return t("at {time} where the customer is", time=clock_text(step.hour))
                names = get_day_names("wide", context="stand-alone", locale=t.language)
                return t(
                    "{weekday}, at {time} where the customer is",
                    weekday=str(names[step.weekday - 1]),
                    time=clock_text(step.hour),
                )
            case WaitBefore():
                if not step.days:
                    return t("on the day itself, at {time}", time=clock_text(step.hour))
                return t.plural(
                    "{n} day before the day, at {time}",
                    "{n} days before the day, at {time}",
                    step.days,
                    time=clock_text(step.hour),
                )
        return Markup()

    def lines(self, definition: Definition) -> list[Line]:
        """The picture of a chain: waits in a row are one line."""
        names = self.names(definition)
        found: list[Line] = []
        for number, step in enumerate(definition.steps, 1):
            if step.kind in WAITS:
                said = self.waits(step)
                if found and found[-1].kind == "wait":
                    found[-1].title += Markup(", ") + said
                else:
                    found.append(Line(step.id, "wait", number, said))
                continue
            found.append(self.line(step, number, names))
        return found

    def line(self, step: Step, number: int, names: Mapping[str, str]) -> Line:
        """One step of the picture."""
        t, kind = self._t, t_kind(self._t, step.kind)
        made = Line(step.id, step.kind, number, kind)
        match step:
            case Wait() | WaitHour() | WaitBefore():
                made.text = str(self.waits(step).unescape())
            case MessageStep():
                self._message(made, step, names)
            case Condition():
                made.text = self.asked(step)
                made.leads = t("else: {step}", step=names.get(step.otherwise, step.otherwise))
            case GiftStep():
                made.text = self.gift(step)
            case TagStep():
                said = t("take off “{tag}”", tag=step.tag) if step.remove else None
                made.text = str((said or t("put on “{tag}”", tag=step.tag)).unescape())
            case WebhookStep():
                made.text = step.name
            case TaskStep():
                made.text = step.title.said_in(t.language)
                made.notes.append(
                    t.plural("within {n} day", "within {n} days", step.due_days)
                    if step.due_days
                    else t("the same day")
                )
        return made

    def _message(self, made: Line, step: MessageStep, names: Mapping[str, str]) -> None:
        t = self._t
        made.text = told(*self._own(step.texts))
        made.picture = step.picture
        made.buttons = [
            [
                button.texts.get(t.language) or next(iter(button.texts.values()), "")
                for button in row
            ]
            for row in step.buttons
        ]
        if step.variants:
            made.notes.append(
                t.plural("{n} other variant", "{n} other variants", len(step.variants))
            )
        for one in step.for_segments:
            made.notes.append(t("other words for: {rule}", rule=self._rule(one.rule)))
        if step.then is not None:
            made.leads = t("then: {step}", step=names.get(step.then, step.then))

    def asked(self, step: Condition) -> str:
        """What a condition asks: "the customer has bought at least once"."""
        if step.test is not None:
            return self.test(step.test)
        if step.rule is None:
            return str(self._t("nothing is asked yet"))
        return self._rule(step.rule)

    def test(self, code: str) -> str:
        """A test in words."""
        t = self._t
        if code == "day_moved":
            return str(t(TESTS[code]))
        return str(t("the customer {does}", does=t(TESTS[code])).unescape())

    def exit(self, one: Any) -> str:
        """A reason to stop: a test or a rule."""
        return self.test(one) if isinstance(one, str) else self._rule(one)

    def gift(self, step: GiftStep) -> str:
        """What is given, and for how long."""
        t = self._t
        if step.points is not None:
            said = t.points(step.points)
            if step.points_days:
                good = t.plural("good for {n} day", "good for {n} days", step.points_days)
                said = said + Markup(", ") + good
            return str(said.unescape())
        if step.stamps is not None:
            card = self._cards.get(step.stamps.card, step.stamps.card)
            stamps = t.plural("{n} stamp", "{n} stamps", step.stamps.count)
            return str(t("{stamps} on “{card}”", stamps=stamps, card=card).unescape())
        if isinstance(step.voucher, VoucherGift):
            gift = step.voucher
            good = t.plural("good for {n} day", "good for {n} days", gift.valid_days)
            effect = escape(str(say_effect(gift.effect, t, self._currency)))
            said = t("coupon “{name}”: {effect}", name=gift.name.said_in(t.language), effect=effect)
            return str((said + Markup(", ") + good).unescape())
        return str(t("nothing is chosen yet"))

    def names(
        self,
        definition: Definition,
        known: Mapping[str, str] | None = None,
        *,
        width: int = SHORT,
    ) -> dict[str, Markup]:
        """Every step by id, as others speak of it, and the end; the rest as in ``named``."""
        found = {"end": Markup.escape(self.end)}
        for number, step in enumerate(definition.steps, 1):
            found[step.id] = self.named(step, number, known, width=width)
        return found

    def of_somebody(
        self, definition: Definition | None, step_id: str, name: str | None
    ) -> Markup | None:
        """A step as it is spoken of beside a customer, with their own name in it; None for a
        step that is not there."""
        steps = enumerate(definition.steps if definition else (), 1)
        found = next(((number, step) for number, step in steps if step.id == step_id), None)
        if found is None:
            return None
        return self.named(found[1], found[0], known_of(name), width=ROOMY)

    def named(
        self,
        step: Step,
        number: int,
        known: Mapping[str, str] | None = None,
        *,
        width: int = SHORT,
    ) -> Markup:
        """ "5. Message: Hello, Anna, so glad…": values are examples but for those ``known``, and
        at most ``width`` characters of the text."""
        kind, said = t_kind(self._t, step.kind), ""
        match step:
            case MessageStep():
                short = told_shortly(*self._own(step.texts), known, width=width)
                return Markup("{}. {}: {}").format(number, kind, short)
            case GiftStep():
                said = self.gift(step)
            case Condition():
                said = self.asked(step)
            case TagStep():
                said = step.tag
            case TaskStep():
                said = step.title.said_in(self._t.language)
            case WebhookStep():
                said = step.name
            case _:
                return Markup("{}. {}").format(number, self.waits(step))
        return called(number, kind, said, width)

    def _own(self, texts: Mapping[str, str]) -> tuple[str, str]:
        """A text in the reader's language, else in the one there is, and that language."""
        own = self._t.language
        if texts.get(own):
            return texts[own], own
        return next(((text, code) for code, text in texts.items() if text), ("", own))

    # --- how it goes on ----------------------------------------------------------------------

    def about(self, definition: Definition) -> str:
        """In one line what the chain does: its own words, else how it begins and what it does."""
        own = definition.about.get(self._t.language)
        return own or str(self._counted(definition).unescape())

    def _counted(self, definition: Definition) -> Markup:
        t = self._t
        begins = self.trigger(definition.trigger)
        messages = sum(1 for _ in definition.messages)
        gifts = sum(1 for step in definition.steps if isinstance(step, GiftStep))
        parts = [t.plural("{n} message", "{n} messages", messages)] if messages else []
        if gifts:
            parts.append(t.plural("{n} gift", "{n} gifts", gifts))
        said = begins[:1].upper() + begins[1:]
        return said + (Markup(": ") + Markup(", ").join(parts) if parts else Markup())

    def re_entry(self, definition: Definition) -> Markup:
        """Whether somebody may go through it again."""
        t, again = self._t, definition.re_entry
        if again.never or _only_once(definition):
            return t("once in a lifetime")
        parts = [
            t.plural(
                "again not before {n} day has passed", "again not before {n} days have passed",
                again.days,
            )
            if again.days
            else t("every time it happens")
        ]  # fmt: skip
        if again.one_at_a_time:
            parts.append(t("never twice at once"))
        return Markup(", ").join(parts)

    def control(self, definition: Definition, own_bp: int) -> Markup:
        """The share that gets nothing, for comparison."""
        t, share = self._t, definition.holdout_bp
        if share == 0:
            return t("nobody")
        if share is None:
            return t("{percent} %, as in the program", percent=t.decimal(own_bp, 2))
        return t("{percent} %", percent=t.decimal(share, 2))

    def exits(self, definition: Definition) -> list[str]:
        """Every reason to stop."""
        return [self.exit(one) for one in definition.exits]


def _only_once(definition: Definition) -> bool:
    trigger = definition.trigger
    return isinstance(trigger, EventTrigger) and trigger.occurrence == "once" and not trigger.first


def called(number: int, kind: Markup, said: str, width: int = SHORT) -> Markup:
    """A step as others speak of it: its number, its kind and the beginning of what it says."""
    short = " ".join(said.split())
    short = short if len(short) <= width else f"{short[: width - 1].rstrip()}…"
    if not short:
        return Markup("{}. {}").format(number, kind)
    return Markup("{}. {}: {}").format(number, kind, short)


def t_kind(t: Translator, kind: str) -> Markup:
    """What a step of a kind is called."""
    return t(KINDS[kind]) if kind in KINDS else Markup.escape(kind)


_ALWAYS = ("has_bought", "bought_since_start")
_BY_KIND: Mapping[str, tuple[str, ...]] = {
    "expiry": ("points_spent", "day_moved"),
    "date": ("day_moved",),
    "silence": ("purchase_returned", "purchase_rated"),
    "replenish": ("bought_category", "purchase_returned", "purchase_rated"),
    "segment": ("left_segment",),
    "calendar": ("left_segment",),
    "event": ("purchase_returned", "purchase_rated", "ordered", "bought_category"),
}


def choices_of_tests(
    t: Translator, trigger: Mapping[str, Any], chosen: Collection[str]
) -> list[tuple[str, str]]:
    """Tests that say something in a chain that begins so, and those that are chosen already."""
    fitting = {*_ALWAYS, *_BY_KIND.get(str(trigger.get("kind")), ()), *chosen}
    return [(code, str(t(said))) for code, said in TESTS.items() if code in fitting]
