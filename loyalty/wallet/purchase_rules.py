"""What receipts must say: purchases agree with their lines, their returns and the ledger's
entries; the sums kept per customer and per day equal a recount.

Each rule is (name, what is compared, a query of: customer id, what is stored, what it should
be); ``reconcile`` runs them.
"""

from __future__ import annotations


def _against_entries(table: str, column: str, source: str, kind: str) -> str:
    """A column of a receipt against the entries of that kind that it caused."""
    return (
        f"SELECT MAX(customer_id), SUM(kept), SUM(n) FROM (SELECT CAST(id AS TEXT) AS receipt,"  # noqa: S608 - names of our own
        f" customer_id, {column} AS kept, 0 AS n FROM {table} WHERE {column} <> 0"
        f" UNION ALL SELECT source_id, customer_id, 0, ABS(amount) FROM entry"
        f" WHERE source_kind = '{source}' AND kind = '{kind}') y"
        f" GROUP BY receipt HAVING SUM(kept) <> SUM(n)"
    )


def _against_lines(column: str, of_lines: str) -> str:
    """A sum of a purchase against its lines."""
    return (
        f"SELECT MAX(customer_id), SUM(kept), SUM(n) FROM (SELECT id, customer_id,"  # noqa: S608 - names of our own
        f" {column} AS kept, 0 AS n FROM purchase UNION ALL SELECT purchase_id, 0, 0, {of_lines}"
        f" FROM purchase_line) y GROUP BY id HAVING SUM(kept) <> SUM(n)"
    )


def _of_returns(column: str, original: str) -> str:
    """What returns took of a purchase, when it is more than there was."""
    return (
        f"SELECT MAX(customer_id), SUM(back), SUM(original) FROM (SELECT purchase_id AS id,"  # noqa: S608 - names of our own
        f" customer_id, {column} AS back, 0 AS original FROM purchase_return"
        f" UNION ALL SELECT id, customer_id, 0, {original} FROM purchase WHERE NOT unlinked_return)"
        f" y GROUP BY id HAVING SUM(back) > SUM(original)"
    )


PURCHASE_RULES: tuple[tuple[str, str, str], ...] = (
    ("I4", "earned and entries", _against_entries("purchase", "earned", "purchase", "accrual")),
    (
        "I4",
        "redeemed and entries",
        _against_entries("purchase", "redeemed", "purchase", "redemption"),
    ),
    (
        "I4",
        "points given back and entries",
        _against_entries("purchase_return", "spent_returned", "return", "refund"),
    ),
    (
        "I7",  # what could not be taken back is owed, no more and no less
        "points taken back, entries and debt",
        "SELECT MAX(customer_id), SUM(kept), SUM(n) FROM (SELECT CAST(id AS TEXT) AS receipt,"
        " customer_id, earned_reversed AS kept, 0 AS n FROM purchase_return UNION ALL"
        " SELECT source_id, customer_id, 0, -amount FROM entry WHERE source_kind = 'return'"
        " AND kind = 'clawback' UNION ALL SELECT source_id, customer_id, 0, amount FROM debt"
        " WHERE source_kind = 'return') y GROUP BY receipt HAVING SUM(kept) <> SUM(n)",
    ),
    ("I5", "points taken back", _of_returns("earned_reversed", "earned")),
    ("I5", "points given back", _of_returns("spent_returned", "redeemed")),
    ("I5", "goods returned", _of_returns("amount", "total")),
    (
        "I5",
        "pieces returned",
        "SELECT p.customer_id, l.returned_milli, l.quantity_milli FROM purchase_line l"
        " JOIN purchase p ON p.id = l.purchase_id"
        " WHERE l.returned_milli > l.quantity_milli AND NOT p.unlinked_return",
    ),
    (
        "I5",
        "a redemption and its lines",
        "SELECT MAX(customer_id), SUM(amount), SUM(n) FROM (SELECT id, customer_id,"
        " -amount AS amount, 0 AS n FROM entry WHERE kind = 'redemption' AND lines IS NOT NULL"
        " UNION ALL SELECT id, customer_id, 0, n FROM ({entry_lines}) s) y"
        " GROUP BY id HAVING SUM(amount) <> SUM(n)",
    ),
    ("purchase", "gross and lines", _against_lines("gross", "amount")),
    ("purchase", "discount and lines", _against_lines("discount", "discount")),
    ("purchase", "earned and lines", _against_lines("earned", "earned")),
    ("purchase", "points' worth and lines", _against_lines("redeemed * 100", "points_paid")),
    (
        "purchase",
        "total, gross and discount",
        "SELECT customer_id, total, gross - discount FROM purchase WHERE total <> gross - discount",
    ),
    (
        "return",
        "returned and returns",
        "SELECT MAX(customer_id), SUM(kept), SUM(n) FROM (SELECT id, customer_id,"
        " returned AS kept, 0 AS n FROM purchase WHERE returned <> 0 UNION ALL"
        " SELECT purchase_id, customer_id, 0, amount FROM purchase_return) y"
        " GROUP BY id HAVING SUM(kept) <> SUM(n)",
    ),
    (
        "return",
        "pieces returned and returns",
        "SELECT MAX(customer_id), SUM(kept), SUM(milli) FROM (SELECT purchase_id, n,"
        " 0 AS customer_id, returned_milli AS kept, 0 AS milli FROM purchase_line"
        " WHERE returned_milli <> 0 UNION ALL SELECT purchase_id, n, customer_id, 0, milli"
        " FROM ({return_lines}) s) y GROUP BY purchase_id, n HAVING SUM(kept) <> SUM(milli)",
    ),
)

