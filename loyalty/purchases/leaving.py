"""Who stops selling: their open sales end with it, and points set aside for these are free."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import staff
from loyalty.purchases.draft_rows import CANCELLED, OPEN, as_draft, change, release
from loyalty.purchases.tables import sale_draft


def dismiss(session: Session, *, staff_id: int, now: datetime, actor: str) -> None:
    """Take the role away (``staff.revoke``), and end what this person was ringing up.

    Raises:
        StaffNotFound: nobody has this id.
    """
    staff.revoke(session, staff_id=staff_id, now=now, actor=actor)
    close_drafts(session, staff_id=staff_id, now=now)


def set_outlets(
    session: Session, *, staff_id: int, outlet_ids: Iterable[int], now: datetime, actor: str
) -> None:
    """Say where this person may sell (``staff.set_outlets``); open sales elsewhere end.

    Raises:
        StaffNotFound, OutletNotFound: see ``staff.set_outlets``.
    """
    taken = staff.set_outlets(
        session, staff_id=staff_id, outlet_ids=outlet_ids, now=now, actor=actor
    )
    if taken:
        close_drafts(session, staff_id=staff_id, outlet_ids=taken, now=now)


def close_drafts(
    session: Session, *, staff_id: int, outlet_ids: Collection[int] | None = None, now: datetime
) -> int:
    """Cancel this person's open sales (of some outlets only, if given); how many."""
    mine = sa.and_(sale_draft.c.staff_id == staff_id, sale_draft.c.status == OPEN)
    if outlet_ids is not None:
        mine = sa.and_(mine, sale_draft.c.outlet_id.in_(outlet_ids))
    query = sa.select(sale_draft).where(mine).order_by(sale_draft.c.id).with_for_update()
    found = [as_draft(row) for row in session.execute(query)]
    for draft in found:
        freed = release(session, draft, now)
        change(session, freed, now, status=CANCELLED, closed_at=now)
    return len(found)
