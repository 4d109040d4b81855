"""Where customers come from, and what one of them cost.

- joined = customers with an agreement whose source is this one (the first source counts)
- bought = those of them with at least one receipt
- cost per lead = the source's cost ÷ joined
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import sources
from loyalty.customers import customer
from loyalty.joining import REFERRAL
from loyalty.receipts import customer_stats
from loyalty.reports.sales import round_half_up
from loyalty.sources import Source


@dataclass(frozen=True, slots=True)
class Attracted:
    """A source and who came by it. ``made`` is None for one that was used without being made;
    ``spent``: what they spent so far, net of returns, minor units."""

    key: str
    made: Source | None
    joined: int
    bought: int
    spent: int

    @property
    def cost_per_lead(self) -> int | None:
        """Cost ÷ joined, minor units, to the nearest; None without a cost or anybody."""
        if self.made is None or not self.made.cost or not self.joined:
            return None
        return round_half_up(self.made.cost, self.joined)


@dataclass(frozen=True, slots=True)
class Attraction:
    """All sources, by how many came; beside them who came by a friend, and who just came."""

    sources: tuple[Attracted, ...]
    by_friends: Attracted
    by_none: Attracted


def attraction(session: Session) -> Attraction:
    """Everybody who has joined, by source."""
    c, stats = customer.c, customer_stats.c
    friend = c.source.startswith(REFERRAL, autoescape=True)
    key = sa.case((friend, REFERRAL), else_=sa.func.coalesce(c.source, "")).label("key")
    query = (
        sa.select(
            key,
            sa.func.count(),
            sa.func.count().filter(stats.orders > 0),
            sa.func.coalesce(sa.func.sum(stats.spent), 0),
        )
        .outerjoin_from(customer, customer_stats, stats.customer_id == c.id)
        .where(c.joined_at.is_not(None))
        .group_by(key)
    )
    found = {row[0]: tuple(map(int, row[1:])) for row in session.execute(query)}
    made = {source.key: source for source in sources.listing(session)}

    def attracted(name: str) -> Attracted:
        joined, bought, spent = found.get(name, (0, 0, 0))
        return Attracted(name, made.get(name), joined, bought, spent)

    keys = [name for name in {*found, *made} if name not in ("", REFERRAL)]
    rows = sorted(map(attracted, keys), key=lambda row: (-row.joined, row.key))
    return Attraction(tuple(rows), attracted(REFERRAL), attracted(""))
