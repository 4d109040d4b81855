"""The checkup of everything that must add up: which rooms are asked, and what follows.

Each room checks its own rows; here their answers come together. An account whose points do
not add up cannot be spent from until a later checkup finds it whole again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events, stamps, vouchers, wallet
from loyalty.db.rows import Rows
from loyalty.wallet import BROKEN, Fault

LEDGER: Sequence[Callable[[Session], list[Fault]]] = (wallet.reconcile,)
"""Faults of these close the account they are found at."""

BESIDE: Sequence[Callable[[Session], list[Fault]]] = (
    wallet.check_rollups,
    vouchers.reconcile,
    stamps.reconcile,
)
"""Faults of these are reported; the points themselves are right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """What a checkup found. ``broken`` are customers whose points do not add up; ``paused``
    those who were paused for that before it began."""

    faults: Sequence[Fault]
    broken: frozenset[int]
    paused: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What followed from a checkup: accounts paused and accounts released."""

    frozen: int
    released: int


def check(session: Session) -> Checkup:
    """Ask every room, in a read-only view."""
    # First: who is paused only now is not whole because an older look says so.
    paused = frozenset(wallet.broken_accounts(session))
    ledger = [fault for ask in LEDGER for fault in ask(session)]
    beside = [fault for ask in BESIDE for fault in ask(session)]
    broken = frozenset(fault.customer_id for fault in ledger if fault.customer_id)
    return Checkup(faults=(*ledger, *beside), broken=broken, paused=paused)


def settle(session: Session, checkup: Checkup, *, now: datetime) -> Settled:
    """Pause what is broken, release what is whole again; an event for each. Locks the wallets."""
    frozen = released = 0
    for customer_id in sorted(checkup.broken - checkup.paused):
        _freeze(session, customer_id, checkup.faults, now=now)
        frozen += 1
    for customer_id in sorted(checkup.paused - checkup.broken):
        released += _release(session, customer_id, now=now)
    return Settled(frozen=frozen, released=released)


def lines(checkup: Checkup) -> list[str]:
    """Every fault as a line for the log: rule, account, numbers; no personal data."""
    return [f"{f.rule} broken at account {f.customer_id}: {f.detail}" for f in checkup.faults]


def _freeze(session: Session, customer_id: int, faults: Sequence[Fault], *, now: datetime) -> None:
    rules = sorted({fault.rule for fault in faults if fault.customer_id == customer_id})
    rows = Rows()
    events.record(
        rows,
        type="ledger.broken",
        customer_id=customer_id,
        actor=events.SYSTEM,
        data={"rules": rules},
        now=now,
    )
    rows.put(session)
    wallet.freeze(
        session,
        customer_id=customer_id,
        reason=BROKEN,
        until=None,
        actor=events.SYSTEM,
        now=now,
    )


def _release(session: Session, customer_id: int, *, now: datetime) -> bool:
    locked = wallet.lock(session, [customer_id])[customer_id]
    if locked.frozen_reason != BROKEN:
        return False
    wallet.unfreeze(session, customer_id=customer_id, actor=events.SYSTEM, now=now)
    before = _pause_before(session, customer_id, now=now)
    if before is not None:
        # A phone that moved to a new chat meanwhile, say: that pause has not ended.
        reason, until = before
        wallet.freeze(
            session,
            customer_id=customer_id,
            reason=reason,
            until=until,
            actor=events.SYSTEM,
            now=now,
        )
    return True


def _pause_before(
    session: Session, customer_id: int, *, now: datetime
) -> tuple[str, datetime | None] | None:
    """The pause that was in force when the account was found broken, if it still would be."""
    query = (
        sa.select(events.event.c.type, events.event.c.data)
        .where(
            events.event.c.customer_id == customer_id,
            events.event.c.type.in_(("account.frozen", "account.unfrozen")),
        )
        .order_by(events.event.c.id.desc())
        .limit(50)
    )
    for row in session.execute(query):
        reason, until = row.data.get("reason"), row.data.get("until")
        if reason == BROKEN:
            continue
        if row.type == "account.unfrozen" or "until" not in row.data:
            return None
        ends = datetime.fromisoformat(until) if until else None
        return None if ends is not None and ends <= now else (str(reason), ends)
    return None
