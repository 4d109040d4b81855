"""The last sales a till may go back to: the same guest again, a card shown too late."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, program
from loyalty.customers import ACTIVE, ANONYMOUS, customer
from loyalty.purchases.till import Sale, get_sale
from loyalty.receipts import purchase


def last_guest(
    session: Session,
    *,
    staff_id: int,
    outlet_id: int,
    time_zone: str,
    now: datetime,
    purchase_id: int | None = None,
) -> Sale | None:
    """This cashier's last sale of today at this outlet that was somebody's (or the one with
    that id, if it is such a sale); None: there is none."""
    day = clock.start_of_day(clock.local_date(now, time_zone), time_zone)
    query = (
        sa.select(purchase.c.id)
        .join(customer, customer.c.id == purchase.c.customer_id)
        .where(
            purchase.c.staff_id == staff_id,
            purchase.c.outlet_id == outlet_id,
            purchase.c.sold_at >= day,
            purchase.c.sold_at <= now,
            customer.c.status.in_([ACTIVE, ANONYMOUS]),
            sa.not_(purchase.c.unlinked_return),
        )
        .order_by(purchase.c.sold_at.desc(), purchase.c.id.desc())
        .limit(1)
    )
    if purchase_id is not None:
        query = query.where(purchase.c.id == purchase_id)
    return _sale(session, query, outlet_id)


def late_after(session: Session, *, now: datetime) -> timedelta:
    """How long after a sale without a card one may still be shown."""
    minutes = program.current(session, now=now).program.guards.late_attach_minutes
    return timedelta(minutes=minutes)


def without_card(session: Session, *, outlet_id: int, now: datetime) -> Sale | None:
    """The outlet's latest sale, if it has no card and one may still be put to it."""
    query = (
        sa.select(purchase.c.id)
        .where(
            purchase.c.outlet_id == outlet_id,
            purchase.c.customer_id.is_(None),
            purchase.c.sold_at >= now - late_after(session, now=now),
            purchase.c.sold_at <= now,
            purchase.c.returned < purchase.c.total,
            sa.not_(purchase.c.unlinked_return),
        )
        .order_by(purchase.c.sold_at.desc(), purchase.c.id.desc())
        .limit(1)
    )
    return _sale(session, query, outlet_id)


def _sale(session: Session, query: sa.Select[Any], outlet_id: int) -> Sale | None:
    found = session.execute(query).scalar_one_or_none()
    return get_sale(session, purchase_id=found, outlet_id=outlet_id) if found else None
