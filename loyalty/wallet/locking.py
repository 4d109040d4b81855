"""Take wallets under lock: the account rows, then their open lots.

Two statements on purpose: on PostgreSQL lots read in the locking statement would come from a
snapshot older than the lock. On SQLite the writer's transaction is exclusive already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from loyalty.db.fast import as_time, fetch, is_postgres
from loyalty.errors import CustomerNotFound
from loyalty.wallet.lots import Lot
from loyalty.wallet.state import Wallet

_LOCK = "SELECT customer_id, posted, held, debt, frozen_until, frozen_reason FROM account"
_LOTS = (
    "SELECT id, customer_id, granted, remaining, held, earned_at, active_from, expires_at, kind,"
    " purchase_id FROM lot"
)


def lock(
    session: Session, customer_ids: Sequence[int], *, for_update: bool = True
) -> dict[int, Wallet]:
    """The wallets of these customers under lock, accounts taken in id order, with open lots.

    ``for_update`` False reads the same without a lock, for a preview.

    Raises:
        CustomerNotFound: one of them has no account.
    """
    ids = sorted(set(customer_ids))
    wallets: dict[int, Wallet] = {}
    for row in _accounts(session, ids, for_update=for_update):
        wallets[row[0]] = Wallet(row[0], row[1], row[2], row[3], as_time(row[4]), row[5])
    if len(wallets) != len(ids):
        raise CustomerNotFound()
    for row in _open_lots(session, ids):
        wallets[row[1]].lots.append(lot_of(row))
    return wallets


def lot_of(row: Sequence[Any]) -> Lot:
    """A lot from a row of its columns in the order of ``_LOTS``."""
    earned_at, active_from = as_time(row[5]), as_time(row[6])
    if earned_at is None or active_from is None:
        raise AssertionError("a lot has its times")
    return Lot(
        row[0],
        row[2],
        row[3],
        row[4],
        earned_at,
        active_from,
        as_time(row[7]),
        row[8],
        row[9],
    )


def _accounts(session: Session, ids: list[int], *, for_update: bool) -> Sequence[Sequence[Any]]:
    if is_postgres(session):
        where = " WHERE customer_id = ANY($1::bigint[]) ORDER BY customer_id"
        return fetch(session, _LOCK + where + (" FOR UPDATE" if for_update else ""), ids)
    where = " WHERE customer_id IN (SELECT value FROM json_each($1))"
    return fetch(session, _LOCK + where, ids)


def _open_lots(session: Session, ids: list[int]) -> Sequence[Sequence[Any]]:
    if is_postgres(session):
        where = " WHERE customer_id = ANY($1::bigint[]) AND remaining > 0"
        return fetch(session, _LOTS + where, ids)
    where = " WHERE customer_id IN (SELECT value FROM json_each($1)) AND remaining > 0"
    return fetch(session, _LOTS + where, ids)
