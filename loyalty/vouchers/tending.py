"""What happens to a voucher after it was made: activated, blocked, taken back, run out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.db.rows import Rows
from loyalty.errors import VoucherAlreadyActive, VoucherBlocked, VoucherNotFound
from loyalty.ids import new_id
from loyalty.vouchers.model import ACTIVE, BLOCKED, EXPIRED, GIFT_CARD, INACTIVE, REDEEMED
from loyalty.vouchers.tables import voucher


def activate(session: Session, *, voucher_id: int, actor: str, now: datetime) -> None:
    """Make a gift card good: it has been paid for.

    Raises:
        VoucherNotFound: no such gift card.
        VoucherAlreadyActive: it is not inactive any more (fact ``status``).
    """
    row = _locked(session, voucher_id)
    if row.kind != GIFT_CARD:
        raise VoucherNotFound(code="")
    if row.status != INACTIVE:
        raise VoucherAlreadyActive(status=row.status)
    _set(session, voucher_id, ACTIVE, "voucher.activated", actor, now)


def block(session: Session, *, voucher_id: int, actor: str, now: datetime) -> bool:
    """Close a voucher to every use; True unless it was closed already.

    Raises:
        VoucherNotFound: no such voucher.
    """
    row = _locked(session, voucher_id)
    if row.status == BLOCKED:
        return False
    _set(session, voucher_id, BLOCKED, "voucher.blocked", actor, now)
    return True


def unblock(session: Session, *, voucher_id: int, actor: str, now: datetime) -> str | None:
    """Open a closed voucher again; the state it is in now, None if it was not closed.

    It comes back as what it would be had it not been closed: used up, run out, or active. A
    gift card closed before it was paid for comes back inactive.

    Raises:
        VoucherNotFound: no such voucher.
        VoucherBlocked: it was taken back for good with a return.
    """
    row = _locked(session, voucher_id)
    if row.status != BLOCKED:
        return None
    if row.issue_key is not None and row.issue_key.startswith(VOIDED):
        raise VoucherBlocked()
    status = ACTIVE
    if (row.kind == GIFT_CARD and row.balance == 0) or row.used == row.total_limit:
        status = REDEEMED
    elif row.ends_at is not None and row.ends_at <= now:
        status = EXPIRED
    elif row.activated_at is None:
        status = INACTIVE
    _set(session, voucher_id, status, "voucher.unblocked", actor, now)
    return status


VOIDED = "void:"
"""Beginning of the issue key of a voucher that was taken back: its own key is free again."""


def void(
    session: Session,
    rows: Rows,
    voucher_ids: Mapping[int, str],
    *,
    actor: str = events.SYSTEM,
    now: datetime,
) -> None:
    """Take back these unused vouchers (id → the issue key to set free); the rows are locked.

    The freed key may be another voucher's of the same kind: that one then takes over the key
    of the voucher taken back, so that the freed key can be issued again. Writes at once.
    """
    v = voucher.c
    for voucher_id, freed in voucher_ids.items():
        known = sa.select(v.issue_key, v.customer_id).where(v.id == voucher_id)
        own, owner = session.execute(known).one()
        session.execute(
            sa.update(voucher)
            .where(v.id == voucher_id)
            .values(status=BLOCKED, issue_key=f"{VOIDED}{new_id()}")
        )
        if own != freed:
            session.execute(sa.update(voucher).where(v.issue_key == freed).values(issue_key=own))
        data = {"voucher_id": voucher_id}
        events.record(
            rows, type="voucher.taken_back", customer_id=owner, actor=actor, data=data, now=now
        )


def void_unused(
    session: Session,
    rows: Rows,
    issue_keys: Collection[str],
    *,
    actor: str = events.SYSTEM,
    now: datetime,
) -> set[str]:
    """Take back what was issued by these keys and never used; the keys of what was.

    Such vouchers are blocked for good and their keys are free to be issued again. Used ones
    stay used. Writes at once, under lock.
    """
    if not issue_keys:
        return set()
    v = voucher.c
    found = session.execute(
        sa.select(v.id, v.issue_key)
        .where(v.issue_key.in_(sorted(issue_keys)), v.used == 0, v.status != BLOCKED)
        .order_by(v.id)
        .with_for_update()
    ).all()
    void(session, rows, {row.id: row.issue_key for row in found}, actor=actor, now=now)
    return {row.issue_key for row in found}


def unused_of(session: Session, *, customer_id: int, source_kind: str) -> dict[str, int]:
    """The customer's never used vouchers of one source, under lock: issue key → id."""
    v = voucher.c
    found = session.execute(
        sa.select(v.id, v.issue_key)
        .where(
            v.customer_id == customer_id,
            v.source_kind == source_kind,
            v.used == 0,
            v.status != BLOCKED,
            v.issue_key.is_not(None),
        )
        .order_by(v.id)
        .with_for_update()
    )
    return {row.issue_key: row.id for row in found}


def is_issued(session: Session, issue_key: str) -> bool:
    """Whether a voucher (used or not) stands under this key."""
    query = sa.select(voucher.c.id).where(voucher.c.issue_key == issue_key)
    return session.execute(query).scalar_one_or_none() is not None


def expire_due(session: Session, *, now: datetime, limit: int = 500) -> int:
    """Mark active vouchers past their date as expired, at most ``limit``; how many.

    The date alone makes a voucher bad; this keeps lists and reports straight.
    """
    v = voucher.c
    due = (
        sa.select(v.id)
        .where(v.status == ACTIVE, v.ends_at <= now)
        .order_by(v.ends_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.execute(due).scalars())
    if ids:
        session.execute(sa.update(voucher).where(v.id.in_(ids)).values(status=EXPIRED))
    return len(ids)


def _locked(session: Session, voucher_id: int) -> sa.Row[tuple[object, ...]]:
    v = voucher.c
    query = (
        sa.select(v.id, v.kind, v.status, v.used, v.total_limit, v.balance, v.ends_at)
        .add_columns(v.issue_key, v.activated_at)
        .where(v.id == voucher_id)
    )
    row = session.execute(query.with_for_update()).one_or_none()
    if row is None:
        raise VoucherNotFound(code="")
    return row


def _set(
    session: Session, voucher_id: int, status: str, type: str, actor: str, now: datetime
) -> None:
    news: dict[str, object] = {"status": status}
    if type == "voucher.activated":
        news["activated_at"] = now
    session.execute(sa.update(voucher).where(voucher.c.id == voucher_id).values(**news))
    rows = Rows()
    data = {"voucher_id": voucher_id}
    events.record(rows, type=type, customer_id=None, actor=actor, data=data, now=now)
    rows.put(session)
