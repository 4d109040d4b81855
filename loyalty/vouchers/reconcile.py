"""The sums of vouchers, checked in SQL: what is stored against every use."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.wallet.reconcile import LIMIT, Fault

# One query a rule. Each returns (customer id, voucher id, what is stored, what it should be).
# One pass over both tables: a grouped subquery may be joined row by row.
_RULES = (
    (
        "V1",  # used = uses that were not returned
        "SELECT MAX(customer_id), id, SUM(used), SUM(n) FROM (SELECT id, COALESCE(customer_id, 0)"
        " AS customer_id, used, 0 AS n FROM voucher UNION ALL SELECT voucher_id, 0, 0, 1 FROM"
        " voucher_use WHERE returned_at IS NULL) y GROUP BY id HAVING SUM(used) <> SUM(n)",
    ),
    (
        "V2",  # what is left on a gift card = what it was sold with − what it paid and kept
        "SELECT MAX(customer_id), id, SUM(balance), SUM(n) FROM (SELECT id,"
        " COALESCE(customer_id, 0) AS customer_id, balance, granted AS n FROM voucher"
        " WHERE kind = 'gift_card' UNION ALL SELECT u.voucher_id, 0, 0, u.returned - u.amount"
        " FROM voucher_use u JOIN voucher v ON v.id = u.voucher_id AND v.kind = 'gift_card') y"
        " GROUP BY id HAVING SUM(balance) <> SUM(n)",
    ),
    (
        "V3",  # no use gives back more than it took, none is used beyond its limit
        "SELECT COALESCE(customer_id, 0), voucher_id, returned, amount FROM voucher_use"
        " WHERE returned < 0 OR returned > amount",
    ),
    (
        "V3",
        "SELECT COALESCE(customer_id, 0), id, used, total_limit FROM voucher"
        " WHERE used < 0 OR used > total_limit",
    ),
    (
        "V4",  # a personal voucher was used by nobody else
        "SELECT v.customer_id, v.id, u.customer_id, v.customer_id FROM voucher_use u JOIN voucher v"
        " ON v.id = u.voucher_id WHERE v.customer_id IS NOT NULL"
        " AND COALESCE(u.customer_id, 0) <> v.customer_id",
    ),
)


def reconcile(session: Session) -> list[Fault]:
    """Check V1–V4 over every voucher; the faults found (``customer_id`` 0: nobody's own)."""
    faults: list[Fault] = []
    for rule, sql in _RULES:
        # A bare LIMIT has PostgreSQL plan for a quick first row, when as a rule there is none.
        query = f"WITH broken AS MATERIALIZED ({sql}) SELECT * FROM broken LIMIT {LIMIT}"  # noqa: S608
        for customer_id, voucher_id, stored, expected in session.execute(sa.text(query)):
            detail = f"voucher {voucher_id}: stored {stored}, expected {expected}"
            faults.append(Fault(rule, int(customer_id or 0), detail))
    return faults
