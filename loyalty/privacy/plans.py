"""What was planned for a person: ways through chains, the call list, who is in which segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.chains.tables import chain, chain_member, enrolment
from loyalty.messaging.tables import click
from loyalty.tasks import DROPPED, OPEN
from loyalty.tasks.tables import task

Facts = dict[str, Any]


def wipe(session: Session, ids: Sequence[int], *, now: datetime) -> None:
    """Notes of calls go, and calls that were to be made are dropped; what a way through a chain
    was about goes (its goods, its coupon), and so does being in a segment."""
    t = task.c
    mine = t.customer_id.in_(ids)
    session.execute(
        sa.update(task)
        .where(mine, t.status == OPEN)
        .values(status=DROPPED, closed_at=now, closed_by=events.SYSTEM)
    )
    session.execute(sa.update(task).where(mine, t.note.is_not(None)).values(note=None))
    session.execute(
        sa.update(enrolment)
        .where(enrolment.c.customer_id.in_(ids), enrolment.c.subject.is_not(None))
        .values(subject=None)
    )
    session.execute(sa.delete(chain_member).where(chain_member.c.customer_id.in_(ids)))


def calls(session: Session, ids: Sequence[int]) -> Iterator[Facts]:
    """Calls of the staff that were planned or made, and what was noted of them."""
    query = sa.select(task).where(task.c.customer_id.in_(ids)).order_by(task.c.id)
    for row in session.execute(query).all():
        yield {
            "because_of": row.source,
            "what": row.title,
            "planned_at": row.created_at,
            "due_at": row.due_at,
            "status": row.status,
            "outcome": row.outcome,
            "note": row.note,
            "closed_at": row.closed_at,
        }


def chains(session: Session, ids: Sequence[int]) -> Iterator[Facts]:
    """Ways through chains of messages: since when, what about, how they ended."""
    query = (
        sa.select(enrolment, chain.c.key)
        .join(chain, chain.c.id == enrolment.c.chain_id)
        .where(enrolment.c.customer_id.in_(ids))
        .order_by(enrolment.c.id)
    )
    for row in session.execute(query).all():
        yield {
            "chain": row.key,
            "began_at": row.enrolled_at,
            "day": row.day,
            "about": row.subject,
            "in_control_group": row.control,
            "status": row.status,
            "ended_at": row.ended_at,
            "why": row.reason,
        }


def clicks(session: Session, ids: Sequence[int]) -> Iterator[Facts]:
    """Taps on links and buttons of messages."""
    query = sa.select(click).where(click.c.customer_id.in_(ids)).order_by(click.c.id)
    for row in session.execute(query).all():
        yield {
            "at": row.at,
            "message": row.source,
            "step": row.step,
            "kind": row.kind,
            "opened": row.target,
        }
