"""Holds of tills: points set aside by a till's key, confirmed or given up later.

A hold is named by the till's own key of the request that placed it, so the same request finds
it again. Many points need the customer's tap (``asks``): the question names outlet and sum and
goes out through the outbox; ``approve`` is the tap. Each hold ends exactly once, as one
purchase, as a spending alone, voided or timed out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events, program, purchases, wallet
from loyalty.customers import card_use
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.db.rows import Rows
from loyalty.errors import ConfirmationRequired, HoldAlreadyResolved, HoldNotFound
from loyalty.purchases import hold_words, questions
from loyalty.purchases.gate import enter
from loyalty.purchases.model import PurchaseResult, Receipt
from loyalty.purchases.wanted import Wanted, as_json, of_json
from loyalty.wallet import Cause
from loyalty.wallet.tables import hold, till_hold

OPEN, POSTED, VOIDED, TIMED_OUT = "open", "posted", "voided", "timed_out"
SOURCE = "till"


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """Who holds: the key's name (``key:ID``), its outlet and what the outlet is called."""

    client: str
    outlet_id: int
    outlet_name: str
    time_zone: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TillHold:
    """A till's hold as it is. ``status`` is ``timed_out`` as soon as its time is over."""

    id: int
    customer_id: int
    points: int
    status: str
    needs_tap: bool
    approved: bool
    expires_at: datetime
    outlet_id: int
    wanted: Wanted
    purchase_id: int | None

    @property
    def ready(self) -> bool:
        """Whether it can be confirmed as far as the customer is concerned."""
        return self.approved or not self.needs_tap


def place(
    session: Session,
    *,
    till: Till,
    key: str,
    customer_id: int,
    points: int,
    wanted: Wanted,
    asks: bool,
    now: datetime,
) -> TillHold:
    """Set ``points`` aside; with ``asks`` until the customer has tapped, two minutes at most.

    The caller has checked that the customer may spend. The same till and ``key`` give the hold
    that is there already. Locks the customer's account.

    Raises:
        RedemptionFrozen, InsufficientPoints: as for any redemption.
        PresenceRequired: a tap is needed and the customer has no chat to be asked in.
    """
    known = find(session, client=till.client, key=key, now=now)
    if known is not None:
        return known
    seconds = wanted.seconds
    if asks:
        seconds = program.current(session, now=now).program.confirm_seconds
    placed = wallet.place_hold(
        session,
        customer_id=customer_id,
        points=points,
        source_kind=SOURCE,
        source_id=_source_id(till.client, key),
        expires_at=now + timedelta(seconds=seconds),
        now=now,
    )
    rows = Rows()
    rows.insert(
        till_hold,
        {
            "hold_id": placed.id,
            "client": till.client,
            "outlet_id": till.outlet_id,
            "request": as_json(wanted),
            "needs_tap": asks,
            "asked_next_at": questions.next_look(placed.expires_at, now) if asks else None,
        },
    )
    nonce = _nonce(wanted.card_key)
    if asks:
        total = wanted.receipt.total if wanted.receipt is not None else None
        hold_words.ask(
            session,
            rows,
            placed,
            outlet=till.outlet_name,
            total=total,
            currency=till.currency,
            seconds=seconds,
            now=now,
        )
    elif nonce is not None:
        # This showing of the card has set points aside: it is good for no other redemption.
        rows.insert(card_use, {"nonce": nonce, "customer_id": customer_id, "used_at": now})
    try:
        rows.put(session)
    except Exception as problem:
        if is_unique_violation(problem):
            raise AlreadyThere from problem
        raise
    return get(session, hold_id=placed.id, outlet_id=till.outlet_id, now=now)


def find(session: Session, *, client: str, key: str, now: datetime) -> TillHold | None:
    """The hold this till placed with this key, if any."""
    source = sa.and_(hold.c.source_kind == SOURCE, hold.c.source_id == _source_id(client, key))
    row = session.execute(_HOLDS.where(source)).one_or_none()
    return _as_hold(row, now) if row is not None else None


