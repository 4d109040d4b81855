"""The catalogue: a row for each kind of goods that messages show; what was sold without a row is
known by its receipts' words.

Event ``goods.saved``, ``goods.archived``, ``goods.restored``: with the ``sku`` and no words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.amounts import MAX_AMOUNT
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.db.rows import Rows
from loyalty.errors import ProductInvalid, ProductNotFound
from loyalty.goods.tables import product
from loyalty.ids import new_id
from loyalty.messaging.outbox import insert_new
from loyalty.receipts import purchase, purchase_line

PAGE = 40
"""Goods on one page."""
BASKETS = 100_000
"""So many of the latest receipts are looked through for what was sold."""
LEARNED_FOR = timedelta(days=365)

LONGEST_SKU, LONGEST_NAME, LONGEST_CATEGORY, LONGEST_LINK = 64, 200, 64, 500
_LINK = re.compile(r"https?://[^\s<>\"']+\.[^\s<>\"']+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Goods as messages show them. ``price`` in minor units, ``picture`` a ``media.id``; ``id``
    None: known from receipts only. ``sku`` "" if the till gives none."""

    sku: str
    name: str
    category: str | None = None
    price: int | None = None
    picture: int | None = None
    link: str | None = None
    id: int | None = None
    archived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sold:
    """Goods on receipts that the catalogue does not have: the latest name, category and price
    (minor units), and on how many receipts."""

    sku: str
    name: str
    category: str | None
    price: int | None
    receipts: int


def put(session: Session, goods: Product, *, actor: str, now: datetime) -> tuple[Product, bool]:
    """Write goods down under their ``sku``, over those that have it; what is kept now, and
    whether anything changed. Archived ones come back.

    Raises:
        ProductInvalid: facts ``field`` and ``problem`` (``empty``, ``too_long``,
            ``out_of_range``, ``not_a_link``).
    """
    wanted = checked(goods)
    values: dict[str, Any] = {name: getattr(wanted, name) for name in _WRITTEN}
    row = {"id": new_id(), "sku": wanted.sku, **values, "created_at": now, "changed_at": now}
    if insert_new(session, product, [row]):
        _note(session, "goods.saved", wanted.sku, actor, now)
        return get(session, wanted.sku), True
    before = session.execute(
        sa.select(product).where(product.c.sku == wanted.sku).with_for_update()
    ).one()
    same = all(getattr(before, name) == value for name, value in values.items())
    if same and before.archived_at is None:
        return _product(before), False
    change = sa.update(product).where(product.c.sku == wanted.sku)
    session.execute(change.values(**values, changed_at=now, archived_at=None))
    _note(session, "goods.saved", wanted.sku, actor, now)
    return get(session, wanted.sku), True


def set_archived(
    session: Session, *, sku: str, archived: bool, actor: str, now: datetime
) -> Product:
    """Take goods out of the list and of every message, or back in.

    Raises:
        ProductNotFound: there are none of that ``sku``.
    """
    old = get(session, sku)
    if (old.archived_at is not None) == archived:
        return old
    session.execute(
        sa.update(product)
        .where(product.c.sku == sku)
        .values(archived_at=now if archived else None, changed_at=now)
    )
    _note(session, "goods.archived" if archived else "goods.restored", sku, actor, now)
    return get(session, sku)


def get(session: Session, sku: str) -> Product:
    """The goods of that number.

    Raises:
        ProductNotFound: there are none.
    """
    row = session.execute(sa.select(product).where(product.c.sku == sku)).one_or_none()
    if row is None:
        raise ProductNotFound(sku=sku)
    return _product(row)


def known(session: Session, skus: Collection[str], *, archived: bool = False) -> dict[str, Product]:
    """Goods of the catalogue by ``sku``; archived ones only if asked for."""
    wanted = sorted({sku for sku in skus if sku})
    if not wanted:
        return {}
    query = sa.select(product).where(product.c.sku.in_(wanted))
    if not archived:
        query = query.where(product.c.archived_at.is_(None))
    return {row.sku: _product(row) for row in session.execute(query)}


def listing(
    session: Session,
    *,
    search: str = "",
    category: str | None = None,
    archived: bool = False,
    limit: int = PAGE,
    offset: int = 0,
) -> list[Product]:
    """Goods by name; ``search`` looks into names, numbers and categories, whatever the case.

    One more than ``limit`` is returned if there are more.
    """
    p = product.c
    query = sa.select(product).where(
        p.archived_at.is_not(None) if archived else p.archived_at.is_(None)
    )
    if category is not None:
        query = query.where(p.category == category)
    if not search.strip():
        rows = session.execute(query.order_by(p.name, p.sku).limit(limit + 1).offset(offset))
        return [_product(row) for row in rows]
    # SQLite folds Latin letters only, so that Russian ones are compared here; a shop's list of
    # goods is short.
    words = search.casefold().split()
    found = [
        _product(row)
        for row in session.execute(query.order_by(p.name, p.sku))
        if all(word in f"{row.name} {row.sku} {row.category or ''}".casefold() for word in words)
    ]
    return found[offset : offset + limit + 1]


