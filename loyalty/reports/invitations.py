"""Invitations for staff: who brought whom, what became of it, who brings the most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.customers import customer
from loyalty.receipts import customer_stats, purchase
from loyalty.referrals import REWARDED, referral

_friend, _referrer = customer.alias("friend"), customer.alias("referrer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """One of them. ``paid``: the friend's first receipt, ``friend_spent``: everything so far,
    net; minor units."""

    friend_id: int
    friend: str | None
    referrer_id: int
    referrer: str | None
    status: str
    started_at: datetime
    due_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    paid: int | None
    friend_orders: int
    friend_spent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bringer:
    """A customer who brings others, and how many of them were rewarded."""

    id: int
    name: str | None
    invited: int
    rewarded: int


def invitations(
    session: Session,
    *,
    status: str | None = None,
    friends: Sequence[int] | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int = 30,
) -> list[Invitation]:
    """The latest invitations, one more than ``limit`` if the list goes on; ``before``: the
    moment and the friend of the last one seen."""
    r = referral.c
    query = (
        sa.select(
            r.friend_id,
            _friend.c.name.label("friend"),
            r.referrer_id,
            _referrer.c.name.label("referrer"),
            r.status,
            r.started_at,
            r.due_at,
            r.decided_at,
            r.decided_by,
            purchase.c.total.label("paid"),
            sa.func.coalesce(customer_stats.c.orders, 0).label("friend_orders"),
            sa.func.coalesce(customer_stats.c.spent, 0).label("friend_spent"),
        )
        .join(_friend, _friend.c.id == r.friend_id)
        .join(_referrer, _referrer.c.id == r.referrer_id)
        .outerjoin(purchase, purchase.c.id == r.purchase_id)
        .outerjoin(customer_stats, customer_stats.c.customer_id == r.friend_id)
    )
    if status is not None:
        query = query.where(r.status == status)
    if friends is not None:
        query = query.where(r.friend_id.in_(friends))
    if before is not None:
        at, friend_id = before
        query = query.where(
            sa.or_(r.started_at < at, sa.and_(r.started_at == at, r.friend_id < friend_id))
        )
    query = query.order_by(r.started_at.desc(), r.friend_id.desc()).limit(limit + 1)
    return [Invitation(**row._mapping) for row in session.execute(query)]


def counts(session: Session) -> dict[str, int]:
    """How many invitations there are in each state."""
    query = sa.select(referral.c.status, sa.func.count()).group_by(referral.c.status)
    return {row[0]: row[1] for row in session.execute(query)}


def bringers(session: Session, *, limit: int = 10) -> list[Bringer]:
    """Who has brought the most rewarded friends, then the most friends."""
    rewarded = sa.func.sum(sa.case((referral.c.status == REWARDED, 1), else_=0))
    invited = sa.func.count()
    query = (
        sa.select(referral.c.referrer_id, customer.c.name, invited, rewarded)
        .join(customer, customer.c.id == referral.c.referrer_id)
        .group_by(referral.c.referrer_id, customer.c.name)
        .order_by(rewarded.desc(), invited.desc(), referral.c.referrer_id)
        .limit(limit)
    )
    return [
        Bringer(id=row[0], name=row[1], invited=row[2], rewarded=int(row[3] or 0))
        for row in session.execute(query)
    ]
