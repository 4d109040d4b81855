"""One chain, or the draft of one, on one real customer: what would be said, when, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, program, wallet
from loyalty.chains import subjects
from loyalty.chains.drafts import Edited, find
from loyalty.chains.foresight import look_ahead
from loyalty.chains.model import (
    DateTrigger,
    Definition,
    EventTrigger,
    ExpiryTrigger,
    ReplenishTrigger,
    Step,
)
from loyalty.chains.store import check
from loyalty.chains.world import Pass
from loyalty.customers import customer
from loyalty.errors import CustomerNotFound
from loyalty.events import event
from loyalty.messaging.policy import Wait
from loyalty.messaging.touches import words_of
from loyalty.receipts import purchase, purchase_line

LONGEST = timedelta(days=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedStep:
    """One step as it would go. ``decision`` and ``reason`` as a touch has them; ``variant`` and
    ``segment`` say which words (``delivery.say_step`` puts them)."""

    step: Step
    at: datetime
    decision: str
    reason: str | None
    variant: str | None = None
    segment: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """``steps`` in order; ``ended``: done, exited or active (it goes on beyond a year), and
    ``reason``; ``subject`` and ``day``: what the pass was about."""

    definition: Definition
    steps: tuple[RehearsedStep, ...]
    ended: str
    reason: str | None
    day: date | None
    subject: dict[str, Any]


def rehearse(
    session: Session,
    *,
    key: str,
    customer_id: int,
    now: datetime,
    time_zone: str,
    draft: bool = False,
) -> Rehearsal:
    """Play the chain on the customer as if it began for them right now. Writes nothing.

    It is about their latest purchase, their next birthday, the points that expire first and so
    on, as far as there are any. Control groups, caps, quiet hours and consent count as ever.

    Raises:
        ChainNotFound, CustomerNotFound: there is none.
        ChainInvalid: the draft cannot be played yet (facts ``problems``).
    """
    item, definition = played_version(session, key=key, draft=draft)
    known = sa.select(customer.c.id).where(customer.c.id == customer_id)
    if session.execute(known).first() is None:
        raise CustomerNotFound()
    day, subject = occasion(session, definition, customer_id, now=now, time_zone=time_zone)
    # A name of its own: touches of real passes do not stand in its way.
    played = Pass(
        id=-1, customer_id=customer_id, chain_id=item.id, source=f"chain:{key}",
        occurrence="rehearsal", version_id=item.version_id or 0, definition=definition,
        started_at=now, step=0, due_at=now, arrived_at=now,
        day=day, subject=subject,
    )  # fmt: skip
    until = now + LONGEST
    steps = []
    for one in look_ahead(session, [played], now=now, until=until, time_zone=time_zone):
        if isinstance(one.decision, Wait):
            continue
        word, reason = words_of(one.decision)
        steps.append(
            RehearsedStep(
                step=one.step,
                at=one.at,
                decision=word,
                reason=reason,
                variant=one.variant,
                segment=one.segment,
            )
        )
    return Rehearsal(
        definition=definition,
        steps=tuple(steps),
        ended=played.status,
        reason=played.reason,
        day=day,
        subject=played.subject,
    )


def played_version(session: Session, *, key: str, draft: bool) -> tuple[Edited, Definition]:
    """The chain and what of it is played: the version in force, or the draft if there is one; of
    a chain that was never published its draft in any case.

    Raises:
        ChainNotFound: there is none.
        ChainInvalid: the draft is not right yet.
    """
    item = find(session, key=key)
    if item.definition is None or (draft and item.draft is not None):
        return item, check(item.document)
    return item, item.definition


def occasion(
    session: Session, definition: Definition, customer_id: int, *, now: datetime, time_zone: str
) -> tuple[date | None, dict[str, Any]]:
    """A day and a subject a chain could be about for this customer today."""
    trigger = definition.trigger
    if isinstance(trigger, ExpiryTrigger):
        soonest = wallet.expiring(session, customer_id=customer_id, now=now, time_zone=time_zone)
        return (soonest[0].last_day if soonest else None), {}
    if isinstance(trigger, DateTrigger):
        return _next_day(session, trigger, customer_id, now=now, time_zone=time_zone), {}
    subject: dict[str, Any] = {}
    if definition.is_about_purchase:
        latest = (
            sa.select(purchase.c.id)
            .where(purchase.c.customer_id == customer_id, purchase.c.total > 0)
            .order_by(purchase.c.sold_at.desc())
            .limit(1)
        )
        found = session.execute(latest).scalar_one_or_none()
        if found is not None:
            subject["purchase"] = str(found)
            if isinstance(trigger, ReplenishTrigger):
                subject["category"] = trigger.category or _category(session, found)
    elif isinstance(trigger, EventTrigger):
        happened = (
            sa.select(event.c.id)
            .where(event.c.customer_id == customer_id, event.c.type == trigger.event)
            .order_by(event.c.id.desc())
            .limit(1)
        )
        found = session.execute(happened).scalar_one_or_none()
        if found is not None:
            subject["event"] = str(found)
    return None, subject


def _category(session: Session, purchase_id: int) -> str | None:
    query = (
        sa.select(purchase_line.c.category)
        .where(purchase_line.c.purchase_id == purchase_id, purchase_line.c.category.is_not(None))
        .order_by(purchase_line.c.amount.desc())
        .limit(1)
    )
    found: str | None = session.execute(query).scalar_one_or_none()
    return found


def _next_day(
    session: Session, trigger: DateTrigger, customer_id: int, *, now: datetime, time_zone: str
) -> date | None:
    facts = subjects.facts_of(session, [customer_id])[customer_id]
    today = clock.local_date(now, time_zone)
    if trigger.field.startswith("field:"):
        try:
            named = date.fromisoformat(str(facts.fields.get(trigger.field[6:], ""))[:10])
        except ValueError:
            return None
        if not trigger.yearly:
            return named
        month, number = named.month, named.day
    elif trigger.field == "birthday":
        if facts.birth is None:
            return None
        month, number = facts.birth
    else:
        if facts.joined_at is None:
            return None
        joined = clock.local_date(facts.joined_at, time_zone)
        month, number = joined.month, joined.day
    leap_day = program.current(session, now=now).program.leap_day
    days = (
        clock.birthday_in(year, month=month, day=number, leap_day=leap_day)
        for year in (today.year, today.year + 1)
    )
    return next((day for day in days if day >= today), None)
