"""Touches: every decision about a message, once per customer, source, step and occurrence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.messaging.outbox import insert_new
from loyalty.messaging.policy import Decision, HeldOut, Send, Skip, Wait
from loyalty.messaging.tables import touch

Key = tuple[int, str, str, str]
"""Customer, source, step, occurrence."""


@dataclass(frozen=True, slots=True)
class Known:
    """A touch that is there already."""

    id: int
    decision: str
    deadline: datetime


def words_of(decision: Decision) -> tuple[str, str | None]:
    """A decision as a touch keeps it: decision and reason."""
    if isinstance(decision, Send):
        return "send", None
    if isinstance(decision, Wait):
        return "wait", decision.reason
    if isinstance(decision, HeldOut):
        return "held_out", decision.reason
    assert isinstance(decision, Skip)
    return "skipped", decision.reason


def find(
    session: Session,
    customer_ids: Iterable[int],
    sources: Iterable[str],
    occurrences: Iterable[str],
) -> dict[Key, Known]:
    """Touches these customers have from these sources about these occurrences."""
    query = sa.select(
        touch.c.customer_id,
        touch.c.source,
        touch.c.step,
        touch.c.occurrence,
        touch.c.id,
        touch.c.decision,
        touch.c.deadline,
    ).where(
        touch.c.customer_id.in_(sorted(set(customer_ids))),
        touch.c.source.in_(sorted(set(sources))),
        # Of a year of daily reminders only today's are of any use.
        touch.c.occurrence.in_(sorted(set(occurrences))),
    )
    return {
        (customer_id, source, step, occurrence): Known(key, decision, deadline)
        for customer_id, source, step, occurrence, key, decision, deadline in session.execute(query)
    }


def put(session: Session, *, new: list[dict[str, Any]], changed: list[dict[str, Any]]) -> set[int]:
    """Write new touches and decide waiting ones anew; ids of those that were written.

    A new touch whose key is there already is left out, and so must be its message.
    """
    written = set(insert_new(session, touch, new))
    if changed:
        statement = (
            sa.update(touch)
            .where(touch.c.id == sa.bindparam("touch_id"), touch.c.decision == "wait")
            .values(
                decision=sa.bindparam("new_decision"),
                reason=sa.bindparam("new_reason"),
                due_at=sa.bindparam("new_due_at"),
                decided_at=sa.bindparam("new_decided_at"),
                outbox_id=sa.bindparam("new_outbox_id"),
            )
        )
        session.connection().execute(
            statement,
            [
                {"touch_id": row["id"]}
                | {
                    f"new_{name}": row[name]
                    for name in ("decision", "reason", "due_at", "decided_at", "outbox_id")
                }
                for row in changed
            ],
        )
        written.update(row["id"] for row in changed)
    return written
