"""Rewards: both sides get their points once the friend's receipt has outlived its return window.

Both wallets are locked in id order, as in a sale, and the referral is read again under the
locks, so a return or another process in between is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, events, messaging, wallet
from loyalty import program as programs
from loyalty.customers import ACTIVE, customer, telegram_chat
from loyalty.db.rows import Rows
from loyalty.errors import ReferralDecided, ReferralNotFound
from loyalty.program import Program, ReferralRule
from loyalty.receipts import purchase
from loyalty.referrals.following import DECLINED, PENDING, REVIEW, REWARDED
from loyalty.referrals.tables import referral
from loyalty.wallet import Cause, Wallet

MOST = 50
"""Referrals settled in one unit: up to twice as many accounts are locked."""

KIND = "referral"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a unit did; ``more`` says that more is due."""

    rewarded: int = 0
    reviewed: int = 0
    declined: int = 0
    more: bool = False

    @property
    def total(self) -> int:
        """How many referrals moved on."""
        return self.rewarded + self.reviewed + self.declined


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """What a reward needs besides its referral."""

    rows: Rows
    wallets: dict[int, Wallet]
    chats: dict[int, int]
    program: Program
    actor: str
    now: datetime
    time_zone: str


def settle_due(session: Session, *, now: datetime, time_zone: str, limit: int = MOST) -> Settled:
    """Reward what is due, up to ``limit`` referrals; beyond the month's number they wait for a
    person. Locks the wallets of both sides, in id order. Run any number of times, by anybody.
    """
    due = sa.and_(referral.c.status == PENDING, referral.c.due_at <= now)
    query = (
        sa.select(referral.c.friend_id, referral.c.referrer_id)
        .where(due)
        .order_by(referral.c.due_at, referral.c.friend_id)
        .limit(limit + 1)
    )
    found = session.execute(query).all()
    more, found = len(found) > limit, found[:limit]
    if not found:
        return Settled()
    wallets = wallet.lock(session, [side for pair in found for side in pair])
    friends = [row.friend_id for row in found]
    pairs = _read(session, sa.and_(due, referral.c.friend_id.in_(friends)))
    unit = _unit(session, wallets, actor=events.SYSTEM, now=now, time_zone=time_zone)
    done = _rewarded_this_month(session, {row.referrer_id for row in pairs}, now, time_zone)
    limit_a_month = unit.program.referral.monthly_limit
    rewarded = reviewed = declined = 0
    for row in pairs:
        if row.friend_status != ACTIVE or row.referrer_status != ACTIVE:
            _decide(unit, row, DECLINED, "referral.declined")
            declined += 1
        elif done.get(row.referrer_id, 0) >= limit_a_month:
            unit.rows.update(referral, {"friend_id": row.friend_id, "status": REVIEW})
            _note(unit, row, "referral.review", {})
            reviewed += 1
        else:
            _reward(session, unit, row)
            done[row.referrer_id] = done.get(row.referrer_id, 0) + 1
            rewarded += 1
    _finish(session, unit)
    return Settled(rewarded=rewarded, reviewed=reviewed, declined=declined, more=more)


def next_due(session: Session, *, now: datetime) -> datetime | None:
    """When, after ``now``, a friend's receipt next outlives its return window."""
    query = sa.select(sa.func.min(referral.c.due_at)).where(
        referral.c.status == PENDING, referral.c.due_at > now
    )
    moment: datetime | None = session.execute(query).scalar_one()
    return moment


def approve(session: Session, *, friend_id: int, actor: str, now: datetime, time_zone: str) -> None:
    """Reward a referral from the review queue, beyond the month's number. Locks both wallets;
    events ``referral.approved`` and ``referral.rewarded``.

    Raises:
        ReferralNotFound: nobody has brought this friend.
        ReferralDecided: it does not wait for a decision. Facts: ``status``.
    """
    row, wallets = _waiting(session, friend_id)
    unit = _unit(session, wallets, actor=actor, now=now, time_zone=time_zone)
    _note(unit, row, "referral.approved", {})
    _reward(session, unit, row)
    _finish(session, unit)


def decline(session: Session, *, friend_id: int, actor: str, now: datetime, time_zone: str) -> None:
    """Take a referral off the review queue without a reward; event ``referral.declined``.

    Raises:
        ReferralNotFound, ReferralDecided: as in ``approve``.
    """
    row, wallets = _waiting(session, friend_id)
    unit = _unit(session, wallets, actor=actor, now=now, time_zone=time_zone)
    _decide(unit, row, DECLINED, "referral.declined")
    _finish(session, unit)


