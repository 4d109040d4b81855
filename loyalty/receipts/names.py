"""What goods are called, by article."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.receipts.tables import purchase, purchase_line

_RECEIPTS = 5000
"""Names are looked for on the latest receipts only: a customer's tap must not read years."""


def last_names(session: Session, skus: Iterable[str]) -> dict[str, str]:
    """Names of goods as they were last sold, by article in lower case.

    Articles that nobody has bought lately, or that tills send without a name, are left out.
    """
    wanted = {spelled for sku in skus for spelled in (sku, sku.lower(), sku.upper())}
    if not wanted:
        return {}
    first = (
        sa.select(purchase.c.id)
        .order_by(purchase.c.id.desc())
        .offset(_RECEIPTS - 1)
        .limit(1)
        .scalar_subquery()
    )
    line = purchase_line.c
    latest = (
        sa.select(line.sku, sa.func.max(line.purchase_id).label("purchase_id"))
        .where(
            # Both see the primary key fit; fewer receipts than that: all of them.
            line.purchase_id >= sa.func.coalesce(first, 0),
            line.sku.in_(sorted(wanted)),
            line.name.is_not(None),
        )
        .group_by(line.sku)
        .subquery()
    )
    query = (
        sa.select(line.sku, line.name)
        .join(
            latest,
            sa.and_(latest.c.purchase_id == line.purchase_id, latest.c.sku == line.sku),
        )
        .where(line.name.is_not(None))
        .order_by(line.purchase_id, line.n)
    )
    return {row.sku.casefold(): row.name for row in session.execute(query) if row.name.strip()}
