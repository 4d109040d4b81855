"""What looks odd: found by set-based looks at the last two business days, told of once.

A row per kind, subject and day; the event ``anomaly.flagged`` comes with a new row only, and a
row's count grows with the day. Nothing is refused by it: a person looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, events
from loyalty import program as programs
from loyalty.db.fast import is_postgres
from loyalty.db.rows import Rows
from loyalty.errors import AnomalyNotFound
from loyalty.guards.tables import anomaly
from loyalty.ids import new_id
from loyalty.messaging.outbox import insert_new
from loyalty.program import Guards
from loyalty.receipts import purchase, purchase_return
from loyalty.wallet.tables import entry

CARD_SALES = "card_sales"
CASHIER_SALES = "cashier_sales"
CASHIER_ONE_CARD = "cashier_one_card"
NO_RECEIPT = "redemption_without_receipt"
CASHIER_RETURNS = "cashier_returns"
KINDS = (CARD_SALES, CASHIER_SALES, CASHIER_ONE_CARD, NO_RECEIPT, CASHIER_RETURNS)

HOUR_S = 3600
_IMPORTED = ("import", "demo")
# Said so that it does not choose the index by cashier: all their sales ever are in it.
_BY_STAFF = sa.func.coalesce(purchase.c.staff_id, 0) != 0
# The business day of an outlet may lie half a day beside the business's own.
_SLACK = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """A flag. ``subject`` is ``customer:ID``, ``staff:ID``, ``key:ID`` or
    ``staff:ID/customer:ID``; ``count`` how often (for a cashier's sales: in the busiest hour)."""

    id: int
    kind: str
    subject: str
    day: date
    count: int
    flagged_at: datetime
    seen_by: str | None
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Finding:
    kind: str
    subject: str
    day: date
    count: int
    customer_id: int | None = None


def sweep(session: Session, *, now: datetime, time_zone: str) -> int:
    """Flag what looks odd of today and yesterday (business days); how many flags are new.

    Run any number of times, by anybody: a flag is there once.
    """
    rules = programs.current(session, now=now).program.guards
    today = clock.local_date(now, time_zone)
    days = (today - timedelta(days=1), today)
    found = [
        *_card_sales(session, rules, days, time_zone),
        *_cashier_sales(session, rules, days, time_zone),
        *_one_card(session, rules, days, time_zone),
        *_without_receipt(session, days, time_zone),
        *_returns(session, rules, days, time_zone),
    ]
    return _write(session, found, now=now)


def _sales(days: tuple[date, date], time_zone: str) -> sa.ColumnElement[bool]:
    """Sales of these business days that were made here, by the index on when they were."""
    since = clock.start_of_day(days[0], time_zone) - _SLACK
    return sa.and_(
        purchase.c.sold_at >= since,
        purchase.c.business_date >= days[0],
        purchase.c.unlinked_return == sa.false(),
        purchase.c.source.not_in(_IMPORTED),
    )


def _card_sales(
    session: Session, rules: Guards, days: tuple[date, date], time_zone: str
) -> Iterable[_Finding]:
    count = sa.func.count()
    query = (
        sa.select(purchase.c.customer_id, purchase.c.business_date, count)
        .where(_sales(days, time_zone), purchase.c.customer_id.is_not(None))
        .group_by(purchase.c.customer_id, purchase.c.business_date)
        .having(count >= rules.card_sales_flag)
    )
    for customer_id, day, n in session.execute(query):
        yield _Finding(CARD_SALES, f"customer:{customer_id}", day, n, customer_id)


def _cashier_sales(
    session: Session, rules: Guards, days: tuple[date, date], time_zone: str
) -> Iterable[_Finding]:
    """The busiest sliding hour of a cashier: each sale counts those of the hour before it."""
    if is_postgres(session):
        second: Any = sa.extract("epoch", purchase.c.sold_at)
    else:
        second = sa.func.unixepoch(purchase.c.sold_at)
    second = sa.cast(second, sa.BigInteger)
    in_hour = sa.func.count().over(
        partition_by=purchase.c.staff_id, order_by=second, range_=(1 - HOUR_S, 0)
    )
    sales = (
        sa.select(purchase.c.staff_id, purchase.c.business_date, in_hour.label("n"))
        .where(_sales(days, time_zone), _BY_STAFF)
        .subquery()
    )
    busiest = sa.func.max(sales.c.n)
    query = (
        sa.select(sales.c.staff_id, sales.c.business_date, busiest)
        .group_by(sales.c.staff_id, sales.c.business_date)
        .having(busiest >= rules.cashier_sales_per_hour_flag)
    )
    for staff_id, day, n in session.execute(query):
        yield _Finding(CASHIER_SALES, f"staff:{staff_id}", day, n)


def _one_card(
    session: Session, rules: Guards, days: tuple[date, date], time_zone: str
) -> Iterable[_Finding]:
    count = sa.func.count()
    by = (purchase.c.staff_id, purchase.c.customer_id, purchase.c.business_date)
    query = (
        sa.select(*by, count)
        .where(
            _sales(days, time_zone),
            _BY_STAFF,
            purchase.c.customer_id.is_not(None),
        )
        .group_by(*by)
        .having(count >= rules.cashier_one_card_flag)
    )
    for staff_id, customer_id, day, n in session.execute(query):
        subject = f"staff:{staff_id}/customer:{customer_id}"
        yield _Finding(CASHIER_ONE_CARD, subject, day, n, customer_id)


def _without_receipt(
    session: Session, days: tuple[date, date], time_zone: str
) -> Iterable[_Finding]:
    """Points spent through a till's key on sales without a receipt number (a cashier in the bot
    types none, so theirs say nothing)."""
    count = sa.func.count()
    query = (
        sa.select(entry.c.actor, purchase.c.business_date, count)
        .select_from(purchase)
        .join(
            entry,
            sa.and_(
                entry.c.source_kind == "purchase",
                entry.c.source_id == sa.cast(purchase.c.id, sa.String),
                entry.c.kind == "redemption",
            ),
        )
        .where(
            _sales(days, time_zone),
            purchase.c.number.is_(None),
            purchase.c.redeemed > 0,
            entry.c.actor.like("key:%"),
        )
        .group_by(entry.c.actor, purchase.c.business_date)
    )
    for actor, day, n in session.execute(query):
        yield _Finding(NO_RECEIPT, actor, day, n)


def _returns(
    session: Session, rules: Guards, days: tuple[date, date], time_zone: str
) -> Iterable[_Finding]:
    count = sa.func.count()
    for day in days:
        query = (
            sa.select(purchase_return.c.actor, count)
            .where(
                purchase_return.c.at >= clock.start_of_day(day, time_zone),
                purchase_return.c.at < clock.start_of_day(day + timedelta(days=1), time_zone),
                purchase_return.c.actor.like("staff:%"),
            )
            .group_by(purchase_return.c.actor)
            .having(count >= rules.cashier_returns_flag)
        )
        for actor, n in session.execute(query):
            yield _Finding(CASHIER_RETURNS, actor, day, n)


def _write(session: Session, found: list[_Finding], *, now: datetime) -> int:
    """New flags with their events; counts of known ones."""
    if not found:
        return 0
    ids = {new_id(): item for item in found}
    rows = [
        {
            "kind": item.kind,
            "subject": item.subject,
            "day": item.day,
            "id": id_,
            "count": item.count,
            "flagged_at": now,
        }
        for id_, item in ids.items()
    ]
    fresh = insert_new(session, anomaly, rows)
    written = Rows()
    for id_ in fresh:
        item = ids[id_]
        events.record(
            written,
            type="anomaly.flagged",
            customer_id=item.customer_id,
            actor=events.SYSTEM,
            data={
                "anomaly_id": str(id_),
                "kind": item.kind,
                "subject": item.subject,
                "day": item.day.isoformat(),
                "count": item.count,
            },
            now=now,
        )
    for id_, item in ids.items():
        if id_ not in fresh:
            row = {"kind": item.kind, "subject": item.subject, "day": item.day}
            written.update(anomaly, {**row, "count": item.count})
    written.put(session)
    return len(fresh)


def next_due(session: Session, *, now: datetime, time_zone: str) -> datetime | None:
    """The end of the business day, if it has seen a sale or a return: a last look at it."""
    today = clock.local_date(now, time_zone)
    since = clock.start_of_day(today, time_zone)
    sold = sa.select(purchase.c.id).where(
        purchase.c.sold_at >= since, purchase.c.source.not_in(_IMPORTED)
    )
    returned = sa.select(purchase_return.c.id).where(purchase_return.c.at >= since)
    if all(session.execute(query.limit(1)).first() is None for query in (sold, returned)):
        return None
    return clock.start_of_day(today + timedelta(days=1), time_zone)


def listing(
    session: Session, *, unseen: bool = False, limit: int = 100, before: int | None = None
) -> list[Anomaly]:
    """Flags, newest first; ``unseen`` only those nobody has looked at, ``before`` an id to go on
    from."""
    query = sa.select(*(anomaly.c[name] for name in Anomaly.__dataclass_fields__))
    if unseen:
        query = query.where(anomaly.c.seen_at.is_(None))
    if before is not None:
        query = query.where(anomaly.c.id < before)
    query = query.order_by(anomaly.c.id.desc()).limit(limit)
    return [Anomaly(**row._mapping) for row in session.execute(query)]


def mark_seen(session: Session, *, anomaly_id: int, actor: str, now: datetime) -> bool:
    """Note that somebody has looked; False if somebody had before. Event ``anomaly.seen``.

    Raises:
        AnomalyNotFound: no flag by that id.
    """
    seen = session.execute(
        sa.update(anomaly)
        .where(anomaly.c.id == anomaly_id, anomaly.c.seen_at.is_(None))
        .values(seen_by=actor, seen_at=now)
        .returning(anomaly.c.kind)
    ).first()
    if seen is None:
        if session.execute(sa.select(anomaly.c.id).where(anomaly.c.id == anomaly_id)).first():
            return False
        raise AnomalyNotFound()
    rows = Rows()
    events.record(
        rows,
        type="anomaly.seen",
        customer_id=None,
        actor=actor,
        data={"anomaly_id": str(anomaly_id), "kind": seen.kind},
        now=now,
    )
    rows.put(session)
    return True
