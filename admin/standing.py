"""Stamps, level and vouchers on a customer's card."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from loyalty import program, stamps, tiers, vouchers

_SHOWN = 12


def standing_of(
    session: Session, *, customer_id: int, now: datetime, time_zone: str
) -> dict[str, Any]:
    """What the card shows of it."""
    rules = program.current(session, now=now).program
    known = stamps.standings(session, customer_id=customer_id)
    return {
        "stamp_cards": [
            (rule, known.get(rule.key, stamps.Standing(rule.key))) for rule in rules.stamp_cards
        ],
        "stamp_history": stamps.history(session, customer_id=customer_id, limit=_SHOWN),
        "level": tiers.progress(session, customer_id=customer_id, now=now, time_zone=time_zone),
        "levels": rules.tiers,
        "own_vouchers": vouchers.mine(session, customer_id=customer_id, now=now),
        "reasons": tiers.REASONS,
    }
