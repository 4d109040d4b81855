"""Corrections by hand, and pausing a wallet by hand: always with a reason, seldom alone.

Up to the program's limit one person corrects alone; what is more waits for another one. The
limit is counted over a day per person and customer, so many small corrections are no way
around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.db.rows import Rows
from loyalty.errors import (
    AccountBroken,
    AdjustmentDecided,
    AdjustmentNotFound,
    CustomerNotFound,
    PointsInvalid,
    ReasonInvalid,
    SecondPersonNeeded,
)
from loyalty.wallet.locking import lock
from loyalty.wallet.merging import MERGED
from loyalty.wallet.moves import BROKEN, adjust, freeze, unfreeze
from loyalty.wallet.state import Wallet
from loyalty.wallet.tables import account, adjustment_request, entry

SHORTEST_REASON, LONGEST_REASON = 3, 200
"""Characters of a reason."""

MOST_POINTS = 10_000_000
"""The largest correction there is, up or down."""

BY_STAFF = "staff"
"""The freeze that a person set by hand."""

WAITING, APPROVED, DECLINED = "waiting", "approved", "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A correction that somebody asked for. ``points`` up or down; who is ``staff:ID``."""

    id: int
    customer_id: int
    points: int
    reason: str
    points_expire_at: datetime | None
    status: str
    requested_by: str
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None


def clean_reason(text: str) -> str:
    """A reason as it is kept: one line, without signs that cannot be printed.

    Raises:
        ReasonInvalid: fewer than 3 or more than 200 characters are left.
    """
    words = " ".join(text.split())
    reason = "".join(sign for sign in words if sign.isprintable())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise ReasonInvalid(minimum=SHORTEST_REASON, maximum=LONGEST_REASON)
    return reason


def request_adjustment(
    session: Session,
    *,
    adjustment_id: int,
    customer_id: int,
    points: int,
    reason: str,
    actor: str,
    alone_up_to: int,
    now: datetime,
    expires_at: datetime | None = None,
) -> Adjustment:
    """Correct a wallet, or ask a second person when it is more than one may do alone.

    ``points`` go up or down. ``adjustment_id`` is made when the form is shown
    (``ids.new_id``): sent twice, it is one correction. Locks the wallet.

    Raises:
        ReasonInvalid: the reason is too short or too long.
        PointsInvalid: zero, too many, more to take than is free, or already expired.
        CustomerNotFound: no account, or its points are on another card.
    """
    reason = clean_reason(reason)
    if not 0 < abs(points) <= MOST_POINTS or (expires_at is not None and expires_at <= now):
        raise PointsInvalid()
    wallet = _open(session, customer_id)
    known = _find(session, adjustment_id)
    if known is not None:
        if (known.customer_id, known.requested_by) != (customer_id, actor):
            raise AdjustmentNotFound()
        return known
    free = sum(item.free for item in wallet.lots if not item.is_expired(now))
    if -points > free:
        raise PointsInvalid(available=free)
    today = _corrected_lately(session, customer_id=customer_id, actor=actor, now=now)
    alone = today + abs(points) <= alone_up_to
    row: dict[str, Any] = {
        "id": adjustment_id,
        "customer_id": customer_id,
        "points": points,
        "reason": reason,
        "points_expire_at": expires_at if points > 0 else None,
        "status": APPROVED if alone else WAITING,
        "requested_by": actor,
        "requested_at": now,
        "decided_by": actor if alone else None,
        "decided_at": now if alone else None,
    }
    session.execute(sa.insert(adjustment_request).values(row))
    asked = Adjustment(**row)
    if alone:
        _post(session, asked, actor=actor, now=now)
    _note(session, "adjusted" if alone else "adjustment_requested", asked, actor=actor, now=now)
    return asked


def approve_adjustment(
    session: Session, *, adjustment_id: int, actor: str, now: datetime
) -> Adjustment:
    """Post a correction that waits; the same person's second tap changes nothing.

    Locks the wallet.

    Raises:
        AdjustmentNotFound: there is no such request.
        SecondPersonNeeded: it is the person who asked for it.
        AdjustmentDecided: another decision was made before.
        PointsInvalid: more to take than is free by now, or the points would be expired.
        CustomerNotFound: the points have gone to another card meanwhile.
    """
    asked = _take(session, adjustment_id, actor=actor, wanted=APPROVED)
    if asked.status == APPROVED:
        return asked
    if asked.points_expire_at is not None and asked.points_expire_at <= now:
        raise PointsInvalid()
    _post(session, asked, actor=actor, now=now)
    return _decide(session, asked, APPROVED, actor=actor, now=now)


def decline_adjustment(
    session: Session, *, adjustment_id: int, actor: str, now: datetime
) -> Adjustment:
    """Turn a correction down; nothing is posted. Locks the wallet.

    Raises:
        AdjustmentNotFound, SecondPersonNeeded, AdjustmentDecided: as for an approval.
    """
    asked = _take(session, adjustment_id, actor=actor, wanted=DECLINED)
    if asked.status == DECLINED:
        return asked
    return _decide(session, asked, DECLINED, actor=actor, now=now)


