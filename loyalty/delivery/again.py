"""A service message whose fate is unknown is said once more; marketing is not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from loyalty.ids import new_id
from loyalty.messaging.outbox import SERVICE, insert_new
from loyalty.messaging.tables import outbox

_AGAIN = ":again"


def queue_again(session: Session, rows: Iterable[Any], *, now: datetime) -> int:
    """Queue the one second copy of each service message among ``rows``; how many were new."""
    copies = [
        {
            "id": new_id(),
            "customer_id": row.customer_id,
            "chat_id": row.chat_id,
            "message_class": row.message_class,
            "key": row.key + _AGAIN,
            "payload": row.payload,
            "priority": row.priority,
            "state": "queued",
            "due_at": now,
            "deadline": row.deadline,
            "created_at": row.created_at,
            "attempts": 0,
            "touch_id": row.touch_id,
        }
        for row in rows
        if row.message_class == SERVICE and not row.key.endswith(_AGAIN)
    ]
    return len(insert_new(session, outbox, copies))
