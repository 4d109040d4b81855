"""Takes rows of the outbox with a lease, and takes back what a dead process held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.db.fast import execute, fetch, is_postgres
from loyalty.delivery.again import queue_again
from loyalty.messaging.outbox import PRIORITIES, SERVICE
from loyalty.messaging.tables import LEASED, QUEUED, outbox

LEASE = timedelta(seconds=30)
"""How long a process may hold a row without settling it, real time."""


_CLASSES = sorted(set(PRIORITIES.values()))
_URGENT = [PRIORITIES[SERVICE]]
# A class at a time, so that the index is read in order and no further than the limit: what is
# queued for later may be millions.
_DUE_OF_CLASS = (
    "SELECT id, chat_id, priority, due_at FROM outbox WHERE state = 'queued'"
    " AND priority = {priority} AND due_at <= $1 ORDER BY due_at, id LIMIT {limit}"
)
_SET = " SET state = 'claimed', lease_owner = ${owner}, lease_until = ${until} WHERE id "


def _claim_sql(classes: Sequence[int]) -> str:
    """PostgreSQL: one statement; each class takes what the more urgent ones have left."""
    heads, left = [], "$2"
    for priority in classes:
        part = _DUE_OF_CLASS.format(priority=priority, limit=left)
        heads.append(f"p{priority} AS MATERIALIZED ({part} FOR UPDATE SKIP LOCKED)")
        left += f" - (SELECT count(*) FROM p{priority})"  # noqa: S608 - a number
    found = " UNION ALL ".join(f"SELECT id FROM p{priority}" for priority in classes)  # noqa: S608
    update = "UPDATE outbox" + _SET.format(owner=3, until=4)
    # An array: the planner then expects few rows and goes by the primary key.
    return f"WITH {', '.join(heads)} {update} = ANY(ARRAY({found})) RETURNING {_COLUMNS}"


def _due_sql(classes: Sequence[int]) -> str:
    """SQLite, where the writer is alone: look, then take."""
    parts = (_DUE_OF_CLASS.format(priority=priority, limit="$2") for priority in classes)
    union = " UNION ALL ".join(f"SELECT * FROM ({part})" for part in parts)  # noqa: S608
    return f"{union} ORDER BY priority, due_at, id LIMIT $2"


_COLUMNS = "id, chat_id, priority, due_at"
# By whether only what somebody waits for is wanted.
_CLAIM = {False: _claim_sql(_CLASSES), True: _claim_sql(_URGENT)}
_DUE = {False: _due_sql(_CLASSES), True: _due_sql(_URGENT)}
_TAKE = "UPDATE outbox" + _SET.format(owner=2, until=3) + "IN (SELECT value FROM json_each($1))"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that this process holds."""

    id: int
    chat_id: int


def claim(
    session: Session,
    *,
    owner: str,
    limit: int,
    now: datetime,
    real_now: datetime,
    urgent_only: bool = False,
) -> list[Claimed]:
    """Hold up to ``limit`` rows due at ``now``, the urgent classes first; with ``urgent_only``
    service messages and nothing else.

    The caller asks for no more than it may send within a second.
    """
    if is_postgres(session):
        rows = fetch(session, _CLAIM[urgent_only], now, limit, owner, real_now + LEASE)
        found = sorted(rows, key=lambda row: (row[2], row[3], row[0]))
        return [Claimed(row[0], row[1]) for row in found]
    due = fetch(session, _DUE[urgent_only], now, limit)
    if due:
        execute(session, _TAKE, [row[0] for row in due], owner, real_now + LEASE)
    return [Claimed(row[0], row[1]) for row in due]


_KEEP = (
    "UPDATE outbox SET lease_until = $3 WHERE state IN ('claimed', 'sending')"
    " AND lease_owner = $2 AND id {among} RETURNING id"
)
_KEEP_POSTGRES = _KEEP.format(among="= ANY($1::bigint[])")
_KEEP_SQLITE = _KEEP.format(among="IN (SELECT value FROM json_each($1))")


def keep(session: Session, *, owner: str, ids: Sequence[int], real_now: datetime) -> set[int]:
    """Extend the leases of rows that ``owner`` has in hand; those of them that are still its own.

    Only rows in hand: one that was taken by a call whose answer was lost is let go by its lease.
    """
    among = (
        "= ANY($1::bigint[])" if is_postgres(session) else "IN (SELECT value FROM json_each($1))"
    )
    rows = fetch(session, _KEEP.format(among=among), list(ids), owner, real_now + LEASE)
    return {row[0] for row in rows}


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
