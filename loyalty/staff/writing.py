"""How this room writes: unique rows against races, and an event for each thing done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.db import Rows
from loyalty.db.engine import AlreadyThere, is_unique_violation


@contextmanager
def rerun_if_taken() -> Iterator[None]:
    """Run the unit again when a row of somebody else came between its look and its write.

    Raises:
        AlreadyThere: to the door, which runs the unit once more; it then sees that row.
    """
    try:
        yield
    except IntegrityError as problem:
        if not is_unique_violation(problem):
            raise
        raise AlreadyThere() from problem


def insert_unique(session: Session, table: sa.Table, values: Mapping[str, Any]) -> None:
    """A new row whose name was free a moment ago."""
    with rerun_if_taken():
        session.execute(sa.insert(table).values(**values))


def note(session: Session, what: str, data: Mapping[str, Any], actor: str, now: datetime) -> None:
    """Record ``staff.<what>`` in the audit trail."""
    rows = Rows()
    events.record(rows, type=f"staff.{what}", customer_id=None, actor=actor, data=data, now=now)
    rows.put(session)
