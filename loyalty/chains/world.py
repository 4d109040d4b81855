"""What a batch of passes needs to know, read at once, and what it will write."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from loyalty import program, segments
from loyalty.chains import subjects
from loyalty.chains.favours import note_segments
from loyalty.chains.holdout import is_measured
from loyalty.chains.model import (
    CalendarTrigger,
    Condition,
    Definition,
    MessageStep,
    SegmentTrigger,
)
from loyalty.errors import SegmentInvalid
from loyalty.messaging import touches
from loyalty.messaging.people import Person, gather
from loyalty.messaging.policy import PolicyRules
from loyalty.segments import Rule


@dataclass(slots=True)
class Pass:
    """One enrolment on its way through its steps. ``arrived_at``: when it came, by the schedule,
    to the step it stands at; ``due_at``: when it is to be looked at next."""

    id: int
    customer_id: int
    chain_id: int
    source: str
    occurrence: str
    version_id: int
    definition: Definition
    started_at: datetime
    step: int
    due_at: datetime
    arrived_at: datetime
    day: date | None = None
    subject: dict[str, Any] = field(default_factory=dict)
    # None: not drawn yet.
    control: bool | None = None
    status: str = "active"
    reason: str | None = None

    @property
    def purchase_id(self) -> int | None:
        """The purchase this pass is about."""
        if self.subject.get("purchase"):
            return int(self.subject["purchase"])
        return subjects.purchase_of(self.definition, self.occurrence)

    @property
    def category(self) -> str | None:
        """The category of goods this pass is about."""
        found = self.subject.get("category")
        return str(found) if found else None


@dataclass(slots=True)
class World:
    """Everything read once for a batch."""

    now: datetime
    time_zone: str
    program: program.Program
    people: dict[int, Person]
    facts: dict[int, subjects.Facts]
    expiring: dict[subjects.DayOf, subjects.Ending]
    # What became of the purchases that chains are about.
    became: dict[int, frozenset[str]]
    # When they were made.
    sold: dict[int, datetime]
    known: dict[touches.Key, touches.Known]
    # Who fits each rule that the chains ask about.
    fitting: dict[str, set[int]]
    # Whether there are customers enough for control groups.
    measured: bool
    rules: PolicyRules = field(default_factory=PolicyRules)
    # Questions about a purchase that need not be put, by pass, and why.
    needless: dict[int, str] = field(default_factory=dict)

    def fits(self, rule: Rule, customer_id: int) -> bool:
        """Whether the customer is among those the rule is about.

        Raises:
            SegmentInvalid: the rule cannot be asked any more.
        """
        found = self.fitting.get(key_of(rule))
        if found is None:
            raise SegmentInvalid(problems=[])
        return customer_id in found


def key_of(rule: Rule) -> str:
    """A rule as a key."""
    return rule.model_dump_json(by_alias=True, exclude_defaults=True)


def read(session: Session, passes: Sequence[Pass], *, now: datetime, time_zone: str) -> World:
    """The facts of everybody in the batch, in a fixed number of statements."""
    ids = {item.customer_id for item in passes}
    version = program.current(session, now=now)
    rules = version.program
    days = [
        (item.customer_id, item.day)
        for item in passes
        if item.day is not None and item.definition.trigger.kind == "expiry"
    ]
    about = {item.purchase_id for item in passes if item.purchase_id is not None}
    people = gather(session, ids, now=now, time_zone=time_zone)
    policy_rules = PolicyRules.of(rules)
    note_segments(session, people, policy_rules, now=now, time_zone=time_zone)
    return World(
        now=now,
        time_zone=time_zone,
        rules=policy_rules,
        program=rules,
        people=people,
        facts=subjects.facts_of(
            session, ids, categories=_categories(passes), orders_since=_orders_since(passes)
        ),
        expiring=subjects.expiring_on(session, days, time_zone=time_zone),
        became=subjects.become_of(session, about),
        sold=subjects.sold_at(session, about),
        known=touches.find(
            session,
            ids,
            {item.source for item in passes},
            {item.occurrence for item in passes},
        ),
        fitting=fitting(session, passes, ids, now=now, time_zone=time_zone),
        measured=is_measured(session, from_customers=rules.holdout_from_customers),
    )


def fitting(
    session: Session,
    passes: Iterable[Pass],
    ids: Collection[int],
    *,
    now: datetime,
    time_zone: str,
) -> dict[str, set[int]]:
    """Who of these customers fits the rules their chains ask about, by rule; without those that
    cannot be asked, so that one broken rule keeps no other chain back."""
    asked: dict[str, Rule] = {}
    for item in passes:
        for rule in rules_of(item.definition):
            asked[key_of(rule)] = rule
    saved = segments.saved(session, now=now) if asked else None
    found: dict[str, set[int]] = {}
    for key, rule in asked.items():
        with suppress(SegmentInvalid):  # told of by ``World.fits``, where it is asked
            found[key] = segments.matching(
                session, rule, now=now, time_zone=time_zone, among=ids, saved=saved
            )
    return found


def rules_of(definition: Definition) -> Iterable[Rule]:
    """Every rule about customers in a chain, those of a trigger that is left again included."""
    trigger = definition.trigger
    if isinstance(trigger, SegmentTrigger | CalendarTrigger) and trigger.rule is not None:
        yield trigger.rule
    yield from (test for test in definition.exits if not isinstance(test, str))
    for step in definition.steps:
        if isinstance(step, Condition) and step.rule is not None:
            yield step.rule
        if isinstance(step, MessageStep):
            yield from (one.rule for one in step.for_segments)


def _categories(passes: Iterable[Pass]) -> set[str]:
    return {item.category for item in passes if item.category is not None}


def _orders_since(passes: Iterable[Pass]) -> datetime | None:
    """From when on orders of the site matter to these passes; None: they do not."""
    return min((one.started_at for one in passes if _asks_orders(one.definition)), default=None)


def _asks_orders(definition: Definition) -> bool:
    tests: list[object] = [*definition.exits]
    tests += [step.test for step in definition.steps if isinstance(step, Condition)]
    return "ordered" in tests


def describe_exit(test: object) -> str:
    """What a pass's ``reason`` says of the exit it took."""
    return test if isinstance(test, str) else "rule"


def as_subject(value: Any) -> dict[str, Any]:
    """The JSON column as a dictionary of our own."""
    if isinstance(value, str):
        value = json.loads(value)
    return dict(value or {})
