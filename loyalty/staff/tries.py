"""Wrong codes and passwords, by who tried: what limits of tries are counted from."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.ids import new_id
from loyalty.staff.tables import failed_try

KEPT = timedelta(days=1)
"""Failures older than this are of no use to any limit and are dropped."""


def note_failure(session: Session, *, subject: str, now: datetime) -> None:
    """Count a wrong try of ``subject`` (``code:STAFF``, ``login:HASH``; at most 80 characters).

    A unit that then raises rolls the count back with it: note first, refuse after the commit.
    """
    stale = sa.and_(failed_try.c.subject == subject, failed_try.c.at < now - KEPT)
    session.execute(sa.delete(failed_try).where(stale))
    session.execute(sa.insert(failed_try).values(id=new_id(), subject=subject, at=now))


def failures(session: Session, *, subject: str, since: datetime) -> int:
    """How many wrong tries ``subject`` has made after ``since``."""
    query = sa.select(sa.func.count()).where(
        failed_try.c.subject == subject, failed_try.c.at > since
    )
    return session.execute(query).scalar_one()


def oldest_failure(session: Session, *, subject: str, since: datetime) -> datetime | None:
    """The first wrong try after ``since``: when it leaves the window, another try is free."""
    query = (
        sa.select(failed_try.c.at)
        .where(failed_try.c.subject == subject, failed_try.c.at > since)
        .order_by(failed_try.c.at)
        .limit(1)
    )
    return session.execute(query).scalar_one_or_none()
