"""What customers and staff ask: who came, what is on its way, what waits for a decision."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty import program as programs
from loyalty.referrals.attaching import code_of
from loyalty.referrals.following import DECLINED, INVITED, PENDING, REVIEW, REWARDED
from loyalty.referrals.tables import referral
from loyalty.wallet.tables import entry

FRIENDS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Friend:
    """Somebody who came, without a name: it is theirs to tell. ``due_at``: when points come."""

    friend_id: int
    status: str
    started_at: datetime
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A customer's invitations. ``points`` is what they have brought so far, ``left_this_month``
    how many more rewards come without a look by staff; ``friends`` the latest, newest first."""

    code: str
    enabled: bool
    reward: int
    friend_reward: int
    minimum: int
    invited: int
    pending: int
    waiting: int
    rewarded: int
    points: int
    left_this_month: int
    friends: list[Friend]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A referral beyond the month's number. ``month`` is the first day of the month in which its
    reward was due; ``rewarded`` how many rewards the referrer got in that month."""

    friend_id: int
    referrer_id: int
    started_at: datetime
    due_at: datetime | None
    purchase_id: int | None
    month: date
    rewarded: int


def overview(session: Session, *, customer_id: int, now: datetime, time_zone: str) -> Overview:
    """What became of a customer's invitations. Makes their code if they have none: a unit that
    may write.

    Raises:
        CustomerNotFound: no such customer, or an erased one.
    """
    rule = programs.current(session, now=now).program.referral
    mine = referral.c.referrer_id == customer_id
    counted = sa.select(referral.c.status, sa.func.count()).where(mine)
    counts = {row[0]: row[1] for row in session.execute(counted.group_by(referral.c.status))}
    points = sa.select(sa.func.coalesce(sa.func.sum(entry.c.amount), 0)).where(
        entry.c.customer_id == customer_id,
        entry.c.kind == "referral",
        entry.c.source_kind == "referral",
    )
    this_month = _this_month(customer_id, now, time_zone)
    latest = (
        sa.select(referral.c.friend_id, referral.c.status, referral.c.started_at, referral.c.due_at)
        .where(mine, referral.c.status != DECLINED)
        .order_by(referral.c.started_at.desc(), referral.c.friend_id.desc())
        .limit(FRIENDS_SHOWN)
    )
    return Overview(
        code=code_of(session, customer_id=customer_id),
        enabled=rule.enabled,
        reward=rule.points,
        friend_reward=rule.friend_points,
        minimum=rule.minimum,
        invited=counts.get(INVITED, 0),
        pending=counts.get(PENDING, 0),
        waiting=counts.get(REVIEW, 0),
        rewarded=counts.get(REWARDED, 0),
        points=int(session.execute(points).scalar_one()),
        left_this_month=max(
            0, rule.monthly_limit - session.execute(sa.select(this_month)).scalar_one()
        ),
        friends=[Friend(**row._mapping) for row in session.execute(latest)],
    )


def queue(
    session: Session, *, now: datetime, time_zone: str, limit: int = 50, offset: int = 0
) -> list[Waiting]:
    """Referrals that wait for a decision of staff, the longest first."""
    outer = referral.alias("waiting")
    query = (
        sa.select(
            outer.c.friend_id,
            outer.c.referrer_id,
            outer.c.started_at,
            outer.c.due_at,
            outer.c.purchase_id,
        )
        .where(outer.c.status == REVIEW)
        .order_by(outer.c.due_at, outer.c.friend_id)
        .limit(limit)
        .offset(offset)
    )
    rows = session.execute(query).all()
    months = [_month(row.due_at or now, time_zone) for row in rows]
    if not months:
        return []
    done = sa.select(referral.c.referrer_id, referral.c.decided_at).where(
        referral.c.referrer_id.in_(sorted({row.referrer_id for row in rows})),
        referral.c.decided_at >= clock.start_of_day(min(months), time_zone),
        referral.c.status == REWARDED,
    )
    rewarded = Counter((who, _month(at, time_zone)) for who, at in session.execute(done))
    return [
        Waiting(**row._mapping, month=month, rewarded=rewarded[row.referrer_id, month])
        for row, month in zip(rows, months, strict=True)
    ]


def _month(moment: datetime, time_zone: str) -> date:
    return clock.local_date(moment, time_zone).replace(day=1)


def _this_month(referrer: int, now: datetime, time_zone: str) -> sa.ScalarSelect[int]:
    first = _month(now, time_zone)
    return (
        sa.select(sa.func.count())
        .select_from(referral)
        .where(
            referral.c.referrer_id == referrer,
            referral.c.decided_at >= clock.start_of_day(first, time_zone),
            referral.c.status == REWARDED,
        )
        .scalar_subquery()
    )
