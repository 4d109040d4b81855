"""Demo guests who hold a phone of the local Telegram: regulars whose chains go on soon."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.consent import ADS_TELEGRAM, consent
from loyalty.customers import customer, telegram_chat
from loyalty.db.rows import Rows
from loyalty.demo.member import Member
from loyalty.wallet.tables import lot

FIRST_ID = 2001
"""Telegram ids of these guests; people make other phones by hand above them."""
MOST = 60
SILENT = 6
"""One in so many has not agreed to offers."""

_SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone as the local Telegram needs to know it."""

    telegram_id: int
    first_name: str
    last_name: str | None
    phone: str
    language: str


@dataclass(frozen=True, slots=True)
class Reached:
    """Who holds a phone. ``members`` in the order of their Telegram ids; ``agreed``: customers
    of the demo who agree to offers now; ``chats``: Telegram ids by customer."""

    members: list[Member]
    agreed: set[int]
    chats: dict[int, int]


def give(
    session: Session, members: Sequence[Member], *, language: str, time_zone: str, now: datetime
) -> Reached:
    """Connect a few dozen guests with the local Telegram: some of each kind that a chain waits
    for, the rest from those who come often."""
    agreed = _agreed(session)
    chosen = _choose(session, members, agreed, time_zone=time_zone, now=now)
    rows, chats = Rows(), {}
    for number, member in enumerate(chosen, FIRST_ID):
        chats[member.customer_id] = number
        rows.insert(
            telegram_chat,
            {
                "telegram_id": number,
                "customer_id": member.customer_id,
                "language": language,
                "reachable": True,
                "first_seen_at": member.guest.joined_at,
                "last_seen_at": member.last_at or member.guest.joined_at,
            },
        )
    rows.put(session)
    return Reached(chosen, agreed, chats)


def phones_of(session: Session) -> list[Phone]:
    """The phones that ``give`` has given, for the local Telegram to bring them."""
    query = (
        sa.select(
            telegram_chat.c.telegram_id,
            telegram_chat.c.language,
            customer.c.name,
            customer.c.phone,
        )
        .join(customer, customer.c.id == telegram_chat.c.customer_id)
        .where(telegram_chat.c.telegram_id.between(FIRST_ID, FIRST_ID + MOST - 1))
        .where(customer.c.phone.startswith("+7000"))
        .order_by(telegram_chat.c.telegram_id)
    )
    found = []
    for row in session.execute(query):
        first, _, last = (row.name or row.phone).partition(" ")
        found.append(Phone(row.telegram_id, first, last or None, row.phone, row.language))
    return found


def _agreed(session: Session) -> set[int]:
    """Whose last word about offers in Telegram was yes."""
    query = (
        sa.select(consent.c.customer_id, consent.c.granted)
        .where(consent.c.purpose == ADS_TELEGRAM)
        .order_by(consent.c.at, consent.c.id)
    )
    said = {row.customer_id: row.granted for row in session.execute(query)}
    return {who for who, granted in said.items() if granted}


def _choose(
    session: Session,
    members: Sequence[Member],
    agreed: set[int],
    *,
    time_zone: str,
    now: datetime,
) -> list[Member]:
    known = [one for one in members if not one.guest.is_from_till and not one.guest.diary]
    chosen: dict[int, Member] = {}
    for fits, most in _kinds(session, known, time_zone=time_zone, now=now):
        # Not those alone who came first.
        mixed = random.Random(len(chosen)).sample(fits, len(fits))
        for member in _spread(mixed, most, agreed, chosen):
            chosen[member.customer_id] = member
    often = sorted((one for one in known if one.orders), key=lambda one: -one.orders)
    for member in _spread(often[: MOST * 3], MOST - len(chosen), agreed, chosen):
        chosen[member.customer_id] = member
    return sorted(chosen.values(), key=lambda one: (one.guest.joined_at, one.customer_id))


def _spread(
    fits: Iterable[Member], most: int, agreed: set[int], taken: dict[int, Member]
) -> Iterator[Member]:
    """At most so many who have no phone yet; nearly all of them agree to offers."""
    given = 0
    for member in fits:
        if given >= most:
            return
        wants_none = (len(taken) + given) % SILENT == SILENT - 1
        if member.customer_id in taken or (member.customer_id in agreed) == wants_none:
            continue
        given += 1
        yield member


def _kinds(
    session: Session, known: Sequence[Member], *, time_zone: str, now: datetime
) -> Iterator[tuple[list[Member], int]]:
    """Guests whom a chain waits for in the next two weeks, kind by kind, and how many of each."""
    today = clock.local_date(now, time_zone)

    def comes(day: date | None, within: range) -> bool:
        return day is not None and (day - today).days in within

    def silent(days: int) -> Callable[[Member], bool]:
        until = now - timedelta(days=days)
        return lambda one: one.last_at is not None and until < one.last_at <= until + _SOON

    expiring = _expiring(session, now)
    kinds: tuple[tuple[Callable[[Member], bool], int], ...] = (
        (lambda one: comes(_birthday(one, today), range(1, 21)), 9),
        (lambda one: one.customer_id in expiring, 9),
        (silent(30), 6),
        (silent(180), 4),
        (lambda one: comes(_anniversary(one, today, time_zone), range(1, 15)), 5),
        (lambda one: now - one.guest.joined_at < timedelta(days=5), 5),
        (lambda one: now - one.guest.joined_at < timedelta(days=40), 14),
        (lambda one: comes(_past_birthday(one, today), range(-40, 0)), 5),
    )
    for fits, most in kinds:
        yield [one for one in known if fits(one)], most


def _birthday(member: Member, today: date) -> date | None:
    born = member.guest.born
    return _next_day(born[1], born[0], today) if born else None


def _past_birthday(member: Member, today: date) -> date | None:
    born = member.guest.born
    return last_day(born[1], born[0], today) if born else None


def _anniversary(member: Member, today: date, time_zone: str) -> date | None:
    joined = clock.local_date(member.guest.joined_at, time_zone)
    return _next_day(joined.month, joined.day, today) if joined.year < today.year else None


def _next_day(month: int, day: int, today: date) -> date:
    """The next day of this date from ``today`` on; 29 February counts as the 28th."""
    soonest = date(today.year, month, min(day, 28) if month == 2 else day)
    return soonest if soonest >= today else soonest.replace(year=today.year + 1)


def last_day(month: int, day: int, today: date) -> date:
    """The latest day of this date before ``today``; 29 February counts as the 28th."""
    latest = date(today.year, month, min(day, 28) if month == 2 else day)
    return latest if latest < today else latest.replace(year=today.year - 1)


def _expiring(session: Session, now: datetime) -> set[int]:
    """Whose points end within four weeks."""
    query = (
        sa.select(lot.c.customer_id)
        .where(lot.c.remaining > 0, lot.c.expires_at > now + timedelta(days=1))
        .where(lot.c.expires_at <= now + timedelta(days=28))
    )
    return set(session.execute(query).scalars())
