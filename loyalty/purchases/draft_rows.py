"""Rows of sale drafts: read, locked, checked and changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import wallet
from loyalty.customers import owner_of
from loyalty.errors import DraftClosed, DraftNotFound
from loyalty.purchases.tables import sale_draft
from loyalty.staff import Staff, get_outlet

OPEN, RECORDED, CANCELLED, EXPIRED = "open", "recorded", "cancelled", "expired"
MOVED = "moved"
"""In ``DraftClosed``: another cashier has scanned the card since."""
CHANGED = "changed"
"""In ``DraftClosed``: open, but not for the sum and the points that were confirmed."""

ELSEWHERE = "elsewhere"
"""In ``DraftClosed``: this cashier's, but begun at the outlet ``outlet`` and to be ended there."""

LIFETIME = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One item of a split sum: minor units, and what kind of goods it is (None: any)."""

    amount: int
    category: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A sale being rung up. ``amount`` in minor units, None until typed; ``redeem`` in points."""

    id: int
    card_key: str
    customer_id: int
    staff_id: int
    outlet_id: int
    may_redeem: bool
    status: str
    amount: int | None
    redeem: int
    purchase_id: int | None
    message_id: int | None
    # Points set aside while the customer is asked (``asking``).
    hold_id: int | None
    created_at: datetime
    updated_at: datetime
    # Codes of vouchers to use; stamps the cashier counted, by card.
    vouchers: Sequence[str] = ()
    stamps: Mapping[str, int] = field(default_factory=dict)
    # The sum by items, as the cashier split it; empty: one sum of anything.
    lines: Sequence[DraftLine] = ()
    # Who was ringing it up before this scan moved it to another cashier; None if nobody.
    moved_from: int | None = None


def get(session: Session, *, draft_id: int) -> Draft:
    """The draft by its id.

    Raises:
        DraftNotFound: there is none.
    """
    row = session.execute(sa.select(sale_draft).where(sale_draft.c.id == draft_id)).one_or_none()
    if row is None:
        raise DraftNotFound()
    return as_draft(row)


def named(session: Session, *, staff_id: int, update_key: str) -> Draft | None:
    """The draft that ``drafts.open_draft`` made for this key, whatever became of it."""
    query = sa.select(sale_draft).where(sale_draft.c.card_key == f"p:{staff_id}:{update_key}")
    row = session.execute(query.order_by(sale_draft.c.id.desc()).limit(1)).one_or_none()
    return as_draft(row) if row is not None else None


def as_draft(row: Any) -> Draft:
    """The draft behind a row of its table."""
    odd = ("moved_from", "vouchers", "stamps", "lines")
    names = [name for name in Draft.__dataclass_fields__ if name not in odd]
    return Draft(
        **{name: getattr(row, name) for name in names},
        vouchers=tuple(row.vouchers or ()),
        stamps=dict(row.stamps or {}),
        lines=tuple(DraftLine(int(one["amount"]), one["category"]) for one in row.lines or ()),
    )


def locked(session: Session, draft_id: int, staff: Staff) -> Draft:
    """The draft under lock, if this cashier's outlet is ringing it up.

    A paper card that was claimed at the very moment it was scanned is the member's here too.

    Raises:
        DraftNotFound: there is none, or it is another outlet's.
        DraftClosed: ``elsewhere``: this cashier has changed the outlet since.
    """
    query = sa.select(sale_draft).where(sale_draft.c.id == draft_id).with_for_update()
    row = session.execute(query).one_or_none()
    if row is None:
        raise DraftNotFound()
    if staff.outlet_id not in (None, row.outlet_id):
        if (row.staff_id, row.status) != (staff.id, OPEN):
            raise DraftNotFound()
        place = get_outlet(session, row.outlet_id).name
        raise DraftClosed(status=ELSEWHERE, purchase_id=None, outlet=place)
    if staff.outlet_id is None and row.staff_id != staff.id:
        raise DraftNotFound()
    draft = as_draft(row)
    owner = owner_of(session, draft.customer_id)
    if owner == draft.customer_id:
        return draft
    values: dict[str, Any] = {"customer_id": owner, "may_redeem": False, "redeem": 0}
    session.execute(sa.update(sale_draft).where(sale_draft.c.id == draft.id).values(**values))
    return replace(draft, **values)


def check_open(draft: Draft, staff: Staff, now: datetime) -> None:
    """Refuse a draft that is not this cashier's to go on with.

    Raises:
        DraftClosed: see ``lock``.
    """
    status = draft.status
    if status == OPEN and draft.updated_at <= now - LIFETIME:
        status = EXPIRED
    if status == OPEN and draft.staff_id != staff.id:
        status = MOVED
    if status != OPEN:
        raise DraftClosed(status=status, purchase_id=draft.purchase_id)


def lock(session: Session, draft_id: int, staff: Staff, now: datetime) -> Draft:
    """The open draft of this cashier, under lock.

    Raises:
        DraftNotFound: there is none at this cashier's outlet.
        DraftClosed: it was recorded (``purchase_id``), cancelled, has expired, or ``moved``.
    """
    draft = locked(session, draft_id, staff)
    check_open(draft, staff, now)
    return draft


def release(session: Session, draft: Draft, now: datetime) -> Draft:
    """Give back the points set aside for this sale, if any: something else was chosen."""
    if draft.hold_id is None:
        return draft
    wallet.void_hold(session, hold_id=draft.hold_id, now=now)
    return change(session, draft, now, hold_id=None, redeem=0)


def without_points(session: Session, draft: Draft, now: datetime, *, used_up: bool) -> Draft:
    """The locked draft without the points that turned out not to be had; ``used_up``: this
    showing of the card has bought elsewhere and spends no more."""
    freed = release(session, draft, now)
    return change(session, freed, now, redeem=0, may_redeem=draft.may_redeem and not used_up)


def change(session: Session, draft: Draft, now: datetime, **values: Any) -> Draft:
    """Set columns of the locked draft; the draft as it is then."""
    changed = sa.update(sale_draft).where(sale_draft.c.id == draft.id)
    session.execute(changed.values(updated_at=now, **values))
    return get(session, draft_id=draft.id)
