"""Our own notice of what a chain may tell better: it steps back if the chain has said it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.delivery.wording import Gone
from loyalty.messaging.tables import touch

TOLD_BY_CHAIN = "told_by_chain"
_LOOK_AGAIN = timedelta(hours=1)


class Later(Exception):
    """A chain's message about the same still waits for its hour; look again at ``until``."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__(TOLD_BY_CHAIN)


def ensure_untold(
    session: Session,
    payload: Mapping[str, Any],
    *,
    customer_id: int | None,
    created_at: datetime,
    now: datetime,
) -> None:
    """See that the chain named by ``unless`` in the payload has not told this customer since
    ``created_at``. Held out, without consent or over a cap it does not tell: then we do.

    Raises:
        Gone: it has.
        Later: it is about to.
    """
    key = payload.get("unless")
    if key is None or customer_id is None:
        return
    query = sa.select(touch.c.decision).where(
        touch.c.customer_id == customer_id,
        touch.c.source == f"chain:{key}",
        touch.c.decided_at >= created_at,
    )
    decisions = set(session.execute(query).scalars())
    if "send" in decisions:
        raise Gone(TOLD_BY_CHAIN)
    if "wait" in decisions:
        raise Later(now + _LOOK_AGAIN)
