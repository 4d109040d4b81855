"""Made-up guests: who they are, how often they come, when they come, what they like."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import accumulate
from zoneinfo import ZoneInfo

from loyalty.demo.catalogue import Chain, Good

# Shares of a day's visits by hour, 8:00 to 20:00: the morning rush, lunch, the way home.
_HOURS = (14, 16, 11, 6, 8, 10, 8, 5, 5, 6, 6, 4, 2)
_OPENS = 8
_EARLY = (34, 28, 12, 4, 4, 5, 4, 2, 2, 2, 1, 1, 1)
_LATE = (2, 3, 4, 4, 7, 9, 8, 8, 10, 14, 14, 10, 7)
# Monday to Sunday, per cent of an average day.
_WEEKDAYS = (104, 106, 108, 110, 122, 88, 62)
# January to December: after the holidays people save, in December they treat themselves.
_MONTHS = (82, 92, 99, 101, 102, 96, 90, 92, 106, 108, 109, 118)


@dataclass(slots=True, eq=False)
class Guest:
    """A customer to be, with their habits."""

    name: str
    sex: str
    phone: str
    born: tuple[int, int, int] | None
    joined_at: datetime
    ads: bool
    source: str
    outlet: int
    # Average days between visits, and the day after which they came no more.
    every_days: float
    last_day: date
    hours: Sequence[int]
    favourites: Sequence[Good]
    thrift: float
    customer_id: int = 0
    # Who brought them, if it is known beforehand; their first order is a big one then.
    friend_of: Guest | None = None
    # Enrolled at the till: the welcome is for when they open the bot.
    is_from_till: bool = False
    # Visits of their own instead of those by their rhythm.
    diary: Sequence[Visit] = ()


@dataclass(slots=True, eq=False)
class Visit:
    """Somebody at the till; ``guest`` None is a sale without a card.

    ``order`` and ``cashier`` (0 or 1 of the outlet's two) are drawn if they are not given.
    """

    at: datetime
    guest: Guest | None
    outlet: int
    order: Sequence[tuple[Good, int]] = ()
    cashier: int | None = None


def make_guests(
    rng: random.Random,
    chain: Chain,
    *,
    count: int,
    visits: int,
    first_day: date,
    now: datetime,
    zone: ZoneInfo,
) -> list[Guest]:
    """``count`` guests who come about ``visits`` times in all until ``now``.

    How often they come falls with their rank as Zipf has it; a third stop coming some day.
    """
    days = (now.astimezone(zone).date() - first_day).days
    guests = [
        _guest(rng, chain, n, days=days, first_day=first_day, zone=zone, now=now)
        for n in range(count)
    ]
    ranks = list(range(1, count + 1))
    rng.shuffle(ranks)
    weights = [1 / (rank + 12) ** 0.72 for rank in ranks]
    active = [max(1, (g.last_day - g.joined_at.astimezone(zone).date()).days) for g in guests]
    scale = visits / sum(w * d for w, d in zip(weights, active, strict=True))
    for guest, weight in zip(guests, weights, strict=True):
        guest.every_days = max(0.9, 1 / (weight * scale))
    return guests


def _guest(
    rng: random.Random,
    chain: Chain,
    n: int,
    *,
    days: int,
    first_day: date,
    zone: ZoneInfo,
    now: datetime,
) -> Guest:
    woman = rng.random() < 0.56
    surname = rng.choice(chain.surnames)[1 if woman else 0]
    name = rng.choice(chain.women if woman else chain.men)
    # A third were there from the opening weeks; then more join every month than the last.
    start = rng.triangular(0, 45, 0) if rng.random() < 0.3 else days * rng.random() ** 0.8
    joined_day = first_day + timedelta(days=int(min(start, days)))
    joined_at = moment(rng, joined_day, _HOURS, zone)
    if joined_at >= now:
        joined_at = now - timedelta(minutes=rng.randint(5, 600))
    today = now.astimezone(zone).date()
    gone = rng.random() < 0.34
    born = None
    if rng.random() < 0.72:
        day = date(rng.randint(1958, 2008), 1, 1) + timedelta(days=rng.randint(0, 364))
        born = (day.day, day.month, day.year)
    persona = rng.random()
    return Guest(
        name=f"{name} {surname}",
        sex="f" if woman else "m",
        # No network gives out +7 000: nobody can be reached by these.
        phone=f"+7000{n + 1:07d}",
        born=born,
        joined_at=joined_at,
        ads=rng.random() < 0.76,
        source=rng.choices(chain.sources, (40, 30, 12, 10, 8))[0],
        outlet=rng.choices((0, 1, 2), (48, 30, 22))[0],
        every_days=7.0,
        last_day=joined_day + timedelta(days=int(rng.expovariate(1 / 85))) if gone else today,
        hours=_EARLY if persona < 0.42 else _LATE if persona > 0.8 else _HOURS,
        favourites=rng.choices(chain.menu, [good.weight for good in chain.menu], k=2),
        thrift=rng.random() ** 1.6 * 0.5,
    )


def moment(rng: random.Random, day: date, hours: Sequence[int], zone: ZoneInfo) -> datetime:
    """A moment of ``day`` while the chain is open."""
    hour = _OPENS + rng.choices(range(len(hours)), hours)[0]
    local = datetime.combine(day, time(hour, rng.randrange(60), rng.randrange(60)), tzinfo=zone)
    return local.astimezone(zone)


def visits_of(
    rng: random.Random, guest: Guest, *, now: datetime, zone: ZoneInfo
) -> Iterator[Visit]:
    """A guest's visits: the first when they join, then in their own rhythm until they stop."""
    if guest.diary:
        yield from guest.diary
        return
    joined = guest.joined_at.astimezone(zone)
    if guest.friend_of is not None or rng.random() < 0.93:
        first = joined + timedelta(minutes=rng.randint(1, 6))
        if first < now:
            yield Visit(first, guest, guest.outlet)
    day, last = float(joined.toordinal()), min(guest.last_day, now.astimezone(zone).date())
    while True:
        # A memory-less rhythm looks wild; people come a little more evenly than that.
        day += rng.gammavariate(1.8, guest.every_days / 1.8)
        if day >= last.toordinal() + 1:
            return
        on = date.fromordinal(int(day))
        if int(day) == joined.toordinal() or not _goes_out(rng, on):
            continue
        at = moment(rng, on, guest.hours, zone)
        if at < now:
            outlet = guest.outlet if rng.random() < 0.82 else rng.randrange(3)
            yield Visit(at, guest, outlet)


def strangers(
    rng: random.Random, *, count: int, first_day: date, now: datetime, zone: ZoneInfo
) -> Iterator[Visit]:
    """Sales without a card, spread as all the others are."""
    days = (now.astimezone(zone).date() - first_day).days
    for _ in range(count):
        day = first_day + timedelta(days=rng.randint(0, days))
        at = moment(rng, day, _HOURS, zone)
        if _goes_out(rng, day) and at < now:
            yield Visit(at, None, rng.choices((0, 1, 2), (40, 25, 35))[0])


def _goes_out(rng: random.Random, day: date) -> bool:
    return rng.random() * 15_000 < _WEEKDAYS[day.weekday()] * _MONTHS[day.month - 1]


@cache
def _cumulative(chain: Chain, summer: bool) -> list[int]:
    """How often the things on the menu are asked for, added up along it."""
    return list(accumulate(g.weight * (g.summer if summer else 100) for g in chain.menu))


def basket(rng: random.Random, visit: Visit, chain: Chain) -> list[tuple[Good, int]]:
    """What is ordered: the usual most of the time, often something to go with it."""
    weights = _cumulative(chain, visit.at.month in (6, 7, 8))
    first = rng.choices(chain.menu, cum_weights=weights)[0]
    if visit.guest is not None and rng.random() < 0.62:
        first = rng.choice(visit.guest.favourites)
    order = {first.sku: (first, 1)}
    more = rng.choices((0, 1, 2, 3), (52, 33, 11, 4))[0]
    for _ in range(more):
        good = rng.choices(chain.menu, cum_weights=weights)[0]
        # Few drink two coffees at once; they take a bun, or one for a friend.
        if good.is_drink and first.is_drink and rng.random() < 0.55:
            good = rng.choice([other for other in chain.menu if not other.is_drink])
        known = order.get(good.sku)
        order[good.sku] = (good, known[1] + 1 if known else 1)
    return list(order.values())
