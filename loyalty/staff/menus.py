"""The cashier's command menu in a chat: who has one, and whose has to come off now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.staff.tables import SELLING, staff


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """Somebody whose chat shows a cashier's menu and who is none any more."""

    staff_id: int
    telegram_id: int
    language: str | None
    set_at: datetime


def menu_set(session: Session, *, telegram_id: int, now: datetime) -> None:
    """Note that the chat shows the cashier's menu, if this person may have one."""
    mine = sa.and_(
        staff.c.telegram_id == telegram_id,
        staff.c.revoked_at.is_(None),
        staff.c.role.in_(SELLING),
        staff.c.menu_set_at.is_(None),
    )
    session.execute(sa.update(staff).where(mine).values(menu_set_at=now))


def leaving(session: Session, *, limit: int = 20) -> list[Leaving]:
    """Whose menu has to come off: dismissed, or of a role that does not sell."""
    gone = sa.or_(staff.c.revoked_at.is_not(None), staff.c.role.not_in(SELLING))
    query = (
        sa.select(staff.c.id, staff.c.telegram_id, staff.c.language, staff.c.menu_set_at)
        .where(staff.c.menu_set_at.is_not(None), staff.c.telegram_id.is_not(None), gone)
        .order_by(staff.c.id)
        .limit(limit)
    )
    return [
        Leaving(
            staff_id=row.id,
            telegram_id=row.telegram_id,
            language=row.language,
            set_at=row.menu_set_at,
        )
        for row in session.execute(query)
    ]


def take_menu(session: Session, *, staff_id: int, set_at: datetime) -> bool:
    """Take it on oneself to remove that menu; False if somebody else has."""
    theirs = sa.and_(staff.c.id == staff_id, staff.c.menu_set_at == set_at)
    taken = sa.update(staff).where(theirs).values(menu_set_at=None).returning(staff.c.id)
    return session.execute(taken).first() is not None


def menu_stays(session: Session, *, staff_id: int, set_at: datetime) -> None:
    """It could not be removed: somebody tries again later."""
    theirs = sa.and_(staff.c.id == staff_id, staff.c.menu_set_at.is_(None))
    session.execute(sa.update(staff).where(theirs).values(menu_set_at=set_at))
