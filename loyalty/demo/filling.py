"""The demo's year, lived through day by day in memory and written month by month."""

from __future__ import annotations

import contextlib
import gc
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, consent, customers, events, staff, wallet
from loyalty.customers import customer
from loyalty.db.rows import Rows
from loyalty.demo import (
    anna,
    campaigns,
    codes,
    friends,
    oddities,
    rules,
)
from loyalty.demo.afterwards import People
from loyalty.demo.behind import leave_behind
from loyalty.demo.catalogue import Chain, chain
from loyalty.demo.guests import Guest, make_guests, strangers, visits_of
from loyalty.demo.selling import Shop
from loyalty.demo.till import Till
from loyalty.ids import new_id
from loyalty.program import Version

HISTORY_DAYS = 400
"""A little over a year: the first points have expired, the next are about to."""

Progress = Callable[[float], None]
"""Told how much is done, from 0 to 1."""


class DatabaseNotEmpty(Exception):
    """There are customers already; make-believe ones would mix with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What the demo made. Money in minor units, points whole."""

    chain: str
    outlets: int
    staff: int
    customers: int
    purchases: int
    lines: int
    returns: int
    revenue: int
    points_issued: int
    points_spent: int
    points_expired: int


def fill(
    session: Session,
    *,
    language: str,
    time_zone: str,
    currency: str,
    now: datetime,
    seed: int = 1,
    customer_count: int = 2_000,
    visit_count: int = 36_000,
    progress: Progress = lambda _share: None,
) -> Filled:
    """Write the whole demo, in the session's transaction. The same seed gives the same year.

    Raises:
        DatabaseNotEmpty: the database has customers.
    """
    if session.execute(sa.select(customer.c.id).limit(1)).first() is not None:
        raise DatabaseNotEmpty()
    rng = random.Random(seed)
    zone = clock.zone(time_zone)
    names = chain(language)
    first_day = clock.local_date(now, time_zone) - timedelta(days=HISTORY_DAYS)
    opened = clock.start_of_day(first_day, time_zone) - timedelta(days=14)
    consent.ensure_texts(session, now=opened)
    outlets, cashiers, people = _places(session, names, time_zone=time_zone, opened=opened)
    versions = rules.publish(
        session, currency=currency, time_zone=time_zone, people=people, opened=opened, now=now
    )
    guests = _guests(
        rng,
        names,
        language=language,
        count=customer_count,
        visits=visit_count,
        first_day=first_day,
        now=now,
        zone=zone,
    )
    _add_customers(session, rng, guests, outlets, language=language, now=now)
    progress(0.08)
    till = _open_till(
        session,
        rng,
        names,
        currency=currency,
        time_zone=time_zone,
        versions=versions,
        author=people.marketer,
        places=(outlets, cashiers),
        customer_count=customer_count,
        visit_count=visit_count,
        now=now,
    )
    with _without_looking_for_rings():
        _live(session, till, guests, rng, visit_count, now=now, zone=zone, progress=progress)
    leave_behind(
        session, till, names, people, language=language, currency=currency, zone=time_zone, now=now
    )
    _note(session, len(guests), till.totals["purchases"], now=now)
    return _filled(till, len(guests))


def _filled(till: Till, customer_count: int) -> Filled:
    names, totals = till.shop.chain, till.totals
    return Filled(
        chain=names.name,
        outlets=len(till.shop.outlets),
        staff=2 + len(names.cashiers),
        customers=customer_count,
        purchases=totals["purchases"],
        lines=totals["lines"],
        returns=totals["returns"],
        revenue=totals["revenue"],
        points_issued=totals["issued"],
        points_spent=totals["spent"],
        points_expired=totals["expired"],
    )


def _open_till(
    session: Session,
    rng: random.Random,
    names: Chain,
    *,
    currency: str,
    time_zone: str,
    versions: Sequence[tuple[datetime, Version]],
    author: str,
    places: tuple[list[int], list[list[int]]],
    customer_count: int,
    visit_count: int,
    now: datetime,
) -> Till:
    """The tills, with the year's promotions and codes made by ``author``."""
    rows, uses = Rows(), Rows()
    made = {"currency": currency, "time_zone": time_zone, "author": author}
    shop = Shop(
        chain=names,
        currency=currency,
        time_zone=time_zone,
        versions=versions,
        calendar=campaigns.write(session, names, now=now, **made),
        outlets=places[0],
        cashiers=places[1],
    )
    shared = codes.write(
        session,
        rows,
        uses,
        rng,
        names,
        customers=customer_count,
        visits=visit_count,
        now=now,
        **made,
    )
    return Till(shop, shared, rows, uses, rng)


