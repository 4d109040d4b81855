"""Forgets what has had its time: handled updates, old codes, answers, tries, strangers' chats."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import customers, inbox, jobs, staff, webhooks
from loyalty.idempotency import idempotency

ANSWERS = timedelta(hours=72)
TRIES = timedelta(days=1)


def sweep(session: Session, *, now: datetime) -> int:
    """Delete everything past its time; how many rows. Bounded by what a day brings."""
    statements = (
        sa.delete(idempotency).where(idempotency.c.created_at < now - ANSWERS),
        sa.delete(customers.card_code).where(customers.card_code.c.expires_at < now - TRIES),
        sa.delete(staff.failed_try).where(staff.failed_try.c.at < now - TRIES),
        sa.delete(staff.panel_session).where(staff.panel_session.c.expires_at < now),
    )
    gone = sum(getattr(session.execute(statement), "rowcount", 0) for statement in statements)
    gone += customers.forget_strangers(session, now=now) + webhooks.sweep(session, now=now)
    return int(gone) + inbox.sweep(session, now=now) + jobs.sweep(session, now=now)
