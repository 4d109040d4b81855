"""Tasks come, are taken by somebody, and end with an outcome; every change is an event.

Events carry ids and codes only: what was noted after a call stays in ``task.note``, where an
erasure finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.customers import ERASED, customer
from loyalty.db.rows import Rows
from loyalty.errors import StaffNotFound, TaskClosed, TaskNotFound, WordsInvalid
from loyalty.feedback.words import clean_words
from loyalty.ids import new_id
from loyalty.messaging.outbox import insert_new
from loyalty.staff import staff
from loyalty.tasks.tables import task

OPEN, DONE, DROPPED = "open", "done", "dropped"
STATUSES = (OPEN, DONE, DROPPED)

Outcome = Literal["reached", "no_answer", "will_come", "not_interested", "wrong_number"]
"""Talked to · nobody answered · is coming · does not want to · somebody else's number."""
OUTCOMES: tuple[str, ...] = get_args(Outcome)

NOTE_LIMIT = 1000
"""Characters of a note."""


def open(
    session: Session,
    *,
    key: str,
    customer_id: int,
    source: str,
    title: Mapping[str, str],
    due_at: datetime,
    now: datetime,
    outlet_id: int | None = None,
) -> int | None:
    """Put a task on the call list; its id, or None if the ``key`` was there already.

    ``source`` says what asked for it (``chain:KEY``), ``title`` by language what is to be done.
    ``outlet_id``: whose list it is on; None: the customer's home outlet, if they have one. Event
    ``task.opened``. A customer who is erased gets none.
    """
    who = session.execute(
        sa.select(customer.c.status, customer.c.home_outlet_id).where(customer.c.id == customer_id)
    ).one_or_none()
    if who is None or who.status == ERASED:
        return None
    task_id = new_id()
    row = {
        "id": task_id,
        "key": key,
        "customer_id": customer_id,
        "source": source,
        "title": dict(title),
        "outlet_id": outlet_id if outlet_id is not None else who.home_outlet_id,
        "status": OPEN,
        "created_at": now,
        "due_at": due_at,
    }
    if not insert_new(session, task, [row]):
        return None
    _note(session, "task.opened", task_id, customer_id, events.SYSTEM, now, source=source)
    return task_id


def assign(
    session: Session, *, task_id: int, staff_id: int | None, actor: str, now: datetime
) -> None:
    """Say who is to do a task; None: anybody again. Event ``task.assigned``.

    Raises:
        TaskNotFound: there is none.
        TaskClosed: it is over.
        StaffNotFound: nobody of that id works here (any more).
    """
    found = _held(session, task_id)
    if found.assignee_id == staff_id:
        return
    if staff_id is not None:
        works = sa.select(staff.c.id).where(staff.c.id == staff_id, staff.c.revoked_at.is_(None))
        if session.execute(works).first() is None:
            raise StaffNotFound()
    session.execute(sa.update(task).where(task.c.id == task_id).values(assignee_id=staff_id))
    to = None if staff_id is None else str(staff_id)
    _note(session, "task.assigned", task_id, found.customer_id, actor, now, staff_id=to)


def close(
    session: Session,
    *,
    task_id: int,
    outcome: Outcome,
    actor: str,
    now: datetime,
    note: str = "",
) -> None:
    """End a task with what came of it. Event ``task.done`` with the outcome; the same outcome and
    note again change nothing.

    Raises:
        TaskNotFound: there is none.
        TaskClosed: it ended otherwise.
        WordsInvalid: the note is longer than ``NOTE_LIMIT``.
    """
    words = note_of(note)
    row = session.execute(sa.select(task).where(task.c.id == task_id).with_for_update()).first()
    if row is not None and row.status == DONE and (row.outcome, row.note) == (outcome, words):
        return
    found = _held(session, task_id)
    _end(session, task_id, actor, now, status=DONE, outcome=outcome, note=words)
    _note(session, "task.done", task_id, found.customer_id, actor, now, outcome=outcome)


def drop(session: Session, *, task_id: int, actor: str, now: datetime, note: str = "") -> None:
    """Take a task off the list undone. Event ``task.dropped``; dropped again, nothing changes.

    Raises:
        TaskNotFound: there is none.
        TaskClosed: it was done.
        WordsInvalid: the note is longer than ``NOTE_LIMIT``.
    """
    words = note_of(note)
    status = session.execute(sa.select(task.c.status).where(task.c.id == task_id)).scalar()
    if status == DROPPED:
        return
    found = _held(session, task_id)
    _end(session, task_id, actor, now, status=DROPPED, note=words)
    _note(session, "task.dropped", task_id, found.customer_id, actor, now)


def note_of(text: str) -> str | None:
    """A note as it is kept; None for an empty one.

    Raises:
        WordsInvalid: it is longer than ``NOTE_LIMIT``.
    """
    if not text.strip():
        return None
    words = clean_words(text)
    if len(words) > NOTE_LIMIT:
        raise WordsInvalid(length=len(words), limit=NOTE_LIMIT)
    return words


def _held(session: Session, task_id: int) -> Any:
    """The open task, kept from others until the unit ends."""
    found = session.execute(sa.select(task).where(task.c.id == task_id).with_for_update()).first()
    if found is None:
        raise TaskNotFound()
    if found.status != OPEN:
        raise TaskClosed()
    return found


def _end(session: Session, task_id: int, actor: str, now: datetime, **values: Any) -> None:
    session.execute(
        sa.update(task).where(task.c.id == task_id).values(closed_at=now, closed_by=actor, **values)
    )


def _note(
    session: Session,
    type: str,
    task_id: int,
    customer_id: int,
    actor: str,
    now: datetime,
    **facts: str | None,
) -> None:
    rows = Rows()
    data = {"task_id": str(task_id), **facts}
    events.record(rows, type=type, customer_id=customer_id, actor=actor, data=data, now=now)
    rows.put(session)
