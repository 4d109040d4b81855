"""Facts, append-only: what happened to whom and by whom. Also the audit trail of staff.

Events carry opaque ids only, never a name or a phone, so erasing a person changes none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from loyalty.db.rows import Rows
from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata
from loyalty.ids import new_id

event = sa.Table(
    "event",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("type", sa.String(48), nullable=False),
    sa.Column("customer_id", BigId),
    # customer:ID, staff:ID, key:ID, system
    sa.Column("actor", sa.String(40), nullable=False),
    sa.Column("data", JsonValue, nullable=False),
    sa.Column("seal", sa.String(64)),
    sa.Index("ix_event_customer_id_id", "customer_id", "id"),
    sa.Index("ix_event_type_id", "type", "id"),
)

SYSTEM = "system"


def record(
    rows: Rows,
    *,
    type: str,
    customer_id: int | None,
    actor: str,
    data: Mapping[str, Any],
    now: datetime,
) -> int:
    """Add an event to the unit's rows; its id. ``data`` holds opaque ids and numbers only."""
    event_id = new_id()
    rows.insert(
        event,
        {
            "id": event_id,
            "at": now,
            "type": type,
            "customer_id": customer_id,
            "actor": actor,
            "data": dict(data),
        },
    )
    return event_id