def get(session: Session, *, hold_id: int, outlet_id: int, now: datetime) -> TillHold:
    """The hold by its id.

    Raises:
        HoldNotFound: there is none, or it is another outlet's.
    """
    row = session.execute(_HOLDS.where(hold.c.id == hold_id)).one_or_none()
    if row is None or row.outlet_id != outlet_id:
        raise HoldNotFound()
    return _as_hold(row, now)


def locked(session: Session, found: TillHold, *, now: datetime) -> TillHold:
    """The hold as it is under its customer's lock, if it can be confirmed.

    Raises:
        HoldAlreadyResolved: it has ended (``status``, ``purchase_id``).
        ConfirmationRequired: the customer has not tapped yet.
    """
    wallet.lock(session, [found.customer_id])
    fresh = get(session, hold_id=found.id, outlet_id=found.outlet_id, now=now)
    if fresh.status != OPEN:
        raise HoldAlreadyResolved(status=fresh.status, purchase_id=fresh.purchase_id)
    if not fresh.ready:
        raise waiting(fresh)
    return fresh


def waiting(found: TillHold) -> ConfirmationRequired:
    """The refusal that tells the till which hold to wait for."""
    return ConfirmationRequired(
        hold_id=found.id, points=found.points, expires_at=found.expires_at, retry_after_s=3
    )


def record(
    session: Session, *, found: TillHold, till: Till, receipt: Receipt, now: datetime
) -> PurchaseResult:
    """Record the purchase the hold was for: one, whoever confirms. ``found`` is ``locked``.

    Raises:
        Whatever ``purchases.record`` refuses.
    """
    result = purchases.record(
        session,
        customer_id=found.customer_id,
        receipt=receipt,
        redeem=found.points,
        vouchers=found.wanted.vouchers,
        may_redeem=True,
        actor=till.client,
        outlet_id=till.outlet_id,
        staff_id=None,
        source="pos",
        now=now,
        time_zone=till.time_zone,
        card_key=_unused(session, found),
        draft_id=found.id,
        hold_id=found.id,
    )
    _note_purchase(session, found.id, result.purchase_id)
    return result


def spend(session: Session, *, found: TillHold, till: Till, now: datetime) -> int:
    """Post the redemption alone, without a receipt; what is available then.

    ``found`` is ``locked``; the customer is told.

    Raises:
        CustomerBlocked: the program was closed to them meanwhile.
        RedemptionFrozen: their points were.
    """
    enter(session, customer_id=found.customer_id, outlet_id=None, staff_id=None, now=now)
    purse = wallet.lock(session, [found.customer_id])[found.customer_id]
    purse.check_not_frozen(now)
    rows = Rows()
    shares = wallet.take_hold(session, rows, purse, hold_id=found.id, now=now)
    cause = Cause("hold", str(found.id), till.client, now)
    purse.redeem_held(rows, shares=shares, cause=cause)
    purse.finish(rows)
    nonce = _nonce(_unused(session, found))
    if nonce is not None:
        rows.insert(card_use, {"nonce": nonce, "customer_id": found.customer_id, "used_at": now})
    events.record(
        rows,
        type="hold.confirmed",
        customer_id=found.customer_id,
        actor=till.client,
        data={"hold_id": str(found.id), "redeemed": found.points},
        now=now,
    )
    left = purse.available(now)
    hold_words.tell(
        session,
        rows,
        hold_id=found.id,
        customer_id=found.customer_id,
        points=found.points,
        left=left,
        now=now,
    )
    rows.put(session)
    return left


def void(session: Session, *, found: TillHold, now: datetime) -> TillHold:
    """Give the points back.

    Raises:
        HoldAlreadyResolved: it has ended before.
    """
    if found.status != OPEN or not wallet.void_hold(session, hold_id=found.id, now=now):
        fresh = get(session, hold_id=found.id, outlet_id=found.outlet_id, now=now)
        raise HoldAlreadyResolved(status=fresh.status, purchase_id=fresh.purchase_id)
    kept = as_json(replace(found.wanted, given_up=True))
    session.execute(
        sa.update(till_hold).where(till_hold.c.hold_id == found.id).values(request=kept)
    )
    nonce = _nonce(found.wanted.card_key)
    if nonce is not None and not found.needs_tap:
        session.execute(sa.delete(card_use).where(card_use.c.nonce == nonce))
    return get(session, hold_id=found.id, outlet_id=found.outlet_id, now=now)


