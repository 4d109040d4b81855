"""What the database knows of a batch: receipts that are there, customers, outlets, rules."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import customers, wallet
from loyalty.customers import customer, external_id
from loyalty.db.fast import fetch, is_postgres
from loyalty.db.rows import Rows
from loyalty.ids import new_id
from loyalty.importing.model import Options, Sale, Summary
from loyalty.importing.values import our_id
from loyalty.program import Program, program_version
from loyalty.staff import outlet

Row = Sequence[object]


def fetch_in(session: Session, sql: str, values: Iterable[str | int], *args: object) -> list[Row]:
    """Rows of ``sql`` whose ``{in}`` (right of a column) is one of ``values``."""
    listed = list(values)
    if not listed:
        return []
    if is_postgres(session):
        kind = "text" if isinstance(listed[0], str) else "bigint"
        # A subquery, not `= ANY`: with an array unknown to a prepared plan that compares each
        # row with each value, 225 ms for 2,000 of 23,570.
        sql = sql.replace("{in}", f"IN (SELECT unnest($1::{kind}[]))")
    else:
        sql = sql.replace("{in}", "IN (SELECT value FROM json_each($1))")
    return list(fetch(session, sql, listed, *args))


def key_of(identity: str, part: str) -> str:
    """The import key of one row that a receipt becomes."""
    return hashlib.sha256(f"{identity}|{part}".encode()).hexdigest()


def known_sales(session: Session, sales: Sequence[Sale], outlets: dict[str, int]) -> set[str]:
    """Identities of those that are there: imported before, recorded by a till under their
    number, or once exported from this very database."""
    # Several receipts of an export may be one of the file that was imported first.
    keys: dict[str, set[str]] = {}
    returns: list[str] = []
    for sale in sales:
        for name in filter(None, (sale.identity, sale.also)):
            parts = ("p",) * bool(sale.bought) + ("u", "r0") * bool(sale.returned)
            for part in parts:
                keys.setdefault(key_of(name, part), set()).add(sale.identity)
            returns += [key_of(name, "r0")] if sale.returned else []
    found = fetch_in(session, "SELECT import_key FROM purchase WHERE import_key {in}", keys)
    sql = "SELECT import_key FROM purchase_return WHERE import_key {in}"
    rows = (*found, *fetch_in(session, sql, returns))
    known = set[str]().union(*(keys[str(row[0])] for row in rows))
    return known | _exported(session, sales) | _numbered(session, sales, outlets)


def _numbered(session: Session, sales: Sequence[Sale], outlets: dict[str, int]) -> set[str]:
    """Identities of those that an outlet's register has under their number."""
    numbered = {
        (outlets[sale.outlet], sale.register, sale.day.isoformat(), sale.number): sale.identity
        for sale in sales
        if sale.number is not None
        and sale.outlet in outlets
        # A return that we exported may bear the number of its purchase.
        and (sale.bought or sale.receipt_id is None)
    }
    sql = (
        "SELECT outlet_id, register, business_date, number FROM purchase"
        " WHERE number {in} AND outlet_id IS NOT NULL"
    )
    known: set[str] = set()
    for outlet_id, register, day, number in fetch_in(session, sql, {str(k[3]) for k in numbered}):
        place = (int(str(outlet_id)), str(register), str(day), str(number))
        if identity := numbered.get(place):
            known.add(identity)
    return known


def _exported(session: Session, sales: Sequence[Sale]) -> set[str]:
    """Identities of those whose own id is in this database."""
    known: set[str] = set()
    for table, kind in (("purchase", "P"), ("purchase_return", "R")):
        ids = {our_id(sale.receipt_id, kinds=kind): sale.identity for sale in sales}
        wanted = [one for one in ids if one is not None]
        rows = fetch_in(session, f"SELECT id FROM {table} WHERE id {{in}}", wanted)  # noqa: S608 - one of two names above
        known |= {ids[int(str(row[0]))] for row in rows}
    return known


def find_outlets(session: Session, names: Iterable[str]) -> dict[str, int]:
    """Ids of the outlets of these names that there are."""
    wanted = set(names)
    if not wanted:
        return {}
    rows = session.execute(sa.select(outlet.c.id, outlet.c.name).where(outlet.c.name.in_(wanted)))
    return {row.name: row.id for row in rows}


