"""Which promotions apply to a receipt: a pure question of its lines and of facts about the sale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any

from loyalty.promotions.bundles import Wanted, saves
from loyalty.promotions.model import (
    DAY_MINUTES,
    REDUCING,
    Bundle,
    Conditions,
    Goal,
    NthFree,
    Progressive,
    Promotion,
)
from loyalty.promotions.scopes import Goods
from loyalty.receipts import Line

_EVERY_DAY = frozenset(range(1, 8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What promotions may ask of a sale; whoever sells answers beforehand.

    ``local``: the moment in the outlet's zone, aware. ``purchases_before``: the customer's
    purchases until now.
    """

    local: datetime
    outlet_id: int | None = None
    has_customer: bool = False
    segments: frozenset[str] = frozenset()
    first_purchase: bool = False
    birthday_week: bool = False
    purchases_before: int = 0

    def as_json(self) -> dict[str, Any]:
        """What a purchase keeps, to be asked again at a return."""
        return {
            "local": self.local.isoformat(),
            "outlet_id": None if self.outlet_id is None else str(self.outlet_id),
            "has_customer": self.has_customer,
            "segments": sorted(self.segments),
            "first_purchase": self.first_purchase,
            "birthday_week": self.birthday_week,
            "purchases_before": self.purchases_before,
        }

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Facts:
        """The facts that ``as_json`` kept; what an older row lacks is as good as "no".

        Raises:
            KeyError, ValueError: there is no moment in it.
        """
        outlet = kept.get("outlet_id")
        return cls(
            local=datetime.fromisoformat(kept["local"]),
            outlet_id=None if outlet is None else int(outlet),
            has_customer=bool(kept.get("has_customer", False)),
            segments=frozenset(kept.get("segments", ())),
            first_purchase=bool(kept.get("first_purchase", False)),
            birthday_week=bool(kept.get("birthday_week", False)),
            purchases_before=int(kept.get("purchases_before", 0)),
        )


class _Moments:
    """Hours, weekdays and dates of the conditions."""

    __slots__ = ("_days", "_first", "_from", "_last", "_to", "_wraps")

    def __init__(self, when: Conditions) -> None:
        self._from = when.from_minute or 0
        self._to = DAY_MINUTES if when.to_minute is None else when.to_minute
        self._wraps = self._to < self._from
        self._days = frozenset(when.weekdays) or _EVERY_DAY
        self._first = when.starts_on or date.min
        self._last = when.ends_on or date.max

    def hold(self, minute: int, day: date) -> bool:
        """Whether that minute of that local day is meant."""
        if self._wraps:
            if minute < self._to:
                # The small hours belong to the evening they follow.
                day -= timedelta(days=1)
            elif minute < self._from:
                return False
        elif not self._from <= minute < self._to:
            return False
        return self._first <= day <= self._last and day.isoweekday() in self._days


class _Ready:
    """A promotion's conditions made ready to be asked."""

    __slots__ = (
        "_asks_customer",
        "_first_purchase",
        "_min_pieces",
        "_minimum",
        "_moments",
        "_not_segments",
        "_outlets",
        "_rules",
        "_segments",
        "_wanted",
        "goods",
    )

    def __init__(self, rules: Promotion) -> None:
        when, effect = rules.when, rules.effect
        self._rules = rules
        self.goods = Goods(when.scope)
        self._moments = _Moments(when)
        self._asks_customer = (
            when.members_only
            or when.birthday_week
            or when.first_purchase is not None
            or bool(when.segments)
            or not isinstance(effect, REDUCING)
        )
        self._first_purchase = when.first_purchase
        self._outlets = frozenset(when.outlets)
        self._segments = frozenset(when.segments)
        self._not_segments = frozenset(when.not_segments)
        self._minimum, self._min_pieces = when.minimum, when.min_pieces
        self._wanted: Wanted | None = None
        if isinstance(effect, Bundle):
            scopes = [Goods(item.scope) for item in effect.items]
            self._wanted = Wanted(scopes, [item.quantity for item in effect.items], effect.price)

    @property
    def wanted(self) -> Wanted:
        """What a bundle is made of."""
        if self._wanted is None:
            raise TypeError("only a bundle is made of anything")
        return self._wanted

    def apply(self, lines: Sequence[Line], facts: Facts, minute: int, day: date) -> bool:
        """Whether the promotion applies to this receipt and can do something for it."""
        return (
            self._moments.hold(minute, day)
            and (not self._outlets or str(facts.outlet_id) in self._outlets)
            and (not self._asks_customer or self._meant(facts))
            and (not self._not_segments or self._not_segments.isdisjoint(facts.segments))
            and self._found(lines, facts)
        )

    def _meant(self, facts: Facts) -> bool:
        if not facts.has_customer:
            return False
        if self._segments and self._segments.isdisjoint(facts.segments):
            return False
        if self._first_purchase is not None and self._first_purchase != facts.first_purchase:
            return False
        return facts.birthday_week or not self._rules.when.birthday_week

    def _found(self, lines: Sequence[Line], facts: Facts) -> bool:
        places = self.goods.within(lines)
        if not places:
            return False
        if self._minimum and sum(lines[i].net for i in places) < self._minimum:
            return False
        if self._min_pieces and sum(lines[i].pieces for i in places) < self._min_pieces:
            return False
        effect = self._rules.effect
        # One that cannot do anything must not stand in another's way.
        if isinstance(effect, NthFree):
            return sum(lines[i].pieces for i in places) >= effect.n
        if isinstance(effect, Progressive):
            if effect.by == "purchases":
                return facts.purchases_before >= effect.steps[0].threshold
            return sum(lines[i].net for i in places) >= effect.steps[0].threshold
        if self._wanted is not None:
            return saves(self._wanted, lines, places)
        return True


@dataclass(frozen=True, slots=True)
class Live:
    """A version of a promotion as tills use it. ``id`` is the version's."""

    id: int
    promotion_id: int
    number: int
    rules: Promotion
    ready: _Ready = field(init=False, repr=False, compare=False)
    order: tuple[int, int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ready", _Ready(self.rules))
        object.__setattr__(self, "order", (-self.rules.priority, self.promotion_id, self.id))


_ORDER = attrgetter("order")


def choose(live: Sequence[Live], lines: Sequence[Line], facts: Facts) -> list[Live]:
    """The promotions that apply to a receipt, higher priority first, then the older.

    An exclusive one is alone if it comes first, and left out if another stands before it.
    Conditions look at the lines as they come in, before any promotion's discount; a line with
    no quantity left is not there.
    """
    if not live:
        return []
    local = facts.local
    minute, day = local.hour * 60 + local.minute, local.date()
    chosen: list[Live] = []
    for one in sorted(live, key=_ORDER):
        exclusive = one.rules.exclusive
        if exclusive and chosen:
            continue
        if one.ready.apply(lines, facts, minute, day):
            chosen.append(one)
            if exclusive:
                break
    return chosen


def goals_of(chosen: Iterable[Live]) -> list[Live]:
    """Those of them that are goals."""
    return [one for one in chosen if isinstance(one.rules.effect, Goal)]
