"""Limits a till runs into, where the owner has set them: counted only then."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.guards import check_velocity, needs_counts
from loyalty.purchases.gate import Gate
from loyalty.purchases.sale_rows import Sale
from loyalty.receipts import customer_day, purchase, purchase_return

HOUR = timedelta(hours=1)


def check_limits(session: Session, sale: Sale, gate: Gate) -> None:
    """Refuse a sale beyond the limits of a card or a cashier; without limits nothing is asked.

    Raises:
        VelocityExceeded: see ``guards.check_velocity``.
    """
    guards = gate.program.guards
    if not needs_counts(guards):
        return
    of_card = sa.select(customer_day.c.orders).where(
        customer_day.c.customer_id == gate.wallet.customer_id,
        customer_day.c.day == sale.business_date,
    )
    check_velocity(
        guards,
        card_sales_today=session.execute(of_card).scalar_one_or_none() or 0,
        cashier_sales_last_hour=_of_cashier(session, sale, guards.cashier_sales_per_hour_limit),
    )


def _of_cashier(session: Session, sale: Sale, limit: int | None) -> int:
    """The cashier's sales of the last hour that stand, at most ``limit``; a till has no cashier."""
    if sale.staff_id is None or limit is None:
        return 0
    # A slip of the hand that was taken back at once is no sale: it must not use up the hour.
    undone = sa.exists().where(
        purchase_return.c.purchase_id == purchase.c.id, purchase_return.c.undo
    )
    recent = (
        sa.select(purchase.c.id)
        .where(
            purchase.c.staff_id == sale.staff_id,
            purchase.c.recorded_at > sale.now - HOUR,
            sa.not_(undone),
        )
        .limit(limit)
        .subquery()
    )
    return session.execute(sa.select(sa.func.count()).select_from(recent)).scalar_one()
