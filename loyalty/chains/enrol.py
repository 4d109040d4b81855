"""Who starts a chain. May run any number of times, anywhere, late: an enrolment is once per
customer, chain and occurrence, and begins when it should have begun.

Events are read after a cursor. Starts that come with time (a birthday, a silence) are looked for
in the time since the last look, and once an hour as far back as they are of use, so that what was
told late is not missed: slice by slice of the customers, so that memory and transactions stay
small however many there are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.chains import triggers_segment as segment
from loyalty.chains.model import DateTrigger, EventTrigger, ExpiryTrigger, SegmentTrigger
from loyalty.chains.store import Chain, all_chains, definition_of
from loyalty.chains.tables import chain
from loyalty.chains.triggers_common import USEFUL, Place, Window, enrol
from loyalty.chains.triggers_days import (
    calendar_starts,
    date_starts,
    has_calendar_day,
    has_midnight,
)
from loyalty.chains.triggers_events import follow, newest
from loyalty.chains.triggers_expiry import plan_expiring
from loyalty.chains.triggers_next import next_planned
from loyalty.chains.triggers_progress import Doing, Progress, all_progress, keep, take
from loyalty.chains.triggers_replenish import has_paces, replenish_starts
from loyalty.chains.triggers_silence import silence_starts
from loyalty.customers import customer
from loyalty.errors import SegmentInvalid

__all__ = ["Planned", "enrol_from_events", "next_planned", "plan", "plan_expiry"]

log = logging.getLogger(__name__)

EVENTS = frozenset({"event"})
BY_TIME = frozenset({"expiry", "date", "silence", "replenish", "segment", "calendar"})

PAGES = 4
"""Pages of new events that are read in one unit."""

SLICES = 2
"""Slices of customers that are read in one unit."""

SLICE = 10_000
WIDE_SLICE = 25_000
"""Customers in a slice; in a wide one where a rule is asked, which may read whole tables."""

LEARNT_LATE = timedelta(days=60)
"""How far back a start is made at most for a date of the guest's own that is still ahead."""

WHOLE_EVERY = timedelta(hours=1)
SEGMENT_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Planned:
    """What a call did; ``more`` says that there is more to do right now."""

    enrolled: int
    more: bool


@dataclass(frozen=True, slots=True)
class _Look:
    """How starts of a kind of trigger are looked for: the query, whether there can be any at
    all in a window, how short a window is in which an index leads to them all without slices,
    whether what was told late counts."""

    starts: Callable[[Place, Chain, Window], sa.Select[Any] | None]
    may_start: Callable[[Place, Chain, Window], bool] | None = None
    narrow: timedelta = timedelta()
    looks_back: bool = True
    slice: int = SLICE


_LOOKS = {
    "date": _Look(date_starts, has_midnight),
    "silence": _Look(silence_starts, narrow=timedelta(hours=6)),
    "replenish": _Look(replenish_starts, has_paces, narrow=timedelta(minutes=15)),
    # Who comes into the segment after the day has missed it.
    "calendar": _Look(calendar_starts, has_calendar_day, looks_back=False, slice=WIDE_SLICE),
}


def plan(
    session: Session,
    *,
    now: datetime,
    time_zone: str,
    only: Collection[str] | None = None,
    pages: int = PAGES,
) -> Planned:
    """Enrol whoever should have started a chain by ``now``; call again while ``more``.

    ``time_zone`` is the business's. ``only`` names kinds of triggers (None: all). A unit is
    bounded: ``pages`` pages of events a chain, a few slices of customers altogether.
    """
    items = [
        item
        for item in all_chains(session)
        if item.enabled and (only is None or item.definition.trigger.kind in only)
    ]
    if not items:
        return Planned(0, False)
    place = Place(session, now, time_zone)
    known = all_progress(session)
    news = newest(session, items)
    enrolled, more, slices = 0, False, SLICES
    for item in items:
        progress = known.get(item.id)
        trigger = item.definition.trigger
        try:
            if isinstance(trigger, EventTrigger):
                last = news.get(trigger.event, 0)
                new, left = follow(place, item, pages=pages, known=progress, newest_id=last)
            elif isinstance(trigger, ExpiryTrigger):
                new, left = plan_expiring(place, item, pages=pages)
            else:
                new, left, slices = _look(place, item, progress, slices)
        except SegmentInvalid:
            _halt(session, item, now=now)
            continue
        enrolled, more = enrolled + new, more or left
    return Planned(enrolled, more)


