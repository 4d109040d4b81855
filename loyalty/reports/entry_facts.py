"""What is known about one entry of a customer's points: facts only, each face words them.

Points are whole, money in minor units, moments aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from loyalty.program import LocalText
from loyalty.promotions import Part

State = Literal["waiting", "open", "ended"]
"""Whether points cannot be spent yet, can be, or cannot any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """A line of a receipt. ``amount`` after its discount; ``points_paid`` of it by points."""

    name: str | None
    quantity_milli: int
    returned_milli: int
    amount: int
    points_paid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """The purchase behind an entry. ``lines`` are the first ones, ``more_lines`` the rest."""

    id: int
    outlet: str | None
    sold_at: datetime
    total: int
    discount: int
    returned: int
    redeemed: int
    earned: int
    gift_paid: int
    lines: Sequence[Goods]
    more_lines: int
    # Where the points came from, what the promotions among that are called, and the level.
    parts: Sequence[Part]
    names: Mapping[int, LocalText]
    tier: LocalText | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The return behind an entry. ``debt``: points that were spent already, owed since."""

    id: int
    at: datetime
    amount: int
    earned_reversed: int
    spent_returned: int
    debt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Points that an entry has given, together as they will end. ``last_day`` is None: never."""

    points: int
    left: int
    active_from: datetime
    expires_at: datetime | None
    last_day: date | None
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where points that went away had come from: which gift or purchase, and when.

    ``kind`` and ``source_kind`` are those of the entry that had given them; of points that had
    come back after a return, of the entry before that. ``total``: of the purchase, minor units.
    """

    points: int
    kind: str
    source_kind: str
    earned_at: datetime
    last_day: date | None
    total: int | None
    outlet: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A part of a debt and the return it came from (None: unknown)."""

    points: int
    at: datetime
    returned: Returned | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminders:
    """What was said before points ended: how often and when last, or why nothing was.

    ``reason`` is a code of ``messaging`` ("no_consent", "unreachable", …), "holdout" or None.
    """

    sent: int
    last_at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One entry explained.

    What came has ``given``, which adds up to ``amount``; what went has ``origins``, which add up
    to −``amount``. ``repaid``: what of it went to a debt at once (and has an entry of its own).
    """

    id: int
    at: datetime
    amount: int
    kind: str
    source_kind: str
    balance_after: int
    # Whether a person at the till or in the panel made it; otherwise the program itself.
    by_staff: bool
    given: Sequence[Given] = ()
    origins: Sequence[Origin] = ()
    repaid: int = 0
    purchase: Bought | None = None
    returned: Returned | None = None
    owed: Sequence[Owed] = ()
    # The day the friend came (an invitation), the goal that was reached, the lot's reminders.
    friend_came_at: datetime | None = None
    goal: LocalText | None = None
    reminders: Reminders | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An entry in the history. ``total``: of the purchase behind it, minor units."""

    id: int
    at: datetime
    amount: int
    kind: str
    source_kind: str
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Entries, newest first. ``newer`` and ``older`` begin the pages beside it.

    ``newer`` is 0 for the very first page; None: there is no page on that side.
    """

    entries: Sequence[Listed]
    newer: int | None
    older: int | None
