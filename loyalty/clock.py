"""Time: the only place that reads the wall clock, and every calendar question.

Domain functions take ``now`` (aware, UTC) as an argument; faces get it here. The demo's time
machine adds an offset to it; leases and rate limits use ``real_now`` and stay on real time.
"""

from __future__ import annotations

import asyncio
import calendar
import threading
import time as _time
from collections.abc import Awaitable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_offset = timedelta()
_offset_lock = threading.Lock()
_SAY_AGAIN_S = 1.0


def real_now() -> datetime:
    """The wall clock, aware, in UTC; never moved by the time machine."""
    return datetime.now(UTC)


def now() -> datetime:
    """The moment the business lives in: the wall clock plus the time machine's offset."""
    return datetime.now(UTC) + _offset


def monotonic() -> float:
    """Seconds on a clock that only goes forward, for durations and rate limits."""
    return _time.monotonic()


async def within(seconds: float, work: Awaitable[object]) -> bool:
    """Wait for ``work`` at most so long; whether it ended in time, otherwise it is cancelled.

    Python 3.11's ``asyncio.wait_for`` swallows a cancellation that comes in the very moment the
    work ends: a loop that waits by it may then never be stopped.
    """
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        return False
    return True


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel these and wait until they are over, whatever they end with.

    Said again to whoever goes on after a second: libraries that wait by Python 3.11's
    ``asyncio.wait_for`` (a Redis client does) may swallow a cancellation, see ``within``.
    """
    while going := [task for task in tasks if not task.done()]:
        for task in going:
            task.cancel()
        await asyncio.wait(going, timeout=_SAY_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


def offset() -> timedelta:
    """How far the time machine has moved ``now`` ahead of the wall clock."""
    return _offset


def set_offset(value: timedelta) -> None:
    """Move ``now``; only the demo's time machine and tests do so.

    Raises:
        ValueError: the offset is negative: time does not go back.
    """
    global _offset
    if value < timedelta():
        raise ValueError("time does not go back")
    with _offset_lock:
        _offset = value


def zone(name: str) -> ZoneInfo:
    """The time zone called ``name``.

    Raises:
        ValueError: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise ValueError(f"unknown time zone: {name!r}") from problem


def known_zone(*names: str | None, last_resort: str) -> str:
    """The first of these that is a time zone: names come and go with the zone tables, and one
    that is gone must not keep anything back."""
    for name in names:
        with suppress(ValueError):  # no zone of that name: the next one counts
            if name:
                return zone(name).key
    return last_resort


def local_date(moment: datetime, tz: str) -> date:
    """The calendar day that ``moment`` falls on in ``tz``."""
    return moment.astimezone(zone(tz)).date()


def local_instant(day: date, at: time, tz: str) -> datetime:
    """The UTC instant of a local wall-clock time.

    A time that a spring change skips is moved forward by the gap; of an ambiguous autumn
    time the first is taken.
    """
    local = datetime.combine(day, at, tzinfo=zone(tz))
    return local.astimezone(UTC)


def start_of_day(day: date, tz: str) -> datetime:
    """The instant at which ``day`` begins in ``tz``."""
    return local_instant(day, time(0), tz)


def end_of_validity(first_day: date, days: int, tz: str) -> datetime:
    """The instant points stop being valid: the midnight after their last valid day.

    ``first_day`` is the day they were earned, ``days`` how long they last; the last valid
    day is ``first_day + days``.
    """
    return start_of_day(first_day + timedelta(days=days + 1), tz)


def last_valid_day(expires_at: datetime, tz: str) -> date:
    """The day to show to people for an ``expires_at``: the last on which points can be spent."""
    return (expires_at.astimezone(zone(tz)) - timedelta(microseconds=1)).date()


def add_months(day: date, months: int) -> date:
    """``day`` moved by whole months, clamped to the month's last day (31 Jan + 1 = 28/29 Feb)."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


LeapDay = Literal["feb_28", "mar_1"]
"""Where 29 February is kept in years that have none: the program says (``leap_day``)."""


def birthday_in(year: int, *, month: int, day: int, leap_day: LeapDay) -> date:
    """A birthday, or any other yearly day, in ``year``; 29 February is kept as ``leap_day`` says
    in years that have none, a day beyond its month on the month's last."""
    last = calendar.monthrange(year, month)[1]
    if (month, day) == (2, 29) and day > last and leap_day == "mar_1":
        return date(year, 3, 1)
    return date(year, month, min(day, last))


def kept_on(day: date, *, leap_day: LeapDay) -> tuple[tuple[int, int], ...]:
    """Month and day of the birthdays that are kept on ``day``: its own, and 29 February on the
    day that stands for it."""
    own = (day.month, day.day)
    of_leap = birthday_in(day.year, month=2, day=29, leap_day=leap_day)
    return (own, (2, 29)) if of_leap == day and own != (2, 29) else (own,)
