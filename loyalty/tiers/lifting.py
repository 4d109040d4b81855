"""Up at once, also when purchases come to a customer in another way than by a sale."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.customers import customer
from loyalty.db.rows import Rows
from loyalty.program import Program
from loyalty.receipts import customer_day
from loyalty.tiers.levels import after_sale, window_start


def lift(
    session: Session,
    *,
    customer_id: int,
    program: Program,
    today: date,
    actor: str,
    now: datetime,
) -> str:
    """The tier that the spend of the 12 months until ``today`` reaches, if it is a higher one.

    Never down. The caller holds the lock on the customer's account.
    """
    level = sa.select(customer.c.tier, customer.c.tier_floor).where(customer.c.id == customer_id)
    before = session.execute(level).one()
    spent = sa.select(sa.func.coalesce(sa.func.sum(customer_day.c.spent), 0)).where(
        customer_day.c.customer_id == customer_id, customer_day.c.day >= window_start(today)
    )
    rows = Rows()
    tier = after_sale(
        rows,
        program=program,
        customer_id=customer_id,
        tier=before.tier,
        floor=before.tier_floor,
        spent_12m=int(session.execute(spent).scalar_one()),
        now=now,
        actor=actor,
    )
    rows.put(session)
    return tier
