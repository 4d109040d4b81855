"""One message of a chain: is it too old, may it go, what is written down about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from loyalty import clock, program
from loyalty.chains import subjects
from loyalty.chains.holdout import is_held_out
from loyalty.chains.model import Definition, MessageStep, WaitBefore
from loyalty.db.rows import Rows
from loyalty.ids import new_id
from loyalty.messaging import policy, touches
from loyalty.messaging.outbox import TRIGGER
from loyalty.messaging.people import Person
from loyalty.messaging.policy import Decision, Facts, Left, PolicyRules, Send, Skip, decide


@dataclass(slots=True)
class World:
    """Everything read once for a batch, and everything it will write."""

    now: datetime
    time_zone: str
    rules: PolicyRules
    program: program.Program
    people: dict[int, Person]
    bought: dict[int, subjects.Bought]
    expiring: dict[subjects.DayOf, int]
    # What became of the purchases that chains are about.
    became: dict[int, frozenset[str]]
    known: dict[touches.Key, touches.Known]
    # Whether there are customers enough for control groups.
    measured: bool
    rows: Rows = field(default_factory=Rows)
    new_touches: list[dict[str, Any]] = field(default_factory=list)
    changed_touches: list[dict[str, Any]] = field(default_factory=list)
    # Messages by touch: queued only if the touch was written.
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    reminded: set[subjects.DayOf] = field(default_factory=set)


@dataclass(slots=True)
class Pass:
    """One enrolment on its way through its steps."""

    id: int
    customer_id: int
    source: str
    occurrence: str
    version_id: int
    definition: Definition
    started_at: datetime
    step: int
    # When the step that is looked at became due.
    due_at: datetime
    day: date | None
    purchase_id: int | None = None
    status: str = "active"
    reason: str | None = None


def say(world: World, item: Pass, step: MessageStep, person: Person) -> datetime | None:
    """Decide about a message; when to look at it again, or None to go on."""
    key = (item.customer_id, item.source, step.id, item.occurrence)
    known = world.known.get(key)
    if known is not None and known.decision != "wait":
        _go_on(item, step)
        return None
    deadline = known.deadline if known else _deadline(world, item, step)
    born = item.due_at
    if known is not None and step.lifetime_hours is not None:
        born = deadline - timedelta(hours=step.lifetime_hours)
    decision = _decide(world, item, step, person, due_at=born, deadline=deadline)
    touch_id = known.id if known else new_id()
    outbox_id = new_id() if isinstance(decision, Send) else None
    if outbox_id is not None:
        message = _message(world, item, step, person, deadline, touch_id)
        world.messages[touch_id] = message | {"outbox_id": outbox_id}
        person.left.append(Left(TRIGGER, world.now))
    _note(world, key, known, touch_id, decision, deadline, outbox_id)
    if isinstance(decision, policy.Wait):
        return decision.until
    if item.day is not None and _counts_as_attempted(decision):
        world.reminded.add((item.customer_id, item.day))
    _go_on(item, step)
    return None


def _counts_as_attempted(decision: Decision) -> bool:
    """Points may expire once a reminder was tried, or rightly was not: never for our delay."""
    if isinstance(decision, Skip):
        return decision.reason in ("no_consent", "unreachable")
    return not isinstance(decision, policy.Wait)


def _go_on(item: Pass, step: MessageStep) -> None:
    item.step = item.step + 1 if step.then is None else item.definition.index_of(step.then)


def _deadline(world: World, item: Pass, step: MessageStep) -> datetime:
    if step.lifetime_hours is not None or item.day is None:
        return item.due_at + timedelta(hours=step.lifetime_hours or 48)
    return clock.start_of_day(item.day + timedelta(days=1), world.time_zone)


def _decide(
    world: World,
    item: Pass,
    step: MessageStep,
    person: Person,
    *,
    due_at: datetime,
    deadline: datetime,
) -> Decision:
    if _overtaken(world, item):
        return Skip("late")
    share = item.definition.holdout_bp
    facts = Facts(
        message_class=TRIGGER,
        now=world.now,
        due_at=due_at,
        deadline=deadline,
        time_zone=person.time_zone,
        reachable=person.reachable,
        # The question about news comes with joining; later, no answer is an answer.
        consent=person.ads if item.day is None else bool(person.ads),
        quiet=person.quiet,
        left=[*person.left, *(Left(name, world.now) for _, name, _, _ in person.coming)],
        rank=policy.rank(item.source, step.id),
        held_out=world.measured
        and is_held_out(
            item.customer_id,
            source=item.source,
            global_bp=world.program.global_holdout_bp,
            share_bp=world.program.chain_holdout_bp if share is None else share,
            today=clock.local_date(world.now, world.time_zone),
        ),
    )
    return decide(facts, world.rules)


def _overtaken(world: World, item: Pass) -> bool:
    """Whether a later reminder of the same day is due as well: only the nearest goes out."""
    if item.day is None:
        return False
    for step in item.definition.steps[item.step + 1 :]:
        if isinstance(step, WaitBefore):
            day = item.day - timedelta(days=step.days)
            if clock.local_instant(day, time(step.hour), world.time_zone) <= world.now:
                return True
    return False


def _message(
    world: World,
    item: Pass,
    step: MessageStep,
    person: Person,
    deadline: datetime,
    touch_id: int,
) -> dict[str, Any]:
    assert person.chat_id is not None
    return {
        "customer_id": item.customer_id,
        "chat_id": person.chat_id,
        "message_class": TRIGGER,
        "key": f"touch:{touch_id}",
        "payload": {
            "chain_version": item.version_id,
            "step": step.id,
            "occurrence": item.occurrence,
        },
        "now": world.now,
        "deadline": deadline,
        "touch_id": touch_id,
    }


def _note(
    world: World,
    key: touches.Key,
    known: touches.Known | None,
    touch_id: int,
    decision: Decision,
    deadline: datetime,
    outbox_id: int | None,
) -> None:
    until = decision.until if isinstance(decision, policy.Wait) else world.now
    row = changed(touch_id, decision, world.now, outbox_id) | {"due_at": until}
    if known is not None:
        world.changed_touches.append(row)
        return
    customer_id, source, step, occurrence = key
    world.new_touches.append(
        row
        | {
            "customer_id": customer_id,
            "source": source,
            "step": step,
            "occurrence": occurrence,
            "message_class": TRIGGER,
            "deadline": deadline,
        }
    )


def changed(
    touch_id: int, decision: Decision, now: datetime, outbox_id: int | None
) -> dict[str, Any]:
    """A decision as columns of a touch."""
    word, reason = touches.words_of(decision)
    return {
        "id": touch_id,
        "decision": word,
        "reason": reason,
        "due_at": now,
        "decided_at": now,
        "outbox_id": outbox_id,
    }
