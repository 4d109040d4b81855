"""What promotions have given lately, and what tills sell: figures beside the rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.db.fast import is_postgres
from loyalty.db.types import UtcDateTime
from loyalty.promotions import goal_progress, promotion_version
from loyalty.receipts import purchase, purchase_line

_RECEIPTS = 3000
"""Goods are gathered from so many of the latest receipts: enough to know an assortment."""

# A version stands once in a receipt's parts or discounts: rows are receipts.
_SQLITE = """
SELECT x.value ->> '$.version' AS version, COUNT(*) AS receipts, SUM(x.value ->> '$.{sum}') AS sum
FROM purchase AS p, json_each(p.pricing, '$.{part}') AS x
WHERE p.sold_at >= :since AND p.pricing IS NOT NULL
GROUP BY 1
"""
_POSTGRES = """
SELECT CAST(x.value ->> 'version' AS bigint) AS version, COUNT(*) AS receipts,
       SUM(CAST(x.value ->> '{sum}' AS bigint)) AS sum
FROM purchase AS p, jsonb_array_elements(p.pricing -> '{part}') AS x(value)
WHERE p.sold_at >= :since AND p.pricing IS NOT NULL
GROUP BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a promotion gave: receipts it touched, points, minor units off, gifts for goals.

    Before returns.
    """

    receipts: int = 0
    points: int = 0
    discount: int = 0
    gifts: int = 0


def by_promotion(session: Session, *, since: datetime) -> dict[int, Given]:
    """What each promotion has given on sales since then, by its id."""
    v = promotion_version.c
    versions = session.execute(sa.select(v.id, v.promotion_id))
    promotion_of: dict[int, int] = {row.id: row.promotion_id for row in versions}
    found: dict[int, Given] = {}
    for part, total, field in (("parts", "points", "points"), ("discounts", "amount", "discount")):
        text = (_POSTGRES if is_postgres(session) else _SQLITE).format(part=part, sum=total)
        query = sa.text(text).bindparams(sa.bindparam("since", value=since, type_=UtcDateTime()))
        for version, receipts, given in session.execute(query):
            if version not in promotion_of:
                continue  # the tier's own rate, or a voucher
            known = found.setdefault(promotion_of[version], Given())
            more = {"receipts": known.receipts + receipts}
            more[field] = getattr(known, field) + int(given or 0)
            found[promotion_of[version]] = replace(known, **more)
    for promotion_id, gifts in _gifts(session, since).items():
        found[promotion_id] = replace(found.get(promotion_id, Given()), gifts=gifts)
    return found


def first_saved(session: Session) -> dict[int, datetime]:
    """When each promotion was first written down, by its id: it has given nothing before."""
    v = promotion_version.c
    query = sa.select(v.promotion_id, sa.func.min(v.created_at)).group_by(v.promotion_id)
    return {row[0]: row[1] for row in session.execute(query)}


def _gifts(session: Session, since: datetime) -> dict[int, int]:
    g = goal_progress.c
    counted = (
        sa.select(g.promotion_id, sa.func.count())
        .where(g.reached_at >= since)
        .group_by(g.promotion_id)
    )
    return {row[0]: row[1] for row in session.execute(counted)}


@dataclass(frozen=True, slots=True)
class Goods:
    """What was sold lately, the most sold first: categories, and (sku, name) of goods."""

    categories: Sequence[str] = ()
    skus: Sequence[tuple[str, str]] = ()


def goods_seen(session: Session, *, since: datetime, limit: int = 60) -> Goods:
    """Categories and goods on the latest receipts since then."""
    latest = (
        sa.select(purchase.c.id)
        .where(purchase.c.sold_at >= since)
        .order_by(purchase.c.sold_at.desc())
        .limit(_RECEIPTS)
        .subquery()
    )
    line, count = purchase_line.c, sa.func.count()
    lines = purchase_line.join(latest, latest.c.id == line.purchase_id)
    categories = session.execute(
        sa.select(line.category)
        .select_from(lines)
        .where(line.category.is_not(None), line.category != "")
        .group_by(line.category)
        .order_by(count.desc(), line.category)
        .limit(limit)
    )
    skus = session.execute(
        sa.select(line.sku, sa.func.coalesce(sa.func.max(line.name), ""))
        .select_from(lines)
        .where(line.sku.is_not(None), line.sku != "")
        .group_by(line.sku)
        .order_by(count.desc(), line.sku)
        .limit(limit * 3)
    )
    return Goods(list(categories.scalars()), [(row[0], row[1]) for row in skus])