def add_outlets(
    rows: Rows, names: Iterable[str], known: dict[str, int], options: Options, summary: Summary
) -> None:
    """Outlets the file names and nobody has set up yet."""
    for name in sorted(set(names) - set(known)):
        known[name] = new_id()
        summary.outlets_created += 1
        rows.insert(
            outlet,
            {
                "id": known[name],
                "name": name,
                "time_zone": options.time_zone,
                "created_at": options.now,
            },
        )


def find_customers(
    session: Session, *, system: str, values: Iterable[str], phones: Iterable[str]
) -> tuple[dict[str, int], dict[str, int]]:
    """Customers by the other system's id and by phone.

    Whoever has no such id goes by ours in an export, and is found by it.
    """
    values = set(values)
    sql = "SELECT value, customer_id FROM external_id WHERE value {in} AND system = $2"
    by_value = {str(row[0]): int(str(row[1])) for row in fetch_in(session, sql, values, system)}
    ours = {value for value in values if our_id(f"C{value}", kinds="C") is not None}
    by_value |= {str(one): one for one in find_ours(session, map(int, ours - set(by_value)))}
    sql = "SELECT phone, id FROM customer WHERE phone {in}"
    by_phone = {str(row[0]): int(str(row[1])) for row in fetch_in(session, sql, phones)}
    return by_value, by_phone


def find_ours(session: Session, ids: Iterable[int]) -> set[int]:
    """Those of the ids that are customers of this database."""
    rows = fetch_in(session, "SELECT id FROM customer WHERE id {in}", ids)
    return {int(str(row[0])) for row in rows}


def resolve_customers(
    session: Session, rows: Rows, sales: Sequence[Sale], options: Options, summary: Summary
) -> dict[str, int | None]:
    """Whose each sale is, by identity; those nobody knows yet are added as anonymous cards."""
    by_value, by_phone = find_customers(
        session,
        system=options.system,
        values={sale.customer for sale in sales if sale.customer},
        phones={sale.phone for sale in sales if sale.phone},
    )
    owners: dict[str, int | None] = {}
    linked: list[tuple[str, int]] = []
    for sale in sales:
        if sale.customer is None and sale.phone is None:
            owners[sale.identity] = None
            continue
        owner = by_value.get(sale.customer or "") or by_phone.get(sale.phone or "")
        if owner is None:
            owner = customers.create(
                rows,
                status="anonymous",
                language=options.language,
                now=options.now,
                phone=sale.phone,
                source=options.system,
            )
            wallet.open_account(rows, customer_id=owner)
            summary.customers_created += 1
            if sale.phone:
                by_phone[sale.phone] = owner
        if sale.customer and sale.customer not in by_value:
            by_value[sale.customer] = owner
            linked.append((sale.customer, owner))
        owners[sale.identity] = owner
    # After all new customers: the database wants them there before they are named.
    for value, owner in linked:
        link(rows, system=options.system, value=value, customer_id=owner)
    return owners


def link(rows: Rows, *, system: str, value: str, customer_id: int) -> None:
    """Keep the other system's id of a customer."""
    rows.insert(external_id, {"system": system, "value": value, "customer_id": customer_id})


def tiers_of(session: Session, customer_ids: Iterable[int]) -> dict[int, str]:
    """The tier key of each customer."""
    ids = list(customer_ids)
    found: dict[int, str] = {}
    for start in range(0, len(ids), 500):
        query = sa.select(customer.c.id, customer.c.tier).where(
            customer.c.id.in_(ids[start : start + 500])
        )
        found |= {row.id: row.tier for row in session.execute(query)}
    return found


class Programs:
    """Every published version, to price a sale by the rules of its own day."""

    def __init__(self, session: Session) -> None:
        query = (
            sa.select(program_version)
            .where(program_version.c.status == "published")
            .order_by(program_version.c.effective_from, program_version.c.number)
        )
        self._versions = [
            (row.effective_from, row.id, Program.model_validate(row.rules))
            for row in session.execute(query)
        ]

    def at(self, moment: datetime) -> tuple[int, Program]:
        """The version in force, and its id; the oldest for what was before them all.

        Raises:
            LookupError: nothing was ever published.
        """
        if not self._versions:
            raise LookupError("no program version is published")
        chosen = self._versions[0]
        for version in self._versions:
            if version[0] <= moment:
                chosen = version
        return chosen[1], chosen[2]
