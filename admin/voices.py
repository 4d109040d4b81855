"""What a customer's card shows of their ratings and talks."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from loyalty import feedback


def voices_of(session: Session, *, customer_id: int) -> dict[str, Any]:
    """The last ratings, their average, the newest talk."""
    scores = feedback.ratings(session, customer_id=customer_id, limit=20)
    return {
        "scores": scores[:5],
        "average_tenths": feedback.average_of(scores),
        "talk": feedback.talk_of(session, customer_id),
    }
