"""Purchases: quote, record, return; the sale from the card to the receipt.

A flat list of calls into the rooms below, facts handed down as arguments. ``drafts`` (import
it by name) is the sale that a cashier is ringing up.
"""

from loyalty.purchases.attaching import attach
from loyalty.purchases.model import (
    Discount,
    Line,
    PurchaseResult,
    Quote,
    Receipt,
    ReturnedLine,
    ReturnResult,
)
from loyalty.purchases.quoting import quote
from loyalty.purchases.recording import record, result_of
from loyalty.purchases.returning import preview_return, record_return

__all__ = [
    "Discount",
    "Line",
    "PurchaseResult",
    "Quote",
    "Receipt",
    "ReturnResult",
    "ReturnedLine",
    "attach",
    "preview_return",
    "quote",
    "record",
    "record_return",
    "result_of",
]
