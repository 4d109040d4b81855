"""When the chains next have something to do."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.chains.enrol import next_planned
from loyalty.chains.tables import ACTIVE, chain, enrolment


def next_due(session: Session, *, now: datetime, time_zone: str) -> datetime | None:
    """The first moment strictly after ``now`` at which a step is due or a day to be planned."""
    moments = [
        next_step(session, now=now),
        next_planned(session, now=now, time_zone=time_zone),
    ]
    return min((m for m in moments if m is not None and m > now), default=None)


def next_step(session: Session, *, now: datetime) -> datetime | None:
    """The first moment strictly after ``now`` at which somebody on the way is due."""
    query = (
        sa.select(sa.func.min(enrolment.c.due_at))
        .join_from(enrolment, chain, chain.c.id == enrolment.c.chain_id)
        .where(ACTIVE, enrolment.c.due_at > now, chain.c.enabled == sa.true())
    )
    moment: datetime | None = session.execute(query).scalar_one()
    return moment


def look_again(session: Session, *, customer_id: int, now: datetime) -> int:
    """Reckon anew what a customer waits for: they have moved to another zone, or changed their
    quiet hours. How many passes it concerns."""
    mine = sa.and_(ACTIVE, enrolment.c.customer_id == customer_id)
    done = session.execute(sa.update(enrolment).where(mine).values(due_at=now))
    return int(done.rowcount)  # type: ignore[attr-defined]
