"""How a chain begins, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from markupsafe import Markup

from loyalty.chains.model import (
    CalendarTrigger,
    DateTrigger,
    EventTrigger,
    ExpiryTrigger,
    ReplenishTrigger,
    SegmentTrigger,
    SilenceTrigger,
    Trigger,
)
from loyalty.texts import N_, Translator

EVENTS: dict[str, str] = {
    "customer.joined": N_("when somebody joins"),
    "purchase.recorded": N_("after a purchase"),
    "purchase.rated": N_("after a rating"),
    "stamps.reward": N_("when a stamp card is full"),
    "tier.changed": N_("when the level changes"),
    "tier.warned": N_("when the level is about to go down"),
    "points.birthday": N_("when birthday points are given"),
    "cart_updated": N_("when something is left in the cart on the site"),
    "product_viewed": N_("when goods were viewed on the site"),
    "order_placed": N_("when an order is placed on the site"),
}


def clock_text(hour: int) -> str:
    """ "10:00"."""
    return f"{hour}:00"


class TriggerSayer:
    """Says in one language how chains begin. ``rule`` says a rule about customers in words,
    ``cards`` are the stamp cards by key."""

    def __init__(
        self,
        t: Translator,
        *,
        currency: str,
        rule: Callable[[Any], str],
        cards: Mapping[str, str] | None = None,
    ) -> None:
        self._t, self._currency, self._rule = t, currency, rule
        self._cards = cards or {}

    def trigger(self, trigger: Trigger) -> Markup:
        """When somebody's way begins: "when somebody joins"."""
        t = self._t
        match trigger:
            case EventTrigger():
                return self._event(trigger)
            case ExpiryTrigger():
                return t.plural(
                    "{n} day before points expire",
                    "{n} days before points expire",
                    trigger.days_before,
                )
            case DateTrigger():
                return self._date(trigger)
            case SilenceTrigger():
                return t.plural(
                    "{n} day after the last purchase",
                    "{n} days after the last purchase",
                    trigger.days,
                )
            case ReplenishTrigger():
                what = trigger.category
                if what:
                    return t("when “{goods}” should have run out", goods=what)
                return t("when goods bought should have run out")
            case SegmentTrigger():
                return t("when a customer comes to fit: {rule}", rule=self._rule(trigger.rule))
        return self._calendar(trigger)

    def _event(self, trigger: EventTrigger) -> Markup:
        t = self._t
        if trigger.event == "purchase.recorded":
            if trigger.first:
                return t("after the first purchase")
            every = trigger.occurrence in ("purchase", "event")
            return t("after every purchase") if every else t("after a purchase")
        if trigger.event == "purchase.rated" and trigger.where:
            stars = trigger.where.get("score", trigger.where.get("stars"))
            if isinstance(stars, int):
                return t.plural("after a rating of {n} star", "after a rating of {n} stars", stars)
        if trigger.event == "tier.changed" and trigger.where.get("rise") is not None:
            rise = trigger.where["rise"]
            return t("when a higher level is reached") if rise else t("when the level goes down")
        if trigger.event in EVENTS:
            return t(EVENTS[trigger.event])
        return t("when “{event}” happens", event=trigger.event)

    def _date(self, trigger: DateTrigger) -> Markup:
        t, n = self._t, trigger.days_before
        if trigger.field == "birthday":
            if not n:
                return t("on the birthday")
            return t.plural("{n} day before the birthday", "{n} days before the birthday", n)
        if trigger.field == "joined":
            if not n:
                return t("on every anniversary of joining")
            return t.plural(
                "{n} day before the anniversary of joining",
                "{n} days before the anniversary of joining",
                n,
            )
        name = trigger.field.partition(":")[2]
        if not n:
            return t("on the day “{field}”", field=name)
        return t.plural(
            "{n} day before the day “{field}”", "{n} days before the day “{field}”", n, field=name
        )

    def _calendar(self, trigger: CalendarTrigger) -> Markup:
        t = self._t
        if trigger.on is not None:
            day = t("on {day}", day=t.day(trigger.on, year=True))
        elif trigger.month and trigger.day:
            last = min(trigger.day, 29 if trigger.month == 2 else 30 + trigger.month % 2)
            day = t("every year on {day}", day=t.day(date(2000, trigger.month, last)))
        else:
            day = t("on a day to be chosen")
        parts = [day, t("from {time}", time=clock_text(trigger.hour))]
        if trigger.rule is not None:
            parts.append(t("to those who fit: {rule}", rule=self._rule(trigger.rule)))
        return Markup(", ").join(parts)
