"""Takes rows of the outbox with a lease, and takes back what a dead process held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.delivery.again import queue_again
from loyalty.messaging.outbox import PRIORITIES
from loyalty.messaging.tables import LEASED, QUEUED, outbox

LEASE = timedelta(seconds=30)
"""How long a process may hold a row without settling it, real time."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that this process holds."""

    id: int
    chat_id: int


def claim(
    session: Session, *, owner: str, limit: int, now: datetime, real_now: datetime
) -> list[Claimed]:
    """Hold up to ``limit`` rows due at ``now``, the urgent classes first.

    The caller asks for no more than it may send within a second.
    """
    found: list[Claimed] = []
    for priority in sorted(set(PRIORITIES.values())):
        if len(found) >= limit:
            break
        query = (
            sa.select(outbox.c.id, outbox.c.chat_id)
            .where(QUEUED, outbox.c.priority == priority, outbox.c.due_at <= now)
            .order_by(outbox.c.due_at, outbox.c.id)
            .limit(limit - len(found))
            .with_for_update(skip_locked=True)
        )
        found.extend(Claimed(row.id, row.chat_id) for row in session.execute(query))
    if found:
        session.execute(
            sa.update(outbox)
            .where(outbox.c.id.in_([row.id for row in found]))
            .values(state="claimed", lease_owner=owner, lease_until=real_now + LEASE)
        )
    return found


def release(session: Session, *, owner: str, ids: Sequence[int] | None = None) -> int:
    """Give claimed rows back to the queue: these, or all that ``owner`` holds; how many."""
    statement = sa.update(outbox).where(
        LEASED, outbox.c.state == "claimed", outbox.c.lease_owner == owner
    )
    if ids is not None:
        statement = statement.where(outbox.c.id.in_(ids))
    done = session.execute(statement.values(state="queued", lease_owner=None, lease_until=None))
    return int(done.rowcount)  # type: ignore[attr-defined]


def recover(session: Session, *, now: datetime, real_now: datetime) -> int:
    """End what a dead process held: claimed rows are queued again, those that were being sent
    are unknown (a service message is sent once more). How many there were."""
    query = (
        sa.select(outbox)
        .where(LEASED, outbox.c.lease_until < real_now)
        .order_by(outbox.c.id)
        .limit(500)
        .with_for_update(skip_locked=True)
    )
    rows = session.execute(query).all()
    claimed = [row.id for row in rows if row.state == "claimed"]
    sending = [row for row in rows if row.state == "sending"]
    if claimed:
        session.execute(
            sa.update(outbox)
            .where(outbox.c.id.in_(claimed))
            .values(state="queued", lease_owner=None, lease_until=None)
        )
    if sending:
        session.execute(
            sa.update(outbox)
            .where(outbox.c.id.in_([row.id for row in sending]))
            .values(
                state="unknown",
                reason="lease_lost",
                settled_at=now,
                lease_owner=None,
                lease_until=None,
            )
        )
        queue_again(session, sending, now=now)
    return len(rows)


def next_due(session: Session, *, now: datetime) -> datetime | None:
    """The first moment strictly after ``now`` at which a queued message is due."""
    query = sa.select(sa.func.min(outbox.c.due_at)).where(QUEUED, outbox.c.due_at > now)
    moment: datetime | None = session.execute(query).scalar_one()
    return moment


def is_anything_due(session: Session, *, now: datetime) -> bool:
    """Whether a queued message is due, or one is on its way at this moment."""
    queued = sa.select(outbox.c.id).where(QUEUED, outbox.c.due_at <= now).limit(1)
    leased = sa.select(outbox.c.id).where(LEASED).limit(1)
    return any(session.execute(query).first() is not None for query in (queued, leased))


def postpone(session: Session, *, owner: str, ids: Sequence[int], until: datetime) -> int:
    """Put claimed rows back to leave at ``until``: their chat has just been written to."""
    done = session.execute(
        sa.update(outbox)
        .where(outbox.c.id.in_(ids), outbox.c.state == "claimed", outbox.c.lease_owner == owner)
        .values(state="queued", lease_owner=None, lease_until=None, due_at=until)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]
