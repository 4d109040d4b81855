"""What a promotion says, line by line: to read, and to see what a new version changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from babel.dates import get_day_names
from markupsafe import Markup

from loyalty import segments
from loyalty.program import Program
from loyalty.program.effects import VoucherGift
from loyalty.program.wording import say_gift, say_goods
from loyalty.promotions import Goal, Names, Promotion, describe
from loyalty.promotions.model import REDUCING, Bundle, Conditions
from loyalty.texts import N_, Translator

_SEGMENTS = {
    segments.NEWCOMERS: (N_("new guests"), N_("joined within 30 days")),
    segments.ACTIVE: (N_("regular guests"), N_("bought within 30 days")),
    segments.AT_RISK: (N_("guests slipping away"), N_("31 to 60 days without a purchase")),
    segments.SLEEPING: (N_("guests long not seen"), N_("61 to 90 days without a purchase")),
    segments.LOST: (N_("lost guests"), N_("more than 90 days without a purchase")),
    segments.ONE_TIME: (N_("guests who bought once"), N_("one purchase so far")),
    segments.NO_PURCHASES: (N_("guests who have not bought yet"), N_("joined without a purchase")),
    segments.VIP: (N_("top-level guests"), N_("guests of the highest level")),
    segments.BIRTHDAY_WEEK: (
        N_("guests with a birthday these days"),
        N_("three days before and after it"),
    ),
    segments.BIRTHDAY_MONTH: (N_("guests with a birthday this month"), N_("the whole month")),
}


def segment_names(t: Translator, program: Program, keys: Iterable[str]) -> dict[str, str]:
    """Every group that can be chosen, by key: ready-made, tiers, tags; and ``keys`` in use."""
    found = {key: str(t(text)) for key, (text, _) in _SEGMENTS.items()}
    for tier in program.tiers:
        found[f"tier:{tier.key}"] = str(
            t("guests of the level {name}", name=tier.title(t.language)).unescape()
        )
    for key in keys:
        kind, _, name = key.partition(":")
        if key not in found:
            said = (
                t("guests tagged {name}", name=name)
                if kind == "tag"
                else Markup.escape(name or key)
            )
            # Plain text: the template escapes it.
            found[key] = str(said.unescape())
    return found


def segment_hints(t: Translator) -> dict[str, str]:
    """Who is meant by a ready-made group, by key."""
    return {key: str(t(hint)) for key, (_, hint) in _SEGMENTS.items()}


def names_articles(rules: Promotion) -> bool:
    """Whether its sentence speaks of goods by their articles."""
    scopes = [rules.when.scope]
    if isinstance(rules.effect, Bundle):
        scopes += [item.scope for item in rules.effect.items]
    return any(scope.skus for scope in scopes)


def weekday_names(t: Translator, *, wide: bool = False) -> list[tuple[str, str]]:
    """("1", "Mon") … ("7", "Sun")."""
    names = get_day_names(
        "wide" if wide else "abbreviated", context="stand-alone", locale=t.language
    )
    return [(str(day + 1), str(names[day])) for day in range(7)]


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what it is about and what holds; plain text."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a version changed in one line; None where there was or is none."""

    label: str
    before: str | None
    after: str | None


class Sayer:
    """Says promotions in one language, with the names of outlets, groups, cards and goods."""

    def __init__(
        self,
        t: Translator,
        currency: str,
        *,
        outlets: Mapping[str, str],
        groups: Mapping[str, str],
        cards: Mapping[str, str],
        goods: Mapping[str, str],
    ) -> None:
        self.t, self.currency = t, currency
        self.names = Names(outlets=outlets, segments=groups, cards=cards, goods=goods)

    def sentence(self, rules: Promotion) -> str:
        """The whole promotion in one sentence, as HTML."""
        said = describe(self.t, rules, currency=self.currency, names=self.names)
        return said[:1].upper() + said[1:]

    def rows(self, rules: Promotion) -> list[Row]:
        """The promotion line by line; what does not matter is left out."""
        t, when = self.t, rules.when
        plain = Promotion(name=rules.name, when=Conditions(scope=when.scope), effect=rules.effect)
        does = describe(t, plain, currency=self.currency, names=self.names).unescape()
        rows = [
            Row(str(t("Name in Russian")), rules.name.ru),
            Row(str(t("Name in English")), rules.name.en),
            Row(str(t("What it does")), does[:1].upper() + does[1:]),
        ]
        if isinstance(rules.effect, Goal) and isinstance(rules.effect.gift, VoucherGift):
            rows.append(Row(str(t("Gift")), say_gift(rules.effect.gift, t, self.currency)))
        if when.scope.categories or when.scope.skus:
            rows.append(Row(str(t("Goods")), say_goods(when.scope, t, self.names.goods)))
        return [*rows, *self._moments(when), *self._people(rules), *self._order(rules)]

    def _moments(self, when: Conditions) -> list[Row]:
        t, rows = self.t, []
        if when.weekdays:
            names = dict(weekday_names(t))
            days = ", ".join(names[str(day)] for day in sorted(when.weekdays))
            rows.append(Row(str(t("Days")), days))
        if when.from_minute is not None or when.to_minute is not None:
            begin, end = _clock(when.from_minute), _clock(when.to_minute)
            rows.append(Row(str(t("Hours")), f"{begin or '0:00'}–{end or '24:00'}"))
        if when.starts_on:
            rows.append(Row(str(t("First day")), t.day(when.starts_on, year=True)))
        if when.ends_on:
            rows.append(Row(str(t("Last day")), t.day(when.ends_on, year=True)))
        if when.outlets:
            places = [self.names.outlets.get(key, "?") for key in when.outlets]
            rows.append(Row(str(t("Outlets")), ", ".join(places)))
        return rows

    def _people(self, rules: Promotion) -> list[Row]:
        t, when, rows = self.t, rules.when, []
        if when.minimum:
            rows.append(Row(str(t("Sum from")), t.money(when.minimum, self.currency)))
        if when.min_pieces:
            rows.append(Row(str(t("Items from")), t.number(when.min_pieces)))
        for label, keys in (
            (t("Only for"), when.segments),
            (t("Not for"), when.not_segments),
        ):
            if keys:
                called = [self.names.segments.get(key, key) for key in keys]
                rows.append(Row(str(label), "; ".join(called)))
        if when.first_purchase is not None:
            text = t("the first one only") if when.first_purchase else t("from the second one on")
            rows.append(Row(str(t("Which purchase")), str(text)))
        if when.birthday_week:
            rows.append(Row(str(t("Birthday")), str(t("three days before and after it"))))
        if not when.members_only and isinstance(rules.effect, REDUCING):
            rows.append(Row(str(t("Guests without a card")), str(t("get it too"))))
        return rows

    def _order(self, rules: Promotion) -> list[Row]:
        t, rows = self.t, []
        if rules.priority:
            rows.append(Row(str(t("Order")), str(rules.priority)))
        if rules.exclusive:
            rows.append(Row(str(t("Beside others")), str(t("stands alone"))))
        return rows

    def changes(self, before: Promotion, after: Promotion) -> list[Change]:
        """What the second says otherwise than the first."""
        old = {row.label: row.value for row in self.rows(before)}
        new = {row.label: row.value for row in self.rows(after)}
        labels = dict.fromkeys([*new, *old])
        return [
            Change(label, old.get(label), new.get(label))
            for label in labels
            if old.get(label) != new.get(label)
        ]


def _clock(minute: int | None) -> str | None:
    return None if minute is None else f"{minute // 60}:{minute % 60:02}"
