"""What a customer tells and changes about themselves: each change leaves an event with the
field's name, never with what was told. Of somebody erased nothing is kept any more: every change
raises ``CustomerNotFound`` then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.customers.people import ERASED, clean_name, find_by_phone, note_change
from loyalty.customers.tables import customer, phone_seen
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.errors import CustomerNotFound, NameInvalid, PhoneTaken, ZoneInvalid
from loyalty.tokens import Keys

MOST_INTERESTS = 30
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Preferences:
    """Own quiet hours in minutes of the local day (both None: the program's; equal: none),
    and the categories of goods they like."""

    quiet_start: int | None
    quiet_end: int | None
    interests: tuple[str, ...]


def preferences(session: Session, customer_id: int) -> Preferences:
    """What this customer prefers.

    Raises:
        CustomerNotFound: there is no such customer.
    """
    query = sa.select(customer.c.quiet_start, customer.c.quiet_end, customer.c.interests).where(
        customer.c.id == customer_id
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise CustomerNotFound()
    return Preferences(row.quiet_start, row.quiet_end, tuple(row.interests or ()))


def set_name(session: Session, *, customer_id: int, name: str, now: datetime) -> str:
    """What to call them from now on; the name as it is kept. The same name changes nothing.

    Raises:
        NameInvalid: nothing of it can be read, or it holds a link.
    """
    kept = clean_name(name)
    if kept is None or not any(sign.isalpha() for sign in kept) or "://" in kept:
        raise NameInvalid()
    _set(session, customer_id, "name", now, name=kept)
    return kept


def set_time_zone(session: Session, *, customer_id: int, zone: str | None, now: datetime) -> None:
    """The zone their days and quiet hours are counted in; None: the outlet's or the business's.

    Raises:
        ZoneInvalid: there is no such zone.
    """
    if zone is not None:
        try:
            clock.zone(zone)
        except ValueError:
            raise ZoneInvalid() from None
    _set(session, customer_id, "time_zone", now, time_zone=zone)


def set_quiet_hours(
    session: Session, *, customer_id: int, hours: tuple[int, int] | None, now: datetime
) -> None:
    """When not to write to them: minutes of the local day, start and end; equal: never quiet;
    None: as the program says.

    Raises:
        ValueError: a minute that no day has.
    """
    start, end = hours if hours is not None else (None, None)
    if any(minute is not None and not 0 <= minute < _DAY_MINUTES for minute in (start, end)):
        raise ValueError("minutes of a day are 0 to 1439")
    _set(session, customer_id, "quiet_hours", now, quiet_start=start, quiet_end=end)


def set_interest(
    session: Session, *, customer_id: int, category: str, liked: bool, now: datetime
) -> tuple[str, ...]:
    """Note that they like a category of goods, or no longer do; all they like now."""
    # The list is read and written back, so two taps at once wait for one another.
    held = sa.select(customer.c.id).where(customer.c.id == customer_id)
    session.execute(held.with_for_update(key_share=True))
    old = preferences(session, customer_id).interests
    kept = [name for name in old if name != category]
    new = tuple([*kept, category][-MOST_INTERESTS:] if liked else kept)
    if set(new) != set(old):
        _set(session, customer_id, "interests", now, interests=list(new))
    return new


def change_phone(
    session: Session, *, keys: Keys, customer_id: int, phone: str, now: datetime
) -> bool:
    """Move to a newly verified number (as ``normalize_phone`` gives it); False if it is theirs
    already. The number counts as welcomed: a second welcome is not given for it.

    Raises:
        PhoneTaken: the number is another card's.
    """
    owner = find_by_phone(session, phone)
    if owner is not None:
        if owner.id != customer_id:
            raise PhoneTaken()
        return False
    phone_hash = keys.phone_hash(phone)
    try:
        _set(
            session,
            customer_id,
            "phone",
            now,
            phone=phone,
            phone_hash=phone_hash,
            phone_verified_at=now,
        )
    except Exception as problem:
        if is_unique_violation(problem):
            # Somebody else took this number a moment ago: look again.
            raise AlreadyThere from problem
        raise
    seen = sa.select(phone_seen.c.phone_hash).where(phone_seen.c.phone_hash == phone_hash)
    if session.execute(seen).first() is None:
        session.execute(sa.insert(phone_seen).values(phone_hash=phone_hash, welcomed_at=now))
    return True


def _set(session: Session, customer_id: int, field: str, now: datetime, **values: Any) -> None:
    # Who was erased while they were typing stays nobody.
    theirs = sa.and_(customer.c.id == customer_id, customer.c.status != ERASED)
    old = session.execute(sa.select(*(customer.c[name] for name in values)).where(theirs)).first()
    if old is not None and tuple(old) == tuple(values.values()):
        return
    changed = sa.update(customer).where(theirs).values(**values).returning(customer.c.id)
    if session.execute(changed).first() is None:
        raise CustomerNotFound()
    note_change(session, customer_id=customer_id, field=field, now=now)
