"""From rows to receipts: cells become values, rows of one receipt come together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import chain
from pathlib import Path

from loyalty.amounts import MAX_AMOUNT
from loyalty.importing import mapping
from loyalty.importing.model import Batch, Item, Options, Sale
from loyalty.importing.problems import FileProblem, Rejected, RowProblem
from loyalty.importing.seen import Seen
from loyalty.importing.sources import Cells, Source
from loyalty.importing.values import (
    Instant,
    instant_parser,
    latest_sale,
    our_id,
    parse_money,
    parse_phone,
    parse_price,
    parse_quantity,
    region,
    unescape,
)

BATCH_ROWS = 2_000
"""Rows that are written in one transaction, about."""

# A receipt waits for more rows of its number until this many others have passed.
_OPEN_ROWS = 2_000

_LIMITS = {
    "customer": 120,
    "number": 64,
    "receipt_id": 64,
    "register": 32,
    "sku": 64,
    "outlet": 120,
}
_CUT = {"name": 200, "category": 64}

_Read = tuple[Sale, Item, bool]


class PurchaseFile:
    """An open file of purchases, its columns known. ``batches`` reads it once.

    ``ignored`` names the columns that are not used.

    Raises:
        FileProblem: it cannot be read, or its columns are not clear.
    """

    def __init__(self, path: Path, options: Options) -> None:
        preset = mapping.profile(options.profile)
        self.options = options
        self.source = Source(path, delimiter=options.delimiter or preset.delimiter)
        try:
            self._rows, first = start(self.source)
            columns = {**preset.columns, **options.columns}
            found, named = mapping.resolve(columns, first, fields=mapping.PURCHASE_FIELDS)
            mapping.require(found, first, ("customer", "phone"), ("sold_at",), ("amount", "price"))
            self._instant = instant_parser(
                date_format=options.date_format or preset.date_format,
                time_zone=options.time_zone,
                latest=latest_sale(options.now),
            )
            self.columns = found
            self._width = max(found.values()) + 1
            headed = named or _is_header(first, found, self._instant)
            self.ignored = mapping.ignored(found, first, named=headed)
            if headed:
                next(self._rows)
        except BaseException:
            self.source.close()
            raise
        self._home = region(options.currency)
        self._seen = Seen()

    def close(self) -> None:
        """Let go of the file."""
        self._seen.close()
        self.source.close()

    def batches(self) -> Iterator[Batch]:
        """The file in pieces, each a transaction's worth, receipts whole.

        Raises:
            FileProblem: the file is damaged further down.
        """
        waiting: dict[str, Sale] = {}
        batch = Batch()
        for line, cells in self._rows:
            batch.rows += 1
            try:
                if isinstance(cells, str):
                    raise RowProblem(cells)
                if (sale := self._take(line, cells, waiting)) is not None:
                    batch.sales.append(sale)
            except RowProblem as problem:
                batch.rejected.append(Rejected(line, problem.code, problem.facts))
            if batch.rows >= BATCH_ROWS:
                self._settle(batch, waiting, before=line - _OPEN_ROWS)
                yield batch
                batch = Batch()
        self._settle(batch, waiting, before=None)
        if batch.rows or batch.sales:
            yield batch

    def _take(self, line: int, cells: Cells, waiting: dict[str, Sale]) -> Sale | None:
        """Put the row where it belongs; its sale, if the sale is whole with it."""
        sale, item, is_return = self._read(line, cells)
        if sale.number is None and sale.receipt_id is None:
            _put(sale, item, is_return, line)
            ordinal = self._seen.take(sale.identity)
            sale.identity = f"{sale.identity}|{ordinal}"
            return sale
        known = waiting.get(sale.identity)
        if known is None:
            if self._seen.take(sale.identity):
                raise RowProblem("too_far", number=sale.number or sale.receipt_id)
            waiting[sale.identity] = known = sale
        elif None not in (known.customer, sale.customer) and known.customer != sale.customer:
            raise RowProblem("other_customer", number=sale.number or sale.receipt_id)
        known.customer = known.customer or sale.customer
        known.phone = known.phone or sale.phone
        _put(known, item, is_return, line)
        return None

    def _settle(self, batch: Batch, waiting: dict[str, Sale], *, before: int | None) -> None:
        """Move receipts that are surely whole into the batch."""
        done = [key for key, sale in waiting.items() if before is None or sale.last_row < before]
        batch.sales += [waiting.pop(key) for key in done]
        kept: list[Sale] = []
        for sale in batch.sales:
            if code := _fault(sale):
                lines = sorted(item.line for item in chain(sale.bought, sale.returned))
                facts = {"text": f"{sale.total / 100:.2f}"} if code == "too_large" else {}
                batch.rejected += [Rejected(line, code, facts) for line in lines]
            else:
                kept.append(sale)
        batch.sales = kept

    def _read(self, line: int, cells: Cells) -> _Read:
        """The row's values, as a receipt of its own.

        Raises:
            RowProblem: a value is missing or makes no sense.
        """
        if len(cells) < self._width:
            raise RowProblem("columns", found=len(cells), needed=self._width)
        columns, options = self.columns, self.options

        def cell(name: str) -> str | None:
            place = columns.get(name)
            text = unescape(cells[place].strip()) if place is not None else ""
            if len(text) > _LIMITS.get(name, 1_000_000):
                raise RowProblem("too_long", field=name, limit=_LIMITS[name])
            return text[: _CUT[name]] if name in _CUT and text else text or None

        sold_at, day = self._instant(cells[columns["sold_at"]])
        currency = cell("currency")
        if currency is not None and currency.upper() != options.currency:
            raise RowProblem("currency", text=currency[:8], ours=options.currency)
        quantity_text, price_text, amount_text = cell("quantity"), cell("price"), cell("amount")
        quantity = 1000 if quantity_text is None else parse_quantity(quantity_text)
        item, negative = _amounts(line, quantity, price_text, amount_text, "amount" in columns)
        item.sku, item.name, item.category = cell("sku"), cell("name"), cell("category")
        phone, number, receipt_id = cell("phone"), cell("number"), cell("receipt_id")
        ours = our_id(receipt_id, kinds="PR") is not None
        sale = Sale(
            identity="",
            line=line,
            customer=cell("customer"),
            phone=parse_phone(phone, home=self._home) if phone else None,
            sold_at=sold_at,
            day=day,
            # The receipt id of another system is its number.
            number=number or (None if ours else receipt_id),
            receipt_id=receipt_id if ours else None,
            register=cell("register") or "",
            outlet=cell("outlet"),
        )
        sale.identity = _identity(options.system, sale, item, negative)
        if ours:
            sale.also = sale.identity if sale.number else None
            sale.identity = f"i|{receipt_id}"
        return sale, item, negative


def start(source: Source) -> tuple[Iterator[tuple[int, Cells | str]], Cells]:
    """The rows of a source from the first readable one on, and that one's cells.

    Raises:
        FileProblem: there is none.
    """
    rows = source.rows()
    for line, cells in rows:
        if not isinstance(cells, str):
            return chain([(line, cells)], rows), cells
    raise FileProblem("no_rows", path=source.path)


def _is_header(first: Cells, found: dict[str, int], instant: Callable[[str], Instant]) -> bool:
    """Whether the first row of a file whose columns go by number is a header."""
    try:
        instant(first[found["sold_at"]])
    except RowProblem:
        try:
            parse_money(first[found["amount" if "amount" in found else "price"]])
        except RowProblem:
            return True
    return False


def _amounts(
    line: int, quantity: int, price_text: str | None, amount_text: str | None, has_amount: bool
) -> tuple[Item, bool]:
    """The row's quantity, price and amount without their sign, and whether it is a return."""
    pieces = abs(quantity)
    exact: Decimal | None = parse_price(price_text) if price_text is not None else None
    if has_amount:
        signed = parse_money(amount_text or "")
    elif exact is None:
        raise RowProblem("amount", text="")
    else:
        signed = int((exact * pieces / 1000).to_integral_value(ROUND_HALF_UP))
    negative = quantity < 0 or signed < 0
    amount = abs(signed)
    if amount > MAX_AMOUNT:
        raise RowProblem("too_large", text=f"{amount / 100:.2f}")
    if negative and amount == 0:
        raise RowProblem("free_return")
    price = exact if exact is not None else Decimal(amount * 1000) / pieces
    whole = int(price.to_integral_value(ROUND_HALF_UP))
    return Item(line=line, quantity_milli=pieces, price=whole, amount=amount), negative


def _identity(system: str, sale: Sale, item: Item, negative: bool) -> str:
    """What makes the receipt the same one when the file is read again."""
    if sale.number is not None:
        till = (sale.register,) if sale.register else ()
        day = sale.day.isoformat()
        return "|".join(("n", system, sale.outlet or "", day, sale.number, *till))
    who = sale.customer or sale.phone or ""
    sign = "-" if negative else ""
    parts = ("r", system, who, sale.sold_at.isoformat(), f"{sign}{item.amount}")
    return "|".join((*parts, item.sku or "", sale.outlet or ""))


def _put(sale: Sale, item: Item, is_return: bool, line: int) -> None:
    (sale.returned if is_return else sale.bought).append(item)
    sale.last_row = line


def _is_adjustment(sale: Sale) -> bool:
    return sale.customer is None and sale.phone is None and not sale.returned and sale.total == 0


def _fault(sale: Sale) -> str | None:
    """Why a whole receipt cannot be taken, or None."""
    if _is_adjustment(sale):
        return "adjustment"
    amounts: Sequence[int] = (sale.total, sum(item.amount for item in sale.returned))
    return "too_large" if max(amounts) > MAX_AMOUNT else None
