"""A chain's message in the customer's language, with today's numbers in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, feedback, wallet
from loyalty.chains import subjects
from loyalty.chains.model import PURCHASE, Button, Definition, ExpiryTrigger
from loyalty.chains.store import definition_of
from loyalty.chains.tables import chain, chain_version
from loyalty.ids import short_of
from loyalty.messaging.people import Person
from loyalty.messaging.placeholders import fill, used
from loyalty.messaging.templates import Message
from loyalty.texts import N_, translator

TIERS = {"bronze": N_("Bronze"), "silver": N_("Silver"), "gold": N_("Gold")}
"""Names of the tiers that come with the program; an owner's own are shown as they are."""


class Gone(Exception):
    """What the message was about is no more; ``reason`` says why it is skipped."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def words_of_chain(
    session: Session, payload: Mapping[str, Any], person: Person, *, now: datetime, time_zone: str
) -> Message:
    """The message of a chain's step as this person reads it now.

    Raises:
        Gone: the chain was switched off, the points it is about were spent, or what became of
            the purchase it is about ends it.
        LookupError: there is no such version or step.
    """
    version_id = int(payload["chain_version"])
    definition = definition_of(session, version_id)
    step = definition.message(str(payload["step"]))
    if step is None:
        raise LookupError(f"no step {payload['step']!r} in chain version {version_id}")
    _check_enabled(session, version_id)
    day = None
    if isinstance(definition.trigger, ExpiryTrigger):
        day = date.fromisoformat(payload["occurrence"])
    language = person.language if person.language in step.texts else next(iter(step.texts))
    text = step.texts[language]
    values = _values(session, used(text), person, language, day=day, now=now, time_zone=time_zone)
    purchase_id = subjects.purchase_of(definition, str(payload.get("occurrence", "")))
    if purchase_id is not None:
        _check_purchase(session, definition, purchase_id)
        values["outlet"] = subjects.outlet_of(session, purchase_id) or ""
    return Message(
        fill(text, values),
        tuple(
            tuple(_button(button, language, purchase_id) for button in row) for row in step.buttons
        ),
    )


def _check_purchase(session: Session, definition: Definition, purchase_id: int) -> None:
    became = subjects.become_of(session, [purchase_id]).get(purchase_id, frozenset())
    for test in definition.exits:
        if test in became:
            raise Gone(test)


def _check_enabled(session: Session, version_id: int) -> None:
    query = (
        sa.select(chain.c.enabled)
        .join(chain_version, chain_version.c.chain_id == chain.c.id)
        .where(chain_version.c.id == version_id)
    )
    if not session.execute(query).scalar_one():
        raise Gone("paused")


def _button(button: Button, language: str, purchase_id: int | None) -> dict[str, str]:
    text = button.texts.get(language) or next(iter(button.texts.values()))
    if button.url:
        return {"text": text, "url": button.url}
    data = button.data or ""
    if purchase_id is not None:
        data = data.replace(PURCHASE, short_of(purchase_id))
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


def _values(
    session: Session,
    names: set[str],
    person: Person,
    language: str,
    *,
    day: date | None,
    now: datetime,
    time_zone: str,
) -> dict[str, str]:
    _ = translator(language)
    values = {
        "name": (person.name or "").split(" ")[0],
        "outlet": person.outlet or "",
        "tier": str(_(TIERS[person.tier])) if person.tier in TIERS else person.tier,
    }
    if "balance" in names:
        available = wallet.balance(session, customer_id=person.id, now=now).available
        values["balance"] = str(_.points(available))
    points = 0
    if day is not None:
        key = (person.id, day)
        points = subjects.expiring_on(session, [key], time_zone=time_zone).get(key, 0)
        if not points:
            raise Gone("points_spent")
    elif names & {"expiring", "days", "until"}:
        soonest = wallet.expiring(session, customer_id=person.id, now=now, time_zone=time_zone)
        if not soonest:
            raise Gone("nothing_expires")
        day, points = soonest[0].last_day, soonest[0].points
    if day is not None:
        left = (day - clock.local_date(now, time_zone)).days
        values["expiring"] = str(_.points(points))
        values["days"] = str(_.plural("{n} day", "{n} days", left))
        values["until"] = _.day(day)
    return values
