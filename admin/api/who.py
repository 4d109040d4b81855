"""Who the customer is: a card's token or link, 8 digits, ``tel:+7…`` or ``id:…``."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from admin.api.door import Call, is_code
from loyalty import customers, enrolment
from loyalty.customers import Identified, external_id
from loyalty.errors import CustomerBlocked, CustomerNotFound

_OUR_ID = re.compile(r"[0-9]{1,19}")
_PHONE = re.compile(r"\+[0-9]{5,15}")
# A card's link as a camera reads it, or its payload alone.
_CARD = re.compile(
    r"(?:(?:https?://)?(?:t|telegram)\.me/[A-Za-z0-9_]{1,64}/?\?start=|tg://resolve\?domain="
    r"[A-Za-z0-9_]{1,64}&start=)?(?:c_)?([A-Za-z0-9_-]{20,60})"
)


@dataclass(frozen=True, slots=True)
class NotIdentified:
    """A wrong code: counted, so what was written must be kept before it is refused."""

    error: CustomerNotFound


def identify(session: Session, call: Call, customer: str) -> Identified | NotIdentified:
    """Whose card it is, and whether points may be spent with it.

    Raises:
        CustomerNotFound, CodeInvalid, PhoneInvalid: nobody's.
        CardBlank: a paper card nobody has yet; what records something makes it somebody's.
        CustomerBlocked: the program is closed to them.
        TooManyTries: five wrong codes within a minute from this till.
    """
    if customer.startswith("tel:"):
        return _named(session, _by_phone(customer.removeprefix("tel:")))
    if customer.startswith("id:"):
        return _named(session, _by_id(session, customer.removeprefix("id:")))
    if is_code(customer):
        found = customers.identify_code(session, code=customer, by=call.till.actor, now=call.now)
        return found if found is not None else NotIdentified(CustomerNotFound())
    card = _CARD.fullmatch(customer.strip())
    if card is None:
        raise CustomerNotFound()
    if call.key is None:  # a question, which writes nothing: a blank card is told as such
        return customers.identify_token(session, keys=call.keys, token=card[1], now=call.now)
    return enrolment.identify(
        session,
        keys=call.keys,
        token=card[1],
        outlet_id=call.till.outlet_id,
        actor=call.till.actor,
        now=call.now,
        language=call.settings.language,
    )


def _named(session: Session, customer_id: int | sa.ScalarSelect[int] | None) -> Identified:
    if customer_id is None:
        raise CustomerNotFound()
    c = customers.customer.c
    one = sa.select(c.id, c.status, c.merged_into)
    row = session.execute(one.where(c.id == customer_id)).one_or_none()
    if row is not None and row.merged_into is not None:
        # A paper card that a member has taken: they are who is meant.
        row = session.execute(one.where(c.id == row.merged_into)).one_or_none()
    if row is None or row.status == customers.ERASED:
        raise CustomerNotFound()
    if row.status == customers.BLOCKED:
        raise CustomerBlocked()
    return Identified(row.id, False, None, "presence")


def _by_phone(number: str) -> sa.ScalarSelect[int]:
    if not _PHONE.fullmatch(number):
        raise CustomerNotFound()
    phone = customers.normalize_phone(number)
    query = sa.select(customers.customer.c.id).where(customers.customer.c.phone == phone)
    return query.scalar_subquery()


def _by_id(session: Session, name: str) -> int | None:
    """Our own id, else the id another system knows the customer by (``SYSTEM:ID`` if two do)."""
    if _OUR_ID.fullmatch(name) and int(name) < 2**63:
        query = sa.select(customers.customer.c.id).where(customers.customer.c.id == int(name))
        if session.execute(query).first() is not None:
            return int(name)
    known = external_id.c.value == name
    if ":" in name:
        system, _, value = name.partition(":")
        known = sa.or_(known, sa.and_(external_id.c.system == system, external_id.c.value == value))
    query = sa.select(external_id.c.customer_id).where(known).distinct().limit(2)
    found = session.execute(query).scalars().all()
    return found[0] if len(found) == 1 else None
