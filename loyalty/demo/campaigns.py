"""The demo's promotions: one that runs with its past, one to come, ended ones, a draft."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy.orm import Session

from loyalty import clock, promotions
from loyalty.demo.catalogue import Chain, minor
from loyalty.program import LocalText, PointsGift, Scope
from loyalty.promotions import Conditions, Live, Promotion
from loyalty.promotions.model import (
    Bundle,
    BundleItem,
    Discount,
    ExtraRate,
    FixedPoints,
    Goal,
    Multiplier,
    NthFree,
)

ON, OFF, ARCHIVED, DRAFT = "on", "off", "archived", "draft"
_WORKDAYS = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class _Step:
    """What somebody did to a promotion, so many days ago (None of the rules: as they were)."""

    days_ago: int
    key: str
    does: str
    rules: Promotion | None = None


class Calendar:
    """Which promotions tills know at each moment."""

    def __init__(self) -> None:
        self._steps: list[tuple[datetime, tuple[Live, ...]]] = []
        self._place = -1

    def add(self, at: datetime, live: tuple[Live, ...]) -> None:
        """From ``at`` on these are switched on; steps come in the order of time."""
        self._steps.append((at, live))

    def live(self, at: datetime) -> tuple[Live, ...]:
        """The promotions that are on at ``at``, which never goes back."""
        while self._place + 1 < len(self._steps) and self._steps[self._place + 1][0] <= at:
            self._place += 1
        return self._steps[self._place][1] if self._place >= 0 else ()


def write(
    session: Session, chain: Chain, *, currency: str, time_zone: str, author: str, now: datetime
) -> Calendar:
    """Save and switch the promotions as the marketer did through the year."""
    today = clock.local_date(now, time_zone)
    steps = [*_running(chain), *_over(chain, today), *_to_come(chain, today, currency)]
    calendar, ids = Calendar(), dict[str, int]()
    for step in sorted(steps, key=lambda step: -step.days_ago):
        day = today - timedelta(days=step.days_ago)
        at = min(clock.local_instant(day, time(10, 15), time_zone), now)
        if step.rules is not None:
            saved = promotions.save(session, ids.get(step.key), step.rules, author, at)
            ids[step.key] = saved.live.promotion_id
        switch = _SWITCHES.get(step.does)
        if switch is not None:
            switch(session, ids[step.key], author, at)
            calendar.add(at, promotions.live_at(session, promotions.current_revision(session)))
    return calendar


_SWITCHES: dict[str, Callable[[Session, int, str, datetime], object]] = {
    ON: promotions.switch_on,
    OFF: promotions.switch_off,
    ARCHIVED: promotions.archive,
}


def _goods(chain: Chain, *keys: str) -> Scope:
    return Scope(categories=tuple(chain.category(key) for key in keys))


def _morning(chain: Chain, points: int, to_hour: int) -> Promotion:
    return Promotion(
        name=LocalText(ru="Утренний кофе", en="Morning coffee"),
        when=Conditions(
            scope=_goods(chain, "coffee"),
            weekdays=_WORKDAYS,
            from_minute=8 * 60,
            to_minute=to_hour * 60,
        ),
        effect=FixedPoints(points=points),
        priority=10,
    )


def _running(chain: Chain) -> Sequence[_Step]:
    birthday = Promotion(
        name=LocalText(ru="Неделя дня рождения", en="Birthday week"),
        when=Conditions(birthday_week=True),
        effect=Multiplier(times_bp=20_000),
    )
    visits = Promotion(
        name=LocalText(ru="Три визита за неделю", en="Three visits a week"),
        effect=Goal(target=3, period="week", gift=PointsGift(points=30, valid_days=30)),
    )
    return (
        _Step(300, "birthday", ON, birthday),
        _Step(170, "morning", ON, _morning(chain, 5, 11)),
        _Step(95, "morning", ON, _morning(chain, 10, 10)),
        _Step(27, "visits", ON, visits),
    )


def _over(chain: Chain, today: date) -> Sequence[_Step]:
    """A discount that was switched off, a summer one whose time is over, one that never ran."""

    def sweet(rate_bp: int) -> Promotion:
        return Promotion(
            name=LocalText(ru="Сладкий вечер", en="Sweet evening"),
            when=Conditions(scope=_goods(chain, "dessert"), from_minute=18 * 60),
            effect=Discount(rate_bp=rate_bp),
        )

    tuesday = Promotion(
        name=LocalText(ru="Вторник с выпечкой", en="Bakery Tuesday"),
        when=Conditions(scope=_goods(chain, "bakery"), weekdays=(2,)),
        effect=Discount(rate_bp=1000),
    )
    august = date(today.year, 8, 31)
    if august >= today:
        august = august.replace(year=today.year - 1)
    summer = Promotion(
        name=LocalText(ru="Лето в стакане", en="Summer in a glass"),
        when=Conditions(
            scope=_goods(chain, "cold"), starts_on=august.replace(month=6, day=1), ends_on=august
        ),
        effect=ExtraRate(extra_bp=500),
    )
    begun = min(399, (today - august).days + 94)
    return (
        _Step(begun, "summer", ON, summer),
        _Step(160, "sweet", ON, sweet(1500)),
        _Step(130, "sweet", ON, sweet(2000)),
        _Step(80, "sweet", OFF),
        _Step(45, "tuesday", DRAFT, tuesday),
        _Step(44, "tuesday", ARCHIVED),
    )


def _to_come(chain: Chain, today: date, currency: str) -> Sequence[_Step]:
    buns = Promotion(
        name=LocalText(ru="Третья булочка в подарок", en="Every third bun free"),
        when=Conditions(
            scope=_goods(chain, "bakery"),
            starts_on=today + timedelta(days=5),
            ends_on=today + timedelta(days=18),
        ),
        effect=NthFree(n=3),
    )
    breakfast = Promotion(
        name=LocalText(ru="Завтрак: кофе и сырники", en="Breakfast: coffee and curd pancakes"),
        when=Conditions(to_minute=12 * 60),
        effect=Bundle(
            items=(
                BundleItem(scope=_goods(chain, "coffee")),
                BundleItem(scope=Scope(skus=("syr",))),
            ),
            price=minor(450, currency),
        ),
    )
    return _Step(2, "buns", ON, buns), _Step(1, "breakfast", DRAFT, breakfast)
