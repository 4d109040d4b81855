"""Limits a till runs into, where the owner has set them: counted only then."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.guards import check_velocity, needs_counts
from loyalty.purchases.gate import Gate
from loyalty.purchases.sale_rows import Sale
from loyalty.receipts import customer_day, purchase

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
    recent = (
        sa.select(purchase.c.id)
        .where(purchase.c.staff_id == sale.staff_id, purchase.c.recorded_at > sale.now - HOUR)
        .limit(guards.cashier_sales_per_hour_limit or 0)
        .subquery()
    )
    of_cashier = sa.select(sa.func.count()).select_from(recent)
    check_velocity(
        guards,
        card_sales_today=session.execute(of_card).scalar_one_or_none() or 0,
        cashier_sales_last_hour=session.execute(of_cashier).scalar_one(),
    )