@contextlib.contextmanager
def _without_looking_for_rings() -> Iterator[None]:
    """Spare the collector of cycles: a month's rows live until they are written, there are no
    rings among them, and looking through them again and again is a sixth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _note(session: Session, customer_count: int, purchase_count: int, *, now: datetime) -> None:
    rows = Rows()
    data = {"customers": customer_count, "purchases": purchase_count}
    events.record(
        rows, type="demo.filled", customer_id=None, actor=events.SYSTEM, data=data, now=now
    )
    rows.put(session)


def _live(
    session: Session,
    till: Till,
    guests: list[Guest],
    rng: random.Random,
    visit_count: int,
    *,
    now: datetime,
    zone: ZoneInfo,
    progress: Progress,
) -> None:
    """Let the year pass: visits in the order of time, and every night what the night does."""
    start = now.astimezone(zone).date() - timedelta(days=HISTORY_DAYS)
    visits = [visit for guest in guests for visit in visits_of(rng, guest, now=now, zone=zone)]
    visits += strangers(rng, count=visit_count // 5, first_day=start, now=now, zone=zone)
    visits += oddities.visits(rng, till.shop.chain, guests, now=now, zone=zone)
    visits.sort(key=lambda visit: visit.at)
    newcomers, place = iter(guests), 0
    newcomer = next(newcomers, None)
    written_month = start.month
    for offset in range(HISTORY_DAYS + 1):
        day = start + timedelta(days=offset)
        midnight = clock.start_of_day(day, till.shop.time_zone)
        till.night(midnight, day, now)
        end = midnight + timedelta(days=1)
        while newcomer is not None and newcomer.joined_at < end:
            till.join(newcomer)
            newcomer = next(newcomers, None)
        while place < len(visits) and visits[place].at < end:
            till.sell(visits[place])
            place += 1
        if day.month != written_month:
            written_month = day.month
            till.put(session)
            progress(0.08 + 0.7 * offset / HISTORY_DAYS)
    till.close(now)
    till.put(session)
    progress(1.0)


def _places(
    session: Session, names: Chain, *, time_zone: str, opened: datetime
) -> tuple[list[int], list[list[int]], People]:
    """Outlets and staff; ids of the outlets and of each one's two cashiers; who decides."""
    outlets = [
        staff.add_outlet(session, name=name, time_zone=time_zone, city=names.city, now=opened).id
        for name in names.outlets
    ]
    owner, marketer = (
        staff.add(
            session,
            name=name,
            role=role,
            outlet_id=None,
            login=login,
            now=opened,
            actor=events.SYSTEM,
        )
        for name, role, login in (
            (names.owner, staff.OWNER, "owner"),
            (names.marketer, staff.MARKETER, "marketer"),
        )
    )
    cashiers: list[list[int]] = [[] for _ in outlets]
    for n, name in enumerate(names.cashiers):
        place = n // 2
        person = staff.add(
            session,
            name=name,
            role=staff.CASHIER,
            outlet_id=outlets[place],
            now=opened,
            actor=events.SYSTEM,
        )
        cashiers[place].append(person.id)
    return outlets, cashiers, People(owner=f"staff:{owner.id}", marketer=f"staff:{marketer.id}")


def _guests(
    rng: random.Random,
    names: Chain,
    *,
    language: str,
    count: int,
    visits: int,
    first_day: date,
    now: datetime,
    zone: ZoneInfo,
) -> list[Guest]:
    """All guests by the day they joined; the first phone's Anna is one of them."""
    host = anna.make(rng, names, language=language, now=now, zone=zone)
    guests = make_guests(
        rng, names, count=count - 1, visits=visits, first_day=first_day, now=now, zone=zone
    )
    guests.append(host)
    friends.arrange(rng, guests, host=host, now=now, zone=zone)
    guests.sort(key=lambda guest: guest.joined_at)
    return guests


def _add_customers(
    session: Session,
    rng: random.Random,
    guests: list[Guest],
    outlets: list[int],
    *,
    language: str,
    now: datetime,
) -> None:
    """Guests as customers who have joined, with their cards, wallets and consents."""
    rows, profiles = Rows(), Rows()
    texts = {
        purpose: consent.current_text(session, purpose=purpose, language=language)
        for purpose in (consent.PERSONAL_DATA, consent.ADS_TELEGRAM)
    }
    for guest in guests:
        guest.customer_id = customers.create(
            rows,
            status="active",
            language=language,
            now=guest.joined_at,
            name=guest.name,
            phone=guest.phone,
            source=guest.source,
            home_outlet_id=outlets[guest.outlet],
            joined_at=guest.joined_at,
            phone_verified_at=None if guest.is_from_till else guest.joined_at,
        )
        wallet.open_account(rows, customer_id=guest.customer_id)
        day, month, year = guest.born or (None, None, None)
        profiles.update(
            customer,
            {
                "id": guest.customer_id,
                "sex": guest.sex,
                "birth_day": day,
                "birth_month": month,
                "birth_year": year,
            },
        )
        said = [(consent.PERSONAL_DATA, True, guest.joined_at)]
        if guest.ads:
            said.append((consent.ADS_TELEGRAM, True, guest.joined_at + timedelta(seconds=20)))
            left = guest.joined_at + timedelta(days=rng.randint(10, 200))
            if rng.random() < 0.05 and left < now:
                said.append((consent.ADS_TELEGRAM, False, left))
        for n, (purpose, granted, at) in enumerate(said):
            rows.insert(
                consent.consent,
                {
                    "id": new_id(),
                    "customer_id": guest.customer_id,
                    "purpose": purpose,
                    "granted": granted,
                    "at": at,
                    "text_version": texts[purpose].version,
                    "text_sha256": texts[purpose].sha256,
                    "language": language,
                    "channel": "till" if guest.is_from_till else "telegram",
                    "evidence": f"demo:{n}",
                },
            )
    rows.put(session)
    profiles.put(session)
