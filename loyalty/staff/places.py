"""Outlets: where things are sold, and the business time zone of their sales."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.errors import NameTaken, OutletNotFound
from loyalty.events import SYSTEM
from loyalty.ids import new_id
from loyalty.staff.tables import outlet
from loyalty.staff.writing import insert_unique, note


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """A place that sells; its time zone is the business time zone of its sales."""

    id: int
    name: str
    city: str | None
    time_zone: str


def add_outlet(
    session: Session,
    *,
    name: str,
    time_zone: str,
    city: str | None = None,
    now: datetime,
    actor: str = SYSTEM,
) -> Outlet:
    """Open an outlet.

    Raises:
        NameTaken: another outlet goes by this name.
        ValueError: there is no such time zone.
    """
    name = name.strip()
    clock.zone(time_zone)
    taken = sa.select(outlet.c.id).where(outlet.c.name == name)
    if session.execute(taken).first() is not None:
        raise NameTaken(name=name)
    made = Outlet(id=new_id(), name=name, city=city, time_zone=time_zone)
    values = {"id": made.id, "name": name, "city": city, "time_zone": time_zone, "created_at": now}
    insert_unique(session, outlet, values)
    note(session, "outlet_added", {"outlet_id": made.id}, actor, now)
    return made


def outlets(session: Session) -> list[Outlet]:
    """Every open outlet, by name."""
    return [_as_outlet(row) for row in session.execute(_OUTLETS.order_by(outlet.c.name))]


def find_outlet(session: Session, *, name: str) -> Outlet | None:
    """The open outlet of that name, whatever its capitals; None if there is none."""
    wanted = name.strip().casefold()
    # Compared here: a database may lower only Latin letters.
    return next((o for o in outlets(session) if o.name.casefold() == wanted), None)


def get_outlet(session: Session, outlet_id: int) -> Outlet:
    """The outlet by its id, open or closed.

    Raises:
        OutletNotFound: there is none.
    """
    row = session.execute(sa.select(outlet).where(outlet.c.id == outlet_id)).one_or_none()
    if row is None:
        raise OutletNotFound(outlet_id=outlet_id)
    return _as_outlet(row)


_OUTLETS = sa.select(outlet).where(outlet.c.closed_at.is_(None))


def _as_outlet(row: Any) -> Outlet:
    return Outlet(id=row.id, name=row.name, city=row.city, time_zone=row.time_zone)
