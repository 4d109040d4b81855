"""Limits on how fast sales may come: pure, from counts the sale has at hand."""

from __future__ import annotations

from loyalty.errors import VelocityExceeded
from loyalty.program import Guards


def check_velocity(
    guards: Guards, *, card_sales_today: int = 0, cashier_sales_last_hour: int = 0
) -> None:
    """Refuse one more sale where the owner has set a limit (none by default).

    Both counts are of sales recorded before this one.

    Raises:
        VelocityExceeded: facts ``of`` ("card" or "cashier") and ``limit``.
    """
    limit = guards.card_sales_limit
    if limit is not None and card_sales_today >= limit:
        raise VelocityExceeded(of="card", limit=limit)
    limit = guards.cashier_sales_per_hour_limit
    if limit is not None and cashier_sales_last_hour >= limit:
        raise VelocityExceeded(of="cashier", limit=limit)


def needs_counts(guards: Guards) -> bool:
    """Whether any limit is set: without one a sale has nothing to count."""
    return guards.card_sales_limit is not None or guards.cashier_sales_per_hour_limit is not None
