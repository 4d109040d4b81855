"""The people who work here: taken on, found, dismissed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.errors import NameTaken, StaffNotFound
from loyalty.ids import new_id
from loyalty.staff.places import get_outlet
from loyalty.staff.tables import (
    CASHIER,
    ROLES,
    SELLING,
    invitation,
    outlet,
    panel_session,
    staff,
    staff_outlet,
)
from loyalty.staff.writing import insert_unique, note


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Who works here. ``outlet_*`` is where they stand, with its ``time_zone``: None for roles
    without an outlet, and while that outlet is closed."""

    id: int
    name: str
    role: str
    outlet_id: int | None
    outlet_name: str | None
    time_zone: str | None
    login: str | None
    telegram_id: int | None
    language: str | None
    created_at: datetime
    revoked_at: datetime | None
    password_hash: str | None = field(default=None, repr=False)
    totp_secret: str | None = field(default=None, repr=False)

    @property
    def live(self) -> bool:
        """Whether the person still works here."""
        return self.revoked_at is None

    @property
    def sells(self) -> bool:
        """Whether the person may stand at a till."""
        return self.live and self.role in SELLING

    @property
    def actor(self) -> str:
        """How ledgers and events name this person."""
        return f"staff:{self.id}"


# At a closed outlet nobody stands.
_OPEN = sa.and_(outlet.c.id == staff.c.outlet_id, outlet.c.closed_at.is_(None))
_STAFF = sa.select(
    *(column for column in staff.c if column.name != "outlet_id"),
    outlet.c.id.label("outlet_id"),
    outlet.c.name.label("outlet_name"),
    outlet.c.time_zone.label("time_zone"),
).select_from(staff.outerjoin(outlet, _OPEN))


def _as_staff(row: Any) -> Staff:
    return Staff(**{name: getattr(row, name) for name in Staff.__dataclass_fields__})


def add(
    session: Session,
    *,
    name: str,
    role: str,
    outlet_id: int | None,
    login: str | None = None,
    now: datetime,
    actor: str,
) -> Staff:
    """Take somebody on; they get in by an invitation (``invite``).

    Raises:
        ValueError: there is no such role, or a cashier without an outlet.
        OutletNotFound: there is no such outlet.
        NameTaken: the login is somebody else's.
    """
    if role not in ROLES:
        raise ValueError(f"unknown role: {role!r}")
    if outlet_id is not None:
        get_outlet(session, outlet_id)
    elif role == CASHIER:
        raise ValueError("a cashier sells at an outlet")
    staff_id = new_id()
    values = {
        "id": staff_id,
        "name": name.strip()[:120],
        "role": role,
        "outlet_id": outlet_id,
        "login": free_login(session, login) if login else None,
        "created_at": now,
    }
    insert_unique(session, staff, values)
    if outlet_id is not None:
        place = {"staff_id": staff_id, "outlet_id": outlet_id, "added_at": now}
        session.execute(sa.insert(staff_outlet).values(**place))
    note(session, "added", {"staff_id": staff_id, "role": role}, actor, now)
    return get(session, staff_id)


def get(session: Session, staff_id: int) -> Staff:
    """Who has this id, working here or not any more.

    Raises:
        StaffNotFound: nobody.
    """
    row = session.execute(_STAFF.where(staff.c.id == staff_id)).one_or_none()
    if row is None:
        raise StaffNotFound(staff_id=staff_id)
    return _as_staff(row)


def everyone(session: Session) -> list[Staff]:
    """Everybody who ever worked here: those who still do first, then by name."""
    query = _STAFF.order_by(staff.c.revoked_at.is_not(None), staff.c.name, staff.c.id)
    return [_as_staff(row) for row in session.execute(query)]


def find_by_telegram(session: Session, *, telegram_id: int) -> Staff | None:
    """Who works here with this Telegram account; None for strangers and the dismissed."""
    query = _STAFF.where(staff.c.telegram_id == telegram_id, staff.c.revoked_at.is_(None))
    row = session.execute(query).one_or_none()
    return _as_staff(row) if row is not None else None


def find_by_login(session: Session, *, login: str) -> Staff | None:
    """Who works here and signs in by this login; None for strangers and the dismissed."""
    query = _STAFF.where(staff.c.login == plain_login(login), staff.c.revoked_at.is_(None))
    row = session.execute(query).one_or_none()
    return _as_staff(row) if row is not None else None


def revoke(session: Session, *, staff_id: int, now: datetime, actor: str) -> None:
    """Take the role away, effective at once: chat, panel sessions and unused invitations.

    Raises:
        StaffNotFound: nobody has this id.
    """
    person = get(session, staff_id)
    if not person.live:
        return
    session.execute(sa.update(staff).where(staff.c.id == staff_id).values(revoked_at=now))
    session.execute(sa.delete(panel_session).where(panel_session.c.staff_id == staff_id))
    spend_invitations(session, staff_id=staff_id, now=now)
    note(session, "revoked", {"staff_id": staff_id}, actor, now)


def set_language(session: Session, *, staff_id: int, language: str) -> None:
    """The language the person's screens speak."""
    session.execute(sa.update(staff).where(staff.c.id == staff_id).values(language=language))


def plain_login(login: str) -> str:
    """A login as it is kept and compared: capitals and spaces around it mean nothing."""
    return login.strip().lower()


def free_login(session: Session, login: str) -> str:
    """The login as it is kept, if nobody has it.

    Raises:
        NameTaken: somebody has, working here or not any more.
    """
    wanted = plain_login(login)
    if session.execute(sa.select(staff.c.id).where(staff.c.login == wanted)).first() is not None:
        raise NameTaken(name=wanted)
    return wanted


def spend_invitations(session: Session, *, staff_id: int, now: datetime) -> None:
    """Make every unused invitation of this person worthless."""
    unused = sa.and_(invitation.c.staff_id == staff_id, invitation.c.used_at.is_(None))
    session.execute(sa.update(invitation).where(unused).values(used_at=now))
