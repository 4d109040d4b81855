"""The sums of stamp cards, checked in SQL: what is stored against every entry."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.wallet.reconcile import LIMIT, Fault

# One query a rule. Each returns (customer id, card, what is stored, what it should be).
# One pass over both tables: a grouped subquery may be joined row by row.
_SUMS = (
    "SELECT customer_id, card_key, SUM({column}), SUM(n) FROM (SELECT customer_id, card_key,"
    " {column}, 0 AS n FROM stamp_balance UNION ALL SELECT customer_id, card_key, 0, amount"
    " FROM stamp_entry{where}) y GROUP BY customer_id, card_key HAVING SUM({column}) <> SUM(n)"
)
_RULES = (
    ("S1", _SUMS.format(column="stamps", where="")),
    ("S2", _SUMS.format(column="debt", where=" WHERE kind IN ('debt', 'repaid')")),
    (
        "S3",  # nothing is below zero
        "SELECT customer_id, card_key, stamps, debt FROM stamp_balance"
        " WHERE stamps < 0 OR debt < 0 OR cards < 0",
    ),
    (
        "S4",  # each entry has the sign of its kind
        "SELECT customer_id, card_key, amount, 0 FROM stamp_entry WHERE (amount > 0) <>"
        " (kind IN ('earned', 'gift', 'reopened', 'debt'))",
    ),
)


def reconcile(session: Session) -> list[Fault]:
    """Check S1–S4 over every stamp card; the faults found."""
    faults: list[Fault] = []
    for rule, sql in _RULES:
        # A bare LIMIT has PostgreSQL plan for a quick first row, when as a rule there is none.
        query = f"WITH broken AS MATERIALIZED ({sql}) SELECT * FROM broken LIMIT {LIMIT}"  # noqa: S608
        for customer_id, card_key, stored, expected in session.execute(sa.text(query)):
            detail = f"card {card_key}: stored {stored}, expected {expected}"
            faults.append(Fault(rule, int(customer_id), detail))
    return faults
