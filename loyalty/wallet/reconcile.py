"""The ledger's invariants, checked in SQL: every fault names the rule and the account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.wallet.moves import BROKEN
from loyalty.wallet.purchase_rules import PURCHASE_RULES, ROLLUP_RULES
from loyalty.wallet.tables import account

LIMIT = 200
"""Faults reported per rule; a broken ledger shows itself long before that."""

Rule = tuple[str, str, str]
"""(rule, what is compared, a query of: customer id, what is stored, what it should be)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken rule at a customer's account (0: nobody's). ``detail`` holds numbers only.

    ``rule`` is I1–I7 of the ledger, ``purchase`` or ``return`` (a receipt disagrees with its
    lines or its entries), ``rollup`` (a sum kept beside differs from a recount).
    """

    rule: str
    customer_id: int
    detail: str


# How the amounts that an entry, a hold or a return keeps as JSON are read as rows.
_JSON = {
    "postgresql": {
        "shares": "SELECT e.customer_id, e.id, (s.value->>0)::bigint AS lot_id,"
        " (s.value->>1)::bigint AS n, e.kind, e.at"
        " FROM entry e CROSS JOIN LATERAL jsonb_array_elements(e.lots) AS s(value)",
        "entry_lines": "SELECT e.customer_id, e.id, (s.value->>1)::bigint AS n"
        " FROM entry e CROSS JOIN LATERAL jsonb_array_elements(e.lines) AS s(value)"
        " WHERE e.lines IS NOT NULL",
        "hold_shares": "SELECT h.customer_id, h.id, (s.value->>0)::bigint AS lot_id,"
        " (s.value->>1)::bigint AS n, h.status, h.created_at, h.resolved_at"
        " FROM hold h CROSS JOIN LATERAL jsonb_array_elements(h.lots) AS s(value)",
        "return_lines": "SELECT r.customer_id, r.purchase_id, (s.value->>'n')::int AS n,"
        " (s.value->>'quantity_milli')::bigint AS milli"
        " FROM purchase_return r CROSS JOIN LATERAL jsonb_array_elements(r.lines) AS s(value)",
    },
    "sqlite": {
        "shares": "SELECT e.customer_id AS customer_id, e.id AS id,"
        " json_extract(s.value, '$[0]') AS lot_id, json_extract(s.value, '$[1]') AS n,"
        " e.kind AS kind, e.at AS at FROM entry e JOIN json_each(e.lots) AS s",
        "entry_lines": "SELECT e.customer_id AS customer_id, e.id AS id,"
        " json_extract(s.value, '$[1]') AS n FROM entry e JOIN json_each(e.lines) AS s"
        " WHERE e.lines IS NOT NULL",
        "hold_shares": "SELECT h.customer_id AS customer_id, h.id AS id,"
        " json_extract(s.value, '$[0]') AS lot_id, json_extract(s.value, '$[1]') AS n,"
        " h.status AS status, h.created_at AS created_at, h.resolved_at AS resolved_at"
        " FROM hold h JOIN json_each(h.lots) AS s",
        "return_lines": "SELECT r.customer_id AS customer_id, r.purchase_id AS purchase_id,"
        " json_extract(s.value, '$.n') AS n, json_extract(s.value, '$.quantity_milli') AS milli"
        " FROM purchase_return r JOIN json_each(r.lines) AS s",
    },
}


def _per_account(column: str, table: str, amount: str, where: str = "") -> str:
    """An account's column against the sum of what it stands for."""
    return (
        f"SELECT a.customer_id, a.{column}, COALESCE(x.total, 0) FROM account a LEFT JOIN"  # noqa: S608 - names of our own
        f" (SELECT customer_id, SUM({amount}) AS total FROM {table} {where} GROUP BY customer_id) x"
        f" ON x.customer_id = a.customer_id WHERE a.{column} <> COALESCE(x.total, 0)"
    )