_ORDERS = "CASE WHEN unlinked_return THEN 0 ELSE 1 END"
_OWNED = "FROM purchase WHERE customer_id IS NOT NULL"
# A sale that was undone at the till counts as no receipt.
_UNDONE = (
    " UNION ALL SELECT p.customer_id{day}, 0, -1 FROM purchase_return r JOIN purchase p"
    " ON p.id = r.purchase_id WHERE r.undo AND p.customer_id IS NOT NULL"
)


_NOT_UNDONE = " AND id NOT IN (SELECT purchase_id FROM purchase_return WHERE undo)"


def _recount(table: str, column: str, counted: str, *, by_day: bool) -> str:
    """A rollup's column against the purchases it sums up."""
    undone = _UNDONE.format(day=", p.business_date" if by_day else "") if column == "orders" else ""
    kept_by, counted_by, group = "", "", "customer_id"
    if by_day:
        kept_by, counted_by, group = ", day", ", business_date", "customer_id, day"
    return (
        f"SELECT customer_id, SUM(kept), SUM(n) FROM (SELECT customer_id{kept_by},"  # noqa: S608 - names of our own
        f" {column} AS kept, 0 AS n FROM {table} UNION ALL SELECT customer_id{counted_by}, 0,"
        f" {counted} {_OWNED}{undone}) y GROUP BY {group} HAVING SUM(kept) <> SUM(n)"
    )


def _moment(column: str, aggregate: str) -> str:
    return (
        f"SELECT s.customer_id, 0, 1 FROM customer_stats s JOIN (SELECT customer_id,"  # noqa: S608 - names of our own
        f" {aggregate}(sold_at) AS at {_OWNED} AND NOT unlinked_return{_NOT_UNDONE}"
        f" GROUP BY customer_id) p"
        f" ON p.customer_id = s.customer_id WHERE s.{column} <> p.at"
    )


ROLLUP_RULES: tuple[tuple[str, str, str], ...] = (
    ("rollup", "receipts", _recount("customer_stats", "orders", _ORDERS, by_day=False)),
    ("rollup", "spent", _recount("customer_stats", "spent", "total - returned", by_day=False)),
    ("rollup", "the first purchase", _moment("first_purchase_at", "MIN")),
    ("rollup", "the last purchase", _moment("last_purchase_at", "MAX")),
    ("rollup", "receipts of a day", _recount("customer_day", "orders", _ORDERS, by_day=True)),
    (
        "rollup",
        "spent on a day",
        _recount("customer_day", "spent", "total - returned", by_day=True),
    ),
    (
        "rollup",
        "spent in the window",
        "SELECT s.customer_id, s.window_spent, COALESCE(SUM(d.spent), 0) FROM customer_stats s"
        " LEFT JOIN customer_day d ON d.customer_id = s.customer_id AND d.day >= s.window_from"
        " WHERE s.window_from IS NOT NULL GROUP BY s.customer_id, s.window_spent"
        " HAVING s.window_spent <> COALESCE(SUM(d.spent), 0)",
    ),
)
