"""Whether words of the staff can reach a customer, told before they are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import consent
from loyalty.consent import PERSONAL_DATA
from loyalty.customers import customer, telegram_chat

Barrier = Literal["gone", "withdrawn", "no_chat", "blocked_bot"]
"""Erased · took the agreement back · has no chat with us · has blocked the bot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The chat to write to, and what stands in the way, if anything."""

    chat_id: int | None
    barrier: Barrier | None

    @property
    def can_arrive(self) -> bool:
        """Whether a message would be sent."""
        return self.barrier is None


def reach_of(session: Session, customer_id: int) -> Reach:
    """Where a customer can be written to now."""
    query = (
        sa.select(customer.c.status, telegram_chat.c.telegram_id, telegram_chat.c.reachable)
        .outerjoin(telegram_chat, telegram_chat.c.customer_id == customer.c.id)
        .where(customer.c.id == customer_id)
    )
    row = session.execute(query).first()
    if row is None or row.status == "erased":
        return Reach(chat_id=None, barrier="gone")
    agreed = consent.standing(session, customer_id=customer_id).get(PERSONAL_DATA)
    if agreed is not None and not agreed.granted:
        return Reach(chat_id=row.telegram_id, barrier="withdrawn")
    if row.telegram_id is None:
        return Reach(chat_id=None, barrier="no_chat")
    if not row.reachable:
        return Reach(chat_id=row.telegram_id, barrier="blocked_bot")
    return Reach(chat_id=row.telegram_id, barrier=None)