def enrol_from_events(session: Session, *, now: datetime, pages: int = PAGES) -> int:
    """Enrol customers whose events start a chain; how many were new.

    Reads at most ``pages`` pages of what is new after each chain's cursor.
    """
    # Events are of a moment, not of a day: no zone has a say in them.
    return plan(session, now=now, time_zone="UTC", only=EVENTS, pages=pages).enrolled


def plan_expiry(session: Session, *, now: datetime, time_zone: str, pages: int = 8) -> int:
    """Enrol customers whose points have a last day soon, summed by that day; how many were new.

    At most ``pages`` pages of customers a chain; the rest is left to the next call.
    """
    only = frozenset({"expiry"})
    return plan(session, now=now, time_zone=time_zone, only=only, pages=pages).enrolled


def _halt(session: Session, item: Chain, *, now: datetime) -> None:
    """Its segment cannot be read any more: the others go on, and somebody has to look."""
    log.error("chain %s is switched off: its segment cannot be read", item.key)
    values = {"enabled": False, "halted_at": now, "halted_reason": "segment_invalid"}
    session.execute(sa.update(chain).where(chain.c.id == item.id).values(**values))


# --- a look at time ----------------------------------------------------------------------------


def _look(place: Place, item: Chain, known: Progress | None, slices: int) -> tuple[int, bool, int]:
    """Look for the starts of a chain that come with time, as far as ``slices`` go: how many were
    new, whether more are left, and how many slices are."""
    if not _is_due(place, item, known):
        return 0, False, slices
    if slices <= 0:
        return 0, True, 0
    progress = take(place.session, item.id)
    # Another planner has it, or had it a moment ago.
    if progress is None or not _is_due(place, item, progress):
        return 0, False, slices
    doing = progress.doing
    if doing is None or doing.version_id != item.version_id:
        doing = _begin(place, item, progress)
    new = 0
    while slices > 0:
        window = _slice(place, item, doing, progress)
        new += _take_slice(place, item, doing, window)
        slices -= 1
        if window.high is None:
            _finish(progress, doing, place)
            keep(place.session, progress)
            return new, False, slices
        doing = replace(doing, low=window.high)
    progress.doing = doing
    progress.zones |= place.seen_zones
    keep(place.session, progress)
    return new, True, 0


def _floor(place: Place, item: Chain) -> datetime:
    """Starts up to here are not made: too old to be of use, or the chain was off. Whose own date
    is still ahead when a chain is switched on is reminded of it nevertheless."""
    ahead = _ahead(item)
    useful = place.now - max(USEFUL, ahead)
    if item.enabled_at is None:
        return place.now
    return max(useful, min(item.enabled_at - timedelta(microseconds=1), place.now - ahead))


def _ahead(item: Chain) -> timedelta:
    """How long before its day a chain about a date of the guest's own starts: a date that is
    learnt late is of use as long as it is ahead."""
    trigger = item.definition.trigger
    if not isinstance(trigger, DateTrigger) or not trigger.field.startswith("field:"):
        return timedelta()
    return min(timedelta(days=trigger.days_before), LEARNT_LATE)


def _is_first(item: Chain, progress: Progress | None) -> bool:
    """Whether the chain is looked at for the first time since it was switched on."""
    if progress is None or progress.planned_to is None:
        return True
    return item.enabled_at is not None and progress.planned_to < item.enabled_at


