"""Invitations: single-use links by which staff get into the chat or the panel."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import tokens
from loyalty.errors import InvitationUsed, StaffNotFound
from loyalty.events import SYSTEM
from loyalty.ids import new_id
from loyalty.staff.people import (
    Staff,
    find_by_telegram,
    free_login,
    get,
    plain_login,
    revoke,
    spend_invitations,
)
from loyalty.staff.standing import add_outlets, outlets_of, stand_at
from loyalty.staff.tables import CASHIER, SELLING, invitation, staff
from loyalty.staff.writing import note, rerun_if_taken


def invite(
    session: Session, *, staff_id: int, now: datetime, days: int = 7, actor: str = SYSTEM
) -> str:
    """A token that lets this person in, once, for ``days`` days; earlier ones stop working.

    A cashier's link is ``https://t.me/<bot>?start=j_<token>``, everybody else's
    ``<PUBLIC_URL>/admin/invitation/<token>``. Only a hash of the token is kept.

    Raises:
        StaffNotFound: nobody has this id, or the person was dismissed.
    """
    if not get(session, staff_id).live:
        raise StaffNotFound(staff_id=staff_id)
    spend_invitations(session, staff_id=staff_id, now=now)
    token = tokens.new_secret()
    session.execute(
        sa.insert(invitation).values(
            id=new_id(),
            staff_id=staff_id,
            token_hash=tokens.hash_secret(token),
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
    )
    note(session, "invited", {"staff_id": staff_id}, actor, now)
    return token


def find_invitation(session: Session, *, token: str, now: datetime) -> Staff:
    """Whom the token invites, while it is good; nothing is used up.

    Raises:
        InvitationUsed: it was used, has expired, or was never ours.
    """
    return _invited(session, _invitation(session, token, lock=False), now)


def _invited(session: Session, row: Any, now: datetime) -> Staff:
    if row is None or row.used_at is not None or row.expires_at <= now:
        raise InvitationUsed()
    person = get(session, row.staff_id)
    if not person.live:
        raise InvitationUsed()
    return person


def accept_bot_invitation(
    session: Session, *, token: str, telegram_id: int, now: datetime
) -> Staff:
    """Bind the Telegram account to the invited person.

    A repeated update changes nothing: the account that used the token gets the same answer.
    Somebody who sells with this account already stays who they are, in the role they have, when
    a cashier's link is opened: the outlets of the invitation become theirs too, they stand at
    its outlet from now on, and the post that was made for it is closed. An owner's link moves
    the account to the owner's post. Who works in the panel already connects their own chat so,
    for tests of messages; it becomes no till.

    Raises:
        InvitationUsed: it was used by another, has expired, or was never ours.
    """
    row = _invitation(session, token, lock=True)
    if row is not None and row.used_at is not None:
        merged = get(session, row.merged_into) if row.merged_into is not None else None
        person = merged or get(session, row.staff_id)
        if person.live and person.telegram_id == telegram_id:
            return person
    person = _invited(session, row, now)
    here = find_by_telegram(session, telegram_id=telegram_id)
    if person.role not in SELLING and (person.login is None or (here and here.sells)):
        # The panel's invitations open the panel only; a till's chat stays a till's.
        raise InvitationUsed()
    if here is not None and here.sells and here.id != person.id and person.role == CASHIER:
        return _one_more_outlet(session, here, person, token, now)
    session.execute(
        sa.update(staff).where(staff.c.telegram_id == telegram_id).values(telegram_id=None)
    )
    bound = sa.update(staff).where(staff.c.id == person.id).values(telegram_id=telegram_id)
    with rerun_if_taken():
        session.execute(bound)
    _use_invitation(session, token, now)
    note(session, "joined", {"staff_id": person.id}, person.actor, now)
    return get(session, person.id)


def _one_more_outlet(
    session: Session, here: Staff, invited: Staff, token: str, now: datetime
) -> Staff:
    """The invited post's outlets for who sells already; nobody's role changes by a link."""
    places = [place.id for place in outlets_of(session, staff_id=invited.id)]
    add_outlets(session, staff_id=here.id, outlet_ids=places, now=now, actor=here.actor)
    if invited.outlet_id is not None:
        stand_at(session, staff_id=here.id, outlet_id=invited.outlet_id, now=now)
    _use_invitation(session, token, now, merged_into=here.id)
    revoke(session, staff_id=invited.id, now=now, actor=here.actor)
    return get(session, here.id)


def accept_panel_invitation(
    session: Session, *, token: str, login: str, password_hash: str, now: datetime
) -> Staff:
    """Give the invited person a login and a password (already hashed, ``hash_password``).

    Raises:
        InvitationUsed: it was used, has expired, or was never ours.
        NameTaken: the login is somebody else's.
    """
    person = _invited(session, _invitation(session, token, lock=True), now)
    if person.role == CASHIER:
        raise InvitationUsed()
    if plain_login(login) != person.login:
        login = free_login(session, login)
    changed = sa.update(staff).where(staff.c.id == person.id)
    with rerun_if_taken():
        session.execute(changed.values(login=plain_login(login), password_hash=password_hash))
    _use_invitation(session, token, now)
    note(session, "joined", {"staff_id": person.id}, person.actor, now)
    return get(session, person.id)


def knows_invitation(session: Session, *, token: str) -> bool:
    """Whether such an invitation was ever made, used or not."""
    return _invitation(session, token, lock=False) is not None


def _invitation(session: Session, token: str, *, lock: bool) -> Any:
    query = sa.select(invitation).where(invitation.c.token_hash == tokens.hash_secret(token))
    if lock:  # On PostgreSQL two people with one link queue here; SQLite has one writer anyway.
        query = query.with_for_update()
    return session.execute(query).one_or_none()


def _use_invitation(
    session: Session, token: str, now: datetime, *, merged_into: int | None = None
) -> None:
    wanted = invitation.c.token_hash == tokens.hash_secret(token)
    used = sa.update(invitation).where(wanted)
    session.execute(used.values(used_at=now, merged_into=merged_into))
