"""Which column holds what: named by the owner, by a profile, or recognized by its header."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loyalty.importing.problems import FileProblem

PURCHASE_FIELDS = (
    "customer",
    "sold_at",
    "amount",
    "number",
    "receipt_id",
    "register",
    "sku",
    "name",
    "category",
    "quantity",
    "price",
    "outlet",
    "phone",
    "currency",
)
CUSTOMER_FIELDS = (
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
    "points_earned_at",
    "tier",
)
PRODUCT_FIELDS = ("sku", "name", "category", "price", "link")
_ALSO = {"balance": "points", "expires": "points_expire_at", "earned": "points_earned_at"}
"""Shorter names of fields, as ``--map`` takes them."""

# How other systems head their columns; compared without case, blanks and underscores.
_NAMES: Mapping[str, str] = {
    "customer": "customer customerid custid clientid client buyer buyerid member memberid guest"
    " guestid userid cardnumber card клиент клиентid клиента кодклиента idклиента номерклиента"
    " покупатель покупательid idпокупателя кодпокупателя гость карта карты номеркарты id",
    "sold_at": "soldat date datetime time invoicedate orderdate purchasedate createdat"
    " transactiondate дата датапокупки датавремя датачека датапродажи",
    "amount": "amount total sum revenue dollarvalue spend value totalamount ordertotal"
    " сумма итого стоимость выручка суммачека",
    "number": "number invoice invoiceno invoicenumber receipt receiptnumber receiptno orderid order"
    " номерчека чек чека номер документ номерзаказа заказ",
    # By these two an export of ours knows its own rows again.
    "receipt_id": "receiptid idчека чекid",
    "regulars_id": "regularsid",
    "register": "register till касса номеркассы",
    "sku": "sku stockcode article productid itemid productcode артикул кодтовара",
    "name": "name description product item productname title fullname"
    " customername clientname наименование название товар имя имяклиента фио",
    "category": "category group department категория группа отдел",
    "quantity": "quantity qty count numberofcds количество колво",
    "price": "price unitprice цена ценазаединицу",
    "link": "link url page href ссылка страница адресстраницы",
    "outlet": "outlet store shop branch location точка магазин филиал адрес",
    "phone": "phone phonenumber mobile tel телефон мобильный",
    "currency": "currency валюта",
    "email": "email mail почта элпочта",
    "birthday": "birthday birthdate dateofbirth dob деньрождения датарождения",
    "joined_at": "joinedat joined registered registeredat датарегистрации регистрация",
    "city": "city town город",
    "points": "points balance bonus bonuses баллы бонусы баланс остаток",
    "points_expire_at": "pointsexpireat expiresat expires сгорают действительныдо срокбаллов",
    "points_earned_at": "pointsearnedat earnedat earned начислены датаначисления",
    "tier": "tier level уровень статус",
}
_FIELD_OF = {field: tuple(names.split()) for field, names in _NAMES.items()}


@dataclass(frozen=True, slots=True)
class Profile:
    """A file of a well-known shape: its columns, its delimiter, its dates."""

    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    date_format: str | None = None


PROFILES: Mapping[str, Profile] = {
    "generic": Profile(),
    "cdnow": Profile(
        columns={"customer": "1", "sold_at": "2", "quantity": "3", "amount": "4"},
        delimiter="space",
        date_format="%Y%m%d",
    ),
    "online_retail": Profile(
        columns={
            "number": "InvoiceNo",
            "sku": "StockCode",
            "name": "Description",
            "quantity": "Quantity",
            "sold_at": "InvoiceDate",
            "price": "UnitPrice",
            "customer": "CustomerID",
        }
    ),
}


def profile(name: str | None) -> Profile:
    """The built-in profile of that name.

    Raises:
        FileProblem: there is none.
    """
    if name is None:
        return PROFILES["generic"]
    found = PROFILES.get(name.strip().lower().replace("-", "_"))
    if found is None:
        raise FileProblem("unknown_profile", profile=name, profiles=", ".join(PROFILES))
    return found


def parse_map(text: str | None) -> dict[str, str]:
    """``customer=COL,sold_at=COL,…`` as a dictionary; a column's name may hold commas.

    Whether fields and columns exist is seen by ``resolve``, which knows the file.

    Raises:
        FileProblem: a part has no ``=``, or a field is named twice.
    """
    if not text or not text.strip():
        return {}
    parts = re.split(r",\s*(?=(?:field\s*:\s*\w+|[^\W\d]\w*)\s*(?::\s*\w+\s*)?=)", text.strip())
    columns: dict[str, str] = {}
    for part in parts:
        name, equals, column = part.partition("=")
        name, column = re.sub(r"\s*:\s*", ":", name.strip()), column.strip()
        name = _ALSO.get(name, name)
        if not equals or not column:
            raise FileProblem("bad_map", part=part)
        if name in columns:
            raise FileProblem("twice", field=name)
        columns[name] = column
    return columns


def plain_name(name: str) -> str:
    """A header as it is compared: small letters and digits only."""
    return re.sub(r"[\W_]+", "", name.casefold())


def resolve(
    columns: Mapping[str, str], header: Sequence[str], *, fields: Sequence[str]
) -> tuple[dict[str, int], bool]:
    """The place of each field's column (0 is the first), and whether a header was needed.

    ``columns`` names them by header or by number from 1; without any they are recognized.

    Raises:
        FileProblem: a field or a column does not exist.
    """
    places = {plain_name(name): place for place, name in reversed(list(enumerate(header)))}
    by_name = False
    found: dict[str, int] = {}
    for wanted, column in columns.items():
        if wanted not in fields:
            facts = {"fields": ", ".join(fields), "columns": listed(header)}
            raise FileProblem("unknown_field", field=wanted, **facts)
        place: int | None
        if column.isascii() and column.isdecimal():
            place = int(column) - 1 if 1 <= int(column) <= len(header) else None
        else:
            place = places.get(plain_name(column))
            by_name = True
        if place is None:
            raise FileProblem("unknown_column", column=column, columns=listed(header))
        found[wanted] = place
    if columns:
        return found, by_name
    for wanted in fields:
        for name in _FIELD_OF[wanted]:
            if name in places and places[name] not in found.values():
                found[wanted] = places[name]
                break
    return found, True


def require(found: Mapping[str, int], header: Sequence[str], *groups: Sequence[str]) -> None:
    """See that of each group at least one field has a column.

    Raises:
        FileProblem: names the fields that are lacking and the columns there are.
    """
    lacking = [" / ".join(group) for group in groups if not any(name in found for name in group)]
    if lacking:
        raise FileProblem(
            "not_recognized",
            fields=", ".join(lacking),
            columns=listed(header),
        )


def listed(header: Sequence[str]) -> str:
    """The columns there are, for a person."""
    return ", ".join(cell.strip()[:40] for cell in header if cell.strip())


def ignored(found: Mapping[str, int], header: Sequence[str], *, named: bool) -> list[str]:
    """The columns that no field uses: by header, or by number from 1 where there is none."""
    width = len(header)
    while named and width and not header[width - 1].strip():
        width -= 1  # a delimiter at the end of the line is no column
    left = [place for place in range(width) if place not in found.values()]
    names = {place: header[place].strip()[:40] if named else "" for place in left}
    return [names[place] or str(place + 1) for place in left]
