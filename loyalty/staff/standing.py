"""Where a cashier may sell, and at which of these outlets they stand now: one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.errors import OutletNotFound
from loyalty.staff.people import Staff, get
from loyalty.staff.places import Outlet, outlets
from loyalty.staff.tables import staff, staff_outlet
from loyalty.staff.writing import note


def outlets_of(session: Session, *, staff_id: int) -> list[Outlet]:
    """The open outlets where this person may sell, by name."""
    mine = _allowed(session, staff_id)
    return [place for place in outlets(session) if place.id in mine]


def places(session: Session) -> dict[int, tuple[int, ...]]:
    """The outlets of everybody who has any, by id of the person."""
    found: dict[int, tuple[int, ...]] = {}
    for row in session.execute(sa.select(staff_outlet).order_by(staff_outlet.c.outlet_id)):
        found[row.staff_id] = (*found.get(row.staff_id, ()), row.outlet_id)
    return found


def stand_at(session: Session, *, staff_id: int, outlet_id: int, now: datetime) -> Staff:
    """Stand at another outlet from now on; standing there already changes nothing.

    Raises:
        StaffNotFound: nobody has this id.
        OutletNotFound: it is closed, or this person may not sell there.
    """
    _lock(session, staff_id)
    person = get(session, staff_id)
    if outlet_id not in {place.id for place in outlets_of(session, staff_id=staff_id)}:
        raise OutletNotFound(outlet_id=outlet_id)
    if person.outlet_id == outlet_id:
        return person
    session.execute(sa.update(staff).where(staff.c.id == staff_id).values(outlet_id=outlet_id))
    note(session, "moved", {"staff_id": staff_id, "outlet_id": outlet_id}, person.actor, now)
    return get(session, staff_id)


def set_outlets(
    session: Session, *, staff_id: int, outlet_ids: Iterable[int], now: datetime, actor: str
) -> Sequence[int]:
    """Say where this person may sell; the outlets that were taken away.

    Whoever stands at one of these stands at the first of the others now, or nowhere.

    Raises:
        StaffNotFound: nobody has this id.
        OutletNotFound: one of the outlets is closed or does not exist.
    """
    _lock(session, staff_id)
    person = get(session, staff_id)
    wanted = dict.fromkeys(outlet_ids)
    known = {place.id for place in outlets(session)}
    unknown = [outlet_id for outlet_id in wanted if outlet_id not in known]
    if unknown:
        raise OutletNotFound(outlet_id=unknown[0])
    before = _allowed(session, staff_id)
    taken = sorted(before - set(wanted))
    if taken:
        session.execute(
            sa.delete(staff_outlet).where(
                staff_outlet.c.staff_id == staff_id, staff_outlet.c.outlet_id.in_(taken)
            )
        )
    for outlet_id in wanted:
        if outlet_id not in before:
            values = {"staff_id": staff_id, "outlet_id": outlet_id, "added_at": now}
            session.execute(sa.insert(staff_outlet).values(**values))
    if person.outlet_id not in wanted:
        place = next(iter(wanted), None)
        session.execute(sa.update(staff).where(staff.c.id == staff_id).values(outlet_id=place))
    if taken or set(wanted) - before:
        data = {"staff_id": staff_id, "outlet_ids": list(wanted)}
        note(session, "outlets_set", data, actor, now)
    return taken


def add_outlets(
    session: Session, *, staff_id: int, outlet_ids: Iterable[int], now: datetime, actor: str
) -> None:
    """Let this person sell at more outlets; those they have stay.

    Raises:
        StaffNotFound, OutletNotFound: see ``set_outlets``.
    """
    has = [place.id for place in outlets_of(session, staff_id=staff_id)]
    set_outlets(session, staff_id=staff_id, outlet_ids=[*has, *outlet_ids], now=now, actor=actor)


def _allowed(session: Session, staff_id: int) -> set[int]:
    query = sa.select(staff_outlet.c.outlet_id).where(staff_outlet.c.staff_id == staff_id)
    return set(session.execute(query).scalars())


def _lock(session: Session, staff_id: int) -> None:
    """Changes of one person's places take turns."""
    session.execute(sa.select(staff.c.id).where(staff.c.id == staff_id).with_for_update())
