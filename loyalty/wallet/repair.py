"""Mending what a check found: a ledger by a correction that says what differs, sums by a recount.

Entries are never edited. What a lot holds beyond its entries, or lacks, becomes an adjustment;
the account's own figures are then what lots, holds and debt rows add up to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.db.rows import Rows
from loyalty.ids import new_id
from loyalty.receipts import customer_day, customer_stats, purchase, purchase_return
from loyalty.wallet.adjustments import clean_reason
from loyalty.wallet.locking import lock
from loyalty.wallet.lots import Shares
from loyalty.wallet.tables import account, debt, entry, hold, lot


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """What a repair wrote down: points that lots had beyond their entries, and lacked."""

    found: int
    lost: int


def repair(session: Session, *, customer_id: int, reason: str, actor: str, now: datetime) -> Mended:
    """Make a broken account add up again. What the customer can spend stays as it is: a
    correction afterwards, if there should be more or less. Locks the wallet.

    The pause stays until a check finds the account whole.

    Raises:
        ReasonInvalid: the reason is too short or too long.
        CustomerNotFound: no account.
    """
    reason = clean_reason(reason)
    lock(session, [customer_id])
    lots = session.execute(sa.select(lot).where(lot.c.customer_id == customer_id)).all()
    by_entries: Counter[int] = Counter()
    posted = 0
    query = sa.select(entry.c.amount, entry.c.lots).where(entry.c.customer_id == customer_id)
    for row in session.execute(query):
        posted += row.amount
        for lot_id, n in row.lots:
            by_entries[lot_id] += n
    differing = [(row.id, row.remaining - by_entries[row.id]) for row in lots]
    found = [(lot_id, n) for lot_id, n in differing if n > 0]
    lost = [(lot_id, n) for lot_id, n in differing if n < 0]
    rows = Rows()
    for shares in (found, lost):
        if shares:
            posted += sum(n for _, n in shares)
            _enter(rows, customer_id, shares, posted, reason=reason, actor=actor, now=now)
    _restore(session, rows, customer_id, sum(row.remaining for row in lots))
    mended = Mended(found=sum(n for _, n in found), lost=-sum(n for _, n in lost))
    events.record(
        rows,
        type="ledger.repaired",
        customer_id=customer_id,
        actor=actor,
        data={"found": mended.found, "lost": mended.lost},
        now=now,
    )
    rows.put(session)
    return mended


def repair_rollups(session: Session, *, customer_ids: Collection[int]) -> int:
    """Count the sums of these customers anew from their purchases; how many. Locks wallets."""
    ids = sorted(set(customer_ids))
    if not ids:
        return 0
    lock(session, ids)
    for table in (customer_day, customer_stats):
        session.execute(sa.delete(table).where(table.c.customer_id.in_(ids)))
    undone = sa.exists().where(
        purchase_return.c.purchase_id == purchase.c.id, purchase_return.c.undo
    )
    orders = sa.func.sum(sa.case((sa.or_(purchase.c.unlinked_return, undone), 0), else_=1))
    spent = sa.func.sum(purchase.c.total - purchase.c.returned)
    bought = sa.case(
        (sa.or_(purchase.c.unlinked_return, undone), sa.null()), else_=purchase.c.sold_at
    )
    mine = purchase.c.customer_id.in_(ids)
    days = (
        sa.select(purchase.c.customer_id, purchase.c.business_date, orders, spent)
        .where(mine)
        .group_by(purchase.c.customer_id, purchase.c.business_date)
    )
    session.execute(
        sa.insert(customer_day).from_select(["customer_id", "day", "orders", "spent"], days)
    )
    # Who only ever gave something back has no first purchase: the moment of the return stands in.
    first = sa.func.coalesce(sa.func.min(bought), sa.func.min(purchase.c.sold_at))
    last = sa.func.coalesce(sa.func.max(bought), sa.func.max(purchase.c.sold_at))
    totals = (
        sa.select(purchase.c.customer_id, orders, spent, first, last, sa.literal(0))
        .where(mine)
        .group_by(purchase.c.customer_id)
        # Whose every sale was undone has no sums, as before the first one.
        .having(
            sa.or_(
                sa.func.count(bought) > 0,
                sa.func.count().filter(purchase.c.unlinked_return) > 0,
            )
        )
    )
    names = ["customer_id", "orders", "spent", "first_purchase_at", "last_purchase_at"]
    session.execute(sa.insert(customer_stats).from_select([*names, "window_spent"], totals))
    return len(ids)


def _enter(
    rows: Rows,
    customer_id: int,
    shares: Shares,
    balance_after: int,
    *,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    entry_id = new_id()
    rows.insert(
        entry,
        {
            "id": entry_id,
            "customer_id": customer_id,
            "at": now,
            "amount": sum(n for _, n in shares),
            "kind": "adjustment",
            "source_kind": "repair",
            "source_id": str(entry_id),
            "actor": actor,
            "balance_after": max(0, balance_after),
            "lots": shares,
            "lines": None,
            "note": reason,
        },
    )


def _restore(session: Session, rows: Rows, customer_id: int, posted: int) -> None:
    """The account's figures and its lots' held points, from the rows they stand for."""
    held: Counter[int] = Counter()
    open_holds = sa.select(hold.c.lots).where(
        hold.c.customer_id == customer_id, hold.c.status == "open"
    )
    for shares in session.execute(open_holds).scalars():
        for lot_id, n in shares:
            held[lot_id] += n
    query = sa.select(lot.c.id, lot.c.held, lot.c.remaining).where(lot.c.customer_id == customer_id)
    for row in session.execute(query):
        wanted = min(row.remaining, held[row.id])
        if row.held != wanted:
            rows.update(lot, {"id": row.id, "held": wanted})
    owed = sa.select(sa.func.coalesce(sa.func.sum(debt.c.amount), 0)).where(
        debt.c.customer_id == customer_id
    )
    rows.update(
        account,
        {
            "customer_id": customer_id,
            "posted": posted,
            "held": held.total(),
            "debt": max(0, int(session.execute(owed).scalar_one())),
        },
    )
