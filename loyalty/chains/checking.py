"""What is wrong with a chain, before it may be published: fields and problems."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from loyalty.chains.model import (
    END,
    MAX_CALLBACK_BYTES,
    PURCHASE,
    Button,
    CalendarTrigger,
    Condition,
    Content,
    Definition,
    EventTrigger,
    GiftStep,
    MessageStep,
    Step,
    WaitBefore,
)
from loyalty.messaging import placeholders
from loyalty.segments import All
from loyalty.texts import LANGUAGES

Problem = dict[str, str]
_LONGEST_ID = 13
_CAPTION_LIMIT = 1024
_LEAP_YEAR = 2028
# As the POS API takes the types of events, and as our own are called.
_EVENT = re.compile(r"[a-z][a-z0-9_.]{0,47}")


def problems_of(definition: Definition) -> Iterator[Problem]:
    """What is wrong with a chain, as ``field`` and ``problem``; none if it may be published.

    Problems: ``language_missing:LANG``, ``no_message``, ``no_date_to_wait_for``, ``id_taken``,
    ``leads_back``, ``leads_nowhere``, ``unreachable``, ``one_of_two``, ``one_gift``,
    ``shares_too_big``, ``data_or_url``, ``unknown_variable``, ``data_length``, ``not_a_link``,
    ``caption_too_long``, ``subject_missing``, ``date_missing``, ``no_such_day``, ``event_name``,
    ``link_broken``, ``rule_empty``, ``code_without_gift``, and those of
    ``placeholders.problems_of_texts``.
    """
    for language in LANGUAGES:
        if not definition.title.get(language, "").strip():
            yield {"field": "title", "problem": f"language_missing:{language}"}
    yield from _trigger_problems(definition)
    if not any(True for _ in definition.messages) and not any(
        isinstance(step, GiftStep) or step.kind in ("tag", "task", "webhook")
        for step in definition.steps
    ):
        yield {"field": "steps", "problem": "no_message"}
    seen: set[str] = set()
    for index, step in enumerate(definition.steps):
        field = f"steps.{index}"
        if step.id in seen or step.id == END:
            yield {"field": f"{field}.id", "problem": "id_taken"}
        seen.add(step.id)
        yield from _step_problems(definition, index, step, field)
    yield from _code_problems(definition)
    reachable = _reachable(definition)
    for index in range(len(definition.steps)):
        if index not in reachable:
            yield {"field": f"steps.{index}", "problem": "unreachable"}


def _trigger_problems(definition: Definition) -> Iterator[Problem]:
    trigger = definition.trigger
    if (
        isinstance(trigger, EventTrigger)
        and trigger.occurrence == "subject"
        and not trigger.subject
    ):
        yield {"field": "trigger.subject", "problem": "subject_missing"}
    if isinstance(trigger, EventTrigger) and not _EVENT.fullmatch(trigger.event):
        yield {"field": "trigger.event", "problem": "event_name"}
    if isinstance(trigger, CalendarTrigger):
        yearly = trigger.month is not None and trigger.day is not None
        if (trigger.on is None) == (not yearly):
            yield {"field": "trigger", "problem": "date_missing"}
        elif trigger.on is None and trigger.month is not None and trigger.day is not None:
            _, last = calendar.monthrange(_LEAP_YEAR, trigger.month)
            if trigger.day > last:
                yield {"field": "trigger.day", "problem": "no_such_day"}


def _code_problems(definition: Definition) -> Iterator[Problem]:
    """Messages that tell a coupon's code to somebody who may have come by without being given
    one: whoever has none is not written to, which nobody would notice."""
    without = _reachable(definition, gifts_end=True)
    for index, step in enumerate(definition.steps):
        if not isinstance(step, MessageStep) or index not in without:
            continue
        said: list[tuple[str, Content]] = [("", step)]
        said += [(f".variants.{n}", one) for n, one in enumerate(step.variants)]
        said += [(f".for_segments.{n}", one) for n, one in enumerate(step.for_segments)]
        for place, content in said:
            if any("code" in placeholders.needed(text) for text in content.texts.values()):
                yield {"field": f"steps.{index}{place}.texts", "problem": "code_without_gift"}


def _reachable(definition: Definition, *, gifts_end: bool = False) -> set[int]:
    """Places of the steps somebody can come to; ``gifts_end``: without being given a coupon."""
    steps = definition.steps
    seen: set[int] = set()
    ahead = [0] if steps else []
    while ahead:
        index = ahead.pop()
        if index in seen or index >= len(steps):
            continue
        seen.add(index)
        step = steps[index]
        if gifts_end and isinstance(step, GiftStep) and step.voucher is not None:
            continue
        if isinstance(step, MessageStep) and step.then is not None:
            ahead.append(definition.index_of(step.then))
            continue
        ahead.append(index + 1)
        if isinstance(step, Condition):
            ahead.append(definition.index_of(step.otherwise))
    return seen


def _step_problems(definition: Definition, index: int, step: Step, field: str) -> Iterator[Problem]:
    if isinstance(step, WaitBefore) and not definition.is_about_day:
        yield {"field": field, "problem": "no_date_to_wait_for"}
    target = None
    if isinstance(step, Condition):
        target = step.otherwise
        if (step.test is None) == (step.rule is None):
            yield {"field": field, "problem": "one_of_two"}
    if isinstance(step, GiftStep):
        given = [one for one in (step.points, step.stamps, step.voucher) if one is not None]
        if len(given) != 1:
            yield {"field": field, "problem": "one_gift"}
    if isinstance(step, MessageStep):
        target = step.then
        yield from _message_problems(step, field, about_purchase=definition.is_about_purchase)
    if target not in (None, END):
        if definition.step(str(target)) is None:
            yield {"field": field, "problem": "leads_nowhere"}
        elif definition.index_of(str(target)) <= index:
            yield {"field": field, "problem": "leads_back"}


def _message_problems(step: MessageStep, field: str, *, about_purchase: bool) -> Iterator[Problem]:
    yield from _content_problems(step, field, about_purchase=about_purchase)
    keys: set[str] = set()
    for number, variant in enumerate(step.variants):
        place = f"{field}.variants.{number}"
        if variant.key in keys or variant.key == "a":
            yield {"field": f"{place}.key", "problem": "id_taken"}
        keys.add(variant.key)
        yield from _content_problems(variant, place, about_purchase=about_purchase)
    if sum(variant.share_bp for variant in step.variants) > 10_000:
        yield {"field": f"{field}.variants", "problem": "shares_too_big"}
    for number, one in enumerate(step.for_segments):
        place = f"{field}.for_segments.{number}"
        if isinstance(one.rule, All) and not one.rule.all:
            # Words for everybody in the place of the step's own, which nobody would see.
            yield {"field": f"{place}.rule", "problem": "rule_empty"}
        yield from _content_problems(one, place, about_purchase=about_purchase)


def _content_problems(content: Content, field: str, *, about_purchase: bool) -> Iterator[Problem]:
    for problem in placeholders.problems_of_texts(content.texts):
        yield {"field": f"{field}.texts", "problem": problem}
    if content.picture is not None:
        for language, text in content.texts.items():
            if placeholders.length(text) > _CAPTION_LIMIT:
                yield {"field": f"{field}.texts", "problem": f"{language}:caption_too_long"}
    for row in content.buttons:
        for button in row:
            for problem in _button_problems(button, about_purchase=about_purchase):
                yield {"field": f"{field}.buttons", "problem": problem}


def _button_problems(button: Button, *, about_purchase: bool) -> Iterator[str]:
    if (button.data is None) == (button.url is None):
        yield "data_or_url"
    if button.data is not None:
        yield from _data_problems(button.data, about_purchase=about_purchase)
    if button.url is not None:
        yield from _url_problems(button.url)
    for language in LANGUAGES:
        if not button.texts.get(language, "").strip():
            yield f"language_missing:{language}"


def _url_problems(url: str) -> Iterator[str]:
    if not url.startswith(("https://", "http://")):
        yield "not_a_link"
        return
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host or any(sign.isspace() or not sign.isprintable() for sign in url):
        yield "link_broken"


def _data_problems(data: str, *, about_purchase: bool) -> Iterator[str]:
    filled = data.replace(PURCHASE, "z" * _LONGEST_ID) if about_purchase else data
    if "{" in filled or "}" in filled:
        yield "unknown_variable"
    if not 1 <= len(filled.encode()) <= MAX_CALLBACK_BYTES:
        yield "data_length"