def _waiting(session: Session, friend_id: int) -> tuple[Any, dict[int, Wallet]]:
    mine = referral.c.friend_id == friend_id
    pair = session.execute(
        sa.select(referral.c.friend_id, referral.c.referrer_id).where(mine)
    ).one_or_none()
    if pair is None:
        raise ReferralNotFound()
    wallets = wallet.lock(session, list(pair))
    row = _read(session, mine)[0]
    if row.status != REVIEW:
        raise ReferralDecided(status=row.status)
    return row, wallets


def _read(session: Session, condition: sa.ColumnElement[bool]) -> Sequence[Any]:
    friend, referrer = customer.alias("friend"), customer.alias("referrer")
    query = (
        sa.select(
            referral,
            friend.c.status.label("friend_status"),
            referrer.c.status.label("referrer_status"),
            purchase.c.program_version_id,
        )
        .join(friend, friend.c.id == referral.c.friend_id)
        .join(referrer, referrer.c.id == referral.c.referrer_id)
        .outerjoin(purchase, purchase.c.id == referral.c.purchase_id)
        .where(condition)
        .order_by(referral.c.due_at, referral.c.friend_id)
    )
    return session.execute(query).all()


def _unit(
    session: Session, wallets: dict[int, Wallet], *, actor: str, now: datetime, time_zone: str
) -> _Unit:
    query = sa.select(telegram_chat.c.customer_id, telegram_chat.c.telegram_id).where(
        telegram_chat.c.customer_id.in_(sorted(wallets)), telegram_chat.c.reachable
    )
    return _Unit(
        rows=Rows(),
        wallets=wallets,
        chats={row.customer_id: row.telegram_id for row in session.execute(query)},
        program=programs.current(session, now=now).program,
        actor=actor,
        now=now,
        time_zone=time_zone,
    )


def _finish(session: Session, unit: _Unit) -> None:
    for item in unit.wallets.values():
        item.finish(unit.rows)
    unit.rows.put(session)


def _rewarded_this_month(
    session: Session, referrers: set[int], now: datetime, time_zone: str
) -> dict[int, int]:
    """Rewards of the business's calendar month so far, by referrer."""
    first = clock.local_date(now, time_zone).replace(day=1)
    query = (
        sa.select(referral.c.referrer_id, sa.func.count())
        .where(
            referral.c.referrer_id.in_(sorted(referrers)),
            referral.c.decided_at >= clock.start_of_day(first, time_zone),
            referral.c.status == REWARDED,
        )
        .group_by(referral.c.referrer_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _reward(session: Session, unit: _Unit, row: Any) -> None:
    """Points to both, by the rules of the purchase that earned them."""
    rule = _rule(session, unit, row)
    _decide(
        unit,
        row,
        REWARDED,
        "referral.rewarded",
        points=rule.points,
        friend_points=rule.friend_points,
    )
    _give(unit, row.referrer_id, rule.points, "referral", row.friend_id)
    _give(unit, row.friend_id, rule.friend_points, "referral_friend", row.friend_id)


def _rule(session: Session, unit: _Unit, row: Any) -> ReferralRule:
    if row.program_version_id is None:
        return unit.program.referral
    return programs.by_id(session, row.program_version_id).program.referral


def _give(unit: _Unit, customer_id: int, points: int, source: str, friend_id: int) -> None:
    if points <= 0:
        return
    expires_at = None
    if unit.program.expiry_days is not None:
        today = clock.local_date(unit.now, unit.time_zone)
        expires_at = clock.end_of_validity(today, unit.program.expiry_days, unit.time_zone)
    mine = unit.wallets[customer_id]
    mine.accrue(
        unit.rows,
        points=points,
        kind=KIND,
        cause=Cause(source, str(friend_id), unit.actor, unit.now),
        active_from=unit.now,
        expires_at=expires_at,
    )
    if customer_id in unit.chats:
        messaging.enqueue(
            unit.rows,
            customer_id=customer_id,
            chat_id=unit.chats[customer_id],
            message_class=messaging.SERVICE,
            key=f"{source}:{friend_id}",
            payload={
                "template": "referral_reward",
                "values": {
                    "points": points,
                    "side": "friend" if source == "referral_friend" else "referrer",
                    "balance": mine.available(unit.now),
                    "pending": mine.pending(unit.now),
                    "debt": mine.debt,
                },
            },
            now=unit.now,
        )


def _decide(unit: _Unit, row: Any, status: str, event_type: str, **facts: int) -> None:
    unit.rows.update(
        referral,
        {
            "friend_id": row.friend_id,
            "status": status,
            "decided_at": unit.now,
            "decided_by": unit.actor,
        },
    )
    _note(unit, row, event_type, facts)


def _note(unit: _Unit, row: Any, event_type: str, facts: dict[str, int]) -> None:
    events.record(
        unit.rows,
        type=event_type,
        customer_id=row.referrer_id,
        actor=unit.actor,
        data={"friend_id": str(row.friend_id), **facts},
        now=unit.now,
    )
