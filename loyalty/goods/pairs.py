"""What goes with what: chosen by the shop, else found in its receipts.

**Lift** of two kinds of goods A and B over the looked-at receipts::

    lift = P(A and B) / (P(A) · P(B)) = together · receipts / (with A · with B)

1 means that they meet as often as by chance, 2 twice as often. It is the *interest* measure of
S. Brin, R. Motwani, J. Ullman, S. Tsur, "Dynamic Itemset Counting and Implication Rules for
Market Basket Data", SIGMOD 1997. Pairs on fewer than ``TOGETHER`` receipts are left out (a rare
pair has a huge lift by accident), and so are those below ``LIFT_BP``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.db.rows import Rows
from loyalty.errors import ProductInvalid
from loyalty.goods.catalogue import put_new, recent
from loyalty.goods.tables import goes_with, product
from loyalty.receipts import purchase_line

HAND, LIFT = "hand", "lift"
TOGETHER = 5
"""Receipts that two kinds of goods must share."""
LIFT_BP = 12_000
"""Basis points: at least 1.2 times as often as by chance."""
TOP = 5
"""Pairs kept for each kind of goods."""
MOST_BY_HAND = 10
RECEIPTS = 200_000
WINDOW = timedelta(days=365)
LONGEST_RECEIPT = 60
"""Kinds of goods on a receipt; longer ones (a caterer's) say nothing of taste, and their pairs
would outnumber all the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One thing that goes with another. ``lift_bp`` None: chosen by hand."""

    sku: str
    other: str
    name: str | None
    lift_bp: int | None
    place: int
    archived: bool = False


def pairs_of(session: Session, sku: str) -> list[Pair]:
    """All that goes with these goods, as it would be chosen: by hand first."""
    query = (
        sa.select(goes_with, product.c.name.label("listed"), product.c.archived_at)
        .outerjoin(product, product.c.sku == goes_with.c.other)
        .where(goes_with.c.sku == sku)
        .order_by(sa.case((goes_with.c.source == HAND, 0), else_=1), goes_with.c.place)
    )
    return [
        Pair(
            sku=row.sku,
            other=row.other,
            name=row.listed or row.name,
            lift_bp=row.lift_bp,
            place=row.place,
            archived=row.archived_at is not None,
        )
        for row in session.execute(query)
    ]


def set_pairs(
    session: Session, *, sku: str, others: Sequence[str], actor: str, now: datetime
) -> None:
    """Choose what goes with these goods, the best first, in place of what was chosen before.
    Event ``goods.pairs_set`` with how many.

    Raises:
        ProductInvalid: facts ``field`` ``pairs`` and ``problem``: ``itself``, ``too_many``, or
            ``unknown`` with the ``sku`` that neither the catalogue nor a receipt knows.
    """
    wanted = list(dict.fromkeys(other.strip() for other in others if other.strip()))
    if sku in wanted:
        raise ProductInvalid(field="pairs", problem="itself")
    if len(wanted) > MOST_BY_HAND:
        raise ProductInvalid(field="pairs", problem="too_many", limit=MOST_BY_HAND)
    names = _names(session, wanted, now)
    for other in wanted:
        if other not in names:
            raise ProductInvalid(field="pairs", problem="unknown", sku=other)
    mine = sa.and_(goes_with.c.sku == sku, goes_with.c.source == HAND)
    before = session.execute(
        sa.select(goes_with.c.other).where(mine).order_by(goes_with.c.place)
    ).scalars()
    if list(before) == wanted:
        return
    session.execute(sa.delete(goes_with).where(mine))
    rows = Rows()
    for place, other in enumerate(wanted):
        row = {"sku": sku, "other": other, "source": HAND, "place": place}
        rows.insert(goes_with, {**row, "name": names[other], "at": now})
    data = {"sku": sku, "pairs": len(wanted)}
    events.record(rows, type="goods.pairs_set", customer_id=None, actor=actor, data=data, now=now)
    put_new(session, rows)


def _names(session: Session, skus: Sequence[str], now: datetime) -> dict[str, str]:
    if not skus:
        return {}
    listed = sa.select(product.c.sku, product.c.name).where(product.c.sku.in_(skus))
    names = {row.sku: row.name for row in session.execute(listed)}
    missing = [sku for sku in skus if sku not in names]
    if missing:
        line = purchase_line.c
        sold = (
            sa.select(line.sku, sa.func.max(line.name))
            .where(
                line.purchase_id.in_(recent(now, RECEIPTS, days=WINDOW)),
                line.sku.in_(missing),
                line.name.is_not(None),
            )
            .group_by(line.sku)
        )
        names |= {row[0]: row[1] for row in session.execute(sold)}
    return names


def measure(session: Session, *, now: datetime, receipts: int = RECEIPTS) -> list[Pair]:
    """Pairs by lift over the latest ``receipts`` of ``WINDOW``, ``TOP`` for each kind of goods.

    Reads only: a look through many receipts holds up no sale (``keep`` writes the little that
    comes of it).
    """
    line = purchase_line.c
    bought = (
        sa.select(line.purchase_id, line.sku, sa.func.max(line.name).label("name"))
        .where(
            line.purchase_id.in_(recent(now, receipts, days=WINDOW)),
            line.sku.is_not(None),
            line.sku != "",
            line.returned_milli < line.quantity_milli,
        )
        .group_by(line.purchase_id, line.sku)
        .cte("bought")
    )
    sizes = (
        sa.select(bought.c.purchase_id)
        .group_by(bought.c.purchase_id)
        .having(sa.func.count() <= LONGEST_RECEIPT)
        .cte("sizes")
    )
    basket = (
        sa.select(bought).join(sizes, sizes.c.purchase_id == bought.c.purchase_id).cte("basket")
    )
    one = (
        sa.select(
            basket.c.sku, sa.func.count().label("n"), sa.func.max(basket.c.name).label("name")
        )
        .group_by(basket.c.sku)
        .having(sa.func.count() >= TOGETHER)
        .cte("one")
    )
    return _ranked(session, basket, one)


def _ranked(session: Session, basket: Any, one: Any) -> list[Pair]:
    a, b = basket.alias("a"), basket.alias("b")
    together = (
        sa.select(a.c.sku, b.c.sku.label("other"), sa.func.count().label("n"))
        .join(b, sa.and_(b.c.purchase_id == a.c.purchase_id, b.c.sku != a.c.sku))
        .group_by(a.c.sku, b.c.sku)
        .having(sa.func.count() >= TOGETHER)
        .cte("together")
    )
    everything = sa.select(sa.func.count(sa.distinct(basket.c.purchase_id))).scalar_subquery()
    left, right = one.alias("with_a"), one.alias("with_b")
    # Whole numbers: 200 000 receipts squared, in basis points, is far below 2^63.
    lift = (together.c.n * everything * 10_000) // (left.c.n * right.c.n)
    measured = (
        sa.select(
            together.c.sku, together.c.other, right.c.name, together.c.n, lift.label("lift_bp")
        )
        .join(left, left.c.sku == together.c.sku)
        .join(right, right.c.sku == together.c.other)
        .cte("measured")
    )
    place = sa.func.row_number().over(
        partition_by=measured.c.sku,
        order_by=(measured.c.lift_bp.desc(), measured.c.n.desc(), measured.c.other),
    )
    ranked = (
        sa.select(measured, place.label("place")).where(measured.c.lift_bp >= LIFT_BP).subquery()
    )
    query = sa.select(ranked).where(ranked.c.place <= TOP).order_by(ranked.c.sku, ranked.c.place)
    return [
        Pair(
            sku=row.sku,
            other=row.other,
            name=row.name,
            lift_bp=int(row.lift_bp),
            place=int(row.place) - 1,
        )
        for row in session.execute(query)
    ]


def keep(session: Session, pairs: Sequence[Pair], *, now: datetime) -> int:
    """Write down what was measured in place of what was before; how many pairs. Those chosen by
    hand stay as they are."""
    session.execute(sa.delete(goes_with).where(goes_with.c.source == LIFT))
    rows = Rows()
    for pair in pairs:
        rows.insert(
            goes_with,
            {
                "sku": pair.sku,
                "other": pair.other,
                "source": LIFT,
                "lift_bp": pair.lift_bp,
                "place": pair.place,
                "name": pair.name,
                "at": now,
            },
        )
    rows.put(session)
    return len(pairs)
