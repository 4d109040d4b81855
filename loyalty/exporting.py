"""Files out: customers and purchases in the columns that an import reads.

Rows are read in pieces, so memory does not grow with the database. A cell that a spreadsheet
would take for a formula gets an apostrophe, which the import takes off again. Each row bears
our own id behind a letter (a bare number of that length a spreadsheet would round), so that
the import knows what is there already.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Protocol, cast
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.amounts import split, to_decimal
from loyalty.customers import OwnField, customer, external_id, fields_in_use
from loyalty.receipts import purchase, purchase_line, purchase_return
from loyalty.staff import outlet
from loyalty.wallet.tables import lot

PURCHASES = (
    "customer",
    "phone",
    "sold_at",
    "receipt_id",
    "number",
    "register",
    "outlet",
    "sku",
    "name",
    "category",
    "quantity",
    "price",
    "amount",
)
CUSTOMERS = (
    "customer",
    "regulars_id",
    "name",
    "phone",
    "email",
    "birthday",
    "joined_at",
    "city",
    "points",
    "points_expire_at",
)
SHEET_ROWS = 1_048_575
"""What fits below the header of a spreadsheet."""

_CHUNK = 1_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Cells = tuple[str, ...]


class TooManyRows(Exception):
    """A spreadsheet does not hold them all; a CSV does."""


class UnknownEnding(Exception):
    """The file's name does not say what it is to be: .csv, .csv.gz or .xlsx."""


class Writer(Protocol):
    """A file that takes rows."""

    def row(self, cells: Sequence[str]) -> None:
        """Add a row."""

    def close(self) -> None:
        """Finish the file."""


class _Csv:
    def __init__(self, path: Path, *, packed: bool) -> None:
        # The mark at the start tells spreadsheets that this is UTF-8.
        opened = gzip.open if packed else open
        self._file = cast(IO[str], opened(path, "wt", encoding="utf-8-sig", newline=""))
        self._writer = csv.writer(self._file)

    def row(self, cells: Sequence[str]) -> None:
        self._writer.writerow(cells)

    def close(self) -> None:
        self._file.close()


class _Xlsx:
    def __init__(self, path: Path) -> None:
        import xlsxwriter

        # Refuse now what could only fail at the end.
        path.open("wb").close()
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(str(path), options)
        self._sheet = self._book.add_worksheet()
        self._sheet.freeze_panes(1, 0)
        self._next = 0

    def row(self, cells: Sequence[str]) -> None:
        if self._next > SHEET_ROWS:
            raise TooManyRows()
        for column, text in enumerate(cells):
            if text:
                self._sheet.write_string(self._next, column, text)
        self._next += 1

    def close(self) -> None:
        self._book.close()


def open_writer(path: Path) -> Writer:
    """A file to write to, by its ending: ``.csv``, ``.csv.gz`` or ``.xlsx`` (a spreadsheet).

    Raises:
        UnknownEnding: it is none of these.
        OSError: it cannot be written.
    """
    name = path.name.lower()
    if name.endswith(".xlsx"):
        return _Xlsx(path)
    if name.endswith((".csv", ".csv.gz")):
        return _Csv(path, packed=name.endswith(".gz"))
    raise UnknownEnding


def safe(text: str | None) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text and text.startswith(_FORMULA) else text or ""


def export_purchases(session: Session, writer: Writer, *, time_zone: str) -> int:
    """Every receipt line, then every returned line with its amounts below zero; rows written.

    Times are local to ``time_zone``, with offset.

    Raises:
        TooManyRows: more than a spreadsheet holds.
    """
    zone, rows = clock.zone(time_zone), 0
    writer.row(PURCHASES)
    for cells in _purchases(session, zone):
        writer.row(cells)
        rows += 1
    for cells in _returns(session, zone):
        writer.row(cells)
        rows += 1
    return rows


def export_customers(session: Session, writer: Writer, *, now: datetime, time_zone: str) -> int:
    """Every customer with their points; one row more for each further expiry date.

    Erased customers are left out. ``points_expire_at`` is the last day on which they are good.
    Guests' own fields that somebody has follow as ``field:KEY:KIND``.

    Raises:
        TooManyRows: more than a spreadsheet holds.
    """
    rows, own = 0, fields_in_use(session)
    # A file cannot say what the list is, only what stands in it.
    kinds = ("text" if one.kind == "choice" else one.kind for one in own)
    writer.row(
        (*CUSTOMERS, *(f"field:{one.key}:{kind}" for one, kind in zip(own, kinds, strict=True)))
    )
    for cells in _customers(session, now, time_zone, own):
        writer.row(cells)
        rows += 1
    return rows


def _chunks(session: Session, query: sa.Select[Any], key: sa.Column[int]) -> Iterator[list[Any]]:
    last = 0
    while found := session.execute(query.where(key > last).order_by(key).limit(_CHUNK)).all():
        last = found[-1].id
        yield list(found)


def _names(session: Session, ids: Iterable[int | None]) -> dict[int, tuple[str, str | None]]:
    """By which id and phone each customer goes in the file."""
    wanted = sorted({one for one in ids if one is not None})
    query = (
        sa.select(customer.c.id, customer.c.phone, sa.func.min(external_id.c.value).label("value"))
        .outerjoin(external_id, external_id.c.customer_id == customer.c.id)
        .where(customer.c.id.in_(wanted))
        .group_by(customer.c.id, customer.c.phone)
    )
    return {
        row.id: (row.value if row.value is not None else str(row.id), row.phone)
        for row in session.execute(query)
    }


