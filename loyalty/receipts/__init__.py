"""Receipts: what is sold, purchases with their lines and returns, and the rollups per customer."""

from loyalty.receipts.goods import MILLI, Line, Receipt
from loyalty.receipts.tables import (
    customer_day,
    customer_stats,
    purchase,
    purchase_line,
    purchase_return,
)

__all__ = [
    "MILLI",
    "Line",
    "Receipt",
    "customer_day",
    "customer_stats",
    "purchase",
    "purchase_line",
    "purchase_return",
]