def count(session: Session) -> tuple[int, int]:
    """How many goods are on the list, and how many are archived."""
    query = sa.select(product.c.archived_at.is_(None), sa.func.count()).group_by(
        product.c.archived_at.is_(None)
    )
    found = {bool(on): int(n) for on, n in session.execute(query)}
    return found.get(True, 0), found.get(False, 0)


def categories(session: Session, *, now: datetime) -> list[str]:
    """Categories of the catalogue and of what was sold lately, by name."""
    sold = sa.select(purchase_line.c.category).where(
        purchase_line.c.purchase_id.in_(recent(now, BASKETS)), purchase_line.c.category.is_not(None)
    )
    listed = sa.select(product.c.category).where(
        product.c.archived_at.is_(None), product.c.category.is_not(None)
    )
    return sorted({name for name in session.execute(sold.union(listed)).scalars() if name})


def learned(session: Session, *, now: datetime, limit: int = 20) -> list[Sold]:
    """What was sold lately and has no row in the catalogue, the most asked for first."""
    line = purchase_line.c
    query = (
        sa.select(
            line.sku,
            sa.func.max(line.purchase_id).label("last"),
            sa.func.count(sa.distinct(line.purchase_id)).label("receipts"),
        )
        .where(
            line.purchase_id.in_(recent(now, BASKETS)),
            line.sku.is_not(None),
            line.name.is_not(None),
            line.sku.not_in(sa.select(product.c.sku)),
        )
        .group_by(line.sku)
        .order_by(sa.desc("receipts"), line.sku)
        .limit(limit)
    )
    found = {row.sku: row for row in session.execute(query)}
    latest = sa.select(line.purchase_id, line.sku, line.name, line.category, line.price).where(
        line.purchase_id.in_(sorted({row.last for row in found.values()})),
        line.sku.in_(sorted(found)),
        line.name.is_not(None),
    )
    said = {
        row.sku: row for row in session.execute(latest) if found[row.sku].last == row.purchase_id
    }
    return [
        Sold(sku, said[sku].name, said[sku].category, said[sku].price or None, int(row.receipts))
        for sku, row in found.items()
        if sku in said
    ]


def recent(now: datetime, most: int, *, days: timedelta = LEARNED_FOR) -> sa.Select[Any]:
    """Ids of the latest receipts, ``most`` of them, none older than ``days``: however many there
    are, a look through them is bounded."""
    p = purchase.c
    latest = (
        sa.select(p.id)
        .where(p.sold_at > now - days, p.sold_at <= now, p.unlinked_return == sa.false())
        .order_by(p.sold_at.desc())
        .limit(most)
        .subquery("recent")
    )
    return sa.select(latest.c.id)


def put_new(session: Session, rows: Rows) -> None:
    """Write rows somebody else may be writing at this very moment: the unit then runs again."""
    try:
        rows.put(session)
    except Exception as problem:
        if is_unique_violation(problem):
            raise AlreadyThere from problem
        raise


def checked(goods: Product) -> Product:
    """The goods with their words tidied.

    Raises:
        ProductInvalid: facts ``field`` and ``problem``.
    """
    sku = _tidy(goods.sku, "sku", LONGEST_SKU)
    name = _tidy(goods.name, "name", LONGEST_NAME)
    category = _tidy(goods.category or "", "category", LONGEST_CATEGORY, needed=False)
    link = _tidy(goods.link or "", "link", LONGEST_LINK, needed=False)
    if link and not _LINK.fullmatch(link):
        raise ProductInvalid(field="link", problem="not_a_link")
    if goods.price is not None and not 0 <= goods.price <= MAX_AMOUNT:
        raise ProductInvalid(field="price", problem="out_of_range")
    return Product(
        sku=sku,
        name=name,
        category=category or None,
        price=goods.price,
        picture=goods.picture,
        link=link or None,
    )


def _tidy(text: str, field: str, longest: int, *, needed: bool = True) -> str:
    """One line that can be seen and kept."""
    kept = "".join(
        sign for sign in " ".join(text.split()) if unicodedata.category(sign) not in ("Cc", "Cs")
    ).strip()
    if needed and not kept:
        raise ProductInvalid(field=field, problem="empty")
    if len(kept) > longest:
        raise ProductInvalid(field=field, problem="too_long", limit=longest)
    return kept


_WRITTEN = ("name", "category", "price", "picture", "link")


def _product(row: Any) -> Product:
    return Product(**{name: getattr(row, name) for name in Product.__dataclass_fields__})


def _note(session: Session, type: str, sku: str, actor: str, now: datetime) -> None:
    rows = Rows()
    events.record(rows, type=type, customer_id=None, actor=actor, data={"sku": sku}, now=now)
    rows.put(session)
