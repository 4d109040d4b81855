"""Moves people through their chains.

One call is one bounded unit: the enrolments that are due are locked, facts are read for all of
them at once, decisions are made in memory, and touches, messages, gifts and checkpoints are
written together.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.chains import acting, subjects
from loyalty.chains.asking import needless
from loyalty.chains.deciding import rank_of
from loyalty.chains.model import MessageStep, Wait, WaitBefore, WaitHour
from loyalty.chains.moving import move, target
from loyalty.chains.outcome import Plan
from loyalty.chains.store import definition_of
from loyalty.chains.tables import ACTIVE, chain, enrolment
from loyalty.chains.world import Pass, World, as_subject, read
from loyalty.db.rows import Rows
from loyalty.errors import SegmentInvalid
from loyalty.messaging import touches
from loyalty.messaging.outbox import enqueue
from loyalty.messaging.tables import touch

log = logging.getLogger(__name__)

TRY_AGAIN = timedelta(hours=1)
"""So long a pass that a fault of ours stopped is left alone."""

LIMIT = 100
"""Enrolments moved in one unit."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """What a call did; ``more`` says that there may be more to do right now."""

    moved: int
    queued: int
    more: bool


def advance(session: Session, *, now: datetime, time_zone: str, limit: int = LIMIT) -> Advanced:
    """Move up to ``limit`` enrolments that are due; call again while ``more``.

    ``time_zone`` is the business's. Locks the enrolments, and the wallets of those who are given
    points or stamps. Safe to call from several processes at once.
    """
    passes = _due(session, now=now, limit=limit)
    if not passes:
        return Advanced(0, 0, False)
    world, plan = read(session, passes, now=now, time_zone=time_zone), Plan()
    world.needless = needless(session, passes, world.people)
    broken = {item.chain_id for item in in_order(world, passes) if not _try(world, plan, item)}
    queued = _write(session, world, plan, passes)
    _halt(session, broken, now=now)
    return Advanced(len(passes), queued, len(passes) == limit)


def _try(world: World, plan: Plan, item: Pass) -> bool:
    """Move one pass; False if its chain asks about customers what cannot be read any more."""
    own, readable = Plan(), True
    before = replace(item, subject=dict(item.subject))
    try:
        move(world, own, item)
    except SegmentInvalid:
        log.error("chain %s is switched off: one of its rules cannot be read", item.source)
        _put_back(item, before)
        item.due_at, readable = before.due_at, False
    except Exception:
        # One that cannot be moved must not hold up everybody behind it; somebody looks at the
        # log, and it is tried again.
        log.exception("enrolment %s of %s cannot be moved", item.id, item.source)
        _put_back(item, before)
        item.due_at = world.now + TRY_AGAIN
    else:
        plan.take(own)
    return readable


def _put_back(item: Pass, before: Pass) -> None:
    for name in ("step", "arrived_at", "subject", "status", "reason"):
        setattr(item, name, getattr(before, name))


def _halt(session: Session, chain_ids: set[int], *, now: datetime) -> None:
    """Somebody has to look at these; whoever is on the way stays where they are."""
    if chain_ids:
        values = {"enabled": False, "halted_at": now, "halted_reason": "segment_invalid"}
        session.execute(sa.update(chain).where(chain.c.id.in_(sorted(chain_ids))).values(**values))


def in_order(world: World, passes: Sequence[Pass]) -> list[Pass]:
    """Of several chains that want the same person today the more urgent is asked first."""
    return sorted(passes, key=lambda each: (_rank(world, each), each.due_at, each.id))


def pass_of(session: Session, row: Any, key: str) -> Pass:
    """An enrolment's row as a pass through the chain called ``key``.

    Raises:
        LookupError: its version is not there.
    """
    definition = definition_of(session, row.chain_version_id)
    return Pass(
        id=row.id,
        customer_id=row.customer_id,
        chain_id=row.chain_id,
        source=f"chain:{key}",
        occurrence=row.occurrence,
        version_id=row.chain_version_id,
        definition=definition,
        started_at=row.enrolled_at,
        step=row.step,
        due_at=row.due_at,
        arrived_at=row.arrived_at or row.due_at,
        day=row.day or subjects.day_of(definition, row.occurrence),
        subject=as_subject(row.subject),
        control=None if row.arrived_at is None else row.control,
    )


def _due(session: Session, *, now: datetime, limit: int) -> list[Pass]:
    query = (
        sa.select(enrolment, chain.c.key)
        .join(chain, chain.c.id == enrolment.c.chain_id)
        .where(ACTIVE, enrolment.c.due_at <= now, chain.c.enabled == sa.true())
        .order_by(enrolment.c.due_at, enrolment.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=enrolment)
    )
    return [pass_of(session, row, row.key) for row in session.execute(query).all()]


def _rank(world: World, item: Pass) -> int:
    """The place in the order of triggers of the message this enrolment has come to."""
    found = rank_of(item.definition, item.source, "")
    for step in item.definition.steps[item.step :]:
        if isinstance(step, MessageStep):
            found = rank_of(item.definition, item.source, step.id)
        elif isinstance(step, Wait | WaitHour | WaitBefore):
            person = world.people[item.customer_id]
            if target(item, step, person, business_zone=world.time_zone) > world.now:
                break
    return found


def _write(session: Session, world: World, plan: Plan, passes: Sequence[Pass]) -> int:
    """Touches first: a message goes on its way, and a gift is given, only with a new touch."""
    written = touches.put(session, new=plan.new_touches, changed=plan.changed_touches)
    rows = Rows()
    queued = [message for touch_id, message in plan.messages.items() if touch_id in written]
    for message in queued:
        enqueue(rows, **message)
    failed = acting.carry_out(
        session,
        [act for act in plan.acts if act.touch_id in written],
        rules=world.program,
        now=world.now,
        time_zone=world.time_zone,
    )
    for touch_id in failed:
        values = {"id": touch_id, "decision": "skipped", "reason": "failed"}
        rows.update(touch, values)
    for item in passes:
        active = item.status == "active"
        rows.update(
            enrolment,
            {
                "id": item.id,
                "step": item.step,
                "status": item.status,
                "due_at": item.due_at if active else None,
                "arrived_at": item.arrived_at,
                "subject": item.subject or None,
                "control": bool(item.control),
                "ended_at": None if active else world.now,
                "reason": item.reason,
            },
        )
    rows.put(session)
    subjects.note_reminded(session, plan.reminded, now=world.now, time_zone=world.time_zone)
    return len(queued)
