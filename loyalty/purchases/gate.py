"""The sale's two reads: the gate (lock and who the customer is), then what the wallet holds.

Written as two statements through the driver: round trips are what a sale costs. The lots are
read after the lock was granted, so they are never older than it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from sqlalchemy.orm import Session

from loyalty import program as programs
from loyalty.db.fast import as_time, fetch, is_postgres
from loyalty.errors import CustomerBlocked, CustomerNotFound
from loyalty.program import Program
from loyalty.wallet.locking import lot_of
from loyalty.wallet.state import Wallet

_PROGRAM = (
    "(SELECT id FROM program_version WHERE status = 'published' AND effective_from <= $1"
    " ORDER BY effective_from DESC, number DESC LIMIT 1)"
)

_GATE = (
    "SELECT a.customer_id, a.posted, a.held, a.debt, a.frozen_until, a.frozen_reason,"  # noqa: S608
    " c.status, c.tier, c.home_outlet_id, t.telegram_id, t.reachable,"
    f" {_PROGRAM}, (SELECT name FROM outlet WHERE id = $3),"
    " (SELECT telegram_id FROM staff WHERE id = $4)"
    " FROM account a JOIN customer c ON c.id = a.customer_id"
    " LEFT JOIN telegram_chat t ON t.customer_id = a.customer_id WHERE a.customer_id = $2"
)

_HELD = (
    "SELECT l.id, l.customer_id, l.granted, l.remaining, l.held, l.earned_at, l.active_from,"
    " l.expires_at, l.kind, l.purchase_id,"
    " (SELECT orders FROM customer_stats WHERE customer_id = $1),"
    " (SELECT id FROM purchase WHERE draft_id = $2),"
    " (SELECT id FROM purchase WHERE outlet_id = $3 AND register = $4 AND business_date = $5"
    " AND number = $6),"
    " (SELECT customer_id FROM card_use WHERE nonce = $7)"
    " FROM (SELECT 1 AS one) x LEFT JOIN lot l ON l.customer_id = $1 AND l.remaining > 0"
)


@dataclass(slots=True)
class Gate:
    """Who buys, under lock, and by which version of the program."""

    wallet: Wallet
    status: str
    tier: str
    home_outlet_id: int | None
    chat_id: int | None
    version_id: int
    program: Program
    outlet_name: str | None
    staff_telegram_id: int | None


@dataclass(frozen=True, slots=True)
class Before:
    """What has happened before: earlier purchases, and whether this one was recorded already."""

    orders: int
    purchase_of_draft: int | None
    purchase_of_number: int | None
    nonce_used: bool


@lru_cache(maxsize=256)
def _known(version_id: int) -> list[Program]:
    del version_id
    return []


def _program(session: Session, version_id: int) -> Program:
    # Published versions never change, so each is read once per process.
    cached = _known(version_id)
    if not cached:
        cached.append(programs.by_id(session, version_id).program)
    return cached[0]


def enter(
    session: Session,
    *,
    customer_id: int,
    outlet_id: int | None,
    staff_id: int | None,
    now: datetime,
    lock: bool = True,
) -> Gate:
    """Lock the customer's account (unless ``lock`` is False, for a quote) and read who they are.

    Raises:
        CustomerNotFound: no such customer, or an erased one.
        CustomerBlocked: the owner has closed the program to them.
        LookupError: no program was ever published.
    """
    tail = " FOR UPDATE OF a" if lock and is_postgres(session) else ""
    found = fetch(session, _GATE + tail, now, customer_id, outlet_id, staff_id)
    if not found or found[0][6] == "erased":
        raise CustomerNotFound()
    row = found[0]
    if row[6] == "blocked":
        raise CustomerBlocked()
    if row[11] is None:
        raise LookupError("no program version is published")
    return Gate(
        wallet=Wallet(row[0], row[1], row[2], row[3], as_time(row[4]), row[5]),
        status=row[6],
        tier=row[7],
        home_outlet_id=row[8],
        chat_id=row[9] if row[10] else None,
        version_id=row[11],
        program=_program(session, row[11]),
        outlet_name=row[12],
        staff_telegram_id=row[13],
    )


def look(
    session: Session,
    wallet: Wallet | None,
    *,
    draft_id: int | None,
    outlet_id: int | None,
    register: str,
    business_date: date,
    number: str | None,
    nonce: str | None,
) -> Before:
    """Read the wallet's open lots into it, and what has been recorded before."""
    customer_id = wallet.customer_id if wallet else None
    found = fetch(
        session, _HELD, customer_id, draft_id, outlet_id, register, business_date, number, nonce
    )
    if wallet is not None:
        wallet.lots = [lot_of(row) for row in found if row[0] is not None]
    row = found[0]
    return Before(
        orders=row[10] or 0,
        purchase_of_draft=row[11],
        purchase_of_number=row[12],
        nonce_used=row[13] is not None,
    )
