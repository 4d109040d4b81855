"""Undo: the cashier takes a slip of the hand back right after the sale.

Everything is as if the sale had not been: it comes back whole (``record_return`` with
``undo``), the receipt that has not left yet stays here, a level the sale has brought goes, and
the showing of the card is free again, so that the sale can be rung up right at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import program, tiers, wallet
from loyalty.customers import card_code, card_use, customer
from loyalty.db.rows import Rows
from loyalty.errors import DraftNotFound, PurchaseNotFound, UndoRefused
from loyalty.events import event
from loyalty.messaging import cancel_queued
from loyalty.purchases import drafts
from loyalty.purchases.drafts import Draft
from loyalty.purchases.model import ReturnResult
from loyalty.purchases.returning import record_return
from loyalty.purchases.tables import sale_draft
from loyalty.receipts import purchase, purchase_return
from loyalty.staff import OWNER, Staff

TAKEN_BACK = "u:"
"""Goes before the card's key of a sale that was undone: the showing itself is free again."""
_SHOWINGS = ("n:", "b:")
"""What names a showing of a card, or a paper card; other keys name a tap."""
LATE, RETURNED, DONE, NOT_YOURS = "late", "returned", "done", "not_yours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoable:
    """A sale that may still be undone. ``total`` in minor units; ``until`` the last moment."""

    purchase_id: int
    customer_id: int
    total: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Whose card it was, as ``drafts.open_draft`` wants it named."""

    customer_id: int
    may_redeem: bool
    card_key: str | None


def check_here(session: Session, *, purchase_id: int, staff: Staff) -> None:
    """Nothing, if the bot has recorded this sale at this cashier's outlet.

    Raises:
        PurchaseNotFound: it has not.
    """
    row = _sale(session, purchase_id)
    if row is None or row.outlet_id != staff.outlet_id:
        raise PurchaseNotFound()


def is_undone(session: Session, *, purchase_id: int) -> bool:
    """Whether a sale was taken back by an undo."""
    back = sa.select(purchase_return.c.undo).where(purchase_return.c.purchase_id == purchase_id)
    return any(session.execute(back).scalars())


def check_undo(session: Session, *, purchase_id: int, staff: Staff, now: datetime) -> Undoable:
    """The sale, if this cashier may undo it now.

    Raises:
        PurchaseNotFound: no sale of the bot at this cashier's outlet.
        UndoRefused: ``reason``: ``not_yours``, ``done``, ``returned`` (all or a part of it came
            back), ``late``.
    """
    row = _sale(session, purchase_id)
    if row is None or row.outlet_id != staff.outlet_id:
        raise PurchaseNotFound()
    if row.staff_id != staff.id and staff.role != OWNER:
        raise UndoRefused(reason=NOT_YOURS)
    back = sa.select(purchase_return.c.undo).where(purchase_return.c.purchase_id == purchase_id)
    undone = session.execute(back).scalars().all()
    if undone:
        raise UndoRefused(reason=DONE if any(undone) else RETURNED)
    minutes = program.current(session, now=now).program.undo_minutes
    until = row.recorded_at + timedelta(minutes=minutes)
    if now >= until:
        raise UndoRefused(reason=LATE)
    return Undoable(
        purchase_id=purchase_id, customer_id=row.customer_id, total=row.total, until=until
    )


def undo(session: Session, *, purchase_id: int, staff: Staff, now: datetime) -> ReturnResult:
    """Take the sale back; undone twice it is the same undoing (``replayed``).

    Locks the customer's account, so an undoing and a return of one sale never both happen.

    Raises:
        PurchaseNotFound, UndoRefused: see ``check_undo``.
    """
    row = _sale(session, purchase_id)
    if row is None or row.outlet_id != staff.outlet_id:
        raise PurchaseNotFound()
    wallet.lock(session, [row.customer_id])
    key = f"undo:{purchase_id}"
    try:
        check_undo(session, purchase_id=purchase_id, staff=staff, now=now)
    except UndoRefused as refused:
        if refused.facts["reason"] != DONE:
            raise
        # Tapped twice: the same answer, whatever the clock says by now.
        return record_return(
            session, purchase_id=purchase_id, actor=staff.actor, now=now, key=key, undo=True
        )
    silent = cancel_queued(session, key=f"receipt:{purchase_id}", reason="undone", now=now)
    result = record_return(
        session,
        purchase_id=purchase_id,
        actor=staff.actor,
        now=now,
        key=key,
        undo=True,
        silent=silent,
    )
    _level_back(session, row, staff=staff, now=now)
    _free_showing(session, row.draft_id, now)
    return result


def again(session: Session, *, purchase_id: int, staff: Staff, now: datetime) -> Draft:
    """The sale of the same card, to be rung up right: an open draft of this cashier.

    Points may be spent if the card's showing is still good. Asked twice it is the same draft.

    Raises:
        PurchaseNotFound: nothing was undone here by this number.
        CustomerNotFound, CustomerBlocked, OwnCard: see ``drafts.open_draft``.
    """
    row = _sale(session, purchase_id)
    undone = sa.select(purchase_return.c.id).where(
        purchase_return.c.purchase_id == purchase_id, purchase_return.c.undo
    )
    if row is None or row.outlet_id != staff.outlet_id or session.execute(undone).first() is None:
        raise PurchaseNotFound()
    if row.draft_id is None:
        raise DraftNotFound()
    former = drafts.get(session, draft_id=row.draft_id)
    key = former.card_key.removeprefix(TAKEN_BACK)
    shown = key.startswith("n:")
    identified = Again(
        customer_id=row.customer_id,
        may_redeem=shown and former.may_redeem and _is_good(session, key[2:], now),
        card_key=key if key[:2] in _SHOWINGS else None,
    )
    return drafts.open_draft(
        session, identified=identified, staff=staff, now=now, update_key=f"u{purchase_id}"
    )


# --- inside ------------------------------------------------------------------------------


def _sale(session: Session, purchase_id: int) -> Any:
    p = purchase.c
    query = sa.select(p.outlet_id, p.staff_id, p.customer_id, p.total, p.recorded_at, p.draft_id)
    mine = sa.and_(p.id == purchase_id, p.source == "bot", p.customer_id.is_not(None))
    return session.execute(query.where(mine)).one_or_none()


def _level_back(session: Session, sold: Any, *, staff: Staff, now: datetime) -> None:
    """The level of before, if this very sale has raised it and nothing has changed it since."""
    query = (
        sa.select(event.c.data)
        .where(
            event.c.customer_id == sold.customer_id,
            event.c.type == "tier.changed",
            event.c.at == sold.recorded_at,
        )
        .order_by(event.c.id.desc())
        .limit(1)
    )
    data = session.execute(query).scalar_one_or_none()
    if data is None or data.get("reason") != "sale":
        return
    standing = sa.select(customer.c.tier, customer.c.tier_since).where(
        customer.c.id == sold.customer_id
    )
    is_now = session.execute(standing).one()
    if is_now.tier != data["to"] or is_now.tier_since != sold.recorded_at:
        return
    rows = Rows()
    tiers.change(
        rows,
        customer_id=sold.customer_id,
        old=data["to"],
        new=data["from"],
        rise=False,
        reason="undo",
        spent=int(data["spent"]) - sold.total,
        now=now,
        actor=staff.actor,
    )
    rows.put(session)


def _free_showing(session: Session, draft_id: int | None, now: datetime) -> None:
    """Let the card that was shown for this sale be scanned, and spent with, once more."""
    if draft_id is None:
        return
    key = session.execute(
        sa.select(sale_draft.c.card_key).where(sale_draft.c.id == draft_id)
    ).scalar_one()
    if key.startswith(TAKEN_BACK):
        return
    freed = sa.update(sale_draft).where(sale_draft.c.id == draft_id)
    session.execute(freed.values(card_key=TAKEN_BACK + key))
    if key.startswith("n:") and _stands(session, key[2:], now):
        session.execute(sa.delete(card_use).where(card_use.c.nonce == key[2:]))


def _stands(session: Session, nonce: str, now: datetime) -> bool:
    """Whether that showing of a card is within its ten minutes."""
    live = sa.select(card_code.c.nonce).where(
        card_code.c.nonce == nonce, card_code.c.expires_at > now
    )
    return session.execute(live).first() is not None


def _is_good(session: Session, nonce: str, now: datetime) -> bool:
    used = sa.select(card_use.c.nonce).where(card_use.c.nonce == nonce)
    return _stands(session, nonce, now) and session.execute(used).first() is None