def _is_whole(place: Place, item: Chain, progress: Progress | None) -> bool:
    """Whether it is time to look back as far as starts are of use."""
    if _is_first(item, progress):
        return True
    assert progress is not None
    look = _LOOKS.get(item.definition.trigger.kind)
    if look is None or not look.looks_back:
        return False
    looked = progress.looked_at
    if looked is None or progress.version_id != item.version_id:
        return True
    return place.now >= looked + WHOLE_EVERY


def _window(place: Place, item: Chain, progress: Progress | None) -> Window:
    floor = _floor(place, item)
    whole = _is_whole(place, item, progress)
    if whole or progress is None or progress.planned_to is None:
        return Window(floor, place.now, zones=None)
    return Window(max(floor, progress.planned_to), place.now, zones=progress.zones)


def _is_due(place: Place, item: Chain, progress: Progress | None) -> bool:
    """Whether there may be anybody to enrol, told without looking at customers."""
    if progress is not None and progress.doing is not None:
        return True
    if _is_first(item, progress):
        return True
    assert progress is not None
    assert progress.planned_to is not None
    if progress.planned_to >= place.now:
        return False
    trigger = item.definition.trigger
    if trigger.kind == "segment":
        since = progress.planned_to
        return place.now >= since + SEGMENT_EVERY or progress.version_id != item.version_id
    look = _LOOKS[trigger.kind]
    if look.looks_back and _is_whole(place, item, progress):
        return True
    return look.may_start is None or look.may_start(place, item, _window(place, item, progress))


def _begin(place: Place, item: Chain, progress: Progress) -> Doing:
    window = _window(place, item, progress)
    whole = _is_whole(place, item, progress)
    if isinstance(item.definition.trigger, SegmentTrigger):
        # Being in it when the chain begins, or is about another one, is not coming into it.
        whole = whole or _is_about_another(place, item, progress)
        segment.leave(place, item)
    return Doing(window.from_, window.until, item.version_id, whole)


def _is_about_another(place: Place, item: Chain, progress: Progress) -> bool:
    if progress.version_id in (None, item.version_id):
        return False
    before = definition_of(place.session, progress.version_id).trigger
    now = item.definition.trigger
    return getattr(before, "rule", None) != getattr(now, "rule", None)


def _slice(place: Place, item: Chain, doing: Doing, progress: Progress) -> Window:
    """The next customers to look at; all of them where that costs no more than those found."""
    kind = item.definition.trigger.kind
    zones = None if doing.whole else progress.zones
    window = Window(doing.from_, doing.until, zones=zones)
    if kind == "segment":
        sliced, size = doing.whole, WIDE_SLICE
    else:
        look = _LOOKS[kind]
        sliced = doing.until - doing.from_ > look.narrow
        size = look.slice
    if not sliced:
        return window
    ids = (sa.select(customer.c.id).where(customer.c.id > doing.low).order_by(customer.c.id)).limit(
        size
    )
    found = ids.subquery()
    high, many = place.session.execute(sa.select(sa.func.max(found.c.id), sa.func.count())).one()
    if many < size:
        # The last of them, and whoever joins meanwhile.
        return replace(window, low=doing.low, high=None)
    return replace(window, low=doing.low, high=high)


def _take_slice(place: Place, item: Chain, doing: Doing, window: Window) -> int:
    trigger = item.definition.trigger
    if isinstance(trigger, SegmentTrigger):
        come = segment.come(place, item, window)
        if not come or (doing.whole and not trigger.present):
            return 0
        return enrol(place.session, item, segment.segment_starts(place, item, window))
    starts = _LOOKS[trigger.kind].starts(place, item, window)
    return 0 if starts is None else enrol(place.session, item, starts)


def _finish(progress: Progress, doing: Doing, place: Place) -> None:
    progress.planned_to = doing.until
    progress.doing = None
    progress.version_id = doing.version_id
    progress.zones |= place.seen_zones
    if doing.whole:
        progress.looked_at = doing.until
