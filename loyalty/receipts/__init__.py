"""Receipts: what is sold, purchases with their lines and returns, and the rollups per customer."""

from loyalty.receipts.goods import MILLI, Line, Receipt
from loyalty.receipts.names import last_names
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
    "last_names",
    "purchase",
    "purchase_line",
    "purchase_return",
]
