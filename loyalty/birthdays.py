"""Birthday points: an entitlement, given by the wallet whatever chains may say about it.

Given from some days before the birthday (late, if the service was down, until the day itself),
once per 365 days; a date that was changed counts from the next year on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, events, messaging, program, wallet
from loyalty.customers import customer, telegram_chat
from loyalty.db.rows import Rows
from loyalty.wallet.tables import entry

GIVEN = "points.birthday"
"""The event that tells of it."""

GIVEN_AT = time(10)
"""Business time of day: a gift is told of at a civil hour."""

ONCE_IN = timedelta(days=365)
ONE_DAY = timedelta(days=1)

TOLD_BY = "birthday_gift"
"""The chain that tells of it in the shop's own words; who does not hear of it there gets ours."""


@dataclass(frozen=True, slots=True)
class Given:
    """How many customers got their points; whether more are due."""

    customers: int
    more: bool


def grant_due(session: Session, *, now: datetime, time_zone: str, limit: int = 100) -> Given:
    """Give birthday points to up to ``limit`` customers whose day is near. Locks their wallets."""
    rules = program.current(session, now=now).program
    if not rules.birthday_points or now < _starts(now, time_zone):
        return Given(0, more=False)
    today = clock.local_date(now, time_zone)
    found = _due(session, rules, near=_near(rules, today), now=now, limit=limit)
    given = sum(
        _give(session, row, birthday, rules=rules, now=now, today=today, time_zone=time_zone)
        for row, birthday in found
    )
    return Given(given, more=given == limit)


def next_due(session: Session, *, now: datetime, time_zone: str) -> datetime | None:
    """The next moment at which somebody may be due: tomorrow's hour, if anybody has a birthday."""
    anybody = sa.select(customer.c.id).where(customer.c.birth_day.is_not(None)).limit(1)
    if session.execute(anybody).first() is None:
        return None
    start = _starts(now, time_zone)
    if start > now:
        return start
    tomorrow = clock.local_date(now, time_zone) + timedelta(days=1)
    return clock.local_instant(tomorrow, GIVEN_AT, time_zone)


def coming(
    session: Session,
    *,
    now: datetime,
    until: datetime,
    time_zone: str,
    limit: int,
    among: Collection[int] | None = None,
) -> list[tuple[int, date, datetime]]:
    """Who will be given their points after ``now`` up to ``until`` as things stand, the first to
    come first: customer, birthday, moment. At most ``limit``; only ``among`` these, if named."""
    rules = program.current(session, now=now).program
    found: dict[int, tuple[int, date, datetime]] = {}
    today = clock.local_date(now, time_zone)
    while rules.birthday_points and len(found) < limit:
        moment = clock.local_instant(today, GIVEN_AT, time_zone)
        if moment > until:
            break
        if moment > now:
            # After the first of these mornings only a birthday that has come near is new.
            first = rules.birthday_days_before if moment > now + ONE_DAY else 0
            near = _near(rules, today, first)
            due = _due(session, rules, near=near, now=moment, limit=limit, among=among)
            for row, birthday in due:
                found.setdefault(row.id, (row.id, birthday, moment))
        today += ONE_DAY
    return list(found.values())[:limit]


def _near(rules: program.Program, today: date, first: int = 0) -> list[date]:
    return [today + timedelta(days=n) for n in range(first, rules.birthday_days_before + 1)]


def _starts(now: datetime, time_zone: str) -> datetime:
    return clock.local_instant(clock.local_date(now, time_zone), GIVEN_AT, time_zone)


def _due(
    session: Session,
    rules: program.Program,
    *,
    near: list[date],
    now: datetime,
    limit: int,
    among: Collection[int] | None = None,
) -> list[tuple[Any, date]]:
    by_month_and_day = {
        birthday: day for day in near for birthday in clock.kept_on(day, leap_day=rules.leap_day)
    }
    given_lately = sa.exists().where(
        entry.c.customer_id == customer.c.id,
        entry.c.kind == "birthday",
        entry.c.at > now - ONCE_IN,
    )
    query = (
        sa.select(
            customer.c.id,
            customer.c.birth_month,
            customer.c.birth_day,
            customer.c.birthday_set_at,
            telegram_chat.c.telegram_id,
        )
        .outerjoin(
            telegram_chat,
            sa.and_(telegram_chat.c.customer_id == customer.c.id, telegram_chat.c.reachable),
        )
        .where(
            customer.c.status == "active",
            customer.c.merged_into.is_(None),
            sa.or_(
                *(
                    sa.and_(
                        customer.c.birth_month == month,
                        customer.c.birth_day == number,
                        # Of the birthday's own year: that of January may be paid in December.
                        sa.or_(
                            customer.c.birthday_set_at.is_(None),
                            sa.extract("year", customer.c.birthday_set_at) < day.year,
                        ),
                    )
                    for (month, number), day in by_month_and_day.items()
                )
            ),
            ~given_lately,
        )
        .order_by(customer.c.id)
        .limit(limit)
    )
    if among is not None:
        query = query.where(customer.c.id.in_(sorted(among)))
    return [
        (row, by_month_and_day[row.birth_month, row.birth_day]) for row in session.execute(query)
    ]


def _give(
    session: Session,
    row: Any,
    birthday: date,
    *,
    rules: program.Program,
    now: datetime,
    today: date,
    time_zone: str,
) -> bool:
    expires_at = clock.end_of_validity(today, rules.birthday_valid_days, time_zone)
    granted = wallet.grant(
        session,
        customer_id=row.id,
        points=rules.birthday_points,
        kind="birthday",
        source_kind="birthday",
        source_id=f"{row.id}:{birthday.year}",
        actor=events.SYSTEM,
        now=now,
        expires_at=expires_at,
    )
    if granted is None:
        return False
    rows = Rows()
    events.record(
        rows,
        type=GIVEN,
        customer_id=row.id,
        actor=events.SYSTEM,
        data={"points": rules.birthday_points},
        now=now,
    )
    rows.put(session)
    if row.telegram_id is not None:
        messaging.enqueue_once(
            session,
            customer_id=row.id,
            chat_id=row.telegram_id,
            message_class=messaging.SERVICE,
            key=f"birthday:{row.id}:{birthday.year}",
            payload={
                "template": "birthday_points",
                "values": {
                    "points": rules.birthday_points,
                    "last_day": clock.last_valid_day(expires_at, time_zone).isoformat(),
                },
                "unless": TOLD_BY,
            },
            now=now,
            due_at=now + messaging.AFTER_CHAIN,
            deadline=now + messaging.CHAIN_MAY_TAKE,
        )
    return True