def approve(session: Session, *, hold_id: int, customer_id: int, now: datetime) -> int:
    """The customer's yes: the till may confirm, and has time to; how many points.

    Tapped again it is the same yes. Locks the customer's account.

    Raises:
        HoldAlreadyResolved: it has ended, or was asked of another.
    """
    found = _asked(session, hold_id=hold_id, customer_id=customer_id, now=now)
    if not found.approved:
        session.execute(
            sa.update(till_hold)
            .where(till_hold.c.hold_id == hold_id)
            .values(approved_at=now, asked_next_at=None)
        )
        # The till asks again every few seconds: it must not find the time over.
        until = max(found.expires_at, now + timedelta(seconds=found.wanted.seconds))
        session.execute(sa.update(hold).where(hold.c.id == hold_id).values(expires_at=until))
    return found.points


def decline(session: Session, *, hold_id: int, customer_id: int, now: datetime) -> None:
    """The customer's no: the points are free again.

    Raises:
        HoldAlreadyResolved: it has ended, or was asked of another.
    """
    _asked(session, hold_id=hold_id, customer_id=customer_id, now=now)
    wallet.void_hold(session, hold_id=hold_id, now=now)
    settled = sa.update(till_hold).where(till_hold.c.hold_id == hold_id)
    session.execute(settled.values(asked_next_at=None))


# --- inside ------------------------------------------------------------------------------

_HOLDS = sa.select(
    hold.c.id,
    hold.c.customer_id,
    hold.c.amount,
    hold.c.status,
    hold.c.expires_at,
    till_hold.c.outlet_id,
    till_hold.c.request,
    till_hold.c.needs_tap,
    till_hold.c.approved_at,
    till_hold.c.purchase_id,
).join(till_hold, till_hold.c.hold_id == hold.c.id)


def _as_hold(row: Any, now: datetime) -> TillHold:
    over = row.status == OPEN and row.expires_at <= now
    return TillHold(
        id=row.id,
        customer_id=row.customer_id,
        points=row.amount,
        status=TIMED_OUT if over else row.status,
        needs_tap=row.needs_tap,
        approved=row.approved_at is not None,
        expires_at=row.expires_at,
        outlet_id=row.outlet_id,
        wanted=of_json(row.request),
        purchase_id=row.purchase_id,
    )


def _source_id(client: str, key: str) -> str:
    return hashlib.sha256(f"{client}\n{key}".encode()).hexdigest()


def _asked(session: Session, *, hold_id: int, customer_id: int, now: datetime) -> TillHold:
    wallet.lock(session, [customer_id])
    mine = sa.and_(hold.c.id == hold_id, hold.c.customer_id == customer_id)
    row = session.execute(_HOLDS.where(mine, till_hold.c.needs_tap)).one_or_none()
    if row is None:
        raise HoldAlreadyResolved(status=VOIDED)
    found = _as_hold(row, now)
    if found.status != OPEN:
        raise HoldAlreadyResolved(status=found.status)
    return found


def _nonce(card_key: str | None) -> str | None:
    return card_key[2:] if card_key and card_key.startswith("n:") else None


def _unused(session: Session, found: TillHold) -> str | None:
    """The showing of the card that is to be marked as used: that of a hold which waited for the
    customer's tap, unless another redemption has used it since. Others are marked already."""
    nonce = _nonce(found.wanted.card_key)
    if nonce is None or not found.needs_tap:
        return None
    used = sa.select(card_use.c.nonce).where(card_use.c.nonce == nonce)
    return None if session.execute(used).first() is not None else found.wanted.card_key


def _note_purchase(session: Session, hold_id: int, purchase_id: int) -> None:
    changed = sa.update(till_hold).where(till_hold.c.hold_id == hold_id)
    session.execute(changed.values(purchase_id=purchase_id))
