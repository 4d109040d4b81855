"""Promotions in people's words: one sentence each, and where the points of a receipt come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel.dates import get_day_names
from babel.numbers import format_decimal
from markupsafe import Markup

from loyalty.amounts import BASIS
from loyalty.program.effects import Gift, LocalText, PointsGift, Scope, StampsGift
from loyalty.program.wording import in_own_words
from loyalty.promotions.accruing import Part
from loyalty.promotions.model import (
    REDUCING,
    BonusStamps,
    Bundle,
    Conditions,
    Discount,
    ExtraRate,
    FixedPoints,
    Goal,
    Multiplier,
    NthFree,
    PointsPerStep,
    Progressive,
    Promotion,
    Step,
)
from loyalty.texts import N_, Translator

_SHOWN = 5
"""So many names are told; of the rest, how many there are."""

_PERIODS = {
    "day": N_("in one day"),
    "week": N_("within a week"),
    "month": N_("within a month"),
}


@dataclass(frozen=True, slots=True)
class Names:
    """What outlets (id as text), segments, stamp cards (key) and goods (article in lower case)
    are called."""

    outlets: Mapping[str, str] = field(default_factory=dict)
    segments: Mapping[str, str] = field(default_factory=dict)
    cards: Mapping[str, str] = field(default_factory=dict)
    goods: Mapping[str, str] = field(default_factory=dict)


_NAMELESS = Names()


def describe(
    _: Translator,
    promotion: Promotion,
    *,
    currency: str = "RUB",
    names: Names = _NAMELESS,
    audience: bool = True,
    this_year: int | None = None,
) -> Markup:
    """A promotion in one sentence: "+50 points for “coffee”, weekdays 8:00–11:00".

    ``audience``: whether to say whom it is for; customers are better not told their segment.
    ``this_year``: the year that need not be named.
    """
    said = [_effect(_, promotion, currency, names)]
    said += _moments(_, promotion.when, this_year)
    said += _receipt(_, promotion.when, currency, names)
    if audience:
        said += _people(_, promotion.when, names)
        if not promotion.when.members_only and isinstance(promotion.effect, REDUCING):
            said.append(_("without a card too"))
    if promotion.exclusive:
        said.append(_("not together with other promotions"))
    return Markup(", ").join(said)


# --- what it does ----------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _decimal(language: str, value: int, places: int) -> str:
    return format_decimal(Decimal(value).scaleb(-places), format="#,##0.##", locale=language)


def _percent(_: Translator, rate_bp: int) -> str:
    return _decimal(_.language, rate_bp, 2)


def _times(_: Translator, times_bp: int) -> str:
    return _decimal(_.language, times_bp, 4)


def _listed(_: Translator, names: Iterable[str]) -> Markup:
    every = [_("“{name}”", name=name) for name in names]
    said = Markup(", ").join(every[:_SHOWN])
    if len(every) > _SHOWN:
        return _.plural(
            "{names} and {n} more", "{names} and {n} more", len(every) - _SHOWN, names=said
        )
    return said


def _goods(_: Translator, scope: Scope, names: Names) -> Markup:
    articles = [names.goods.get(sku.casefold(), sku) for sku in scope.skus]
    # Two articles of one name (a large and a small one) are told once.
    named = list(dict.fromkeys([*scope.categories, *articles]))
    return _listed(_, in_own_words(named, _.language)) if named else _("a purchase")


def _is_narrow(scope: Scope) -> bool:
    return bool(scope.categories or scope.skus)


def _effect(_: Translator, promotion: Promotion, currency: str, names: Names) -> Markup:
    effect, goods = promotion.effect, _goods(_, promotion.when.scope, names)
    if isinstance(effect, ExtraRate):
        percent = _percent(_, effect.extra_bp)
        return _("+{percent} % in points for {goods}", percent=percent, goods=goods)
    if isinstance(effect, Multiplier):
        return _("points ×{times} for {goods}", times=_times(_, effect.times_bp), goods=goods)
    if isinstance(effect, FixedPoints):
        return _points(_, effect, promotion.when.scope, names)
    if isinstance(effect, PointsPerStep):
        points, money = _.points(effect.points), _.money(effect.step, currency)
        if not _is_narrow(promotion.when.scope):
            return _("+{points} for every full {money}", points=points, money=money)
        return _(
            "+{points} for every full {money} spent on {goods}",
            points=points,
            money=money,
            goods=goods,
        )
    if isinstance(effect, BonusStamps):
        return _("+{stamps} for {goods}", stamps=_stamps(_, effect, names), goods=goods)
    if isinstance(effect, Goal):
        return _goal(_, effect, currency, names)
    if isinstance(effect, NthFree):
        return _nth_free(_, effect, promotion.when.scope, names)
    if isinstance(effect, Bundle):
        return _bundle(_, effect, currency, names)
    if isinstance(effect, Progressive):
        steps = Markup(", ").join(_step(_, effect.by, step, currency) for step in effect.steps)
        return _("discount on {goods}: {steps}", goods=goods, steps=steps)
    return _discount(_, effect, goods, currency)


def _points(_: Translator, effect: FixedPoints, scope: Scope, names: Names) -> Markup:
    points, goods = _.points(effect.points), _goods(_, scope, names)
    if effect.per == "piece" and not _is_narrow(scope):
        said = _("+{points} for every piece", points=points)
    elif effect.per == "piece":
        said = _("+{points} for every piece of {goods}", points=points, goods=goods)
    else:
        said = _("+{points} for {goods}", points=points, goods=goods)
    if effect.valid_days is None:
        return said
    return _.plural(
        "{said} (good for {n} day)", "{said} (good for {n} days)", effect.valid_days, said=said
    )


def _stamps(_: Translator, effect: BonusStamps | StampsGift, names: Names) -> Markup:
    stamps = _.plural("{n} stamp", "{n} stamps", effect.stamps)
    card = names.cards.get(effect.card)
    return _("{stamps} on “{card}”", stamps=stamps, card=card) if card else stamps


def _nth_free(_: Translator, effect: NthFree, scope: Scope, names: Names) -> Markup:
    said = _.plural(
        "of every {n} piece the cheapest is free",
        "of every {n} pieces the cheapest is free",
        effect.n,
    )
    if not _is_narrow(scope):
        return said
    return _("{said}: {goods}", said=said, goods=_goods(_, scope, names))


def _bundle(_: Translator, effect: Bundle, currency: str, names: Names) -> Markup:
    items = []
    for item in effect.items:
        goods = _goods(_, item.scope, names) if _is_narrow(item.scope) else _("any item")
        if item.quantity > 1:
            goods = _("{goods} ×{n}", goods=goods, n=item.quantity)
        items.append(goods)
    money = _.money(effect.price, currency)
    return _("{items} together for {money}", items=Markup(" + ").join(items), money=money)


def _discount(_: Translator, effect: Discount, goods: Markup, currency: str) -> Markup:
    if effect.amount is not None:
        return _("{money} off {goods}", money=_.money(effect.amount, currency), goods=goods)
    said = _("{percent} % off {goods}", percent=_percent(_, effect.rate_bp or 0), goods=goods)
    if effect.up_to is None:
        return said
    return _("{said}, at most {money}", said=said, money=_.money(effect.up_to, currency))


def _step(_: Translator, by: str, step: Step, currency: str) -> Markup:
    percent = _percent(_, step.rate_bp)
    if by == "receipt":
        money = _.money(step.threshold, currency)
        return _("{percent} % on {money} or more", percent=percent, money=money)
    n = step.threshold
    if not n:
        return _("{percent} % at once", percent=percent)
    return _.plural(
        "{percent} % after {n} purchase", "{percent} % after {n} purchases", n, percent=percent
    )


def _goal(_: Translator, goal: Goal, currency: str, names: Names) -> Markup:
    if goal.measure == "purchases":
        target = _.plural("{n} purchase", "{n} purchases", goal.target)
    else:
        target = _("purchases for {money}", money=_.money(goal.target, currency))
    if goal.days is None:
        period = _(_PERIODS[goal.period])
    else:
        period = _.plural("within {n} day", "within {n} days", goal.days)
    gift = say_gift(_, goal.gift, names)
    return _("{target} {period} – a gift: {gift}", target=target, period=period, gift=gift)


def say_gift(_: Translator, gift: Gift, names: Names = _NAMELESS) -> Markup:
    """What a goal gives, in a few words."""
    if isinstance(gift, PointsGift):
        return _.points(gift.points)
    if isinstance(gift, StampsGift):
        return _stamps(_, gift, names)
    return _("“{name}”", name=gift.name.said_in(_.language))


# --- when and for whom -----------------------------------------------------------------------


def _clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02}"


def _moments(_: Translator, when: Conditions, this_year: int | None) -> list[Markup]:
    def told(day: date) -> str:
        return _.day(day, year=day.year != this_year)

    hours: Markup | None = None
    if when.from_minute is not None and when.to_minute is not None:
        hours = Markup(f"{_clock(when.from_minute)}–{_clock(when.to_minute)}")  # noqa: S704 - digits
    elif when.from_minute is not None:
        hours = _("from {time}", time=_clock(when.from_minute))
    elif when.to_minute is not None:
        hours = _("until {time}", time=_clock(when.to_minute))
    days = _weekdays(_, when.weekdays)
    said = [Markup(" ").join(part for part in (days, hours) if part is not None)]
    if when.starts_on and when.ends_on:
        first, last = told(when.starts_on), told(when.ends_on)
        said.append(_("from {first} to {last}", first=first, last=last))
    elif when.starts_on:
        said.append(_("from {first} on", first=told(when.starts_on)))
    elif when.ends_on:
        said.append(_("up to and including {last}", last=told(when.ends_on)))
    return [part for part in said if part]


def _weekdays(_: Translator, weekdays: tuple[int, ...]) -> Markup | None:
    named = sorted(weekdays)
    if not named or len(named) == 7:
        return None
    if named == [1, 2, 3, 4, 5]:
        return _("weekdays")
    if named == [6, 7]:
        return _("weekends")
    short = get_day_names("abbreviated", context="stand-alone", locale=_.language)
    return Markup(", ").join(short[day - 1] for day in named)


def _receipt(_: Translator, when: Conditions, currency: str, names: Names) -> list[Markup]:
    said = []
    if when.minimum:
        money = _.money(when.minimum, currency)
        said.append(
            _("from {money} spent on them", money=money)
            if _is_narrow(when.scope)
            else _("receipts from {money}", money=money)
        )
    if when.min_pieces > 1:
        said.append(_.plural("from {n} piece", "from {n} pieces", when.min_pieces))
    if when.outlets:
        known = [names.outlets[key] for key in when.outlets if key in names.outlets]
        if len(known) == len(when.outlets):
            said.append(_("only at {outlets}", outlets=_listed(_, known)))
        else:
            said.append(_.plural("at {n} place only", "at {n} places only", len(when.outlets)))
    if when.first_purchase is not None:
        said.append(
            _("on the first purchase") if when.first_purchase else _("from the second purchase on")
        )
    if when.birthday_week:
        said.append(_("in the week of the birthday"))
    return said


def _people(_: Translator, when: Conditions, names: Names) -> list[Markup]:
    said = []
    if when.segments:
        called = [names.segments.get(key, key) for key in when.segments]
        said.append(_("for {segments}", segments=_listed(_, called)))
    if when.not_segments:
        called = [names.segments.get(key, key) for key in when.not_segments]
        said.append(_("not for {segments}", segments=_listed(_, called)))
    return said


# --- a receipt's points ----------------------------------------------------------------------


def explain(
    _: Translator,
    parts: Iterable[Part | Mapping[str, Any]],
    names: Mapping[int, LocalText],
    *,
    tier: str | None = None,
) -> Markup:
    """Where a receipt's points come from, in one line: "5 % Silver + 50 Morning coffee".

    ``parts`` of an accrual, or as a purchase keeps them; ``names`` of promotions by version;
    ``tier``: what the tier is called. Nothing earned: an empty text.
    """
    return Markup(" + ").join(said for said, _points in breakdown(_, parts, names, tier=tier))


def breakdown(
    _: Translator,
    parts: Iterable[Part | Mapping[str, Any]],
    names: Mapping[int, LocalText],
    *,
    tier: str | None = None,
) -> list[tuple[Markup, int]]:
    """The same line by line: what it is, and its points, which add up to the receipt's."""
    said = []
    for each in parts:
        part = each if isinstance(each, Part) else Part.of_json(each)
        if part.points:
            said.append((_part(_, part, names, tier), part.points))
    return said


def _part(_: Translator, part: Part, names: Mapping[int, LocalText], tier: str | None) -> Markup:
    if part.kind == "base":
        percent = _percent(_, part.rate_bp or 0)
        if not tier:
            return _("{percent} %", percent=percent)
        return _("{percent} % {name}", percent=percent, name=tier)
    known = None if part.version_id is None else names.get(part.version_id)
    name = known.said_in(_.language) if known else _("promotion")
    if part.kind == "rate":
        return _("{percent} % {name}", percent=_percent(_, part.rate_bp or 0), name=name)
    if part.kind == "multiplier":
        return _("×{times} {name}", times=_times(_, part.rate_bp or BASIS), name=name)
    return _("{points} {name}", points=_.number(part.points), name=name)
