"""Reading vouchers by what was typed, under lock when they are about to be used."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from loyalty.db.fast import fetch, is_postgres
from loyalty.errors import VoucherNotFound
from loyalty.vouchers.codes import look_alikes, normalize
from loyalty.vouchers.model import COLUMNS, Voucher, of_row

_BY_CODE = f"SELECT {COLUMNS} FROM voucher WHERE code"  # noqa: S608 - names of our columns
_USES = "SELECT voucher_id, COUNT(*) FROM voucher_use WHERE customer_id = $1 AND voucher_id"
_USES_TAIL = " AND returned_at IS NULL GROUP BY voucher_id"
_ANY = {True: " = ANY($%d::%s[])", False: " IN (SELECT value FROM json_each($%d))"}


def read(session: Session, codes: Sequence[str], *, lock: bool) -> list[Voucher]:
    """The vouchers behind ``codes``, in their order; a code given twice counts once.

    ``lock`` takes their rows (PostgreSQL, in the order of ids), so that what is checked here
    still holds when the sale is written.

    Raises:
        VoucherNotFound: a code that is none of ours (fact ``code``).
    """
    wanted = _candidates(codes)
    if not wanted:
        return []
    every = sorted({name for names in wanted.values() for name in names})
    found = {voucher.code: voucher for voucher in _by_code(session, every, lock=lock)}
    vouchers: dict[int, Voucher] = {}
    for code, names in wanted.items():
        voucher = next((found[name] for name in names if name in found), None)
        if voucher is None:
            raise VoucherNotFound(code=code)
        vouchers[voucher.id] = voucher
    return list(vouchers.values())


def find(session: Session, code: str) -> Voucher | None:
    """The voucher behind one code, without a lock; None if there is none."""
    try:
        return read(session, [code], lock=False)[0]
    except VoucherNotFound:
        return None


def _candidates(codes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    wanted: dict[str, tuple[str, ...]] = {}
    for text in codes:
        code = normalize(text)
        if not code:
            raise VoucherNotFound(code=text.strip()[:32])
        wanted[code] = look_alikes(code)
    return wanted


def _by_code(session: Session, codes: list[str], *, lock: bool) -> list[Voucher]:
    postgres = is_postgres(session)
    sql = _BY_CODE + (_ANY[True] % (1, "text") if postgres else _ANY[False] % 1) + " ORDER BY id"
    if lock and postgres:
        sql += " FOR UPDATE"
    return [of_row(row) for row in fetch(session, sql, codes)]


def uses_by(
    session: Session, vouchers: Sequence[Voucher], customer_id: int | None
) -> dict[int, int]:
    """How often the customer has used each of ``vouchers``, by voucher id.

    Asks the database only about those with a limit per customer; returned uses do not count.
    """
    limited = [voucher.id for voucher in vouchers if voucher.customer_limit is not None]
    if customer_id is None or not limited:
        return {}
    postgres = is_postgres(session)
    among = _ANY[True] % (2, "bigint") if postgres else _ANY[False] % 2
    rows = fetch(session, _USES + among + _USES_TAIL, customer_id, limited)
    return {row[0]: row[1] for row in rows}
