"""The ledger's invariants, checked in SQL: every fault names the rule and the account."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

LIMIT = 200
"""Faults reported per rule; a broken ledger shows itself long before that."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken invariant (I1–I7 of the ledger) at a customer's account."""

    rule: str
    customer_id: int
    detail: str


# One query a rule. Each returns (customer id, what is stored, what it should be).
_LOT_SHARES = {
    "postgresql": (
        "SELECT e.customer_id, e.id, (s.value->>0)::bigint AS lot_id, (s.value->>1)::bigint AS n,"
        " e.kind FROM entry e CROSS JOIN LATERAL jsonb_array_elements(e.lots) AS s(value)"
    ),
    "sqlite": (
        "SELECT e.customer_id AS customer_id, e.id AS id,"
        " json_extract(s.value, '$[0]') AS lot_id, json_extract(s.value, '$[1]') AS n,"
        " e.kind AS kind FROM entry e JOIN json_each(e.lots) AS s"
    ),
}

_RULES = (
    (
        "I1",
        "SELECT a.customer_id, a.posted, COALESCE(e.total, 0) FROM account a LEFT JOIN"
        " (SELECT customer_id, SUM(amount) AS total FROM entry GROUP BY customer_id) e"
        " ON e.customer_id = a.customer_id WHERE a.posted <> COALESCE(e.total, 0)",
    ),
    (
        "I2",
        "SELECT a.customer_id, a.posted, COALESCE(l.total, 0) FROM account a LEFT JOIN"
        " (SELECT customer_id, SUM(remaining) AS total FROM lot GROUP BY customer_id) l"
        " ON l.customer_id = a.customer_id WHERE a.posted <> COALESCE(l.total, 0)",
    ),
    (
        "I2",  # each lot is what its entries made of it
        # (one pass over both: SQLite joins a grouped subquery row by row, minutes for 60,000 lots)
        "SELECT MAX(customer_id), SUM(remaining), SUM(n) FROM (SELECT id AS lot_id, customer_id,"
        " remaining, 0 AS n FROM lot UNION ALL SELECT lot_id, customer_id, 0, n FROM ({shares}) x)"
        " y GROUP BY lot_id HAVING SUM(remaining) <> SUM(n)",
    ),
    (
        "I1",  # an entry's lots add up to it
        "SELECT e.customer_id, e.amount, COALESCE(s.total, 0) FROM entry e LEFT JOIN"
        " (SELECT id, SUM(n) AS total FROM ({shares}) x GROUP BY id) s ON s.id = e.id"
        " WHERE e.amount <> COALESCE(s.total, 0)",
    ),
    (
        "I3",
        "SELECT a.customer_id, a.held, COALESCE(h.total, 0) FROM account a LEFT JOIN"
        " (SELECT customer_id, SUM(amount) AS total FROM hold WHERE status = 'open'"
        " GROUP BY customer_id) h ON h.customer_id = a.customer_id"
        " WHERE a.held <> COALESCE(h.total, 0)",
    ),
    (
        "I3",
        "SELECT a.customer_id, a.held, COALESCE(l.total, 0) FROM account a LEFT JOIN"
        " (SELECT customer_id, SUM(held) AS total FROM lot GROUP BY customer_id) l"
        " ON l.customer_id = a.customer_id WHERE a.held <> COALESCE(l.total, 0)",
    ),
    (
        "I3",
        "SELECT a.customer_id, a.debt, COALESCE(d.total, 0) FROM account a LEFT JOIN"
        " (SELECT customer_id, SUM(amount) AS total FROM debt GROUP BY customer_id) d"
        " ON d.customer_id = a.customer_id WHERE a.debt <> COALESCE(d.total, 0)",
    ),
    (
        "I4",
        "SELECT MIN(customer_id), COUNT(*), 1 FROM entry"
        " GROUP BY source_kind, source_id, kind HAVING COUNT(*) > 1",
    ),
    (
        "I4",  # a purchase is recorded with the points its entries say
        # (one pass over both again: PostgreSQL too may choose a nested loop, minutes for 70,000)
        "SELECT MAX(customer_id), SUM(earned), SUM(n) FROM (SELECT CAST(id AS TEXT) AS purchase,"
        " customer_id, earned, 0 AS n FROM purchase WHERE customer_id IS NOT NULL AND earned > 0"
        " UNION ALL SELECT source_id, 0, 0, amount FROM entry WHERE source_kind = 'purchase'"
        " AND kind = 'accrual') y GROUP BY purchase"
        " HAVING SUM(earned) > 0 AND SUM(earned) <> SUM(n)",
    ),
    (
        "I5",
        "SELECT r.customer_id, SUM(r.earned_reversed), p.earned FROM purchase_return r"
        " JOIN purchase p ON p.id = r.purchase_id WHERE r.customer_id IS NOT NULL"
        " GROUP BY p.id, r.customer_id, p.earned HAVING SUM(r.earned_reversed) > p.earned",
    ),
    (
        "I5",
        "SELECT r.customer_id, SUM(r.spent_returned), p.redeemed FROM purchase_return r"
        " JOIN purchase p ON p.id = r.purchase_id WHERE r.customer_id IS NOT NULL"
        " GROUP BY p.id, r.customer_id, p.redeemed HAVING SUM(r.spent_returned) > p.redeemed",
    ),
    (
        "I6",
        "SELECT customer_id, remaining, granted FROM lot"
        " WHERE remaining < 0 OR remaining > granted OR held < 0 OR held > remaining",
    ),
    (
        "I6",
        "SELECT customer_id, posted, 0 FROM account WHERE posted < 0 OR held < 0 OR debt < 0",
    ),
    (
        "I7",  # while a debt stands, every later accrual has repaid some of it
        "SELECT a.customer_id, 0, e.amount FROM account a JOIN (SELECT customer_id,"
        " MAX(id) AS last_id FROM debt WHERE amount > 0 GROUP BY customer_id) d"
        " ON d.customer_id = a.customer_id JOIN entry e ON e.customer_id = a.customer_id"
        " AND e.id > d.last_id AND e.amount > 0 AND e.kind <> 'refund' LEFT JOIN entry r"
        " ON r.source_kind = e.source_kind AND r.source_id = e.source_id"
        " AND r.kind = 'repayment' WHERE a.debt > 0 AND r.id IS NULL",
    ),
)


# A bare LIMIT has PostgreSQL plan for a quick first row, when as a rule there is none.
_QUERY = f"WITH broken AS MATERIALIZED ({{rule}}) SELECT * FROM broken LIMIT {LIMIT}"  # noqa: S608


def reconcile(session: Session) -> list[Fault]:
    """Check I1–I7 over every account, in a read-only view; the faults found."""
    shares = _LOT_SHARES[session.get_bind().dialect.name]
    faults: list[Fault] = []
    for rule, sql in _RULES:
        query = _QUERY.replace("{rule}", sql).replace("{shares}", shares)
        for customer_id, stored, expected in session.execute(sa.text(query)):
            faults.append(
                Fault(rule, int(customer_id or 0), f"stored {stored}, expected {expected}")
            )
    return faults
