"""Using a voucher inside a sale, and giving the use back with a return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.db.rows import Rows
from loyalty.errors import VoucherEmpty, VoucherUsedUp
from loyalty.ids import new_id
from loyalty.vouchers.model import ACTIVE, EXPIRED, GIFT_CARD, REDEEMED, Voucher
from loyalty.vouchers.tables import voucher as voucher_table
from loyalty.vouchers.tables import voucher_use

RETURNED_MONEY_DAYS = 14
"""Money that comes back to a gift card past its date may be spent for so many days more."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What a return did to the vouchers of its purchase."""

    # Ids of vouchers whose use does not count any more.
    restored: tuple[int, ...]
    # Minor units put back, by gift card.
    gift_returned: Mapping[int, int]

    @property
    def gift_total(self) -> int:
        """Minor units put back on gift cards altogether."""
        return sum(self.gift_returned.values())


def use(
    rows: Rows,
    voucher: Voucher,
    *,
    customer_id: int | None,
    purchase_id: int,
    amount: int,
    actor: str,
    now: datetime,
) -> None:
    """Claim one use: ``amount`` minor units it took off, or paid (a gift card).

    The voucher's row must be locked (``read`` with ``lock``) and checked; ``voucher`` is
    brought up to date with what is written. Once per voucher and purchase.

    Raises:
        VoucherUsedUp: it has no use left.
        VoucherEmpty: the gift card has less than ``amount``.
        ValueError: a negative amount, or a gift card that pays nothing.
    """
    if amount < 0 or (voucher.is_gift_card and amount == 0):
        raise ValueError("a voucher takes off or pays something")
    if voucher.total_limit is not None and voucher.used >= voucher.total_limit:
        raise VoucherUsedUp()
    if voucher.is_gift_card:
        if voucher.balance is None or voucher.balance < amount:
            raise VoucherEmpty()
        voucher.balance -= amount
    voucher.used += 1
    if voucher.balance == 0 or voucher.used == voucher.total_limit:
        voucher.status = REDEEMED
    rows.insert(
        voucher_use,
        {
            "id": new_id(),
            "voucher_id": voucher.id,
            "customer_id": customer_id,
            "purchase_id": purchase_id,
            "at": now,
            "amount": amount,
            "actor": actor,
        },
    )
    rows.update(
        voucher_table,
        {
            "id": voucher.id,
            "used": voucher.used,
            "balance": voucher.balance,
            "status": voucher.status,
        },
    )


def roll_back(
    session: Session,
    rows: Rows,
    *,
    purchase_id: int,
    whole: bool,
    gift_amounts: Mapping[int, int] | None = None,
    actor: str = events.SYSTEM,
    now: datetime,
) -> RolledBack:
    """Give back what a purchase used, when goods return.

    ``whole``: nothing of the purchase is left, so every use of it stops counting. A gift card
    gets ``gift_amounts[voucher_id]`` minor units back; when the whole purchase came back and
    nothing is said about it, all that has not come back yet. Writes at once (the rows are
    locked here, in the order of ids), and an event to ``rows``.

    Raises:
        ValueError: more is put back than was paid.
    """
    asked = dict(gift_amounts or {})
    restored: list[int] = []
    put_back: dict[int, int] = {}
    for row in _uses(session, purchase_id):
        left = row.amount - row.returned
        back = asked.get(row.voucher_id, left if whole else 0) if row.kind == GIFT_CARD else 0
        if not 0 <= back <= left:
            raise ValueError("more comes back to a gift card than it paid")
        if back:
            put_back[row.voucher_id] = back
        if whole:
            restored.append(row.voucher_id)
        if back or whole:
            _give_back(session, row, back=back, whole=whole, now=now)
    if restored or put_back:
        data = {
            "purchase_id": purchase_id,
            "restored": restored,
            "gift_returned": sum(put_back.values()),
        }
        events.record(
            rows, type="voucher.returned", customer_id=None, actor=actor, data=data, now=now
        )
    return RolledBack(tuple(restored), put_back)


def _uses(session: Session, purchase_id: int) -> list[sa.Row[tuple[object, ...]]]:
    """The purchase's uses that still count, with their vouchers under lock."""
    v, u = voucher_table.c, voucher_use.c
    query = (
        sa.select(u.id.label("use_id"), u.voucher_id, u.amount, u.returned)
        .add_columns(v.kind, v.status, v.used, v.balance, v.ends_at, v.total_limit)
        .join(voucher_table, v.id == u.voucher_id)
        .where(u.purchase_id == purchase_id, u.returned_at.is_(None))
        .order_by(v.id)
        .with_for_update()
    )
    return list(session.execute(query))


def _give_back(
    session: Session, row: sa.Row[tuple[object, ...]], *, back: int, whole: bool, now: datetime
) -> None:
    changed: dict[str, object] = {"returned": row.returned + back}
    if whole:
        changed["returned_at"] = now
    session.execute(sa.update(voucher_use).where(voucher_use.c.id == row.use_id).values(**changed))
    news: dict[str, object] = {"used": row.used - (1 if whole else 0)}
    if row.kind == GIFT_CARD:
        news["balance"] = row.balance + back
        if back and row.status in (REDEEMED, EXPIRED, ACTIVE):
            news["status"] = ACTIVE
            if row.ends_at is not None:
                news["ends_at"] = max(row.ends_at, now + timedelta(days=RETURNED_MONEY_DAYS))
    elif row.status == REDEEMED:
        news["status"] = ACTIVE
    session.execute(
        sa.update(voucher_table).where(voucher_table.c.id == row.voucher_id).values(**news)
    )
