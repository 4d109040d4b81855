"""Whole units on one wallet: open, grant, adjust, expire what is due, freeze."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.db.rows import Rows
from loyalty.errors import PointsInvalid
from loyalty.wallet.locking import lock
from loyalty.wallet.state import Cause
from loyalty.wallet.tables import LEFT, account, entry, lot

BROKEN = "broken"
"""The freeze of an account that does not add up; a later check that finds it whole lifts it."""

FOREVER = datetime.fromisoformat("9999-01-01T00:00:00+00:00")
"""A freeze without an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """Points given; ``repaid`` of them went to a debt at once."""

    lot_id: int
    points: int
    repaid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """One chunk of expiry: lots and points expired; whether more is due."""

    lots: int
    points: int
    more: bool


def open_account(rows: Rows, *, customer_id: int) -> None:
    """An empty account for a new customer."""
    rows.insert(account, {"customer_id": customer_id, "posted": 0, "held": 0, "debt": 0})


def grant(
    session: Session,
    *,
    customer_id: int,
    points: int,
    kind: str,
    source_kind: str,
    source_id: str,
    actor: str,
    now: datetime,
    expires_at: datetime | None,
    active_from: datetime | None = None,
    note: str | None = None,
) -> Granted | None:
    """Give points; None if this source has given them already. Locks the wallet.

    Raises:
        PointsInvalid: not a positive number.
        CustomerNotFound: no account.
    """
    if points <= 0:
        raise PointsInvalid()
    wallet = lock(session, [customer_id])[customer_id]
    if _has_posted(session, source_kind=source_kind, source_id=source_id, kind=kind):
        return None
    rows = Rows()
    lot_id, repaid = wallet.accrue(
        rows,
        points=points,
        kind=kind,
        cause=Cause(source_kind, source_id, actor, now),
        active_from=active_from or now,
        expires_at=expires_at,
        note=note,
    )
    wallet.finish(rows)
    rows.put(session)
    return Granted(lot_id=lot_id, points=points, repaid=repaid)


def adjust(
    session: Session,
    *,
    customer_id: int,
    points: int,
    reason: str,
    actor: str,
    key: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> bool:
    """Correct a wallet by hand, up or down; False if ``key`` was used. Locks the wallet.

    A downward correction takes what is free and never makes a debt.

    Raises:
        PointsInvalid: zero, or more to take than is free.
    """
    if points == 0:
        raise PointsInvalid()
    wallet = lock(session, [customer_id])[customer_id]
    if _has_posted(session, source_kind="adjustment", source_id=key, kind="adjustment"):
        return False
    rows = Rows()
    cause = Cause("adjustment", key, actor, now)
    if points > 0:
        wallet.accrue(
            rows,
            points=points,
            kind="adjustment",
            cause=cause,
            active_from=now,
            expires_at=expires_at,
            note=reason,
        )
    else:
        free = sum(item.free for item in wallet.lots if not item.is_expired(now))
        if -points > free:
            raise PointsInvalid(available=free)
        wallet.claw_back(
            rows,
            points=-points,
            purchase_id=None,
            cause=cause,
            kind="adjustment",
            note=reason,
        )
    wallet.finish(rows)
    rows.put(session)
    return True


def expire_due(
    session: Session,
    *,
    now: datetime,
    grace_days: int = 7,
    lead_hours: int = 24,
    customers: int = 200,
) -> Expired:
    """Expire lots whose time has passed, for up to ``customers`` customers; locks their wallets.

    A lot waits until a reminder was attempted ``lead_hours`` before its date, or ``grace_days``
    after it, whichever comes first; meanwhile it cannot be spent. One entry per lot, however
    often this runs.
    """
    waited = sa.or_(
        lot.c.expires_at <= now - timedelta(days=grace_days),
        lot.c.reminded_at.is_not(None) & (lot.c.reminded_at <= now - timedelta(hours=lead_hours)),
    )
    due = (
        sa.select(lot.c.customer_id)
        .where(LEFT, lot.c.expires_at <= now, lot.c.held == 0, waited)
        .group_by(lot.c.customer_id)
        .order_by(lot.c.customer_id)
        .limit(customers + 1)
    )
    ids = list(session.execute(due).scalars())
    more, ids = len(ids) > customers, ids[:customers]
    if not ids:
        return Expired(lots=0, points=0, more=False)
    wallets = lock(session, ids)
    condition = sa.and_(lot.c.customer_id.in_(ids), LEFT, lot.c.expires_at <= now, waited)
    allowed = set(session.execute(sa.select(lot.c.id).where(condition)).scalars())
    rows = Rows()
    lots = points = 0
    for wallet in wallets.values():
        gone = 0
        for item in wallet.lots:
            n = wallet.expire(rows, item, now=now) if item.id in allowed else 0
            gone += n
            lots += n > 0
        if gone:
            events.record(
                rows,
                type="points.expired",
                customer_id=wallet.customer_id,
                actor=events.SYSTEM,
                data={"points": gone},
                now=now,
            )
        points += gone
        wallet.finish(rows)
    rows.put(session)
    return Expired(lots=lots, points=points, more=more)


def freeze(
    session: Session,
    *,
    customer_id: int,
    reason: str,
    until: datetime | None,
    actor: str,
    now: datetime,
    note: str | None = None,
) -> None:
    """Refuse redemption until ``until`` (None: until lifted). Locks the wallet.

    ``reason`` is a code; ``note`` is what a person wrote about it, and stays out of the events.
    """
    lock(session, [customer_id])
    session.execute(
        sa.update(account)
        .where(account.c.customer_id == customer_id)
        .values(frozen_until=until or FOREVER, frozen_reason=reason, frozen_note=note)
    )
    data = {"reason": reason, "until": until.isoformat() if until else None}
    _record(session, "account.frozen", customer_id, data, actor=actor, now=now)


def unfreeze(session: Session, *, customer_id: int, actor: str, now: datetime) -> None:
    """Allow redemption again. Locks the wallet."""
    reason = lock(session, [customer_id])[customer_id].frozen_reason
    session.execute(
        sa.update(account)
        .where(account.c.customer_id == customer_id)
        .values(frozen_until=None, frozen_reason=None, frozen_note=None)
    )
    data = {"reason": reason}
    _record(session, "account.unfrozen", customer_id, data, actor=actor, now=now)


def _record(
    session: Session,
    type: str,
    customer_id: int,
    data: dict[str, str | None],
    *,
    actor: str,
    now: datetime,
) -> None:
    rows = Rows()
    events.record(rows, type=type, customer_id=customer_id, actor=actor, data=data, now=now)
    rows.put(session)


def _has_posted(session: Session, *, source_kind: str, source_id: str, kind: str) -> bool:
    query = sa.select(entry.c.id).where(
        entry.c.source_kind == source_kind, entry.c.source_id == source_id, entry.c.kind == kind
    )
    return session.execute(query).first() is not None
