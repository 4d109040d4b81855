"""Keys of tills: one per outlet's till, shown once, kept as a hash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import tokens
from loyalty.events import SYSTEM
from loyalty.ids import new_id
from loyalty.staff.places import get_outlet
from loyalty.staff.tables import outlet, outlet_key
from loyalty.staff.writing import insert_unique, note


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletKey:
    """A till's key, without the key. ``hint`` is its last characters, to tell keys apart."""

    id: int
    outlet_id: int
    outlet_name: str
    time_zone: str
    hint: str
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None

    @property
    def actor(self) -> str:
        """How ledgers and events name this till."""
        return f"key:{self.id}"


_KEYS = sa.select(
    outlet_key,
    outlet.c.name.label("outlet_name"),
    outlet.c.time_zone.label("time_zone"),
).join(outlet, outlet.c.id == outlet_key.c.outlet_id)


def _as_key(row: Any) -> OutletKey:
    return OutletKey(**{name: getattr(row, name) for name in OutletKey.__dataclass_fields__})


def add_key(session: Session, *, outlet_id: int, now: datetime, actor: str = SYSTEM) -> str:
    """A new key for a till of this outlet: shown now, never again.

    Raises:
        OutletNotFound: there is no such outlet.
    """
    get_outlet(session, outlet_id)
    key, key_id = tokens.new_secret(32), new_id()
    values = {
        "id": key_id,
        "outlet_id": outlet_id,
        "key_hash": tokens.hash_secret(key),
        "hint": key[-4:],
        "created_at": now,
    }
    insert_unique(session, outlet_key, values)
    note(session, "key_added", {"key_id": key_id, "outlet_id": outlet_id}, actor, now)
    return key


def find_key(session: Session, *, key: str) -> OutletKey | None:
    """Whose key this is; None if it is nobody's or was taken back."""
    wanted = outlet_key.c.key_hash == tokens.hash_secret(key)
    row = session.execute(_KEYS.where(wanted, outlet_key.c.revoked_at.is_(None))).one_or_none()
    return _as_key(row) if row is not None else None


def keys_of(session: Session, *, outlet_id: int) -> list[OutletKey]:
    """Every key the outlet ever had, newest first."""
    query = _KEYS.where(outlet_key.c.outlet_id == outlet_id).order_by(outlet_key.c.id.desc())
    return [_as_key(row) for row in session.execute(query)]


def note_key_used(session: Session, *, key_id: int, now: datetime) -> None:
    """Remember that the key was used; callers do so now and then, not on every sale."""
    session.execute(sa.update(outlet_key).where(outlet_key.c.id == key_id).values(last_used_at=now))


def revoke_key(session: Session, *, key_id: int, now: datetime, actor: str = SYSTEM) -> bool:
    """Take the key back, effective at once; False if there was nothing to take back."""
    live = sa.and_(outlet_key.c.id == key_id, outlet_key.c.revoked_at.is_(None))
    if session.execute(sa.select(outlet_key.c.id).where(live)).first() is None:
        return False
    session.execute(sa.update(outlet_key).where(live).values(revoked_at=now))
    note(session, "key_revoked", {"key_id": key_id}, actor, now)
    return True