def _purchases(session: Session, zone: ZoneInfo) -> Iterator[Cells]:
    query = sa.select(purchase, outlet.c.name.label("outlet")).outerjoin(
        outlet, outlet.c.id == purchase.c.outlet_id
    )
    for chunk in _chunks(session, query, purchase.c.id):
        names = _names(session, (row.customer_id for row in chunk))
        lines: dict[int, list[Any]] = {row.id: [] for row in chunk}
        wanted = (
            sa.select(purchase_line)
            .where(purchase_line.c.purchase_id.in_(lines))
            .order_by(purchase_line.c.purchase_id, purchase_line.c.n)
        )
        for line in session.execute(wanted):
            lines[line.purchase_id].append(line)
        for row in chunk:
            register = "" if row.unlinked_return else row.register
            receipt = (f"P{row.id}", row.number, register, row.outlet)
            head = _head(names, row.customer_id, row.sold_at.astimezone(zone), receipt)
            for line in lines[row.id]:
                net = line.amount - line.discount
                yield (*head, *_goods(line, line.quantity_milli, net))


def _returns(session: Session, zone: ZoneInfo) -> Iterator[Cells]:
    query = (
        sa.select(purchase_return, outlet.c.name.label("outlet"))
        .join(purchase, purchase.c.id == purchase_return.c.purchase_id)
        .outerjoin(outlet, outlet.c.id == purchase.c.outlet_id)
    )
    for chunk in _chunks(session, query, purchase_return.c.id):
        names = _names(session, (row.customer_id for row in chunk))
        wanted = sa.select(purchase_line).where(
            purchase_line.c.purchase_id.in_([row.purchase_id for row in chunk])
        )
        lines = {(line.purchase_id, line.n): line for line in session.execute(wanted)}
        for row in chunk:
            receipt = (f"R{row.id}", row.number, "", row.outlet)
            head = _head(names, row.customer_id, row.at.astimezone(zone), receipt)
            found = [
                (lines[row.purchase_id, part["n"]], part["quantity_milli"]) for part in row.lines
            ]
            weights = [line.amount * milli // line.quantity_milli for line, milli in found]
            shares = split(row.amount, weights) if weights else []
            for (line, milli), amount in zip(found, shares, strict=True):
                yield (*head, *_goods(line, -milli, -amount))


def _head(
    names: dict[int, tuple[str, str | None]],
    customer_id: int | None,
    at: datetime,
    receipt: tuple[str | None, ...],
) -> Cells:
    name, phone = names.get(customer_id, ("", None)) if customer_id is not None else ("", None)
    return (safe(name), phone or "", at.isoformat(sep=" "), *map(safe, receipt))


def _goods(line: Any, quantity_milli: int, amount: int) -> Cells:
    return (
        safe(line.sku),
        safe(line.name),
        safe(line.category),
        _thousandths(quantity_milli),
        str(to_decimal(line.price)),
        str(to_decimal(amount)),
    )


def _thousandths(milli: int) -> str:
    sign, milli = ("-", -milli) if milli < 0 else ("", milli)
    whole, part = divmod(milli, 1000)
    return f"{sign}{whole}" + (f".{part:03d}" if part else "")


def _customers(
    session: Session, now: datetime, time_zone: str, own: Sequence[OwnField]
) -> Iterator[Cells]:
    zone = clock.zone(time_zone)
    query = sa.select(customer).where(customer.c.status != "erased")
    for chunk in _chunks(session, query, customer.c.id):
        ids = [row.id for row in chunk]
        names = _names(session, ids)
        balances: dict[int, list[tuple[datetime | None, int]]] = {one: [] for one in ids}
        alive = sa.or_(lot.c.expires_at.is_(None), lot.c.expires_at > now)
        points = (
            sa.select(lot.c.customer_id, lot.c.expires_at, sa.func.sum(lot.c.remaining))
            .where(lot.c.customer_id.in_(ids), lot.c.remaining > 0, alive)
            .group_by(lot.c.customer_id, lot.c.expires_at)
            .order_by(lot.c.customer_id, lot.c.expires_at)
        )
        for owner, expires_at, sum_of in session.execute(points):
            balances[owner].append((expires_at, int(sum_of)))
        for row in chunk:
            joined = row.joined_at.astimezone(zone).isoformat(sep=" ") if row.joined_at else ""
            who = safe(names[row.id][0])
            birthday = _birthday(row.birth_day, row.birth_month, row.birth_year)
            profile: Cells = (safe(row.name), row.phone or "", safe(row.email), birthday, joined)
            profile = (*profile, safe(row.city))
            theirs = tuple(_own((row.fields or {}).get(one.key)) for one in own)
            for expires_at, sum_of in balances[row.id] or [(None, 0)]:
                until = clock.last_valid_day(expires_at, time_zone) if expires_at else ""
                yield (who, f"C{row.id}", *profile, str(sum_of), str(until), *theirs)
                profile = ("", row.phone or "", "", "", "", "")
                theirs = ("",) * len(own)


def _own(value: object) -> str:
    return safe(str(value)) if value is not None else ""


def _birthday(day: int | None, month: int | None, year: int | None) -> str:
    if day is None or month is None:
        return ""
    return f"{year:04d}-{month:02d}-{day:02d}" if year else f"{month:02d}-{day:02d}"
