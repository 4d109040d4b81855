"""Which goods to speak of: what somebody bought last, what goes with it, what is in a cart."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.customers import customer
from loyalty.goods.catalogue import LONGEST_NAME, LONGEST_SKU, Product, known
from loyalty.goods.tables import goes_with as pair
from loyalty.goods.tables import product
from loyalty.receipts import purchase, purchase_line

MOST_IN_CART = 20
"""Kinds of goods of a cart that are looked at."""

_LEFT = purchase_line.c.returned_milli < purchase_line.c.quantity_milli
# Nothing can be said of a line that has neither a name nor a number of the catalogue.
_HAS_NAME = sa.or_(
    purchase_line.c.name.is_not(None), purchase_line.c.sku.in_(sa.select(product.c.sku))
)


def last_bought(session: Session, customer_ids: Collection[int]) -> dict[int, Product]:
    """The dearest goods of each customer's latest purchase, net of what came back; purchases of
    nameless sums are passed over. Customers without any are left out."""
    p, line = purchase.c, purchase_line.c
    wanted = sorted(set(customer_ids))
    if not wanted:
        return {}
    who = sa.select(customer.c.id).where(customer.c.id.in_(wanted)).subquery("who")
    latest = (
        sa.select(p.id)
        .where(p.customer_id == who.c.id, p.unlinked_return == sa.false())
        .where(sa.or_(p.returned < p.total, p.total == 0))
        .where(
            sa.select(line.n)
            .where(line.purchase_id == p.id, _LEFT, _HAS_NAME)
            .correlate(purchase)
            .exists()
        )
        .order_by(p.sold_at.desc(), p.id.desc())
        .limit(1)
        .correlate(who)
        .scalar_subquery()
    )
    of = sa.select(who.c.id.label("customer_id"), latest.label("id")).subquery("latest")
    query = (
        sa.select(
            of.c.customer_id, line.sku, line.name, line.category, line.price,
            (line.amount - line.discount).label("worth"), line.n,
        )
        .join(purchase_line, line.purchase_id == of.c.id)
        .where(_LEFT, _HAS_NAME)
        .order_by(of.c.customer_id, sa.desc("worth"), line.n)
    )  # fmt: skip
    dearest: dict[int, Any] = {}
    for row in session.execute(query):
        dearest.setdefault(row.customer_id, row)
    listed = known(session, {row.sku for row in dearest.values() if row.sku}, archived=True)
    return {customer_id: _of_line(row, listed) for customer_id, row in dearest.items()}


def bought_in(session: Session, purchase_id: int, *, category: str | None = None) -> Product | None:
    """The dearest goods of a purchase, net of what came back; of a ``category`` only, if named."""
    line = purchase_line.c
    query = (
        sa.select(line.sku, line.name, line.category, line.price)
        .where(line.purchase_id == purchase_id, _LEFT, _HAS_NAME)
        .order_by((line.amount - line.discount).desc(), line.n)
        .limit(1)
    )
    if category is not None:
        query = query.where(line.category == category)
    row = session.execute(query).first()
    if row is None:
        return None
    return _of_line(row, known(session, [row.sku or ""], archived=True))


def _of_line(row: Any, listed: Mapping[str, Product]) -> Product:
    """Goods of a receipt, as the catalogue has them if it does; archived ones keep their name
    and lose what would lead to them."""
    found = listed.get(row.sku or "")
    if found is not None and found.archived_at is None:
        return found
    name = found.name if found is not None else row.name
    return Product(sku=row.sku or "", name=name, category=row.category, price=row.price or None)


def bought_since(session: Session, customer_id: int, since: datetime) -> set[str]:
    """Numbers of the goods a customer bought from ``since`` on, net of returns."""
    p, line = purchase.c, purchase_line.c
    query = (
        sa.select(line.sku)
        .join(purchase, p.id == line.purchase_id)
        .where(p.customer_id == customer_id, p.sold_at >= since, line.sku.is_not(None), _LEFT)
    )
    return {sku for sku in session.execute(query).scalars() if sku}


def goes_with(
    session: Session, skus: Collection[str], *, exclude: Collection[str] = ()
) -> dict[str, Product]:
    """What goes best with each of these goods: the shop's own choice first, else what is bought
    together with it; never itself, one of ``exclude`` or archived ones. Goods nothing goes with
    are left out."""
    wanted = sorted({sku for sku in skus if sku})
    if not wanted:
        return {}
    query = (
        sa.select(pair, product)
        .outerjoin(product, product.c.sku == pair.c.other)
        .where(pair.c.sku.in_(wanted), pair.c.other != pair.c.sku, product.c.archived_at.is_(None))
        .order_by(pair.c.sku, sa.case((pair.c.source == "hand", 0), else_=1), pair.c.place)
    )
    left_out = set(exclude)
    found: dict[str, Product] = {}
    for row in session.execute(query).mappings():
        sku, other = row[pair.c.sku], row[pair.c.other]
        name = row[product.c.name] or row[pair.c.name]
        if sku in found or other in left_out or not name:
            continue
        found[sku] = Product(
            sku=other,
            name=name,
            category=row[product.c.category],
            price=row[product.c.price],
            picture=row[product.c.picture],
            link=row[product.c.link],
            id=row[product.c.id],
        )
    return found


def in_cart(session: Session, data: Mapping[str, Any]) -> list[Product]:
    """The goods an event of the shop's site is about, in its order: ``items`` of a cart, or the
    one goods that were viewed. ``data`` is that of the event, or what the site sent; whatever
    of it has neither a name nor a number we know is passed over."""
    sent = data.get("data") if isinstance(data.get("data"), Mapping) else data
    assert isinstance(sent, Mapping)
    items = sent.get("items")
    if not isinstance(items, list):
        viewed = sent.get("product")
        items = [viewed if isinstance(viewed, Mapping) else sent]
    said = [_said(item) for item in items[:MOST_IN_CART] if isinstance(item, Mapping | str)]
    listed = known(session, {sku for sku, _ in said})
    found: dict[str, Product] = {}
    for sku, name in said:
        goods = listed.get(sku)
        if goods is None and name:
            goods = Product(sku=sku, name=name)
        if goods is not None:
            found.setdefault(sku or goods.name, goods)
    return list(found.values())


def _said(item: Mapping[str, Any] | str) -> tuple[str, str]:
    """Number and name of goods as another system writes them. A mere text may be either; one
    with digits and no space is no name to put before a guest."""
    if isinstance(item, str):
        is_name = " " in item.strip() or not any(letter.isdigit() for letter in item)
        item = {"sku": item.strip(), "name": item if is_name else None}
    sku, name = item.get("sku"), item.get("name")
    number = str(sku)[:LONGEST_SKU] if isinstance(sku, str | int) else ""
    return number, " ".join(name.split())[:LONGEST_NAME] if isinstance(name, str) else ""