# Wherever two tables are compared it is one pass over both, grouped: joined to a grouped
# subquery, either database may choose a nested loop (minutes for 60,000 lots).
LEDGER_RULES: Sequence[Rule] = (
    ("I1", "posted and entries", _per_account("posted", "entry", "amount")),
    (
        "I1",
        "an entry and its lots",
        "SELECT MAX(customer_id), SUM(amount), SUM(n) FROM (SELECT id, customer_id, amount,"
        " 0 AS n FROM entry UNION ALL SELECT id, customer_id, 0, n FROM ({shares}) s) y"
        " GROUP BY id HAVING SUM(amount) <> SUM(n)",
    ),
    ("I2", "posted and lots", _per_account("posted", "lot", "remaining")),
    (
        "I2",
        "a lot and its entries",
        "SELECT MAX(customer_id), SUM(remaining), SUM(n) FROM (SELECT id AS lot_id, customer_id,"
        " remaining, 0 AS n FROM lot UNION ALL SELECT lot_id, customer_id, 0, n FROM ({shares}) s)"
        " y GROUP BY lot_id HAVING SUM(remaining) <> SUM(n)",
    ),
    ("I3", "held and open holds", _per_account("held", "hold", "amount", "WHERE status = 'open'")),
    ("I3", "held and lots", _per_account("held", "lot", "held")),
    (
        "I3",
        "a lot's held and open holds",
        "SELECT MAX(customer_id), SUM(held), SUM(n) FROM (SELECT id AS lot_id, customer_id, held,"
        " 0 AS n FROM lot WHERE held <> 0 UNION ALL SELECT lot_id, customer_id, 0, n"
        " FROM ({hold_shares}) s WHERE status = 'open') y"
        " GROUP BY lot_id HAVING SUM(held) <> SUM(n)",
    ),
    (
        "I3",
        "a hold and its lots",
        "SELECT MAX(customer_id), SUM(amount), SUM(n) FROM (SELECT id, customer_id, amount,"
        " 0 AS n FROM hold UNION ALL SELECT id, customer_id, 0, n FROM ({hold_shares}) s) y"
        " GROUP BY id HAVING SUM(amount) <> SUM(n)",
    ),
    ("I3", "debt and its rows", _per_account("debt", "debt", "amount")),
    (
        "I4",
        "postings of one source",
        "SELECT MIN(customer_id), COUNT(*), 1 FROM entry"
        " GROUP BY source_kind, source_id, kind HAVING COUNT(*) > 1",
    ),
    (
        "I4",
        "holds ended without a moment",
        "SELECT customer_id, CASE WHEN status = 'open' THEN 0 ELSE 1 END,"
        " CASE WHEN resolved_at IS NULL THEN 0 ELSE 1 END FROM hold"
        " WHERE (status = 'open') <> (resolved_at IS NULL)",
    ),
    (
        "I4",
        "redemptions of a posted hold",
        "SELECT h.customer_id, 0, 1 FROM hold h LEFT JOIN entry e ON e.customer_id = h.customer_id"
        " AND e.kind = 'redemption' AND e.at = h.resolved_at AND e.amount = -h.amount"
        " WHERE h.status = 'posted' AND e.id IS NULL",
    ),
    (
        "I5",
        "given back of a lot",
        "SELECT MAX(customer_id), SUM(back), SUM(spent) FROM (SELECT origin_lot_id AS lot_id,"
        " customer_id, granted AS back, 0 AS spent FROM lot WHERE origin_lot_id IS NOT NULL"
        " UNION ALL SELECT lot_id, customer_id, 0, -n FROM ({shares}) s WHERE kind = 'redemption')"
        " y GROUP BY lot_id HAVING SUM(back) > SUM(spent)",
    ),
    (
        "I6",
        "left in a lot",
        "SELECT customer_id, remaining, granted FROM lot"
        " WHERE remaining < 0 OR remaining > granted OR held < 0 OR held > remaining",
    ),
    (
        "I6",
        "an amount below zero",
        "SELECT customer_id, posted, 0 FROM account WHERE posted < 0 OR held < 0 OR debt < 0",
    ),
    (
        "I6",
        "spent outside its time",  # what a hold had set aside may be taken a little later
        "SELECT s.customer_id, s.n, 0 FROM ({shares}) s JOIN lot l ON l.id = s.lot_id"
        " WHERE s.kind = 'redemption' AND (l.active_from > s.at OR l.expires_at <= s.at)"
        " AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.customer_id = s.customer_id"
        " AND h.status = 'posted' AND h.resolved_at = s.at)",
    ),
    (
        "I6",
        "another's lot",
        "SELECT s.customer_id, s.n, 0 FROM ({shares}) s JOIN lot l ON l.id = s.lot_id"
        " WHERE l.customer_id <> s.customer_id",
    ),
    (
        "I6",
        "expired before its time, or not whole",
        "SELECT l.customer_id, l.remaining, 0 FROM ({shares}) s JOIN lot l ON l.id = s.lot_id"
        " WHERE s.kind = 'expiry'"
        " AND (l.remaining <> 0 OR l.expires_at IS NULL OR l.expires_at > s.at)",
    ),
    (
        "I6",
        "expired while held",
        "SELECT s.customer_id, h.n, 0 FROM ({shares}) s JOIN ({hold_shares}) h"
        " ON h.lot_id = s.lot_id WHERE s.kind = 'expiry' AND h.created_at <= s.at"
        " AND (h.resolved_at IS NULL OR h.resolved_at > s.at)",
    ),
    (
        "I7",
        "accruals that repaid nothing while a debt stands",
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
    """Check I1–I7 and the receipts they rest on, in a read-only view; the faults found."""
    return _check(session, (*LEDGER_RULES, *PURCHASE_RULES))


def check_rollups(session: Session) -> list[Fault]:
    """Compare what is kept per customer and day with a recount of the purchases."""
    return _check(session, ROLLUP_RULES)


def broken_accounts(session: Session) -> set[int]:
    """Customers whose spending is paused because their points did not add up."""
    query = sa.select(account.c.customer_id).where(account.c.frozen_reason == BROKEN)
    return set(session.execute(query).scalars())


def _check(session: Session, rules: Iterable[Rule]) -> list[Fault]:
    read_json = _JSON[session.get_bind().dialect.name]
    faults: list[Fault] = []
    for rule, what, sql in rules:
        query = _QUERY.replace("{rule}", sql)
        for name, rows in read_json.items():
            query = query.replace("{" + name + "}", rows)
        for customer_id, stored, expected in session.execute(sa.text(query)):
            detail = f"{what}: stored {stored}, expected {expected}"
            faults.append(Fault(rule, int(customer_id or 0), detail))
    return faults
