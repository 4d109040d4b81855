"""Two days in the demo that look odd, and the flags a person is to look at."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, events, guards
from loyalty.db.rows import Rows
from loyalty.demo.catalogue import Chain
from loyalty.demo.guests import Guest, Visit
from loyalty.guards.anomalies import CARD_SALES, CASHIER_ONE_CARD
from loyalty.ids import new_id
from loyalty.program import Guards
from loyalty.receipts import purchase

_DAYS = 14


def visits(
    rng: random.Random, chain: Chain, guests: Sequence[Guest], *, now: datetime, zone: ZoneInfo
) -> Iterator[Visit]:
    """A cashier who rings up one card all day, and a card that is passed around."""
    today = now.astimezone(zone).date()
    free = [
        guest
        for guest in guests
        if not guest.diary
        and guest.friend_of is None
        and guest.joined_at < now - timedelta(days=60)
    ]
    if len(free) < 2:
        return
    one, other = rng.sample(free, 2)
    espresso, filter_ = chain.good("esp"), chain.good("fil")
    for n in range(5):
        at = _at(today - timedelta(days=3), 9 + 2 * n, rng, zone)
        yield Visit(at, one, 1, ((espresso, 1),), cashier=1)
    for n in range(11):
        at = _at(today - timedelta(days=8), 8 + n, rng, zone)
        yield Visit(at, other, 2, ((filter_, 1),), cashier=n % 2)


def _at(day: date, hour: int, rng: random.Random, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(hour, rng.randrange(60)), tzinfo=zone)


def flag(session: Session, rules: Guards, *, owner: str, time_zone: str, now: datetime) -> int:
    """Flag what was odd in the last two weeks, as the nightly look did; how many flags.

    The owner has seen the older ones.
    """
    today = clock.local_date(now, time_zone)
    card, cashier, day = purchase.c.customer_id, purchase.c.staff_id, purchase.c.business_date
    count = sa.func.count()
    lately = sa.and_(card.is_not(None), day >= today - timedelta(days=_DAYS), day < today)
    by_card = sa.select(day, card, count).where(lately).group_by(day, card)
    found = [
        (on, CARD_SALES, f"customer:{customer_id}", customer_id, n)
        for on, customer_id, n in session.execute(by_card.having(count >= rules.card_sales_flag))
    ]
    by_both = sa.select(day, card, cashier, count).where(lately).group_by(day, card, cashier)
    found += [
        (on, CASHIER_ONE_CARD, f"staff:{staff_id}/customer:{customer_id}", customer_id, n)
        for on, customer_id, staff_id, n in session.execute(
            by_both.having(count >= rules.cashier_one_card_flag)
        )
    ]
    rows, seen = Rows(), []
    for on, kind, subject, customer_id, n in sorted(found):
        at = min(clock.start_of_day(on + timedelta(days=1), time_zone), now)
        flag_id = new_id()
        row = {"kind": kind, "subject": subject, "day": on, "id": flag_id, "count": n}
        rows.insert(guards.anomaly, {**row, "flagged_at": at})
        data = {"anomaly_id": str(flag_id), "kind": kind, "subject": subject, "count": n}
        events.record(
            rows,
            type="anomaly.flagged",
            customer_id=customer_id,
            actor=events.SYSTEM,
            data={**data, "day": on.isoformat()},
            now=at,
        )
        if kind == CARD_SALES:
            seen.append((flag_id, at))
    rows.put(session)
    for flag_id, at in seen:
        looked = min(at + timedelta(hours=10), now)
        guards.mark_seen(session, anomaly_id=flag_id, actor=owner, now=looked)
    return len(found)
