"""Goods from a file: a row for each kind, columns recognized by their headers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from loyalty import goods
from loyalty.errors import ProductInvalid
from loyalty.goods import Product
from loyalty.importing.mapping import PRODUCT_FIELDS, require, resolve
from loyalty.importing.problems import FileProblem, Rejected, RowProblem
from loyalty.importing.reading import start
from loyalty.importing.sources import Cells, Source
from loyalty.importing.values import parse_money, unescape

MOST_ROWS = 20_000
"""Rows of one file; a shop with more of them sends them in parts."""
BATCH = 500

_REJECTED = {
    "empty": "field_empty",
    "too_long": "too_long",
    "not_a_link": "link",
    "out_of_range": "price",
}


@dataclass(slots=True)
class Brought:
    """What a file of goods brought."""

    rows: int = 0
    new_or_changed: int = 0
    same: int = 0
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(slots=True)
class ProductFile:
    """The goods of a file, and the rows that are none."""

    products: list[tuple[int, Product]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    rows: int = 0


def read_products(path: Path) -> ProductFile:
    """Read a CSV or XLSX table of goods. Columns: number and name, and as they come category,
    price, link.

    Raises:
        FileProblem: it is no table, has no such columns, or more than ``MOST_ROWS`` rows.
    """
    source = Source(path)
    try:
        rows, header = start(source)
        found, _ = resolve({}, header, fields=PRODUCT_FIELDS)
        require(found, header, ("sku",), ("name",))
        read = ProductFile()
        next(rows)
        for line, cells in rows:
            read.rows += 1
            if read.rows > MOST_ROWS:
                raise FileProblem("too_many_rows", limit=MOST_ROWS)
            if isinstance(cells, str):
                read.rejected.append(Rejected(line, cells))
                continue
            try:
                read.products.append((line, _product(cells, found)))
            except RowProblem as problem:
                read.rejected.append(Rejected(line, problem.code, problem.facts))
        if not read.rows:
            raise FileProblem("no_rows", path=path.name)
        return read
    finally:
        source.close()


def _product(cells: Cells, found: dict[str, int]) -> Product:
    def cell(name: str) -> str:
        place = found.get(name)
        return unescape(cells[place].strip()) if place is not None and place < len(cells) else ""

    price = cell("price")
    amount = parse_money(price) if price else None
    if amount is not None and amount < 0:
        raise RowProblem("price", text=price[:40])
    product = Product(
        sku=cell("sku"),
        name=cell("name"),
        category=cell("category") or None,
        price=amount,
        link=cell("link") or None,
    )
    try:
        return goods.checked(product)
    except ProductInvalid as refused:
        facts = refused.facts
        code = _REJECTED[str(facts["problem"])]
        text = getattr(product, str(facts["field"])) or ""
        raise RowProblem(
            code, field=facts["field"], limit=facts.get("limit", 0), text=str(text)[:40]
        ) from None


def batches(read: ProductFile) -> Iterator[list[tuple[int, Product]]]:
    """The goods in pieces, each a transaction's worth."""
    for begin in range(0, len(read.products), BATCH):
        yield read.products[begin : begin + BATCH]


def write_products(
    session: Session, *, batch: list[tuple[int, Product]], actor: str, now: datetime
) -> tuple[int, int]:
    """Put goods down by their numbers; how many were new or changed, and how many the same.

    What the file does not tell (a picture, a column it has not) stays as it is.
    """
    before = goods.known(session, {one.sku for _, one in batch}, archived=True)
    changed = same = 0
    for _, one in batch:
        known = before.get(one.sku)
        whole = one if known is None else _onto(known, one)
        _, is_new = goods.put(session, whole, actor=actor, now=now)
        changed, same = changed + is_new, same + (not is_new)
    return changed, same


def _onto(known: Product, told: Product) -> Product:
    return Product(
        sku=told.sku,
        name=told.name,
        category=told.category or known.category,
        price=told.price if told.price is not None else known.price,
        picture=known.picture,
        link=told.link or known.link,
    )
