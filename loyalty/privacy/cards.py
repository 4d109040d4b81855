"""Under which ids one person is known."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.customers import customer
from loyalty.errors import CustomerNotFound


def cards_of(session: Session, customer_id: int) -> list[int]:
    """The customer, and the paper cards that have become part of theirs, in id order.

    Raises:
        CustomerNotFound: nobody by that id.
    """
    c = customer.c
    query = sa.select(c.id).where(sa.or_(c.id == customer_id, c.merged_into == customer_id))
    ids = sorted(session.execute(query).scalars())
    if customer_id not in ids:
        raise CustomerNotFound(customer_id=str(customer_id))
    return ids
