"""An invitation: the code of the one who invites, and the friend who comes by it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty import program as programs
from loyalty.customers import ACTIVE, ERASED, customer, phone_seen
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.db.fast import is_postgres
from loyalty.db.rows import Rows
from loyalty.errors import CustomerNotFound
from loyalty.receipts import purchase, purchase_return
from loyalty.referrals.following import INVITED
from loyalty.referrals.tables import referral
from loyalty.tokens import new_referral_code
from loyalty.wallet.tables import account

_ATTACHES = 0x5245_4652
"""The advisory lock under which one invitation at a time is written down (PostgreSQL)."""


class Refusal(StrEnum):
    """Why a code does not count."""

    CLOSED = "closed"
    UNKNOWN_CODE = "unknown_code"
    OWN_CODE = "own_code"
    ALREADY_INVITED = "already_invited"
    NOT_NEW = "not_new"
    CIRCLE = "circle"


@dataclass(frozen=True, slots=True)
class Attached:
    """The friend was brought by this customer."""

    referrer_id: int


def normalize_code(text: str) -> str:
    """A code as people type it or as a link carries it (``r_…``), in its own letters."""
    kept = re.sub(r"[^0-9A-Za-z_]", "", text[:40])
    return kept.removeprefix("r_").upper()[:16]


def code_of(session: Session, *, customer_id: int) -> str:
    """The customer's code to invite by, made at first asking (imported cards have none).

    Raises:
        CustomerNotFound: no such customer, or an erased one.
    """
    mine = sa.and_(customer.c.id == customer_id, customer.c.status != ERASED)
    known = session.execute(sa.select(customer.c.referral_code).where(mine)).one_or_none()
    if known is None:
        raise CustomerNotFound()
    if known.referral_code:
        return str(known.referral_code)
    fresh = sa.update(customer).where(mine, customer.c.referral_code.is_(None))
    try:
        session.execute(fresh.values(referral_code=new_referral_code()))
    except Exception as problem:
        if is_unique_violation(problem):
            # Somebody has this very code: another is drawn.
            raise AlreadyThere from problem
        raise
    code = session.execute(sa.select(customer.c.referral_code).where(mine)).scalar_one()
    return str(code)


def attach(session: Session, *, friend_id: int, code: str, now: datetime) -> Attached | Refusal:
    """Write down who brought the friend, or say why the code does not count.

    A friend is somebody without an earlier receipt, whose phone is new to the shop. Locks both
    accounts; event ``referral.invited``. Called again with a code that counted before, it says
    so without writing.

    Raises:
        CustomerNotFound: there is no such friend.
    """
    if not programs.current(session, now=now).program.referral.enabled:
        return Refusal.CLOSED
    wanted = sa.and_(customer.c.referral_code == normalize_code(code), customer.c.status == ACTIVE)
    referrer_id = session.execute(sa.select(customer.c.id).where(wanted)).scalar_one_or_none()
    if referrer_id is None:
        return Refusal.UNKNOWN_CODE
    if referrer_id == friend_id:
        return Refusal.OWN_CODE
    _lock(session, friend_id, referrer_id)
    known = session.execute(
        sa.select(referral.c.referrer_id).where(referral.c.friend_id == friend_id)
    ).scalar_one_or_none()
    if known is not None:
        return Attached(referrer_id) if known == referrer_id else Refusal.ALREADY_INVITED
    if _is_known(session, friend_id):
        return Refusal.NOT_NEW
    if _leads_to(session, referrer_id, friend_id):
        return Refusal.CIRCLE
    rows = Rows()
    rows.insert(
        referral,
        {
            "friend_id": friend_id,
            "referrer_id": referrer_id,
            "status": INVITED,
            "started_at": now,
        },
    )
    events.record(
        rows,
        type="referral.invited",
        customer_id=referrer_id,
        actor=f"customer:{friend_id}",
        data={"friend_id": str(friend_id)},
        now=now,
    )
    rows.put(session)
    return Attached(referrer_id)


def _lock(session: Session, friend_id: int, referrer_id: int) -> None:
    """One attach at a time, then both accounts in id order.

    The accounts alone would not do: of four friends who name each other in a ring, two pairs
    share no account and would each see half of the ring.
    """
    if is_postgres(session):
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_ATTACHES)))
    both = sorted((friend_id, referrer_id))
    query = (
        sa.select(account.c.customer_id)
        .where(account.c.customer_id.in_(both))
        .order_by(account.c.customer_id)
        .with_for_update()
    )
    if friend_id not in session.execute(query).scalars().all():
        raise CustomerNotFound()


def _is_known(session: Session, friend_id: int) -> bool:
    """Whether the shop has met the friend: a receipt of this card (by phone, card or Telegram
    it is one), or a phone that was welcomed before, even if the card was erased since."""
    # A sale that was undone at the till was none.
    undone = sa.exists().where(
        purchase_return.c.purchase_id == purchase.c.id, purchase_return.c.undo
    )
    bought = sa.select(purchase.c.id).where(purchase.c.customer_id == friend_id, ~undone).limit(1)
    if session.execute(bought).first() is not None:
        return True
    began = sa.func.coalesce(customer.c.joined_at, customer.c.created_at)
    welcomed = (
        sa.select(phone_seen.c.phone_hash)
        .join(customer, customer.c.phone_hash == phone_seen.c.phone_hash)
        .where(customer.c.id == friend_id, phone_seen.c.welcomed_at < began)
    )
    return session.execute(welcomed).first() is not None


def _leads_to(session: Session, start: int, goal: int) -> bool:
    """Whether ``goal`` brought ``start``, or brought somebody who did, and so on."""
    above = (
        sa.select(referral.c.referrer_id)
        .where(referral.c.friend_id == start)
        .cte("above", recursive=True)
    )
    # UNION, not UNION ALL: a ring from an old import would never end.
    above = above.union(
        sa.select(referral.c.referrer_id).join(above, referral.c.friend_id == above.c.referrer_id)
    )
    query = sa.select(above.c.referrer_id).where(above.c.referrer_id == goal).limit(1)
    return session.execute(query).first() is not None
