"""Holds: points set aside for a redemption that waits; each ends exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.db.rows import Rows
from loyalty.errors import HoldAlreadyResolved, HoldNotFound
from loyalty.ids import new_id
from loyalty.wallet.locking import lock
from loyalty.wallet.lots import Shares
from loyalty.wallet.state import Wallet
from loyalty.wallet.tables import OPEN_HOLD, hold

OPEN, POSTED, VOIDED, TIMED_OUT = "open", "posted", "voided", "timed_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Points set aside until ``expires_at``."""

    id: int
    customer_id: int
    amount: int
    shares: Shares
    status: str
    source_kind: str
    source_id: str
    expires_at: datetime


def get_hold(session: Session, *, hold_id: int) -> Hold:
    """The hold with that id.

    Raises:
        HoldNotFound: there is none.
    """
    row = session.execute(sa.select(hold).where(hold.c.id == hold_id)).one_or_none()
    if row is None:
        raise HoldNotFound()
    return Hold(
        id=row.id,
        customer_id=row.customer_id,
        amount=row.amount,
        shares=[(lot_id, n) for lot_id, n in row.lots],
        status=row.status,
        source_kind=row.source_kind,
        source_id=row.source_id,
        expires_at=row.expires_at,
    )


def place_hold(
    session: Session,
    *,
    customer_id: int,
    points: int,
    source_kind: str,
    source_id: str,
    expires_at: datetime,
    now: datetime,
) -> Hold:
    """Set points aside; the same source gets the hold it placed before. Locks the wallet.

    Raises:
        RedemptionFrozen, InsufficientPoints: as for a redemption.
    """
    wallet = lock(session, [customer_id])[customer_id]
    query = sa.select(hold.c.id).where(
        hold.c.source_kind == source_kind, hold.c.source_id == source_id
    )
    known = session.execute(query).scalar_one_or_none()
    if known is not None:
        return get_hold(session, hold_id=known)
    shares = wallet.set_aside(points=points, now=now)
    rows = Rows()
    hold_id = new_id()
    rows.insert(
        hold,
        {
            "id": hold_id,
            "customer_id": customer_id,
            "amount": points,
            "lots": shares,
            "status": OPEN,
            "source_kind": source_kind,
            "source_id": source_id,
            "created_at": now,
            "expires_at": expires_at,
        },
    )
    wallet.finish(rows)
    rows.put(session)
    return get_hold(session, hold_id=hold_id)


def take_hold(
    session: Session, rows: Rows, wallet: Wallet, *, hold_id: int, now: datetime
) -> Shares:
    """Resolve an open hold as posted, for the redemption that follows; its shares.

    The caller holds the wallet's lock and calls ``wallet.redeem_held``.

    Raises:
        HoldNotFound: no such hold of this customer.
        HoldAlreadyResolved: it was resolved, or its time is over.
    """
    found = get_hold(session, hold_id=hold_id)
    if found.customer_id != wallet.customer_id:
        raise HoldNotFound()
    if found.status != OPEN:
        raise HoldAlreadyResolved(status=found.status)
    if found.expires_at <= now:
        raise HoldAlreadyResolved(status=TIMED_OUT)
    rows.update(hold, {"id": hold_id, "status": POSTED, "resolved_at": now})
    return found.shares


def void_hold(session: Session, *, hold_id: int, now: datetime, status: str = VOIDED) -> bool:
    """Give the points back; False if the hold had ended already. Locks the wallet.

    Raises:
        HoldNotFound: there is no such hold.
    """
    customer_id = get_hold(session, hold_id=hold_id).customer_id
    wallet = lock(session, [customer_id])[customer_id]
    found = get_hold(session, hold_id=hold_id)
    if found.status != OPEN:
        return False
    rows = Rows()
    wallet.release(found.shares)
    rows.update(hold, {"id": hold_id, "status": status, "resolved_at": now})
    wallet.finish(rows)
    rows.put(session)
    return True


def time_out_holds(session: Session, *, now: datetime, limit: int = 100) -> int:
    """End open holds whose time is over, oldest first; how many. Locks their wallets."""
    query = (
        sa.select(hold.c.id)
        .where(OPEN_HOLD, hold.c.expires_at <= now)
        .order_by(hold.c.customer_id, hold.c.id)
        .limit(limit)
    )
    due = session.execute(query).scalars().all()
    return sum(void_hold(session, hold_id=i, now=now, status=TIMED_OUT) for i in due)
