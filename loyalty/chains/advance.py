"""Moves people through their chains: exits, waits, conditions, messages.

One call is one bounded unit: the enrolments that are due are locked, facts are read for all of
them at once, decisions are made in memory, and touches, messages and checkpoints are written
together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, program
from loyalty.chains import subjects
from loyalty.chains.holdout import is_measured
from loyalty.chains.model import Condition, MessageStep, Step, Test, Wait, WaitBefore, WaitHour
from loyalty.chains.saying import Pass, World, changed, say
from loyalty.chains.store import definition_of
from loyalty.chains.tables import ACTIVE, chain, enrolment
from loyalty.messaging import policy, touches
from loyalty.messaging.outbox import enqueue
from loyalty.messaging.people import Person, gather
from loyalty.messaging.policy import PolicyRules, Skip

LIMIT = 100
"""Enrolments moved in one unit."""

GONE = ("blocked", "erased")


@dataclass(frozen=True, slots=True)
class Advanced:
    """What a call did; ``more`` says that there may be more to do right now."""

    moved: int
    queued: int
    more: bool


def advance(session: Session, *, now: datetime, time_zone: str, limit: int = LIMIT) -> Advanced:
    """Move up to ``limit`` enrolments that are due; call again while ``more``.

    ``time_zone`` is the business's. Safe to call from several processes at once.
    """
    passes = _due(session, now=now, limit=limit)
    if not passes:
        return Advanced(0, 0, False)
    world = _read(session, passes, now=now, time_zone=time_zone)
    # Of several chains that want the same person today the more urgent is asked first.
    for item in sorted(passes, key=lambda each: (_rank(world, each), each.due_at, each.id)):
        _move(world, item)
    queued = _write(session, world, passes)
    return Advanced(len(passes), queued, len(passes) == limit)


def _due(session: Session, *, now: datetime, limit: int) -> list[Pass]:
    query = (
        sa.select(enrolment, chain.c.key)
        .join(chain, chain.c.id == enrolment.c.chain_id)
        .where(ACTIVE, enrolment.c.due_at <= now, chain.c.enabled == sa.true())
        .order_by(enrolment.c.due_at, enrolment.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=enrolment)
    )
    found = []
    for row in session.execute(query).all():
        definition = definition_of(session, row.chain_version_id)
        found.append(
            Pass(
                id=row.id,
                customer_id=row.customer_id,
                source=f"chain:{row.key}",
                occurrence=row.occurrence,
                version_id=row.chain_version_id,
                definition=definition,
                started_at=row.enrolled_at,
                step=row.step,
                due_at=row.due_at,
                day=subjects.day_of(definition, row.occurrence),
                purchase_id=subjects.purchase_of(definition, row.occurrence),
            )
        )
    return found


def _read(session: Session, passes: Sequence[Pass], *, now: datetime, time_zone: str) -> World:
    ids = {item.customer_id for item in passes}
    version = program.current(session, now=now)
    days = [(item.customer_id, item.day) for item in passes if item.day is not None]
    about = {item.purchase_id for item in passes if item.purchase_id is not None}
    return World(
        now=now,
        time_zone=time_zone,
        rules=PolicyRules.of(version.program),
        program=version.program,
        people=gather(session, ids, now=now, time_zone=time_zone),
        bought=subjects.bought(session, ids),
        expiring=subjects.expiring_on(session, days, time_zone=time_zone),
        became=subjects.become_of(session, about),
        known=touches.find(
            session,
            ids,
            {item.source for item in passes},
            {item.occurrence for item in passes},
        ),
        measured=is_measured(session, from_customers=version.program.holdout_from_customers),
    )


def _rank(world: World, item: Pass) -> int:
    """The place in the order of triggers of the message this enrolment has come to."""
    found = policy.rank(item.source, "")
    for step in item.definition.steps[item.step :]:
        if isinstance(step, MessageStep):
            found = policy.rank(item.source, step.id)
        elif not isinstance(step, Condition):
            person = world.people[item.customer_id]
            if _target(world, item, step, person) > world.now:
                break
    return found


def _move(world: World, item: Pass) -> None:
    """Through as many steps as are due; stops at a wait, an exit or the end."""
    while item.status == "active":
        person = world.people[item.customer_id]
        if person.status in GONE or person.merged:
            return _end(world, item, "exited", "customer_gone")
        for test in item.definition.exits:
            if _holds(world, item, test):
                return _end(world, item, "exited", test)
        if item.step >= len(item.definition.steps):
            return _end(world, item, "done", None)
        step = item.definition.steps[item.step]
        if isinstance(step, MessageStep):
            until = say(world, item, step, person)
        elif isinstance(step, Condition):
            until = None
            held = _holds(world, item, step.test)
            item.step = item.step + 1 if held else item.definition.index_of(step.otherwise)
        else:
            until = _target(world, item, step, person)
            item.step += 1
            item.due_at = until
        if until is not None and until > world.now:
            item.due_at = until
            return None
    return None


def _holds(world: World, item: Pass, test: Test) -> bool:
    expiring = 0
    if item.day is not None:
        expiring = world.expiring.get((item.customer_id, item.day), 0)
    return subjects.holds(
        test,
        purchases=world.bought.get(item.customer_id, subjects.Bought()),
        started_at=item.started_at,
        expiring=expiring,
        became=world.became.get(item.purchase_id or 0, frozenset()),
    )


def _end(world: World, item: Pass, status: str, reason: str | None) -> None:
    item.status, item.reason = status, reason
    # A message that was waiting for its hour will not be said any more.
    for key, known in world.known.items():
        mine = key[0] == item.customer_id and key[1] == item.source and key[3] == item.occurrence
        if mine and known.decision == "wait":
            world.changed_touches.append(
                changed(known.id, Skip((reason or "ended")[:32]), world.now, None)
            )


def _target(world: World, item: Pass, step: Step, person: Person) -> datetime:
    """When a waiting step ends."""
    if isinstance(step, Wait):
        return (item.started_at if step.since == "start" else world.now) + step.length
    if isinstance(step, WaitBefore):
        assert item.day is not None
        day = item.day - timedelta(days=step.days)
        return clock.local_instant(day, time(step.hour), world.time_zone)
    assert isinstance(step, WaitHour)
    today = clock.local_date(world.now, person.time_zone)
    for ahead in range(2):
        at = clock.local_instant(today + timedelta(days=ahead), time(step.hour), person.time_zone)
        if at >= world.now:
            return at
    return world.now


def _write(session: Session, world: World, passes: Sequence[Pass]) -> int:
    """Touches first: a message goes on its way only with a touch that is new."""
    written = touches.put(session, new=world.new_touches, changed=world.changed_touches)
    queued = [message for touch_id, message in world.messages.items() if touch_id in written]
    for message in queued:
        enqueue(world.rows, **message)
    for item in passes:
        world.rows.update(
            enrolment,
            {
                "id": item.id,
                "step": item.step,
                "status": item.status,
                "due_at": item.due_at if item.status == "active" else None,
                "ended_at": None if item.status == "active" else world.now,
                "reason": item.reason,
            },
        )
    world.rows.put(session)
    subjects.note_reminded(session, world.reminded, now=world.now, time_zone=world.time_zone)
    return len(queued)
