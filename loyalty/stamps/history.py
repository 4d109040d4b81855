"""What happened on a customer's stamp cards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.stamps.tables import stamp_entry


@dataclass(frozen=True, slots=True)
class StampEntry:
    """One change: so many stamps came (or went, below zero), and what from."""

    id: int
    card_key: str
    day: date
    at: datetime
    amount: int
    kind: str
    source_kind: str
    source_id: str
    outlet_id: int | None


def history(
    session: Session,
    *,
    customer_id: int,
    card_key: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[StampEntry]:
    """The last changes, newest first; ``before`` is the id of the last one seen."""
    e = stamp_entry.c
    query = sa.select(
        e.id, e.card_key, e.day, e.at, e.amount, e.kind, e.source_kind, e.source_id, e.outlet_id
    ).where(e.customer_id == customer_id)
    if card_key is not None:
        query = query.where(e.card_key == card_key)
    if before is not None:
        query = query.where(e.id < before)
    return [StampEntry(*row) for row in session.execute(query.order_by(e.id.desc()).limit(limit))]
