"""Who is held out: a salted hash of the customer's id, the same on every machine."""

from __future__ import annotations

import hashlib
from datetime import date

from loyalty.amounts import BASIS


def bucket(salt: str, customer_id: int) -> int:
    """0 … 9999, evenly spread and fixed for a salt and a customer."""
    digest = hashlib.sha256(f"{salt}:{customer_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BASIS


def is_held_out(
    customer_id: int, *, source: str, global_bp: int, share_bp: int, today: date
) -> bool:
    """Whether the customer gets no marketing this quarter, or none from this source.

    The global group is drawn anew each calendar quarter; shares are in basis points.
    """
    quarter = f"global:{today.year}Q{(today.month - 1) // 3 + 1}"
    return bucket(quarter, customer_id) < global_bp or bucket(source, customer_id) < share_bp
