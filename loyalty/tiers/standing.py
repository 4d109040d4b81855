"""Where customers stand, read for many at once: spend in the window, and what differs from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.customers import ERASED, customer
from loyalty.program import Program
from loyalty.receipts import customer_day, customer_stats
from loyalty.tiers.levels import UNKNOWN, window_start
from loyalty.wallet.tables import account

SCAN = 2000
"""Customers looked at by one statement: memory stays flat however many there are."""

MOST = 200
"""Accounts locked in one unit, so that a live sale never waits long."""

_LAST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Standing:
    """A customer's tier and what speaks for it. Sums in minor units, net of returns.

    ``spent`` is that of the 12 months that end today, ``kept`` that of the 12 months that end
    on the review day; ``window`` what ``window_spent`` of the rollup ought to be.
    """

    customer_id: int
    tier: str
    floor: str | None
    warned_for: date | None
    spent: int
    kept: int
    window_spent: int | None
    window: int

    @property
    def differs(self) -> bool:
        """Whether the rollup says something else than the days it is made of."""
        return self.window_spent is not None and self.window_spent != self.window


def chunk_end(session: Session, after: int, size: int = SCAN) -> int | None:
    """The id of the last customer of the chunk after ``after``; None if it is the last chunk."""
    query = (
        sa.select(customer.c.id)
        .where(customer.c.id > after)
        .order_by(customer.c.id)
        .offset(size - 1)
        .limit(1)
    )
    return session.execute(query).scalar_one_or_none()


def sums(*, today: date, review_day: date, among: Sequence[int] | tuple[int, int | None]) -> Any:
    """One statement that adds up the days of customers: a pair is a range of ids, a list names
    them."""
    c, s, d = customer.c, customer_stats.c, customer_day.c
    up_from, down_from = window_start(today), window_start(review_day)
    keys = (c.id, s.customer_id, d.customer_id)
    if isinstance(among, tuple):
        # Said of every table: a database does not conclude a range for one from another.
        low, high = among[0], _LAST if among[1] is None else among[1]
        chosen = [sa.and_(column > low, column <= high) for column in keys]
    else:
        chosen = [column.in_(among) for column in keys]
    mine, in_stats, in_days = chosen
    recent = sa.or_(d.day >= min(up_from, down_from), d.day >= s.window_from)

    def total(condition: sa.ColumnElement[bool], name: str) -> Any:
        share = sa.func.coalesce(sa.func.sum(sa.case((condition, d.spent), else_=0)), 0)
        return sa.cast(share, sa.BigInteger).label(name)

    return (
        sa.select(
            c.id.label("customer_id"),
            c.tier,
            c.tier_floor.label("floor"),
            c.tier_warned_for.label("warned_for"),
            total(d.day >= up_from, "spent"),
            total(d.day >= down_from, "kept"),
            sa.case((s.window_from.is_not(None), s.window_spent)).label("window_spent"),
            total(d.day >= s.window_from, "window"),
        )
        .select_from(customer)
        .outerjoin(customer_stats, sa.and_(s.customer_id == c.id, in_stats))
        .outerjoin(customer_day, sa.and_(d.customer_id == c.id, in_days, recent))
        .where(mine, c.status != ERASED)
        .group_by(
            c.id, c.tier, c.tier_floor, c.tier_warned_for, s.customer_id, s.window_from,
            s.window_spent,
        )
        .subquery("standing")
    )  # fmt: skip


def place_of_spend(program: Program, column: Any) -> sa.ColumnElement[int]:
    """The order of the tier that a spend reaches, in SQL."""
    rising = list(enumerate(program.tiers))[1:]
    if not rising:
        return sa.literal(0)
    whens = [(column >= tier.threshold, place) for place, tier in reversed(rising)]
    return sa.case(*whens, else_=0)


def place_of_key(program: Program, column: Any) -> sa.ColumnElement[int]:
    """The order of a tier by its key, in SQL; ``UNKNOWN`` for none."""
    whens = [(column == tier.key, place) for place, tier in enumerate(program.tiers)]
    return sa.case(*whens, else_=UNKNOWN)


def read(session: Session, found: Any, condition: Any, limit: int) -> list[Standing]:
    """Those of ``sums`` for whom ``condition`` holds, by id."""
    query = sa.select(found).where(condition).order_by(found.c.customer_id).limit(limit)
    return [Standing(*row) for row in session.execute(query)]


def lock_accounts(session: Session, ids: Sequence[int]) -> None:
    """Lock accounts in id order, as a sale does; what is read after this is theirs to change."""
    query = (
        sa.select(account.c.customer_id)
        .where(account.c.customer_id.in_(ids))
        .order_by(account.c.customer_id)
        .with_for_update()
    )
    session.execute(query).all()
