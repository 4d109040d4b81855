"""How far the planner has come with each chain, kept beside its cursor of events.

One planner at a time works at a chain: it holds the chain's row; another passes by.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from loyalty.chains.tables import chain_cursor
from loyalty.db.fast import is_postgres


@dataclass(frozen=True, slots=True)
class Doing:
    """A look that is under way: starts after ``from_`` up to ``until`` of customers beyond
    ``low`` are still to be read. ``whole``: it looks back as far as starts are of use."""

    from_: datetime
    until: datetime
    version_id: int
    whole: bool
    low: int = 0


@dataclass(slots=True)
class Progress:
    """``planned_to``: every start up to then was looked for; ``looked_at``: when all that are of
    use were last looked at anew, by the version ``version_id``; ``zones`` customers live in."""

    chain_id: int
    last_event_id: int = 0
    planned_to: datetime | None = None
    looked_at: datetime | None = None
    version_id: int | None = None
    zones: frozenset[str] = frozenset()
    doing: Doing | None = None


def all_progress(session: Session) -> dict[int, Progress]:
    """Of every chain that was looked at, by its id; read, not held."""
    rows = session.execute(sa.select(chain_cursor)).all()
    return {row.chain_id: _read(row) for row in rows}


def take(session: Session, chain_id: int) -> Progress | None:
    """Hold a chain until the transaction ends; None while another planner has it."""
    query = (
        sa.select(chain_cursor)
        .where(chain_cursor.c.chain_id == chain_id)
        .with_for_update(skip_locked=True)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        insert = postgresql.insert if is_postgres(session) else sqlite.insert
        fresh = insert(chain_cursor).values(chain_id=chain_id, last_event_id=0)
        session.execute(fresh.on_conflict_do_nothing())
        row = session.execute(query).one_or_none()
    return None if row is None else _read(row)


def keep(session: Session, progress: Progress) -> None:
    """Write down how far a chain that is held has come."""
    doing = progress.doing
    plan: dict[str, Any] = {
        "to": _text(progress.planned_to),
        "looked": _text(progress.looked_at),
        "version": progress.version_id,
        "zones": sorted(progress.zones),
    }
    if doing is not None:
        plan["doing"] = {
            "from": _text(doing.from_),
            "until": _text(doing.until),
            "version": doing.version_id,
            "whole": doing.whole,
            "low": doing.low,
        }
    session.execute(
        sa.update(chain_cursor)
        .where(chain_cursor.c.chain_id == progress.chain_id)
        .values(last_event_id=progress.last_event_id, plan=plan)
    )


def _read(row: Any) -> Progress:
    plan = row.plan or {}
    doing = plan.get("doing")
    return Progress(
        chain_id=row.chain_id,
        last_event_id=row.last_event_id,
        planned_to=_moment(plan.get("to")),
        looked_at=_moment(plan.get("looked")),
        version_id=plan.get("version"),
        zones=frozenset(plan.get("zones", ())),
        doing=doing
        and Doing(
            from_=datetime.fromisoformat(doing["from"]),
            until=datetime.fromisoformat(doing["until"]),
            version_id=doing["version"],
            whole=doing["whole"],
            low=doing["low"],
        ),
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
