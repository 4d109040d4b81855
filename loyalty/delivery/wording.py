"""A chain's message in the customer's language, with today's numbers in it.

``words_of_chain`` words what leaves the outbox; ``say_step`` words a step for a real customer who
is only shown it: in a preview, a rehearsal, a test to oneself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from loyalty import feedback
from loyalty.chains.model import PURCHASE, Button, Content, Definition, MessageStep
from loyalty.delivery.about import About, Known, about_payload
from loyalty.delivery.exits import Fitting, Gone
from loyalty.delivery.values import Moment, values_of
from loyalty.errors import CustomerNotFound
from loyalty.ids import short_of
from loyalty.messaging.people import Person, gather
from loyalty.messaging.placeholders import fill
from loyalty.messaging.templates import Message
from loyalty.texts import translator

__all__ = ["Gone", "say_step", "with_words", "words_of_chain"]

CURRENCY = "RUB"


def words_of_chain(
    session: Session,
    payload: Mapping[str, Any],
    person: Person,
    *,
    now: datetime,
    time_zone: str,
    currency: str = CURRENCY,
    fitting: Fitting | None = None,
    known: Known | None = None,
) -> Message:
    """The message of a chain's step as this person reads it now. ``fitting`` and ``known``: what
    ``exits.fitting`` and ``about.known`` have found for the batch it leaves with (None: it is
    asked for this one).

    Raises:
        Gone: the chain was switched off, the pass has ended, what it is about is over (the
            points spent, the purchase returned, the cart ordered, an exit's rule fits), or the
            text needs something this person has not, such as a coupon.
        LookupError: there is no such version or step.
    """
    about = about_payload(
        session, payload, person, now=now, time_zone=time_zone, fitting=fitting, known=known
    )
    step = about.definition.message(str(payload["step"]))
    if step is None:
        raise LookupError(f"no step {payload['step']!r} in version {payload['chain_version']}")
    content = content_of(step, variant=payload.get("variant"), segment=payload.get("segment"))
    moment = Moment(now=now, time_zone=time_zone, currency=currency)
    return _say(session, content, person, about, moment, language=person.language)


def say_step(
    session: Session,
    definition: Definition,
    step_id: str,
    *,
    customer_id: int,
    subject: Mapping[str, Any],
    day: date | None,
    variant: str | None,
    segment: int | None,
    now: datetime,
    time_zone: str,
    language: str | None = None,
    currency: str = CURRENCY,
    sample: bool = True,
    person: Person | None = None,
) -> Message:
    """A step's message for a real customer at ``now``, without any row of the outbox.

    ``subject`` and ``day`` as in ``enrolment``; ``language`` None: the customer's own. With
    ``sample``, what is only there when the step is really done (a coupon's code) gets an example.
    ``person`` if their facts are at hand.

    Raises:
        Gone: what it is about is over, or the text needs something this person has not.
        CustomerNotFound: nobody by that id.
        LookupError: there is no such message.
    """
    step = definition.message(step_id)
    if step is None:
        raise LookupError(f"no message {step_id!r}")
    if person is None:
        person = gather(session, [customer_id], now=now, time_zone=time_zone).get(customer_id)
    if person is None:
        raise CustomerNotFound(customer_id=str(customer_id))
    about = About(definition=definition, subject=subject, day=day, sample=sample)
    content = content_of(step, variant=variant, segment=segment)
    moment = Moment(now=now, time_zone=time_zone, currency=currency)
    return _say(session, content, person, about, moment, language=language or person.language)


def content_of(step: MessageStep, *, variant: str | None, segment: object) -> Content:
    """What a step says to somebody in that segment, else in that variant; its own words if
    neither is there (any more)."""
    if isinstance(segment, int) and 0 <= segment < len(step.for_segments):
        return step.for_segments[segment]
    return step.content(variant)


def _say(
    session: Session,
    content: Content,
    person: Person,
    about: About,
    moment: Moment,
    *,
    language: str,
) -> Message:
    if language not in content.texts:
        language = next(iter(content.texts))
    text = content.texts[language]
    values = values_of(session, text, person, about, moment, translator(language))
    buttons = tuple(
        tuple(_button(button, language, about.purchase_id) for button in row)
        for row in content.buttons
    )
    return Message(fill(text, values.said), buttons, picture=content.picture or values.picture)


def _button(button: Button, language: str, purchase_id: int | None) -> dict[str, str]:
    text = button.texts.get(language) or next(iter(button.texts.values()))
    if button.url:
        return {"text": text, "url": button.url}
    data = (button.data or "").replace(PURCHASE, short_of(purchase_id or 0))
    return {"text": text, "data": data}


def with_words(session: Session, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The payload of one of our own messages with the words it only names: a staff member's
    answer stays in its talk until the moment it leaves, so that erasing it there is enough.

    Raises:
        Gone: the words were erased.
    """
    if payload.get("template") != "staff_answer":
        return payload
    text = feedback.text_of_answer(session, int(payload["values"]["talk_message"]))
    if text is None:
        raise Gone("customer_gone")
    return {**payload, "values": {"text": text}}