def waiting_adjustments(
    session: Session, *, customer_id: int | None = None, limit: int = 100
) -> Sequence[Adjustment]:
    """Corrections that wait for a second person, oldest first; of one customer, or of all."""
    query = (
        sa.select(adjustment_request)
        .where(adjustment_request.c.status == WAITING)
        .order_by(adjustment_request.c.id)
        .limit(limit)
    )
    if customer_id is not None:
        query = query.where(adjustment_request.c.customer_id == customer_id)
    return [_as_adjustment(row) for row in session.execute(query)]


def pause_spending(
    session: Session,
    *,
    customer_id: int,
    reason: str,
    until: datetime | None,
    actor: str,
    now: datetime,
) -> None:
    """Refuse redemption until ``until`` (None: until released), for a reason. Locks the wallet.

    Raises:
        ReasonInvalid: the reason is too short or too long.
        AccountBroken: it is paused already, because it does not add up.
        CustomerNotFound: no account, or its points are on another card.
    """
    reason = clean_reason(reason)
    wallet = _open(session, customer_id)
    if wallet.frozen_reason == BROKEN:
        raise AccountBroken()
    freeze(
        session,
        customer_id=customer_id,
        reason=BY_STAFF,
        until=until,
        actor=actor,
        now=now,
        note=reason,
    )


def release_spending(session: Session, *, customer_id: int, actor: str, now: datetime) -> None:
    """Allow redemption again, whatever paused it but a broken ledger. Locks the wallet.

    Raises:
        AccountBroken: its points do not add up; it is released when they do.
        CustomerNotFound: no account, or its points are on another card.
    """
    wallet = _open(session, customer_id)
    if wallet.frozen_reason == BROKEN:
        raise AccountBroken()
    if wallet.frozen_reason is not None:
        unfreeze(session, customer_id=customer_id, actor=actor, now=now)


def freeze_note(session: Session, *, customer_id: int) -> str | None:
    """What staff wrote when they paused this wallet by hand."""
    query = sa.select(account.c.frozen_note).where(account.c.customer_id == customer_id)
    note: str | None = session.execute(query).scalar_one_or_none()
    return note


def _open(session: Session, customer_id: int) -> Wallet:
    """The wallet under lock.

    Raises:
        CustomerNotFound: no account, or a paper card's whose points are on its owner's.
    """
    wallet = lock(session, [customer_id])[customer_id]
    if wallet.frozen_reason == MERGED:
        raise CustomerNotFound()
    return wallet


def _as_adjustment(row: Any) -> Adjustment:
    return Adjustment(**{name: getattr(row, name) for name in Adjustment.__dataclass_fields__})


def _find(session: Session, adjustment_id: int) -> Adjustment | None:
    query = sa.select(adjustment_request).where(adjustment_request.c.id == adjustment_id)
    row = session.execute(query).one_or_none()
    return None if row is None else _as_adjustment(row)


def _take(session: Session, adjustment_id: int, *, actor: str, wanted: str) -> Adjustment:
    """The request, if this person may decide about it so; the wallet's lock guards it too."""
    asked = _find(session, adjustment_id)
    if asked is None:
        raise AdjustmentNotFound()
    lock(session, [asked.customer_id])
    asked = _find(session, adjustment_id) or asked
    if asked.requested_by == actor:
        raise SecondPersonNeeded()
    if asked.status != WAITING and (asked.status, asked.decided_by) != (wanted, actor):
        raise AdjustmentDecided(status=asked.status)
    return asked


def _post(session: Session, asked: Adjustment, *, actor: str, now: datetime) -> None:
    _open(session, asked.customer_id)
    adjust(
        session,
        customer_id=asked.customer_id,
        points=asked.points,
        reason=asked.reason,
        actor=actor,
        key=str(asked.id),
        now=now,
        expires_at=asked.points_expire_at,
    )


def _decide(
    session: Session, asked: Adjustment, status: str, *, actor: str, now: datetime
) -> Adjustment:
    session.execute(
        sa.update(adjustment_request)
        .where(adjustment_request.c.id == asked.id)
        .values(status=status, decided_by=actor, decided_at=now)
    )
    _note(session, f"adjustment_{status}", asked, actor=actor, now=now)
    found = _find(session, asked.id)
    if found is None:
        raise AssertionError("a request stays")
    return found


def _corrected_lately(session: Session, *, customer_id: int, actor: str, now: datetime) -> int:
    """Points that this person corrected alone for this customer within a day, both ways."""
    query = sa.select(sa.func.coalesce(sa.func.sum(sa.func.abs(entry.c.amount)), 0)).where(
        entry.c.customer_id == customer_id,
        entry.c.kind == "adjustment",
        entry.c.at > now - timedelta(days=1),
        entry.c.source_id.in_(
            sa.select(sa.cast(adjustment_request.c.id, sa.String)).where(
                adjustment_request.c.customer_id == customer_id,
                adjustment_request.c.requested_by == actor,
                adjustment_request.c.decided_by == actor,
            )
        ),
    )
    return int(session.execute(query).scalar_one())


def _note(session: Session, what: str, asked: Adjustment, *, actor: str, now: datetime) -> None:
    """The audit trail: ids and numbers only, the reason stays with the request."""
    rows = Rows()
    events.record(
        rows,
        type=f"points.{what}",
        customer_id=asked.customer_id,
        actor=actor,
        data={
            "adjustment_id": str(asked.id),
            "points": asked.points,
            "requested_by": asked.requested_by,
        },
        now=now,
    )
    rows.put(session)
