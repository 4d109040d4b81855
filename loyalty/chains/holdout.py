"""Who is held out: a salted hash of the customer's id, the same on every machine."""

from __future__ import annotations

import hashlib
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.amounts import BASIS
from loyalty.customers import customer


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


def is_measured(session: Session, *, from_customers: int) -> bool:
    """Whether there are enough customers in the program for a control group to say anything."""
    enough = (
        sa.select(customer.c.id).where(customer.c.status == "active").limit(from_customers)
    ).subquery()
    found: int = session.execute(sa.select(sa.func.count()).select_from(enough)).scalar_one()
    return found >= from_customers
