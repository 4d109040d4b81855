"""A rule in words a marketer uses: "last purchase more than 90 days ago and can be written to"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from markupsafe import Markup

from loyalty.program import KNOWN_TIERS, Program
from loyalty.segments import wording as w
from loyalty.segments.catalogue import FIELDS
from loyalty.segments.fields import Field
from loyalty.segments.rules import All, AnyOf, InSegment, Is, Not, Rule
from loyalty.texts import Translator


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What things of the shop's own are called: saved segments by key, outlets by id as text,
    sources and chains by key; tiers and stamp cards are the program's."""

    segments: Mapping[str, str] = field(default_factory=dict)
    outlets: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    chains: Mapping[str, str] = field(default_factory=dict)
    program: Program = field(default_factory=Program)
    currency: str = "RUB"


def describe(rule: Rule, _: Translator, *, names: Names | None = None) -> str:
    """The rule as a sentence, escaped for HTML; what has no name in ``names`` is called by its
    key."""
    said = str(_rule(rule, _, names or Names(), inside=False))
    return Markup(said[:1].upper() + said[1:])  # noqa: S704 - made of escaped parts


def segment_title(key: str, _: Translator, *, names: Names | None = None) -> str:
    """What a segment is called, ready-made or saved, escaped for HTML."""
    known = names or Names()
    if key in w.READY_MADE:
        return _(w.READY_MADE[key])
    if key.startswith("tier:"):
        return _("Tier {tier}", tier=_tier(key.removeprefix("tier:"), _, known))
    if key.startswith("tag:"):
        return _("Tag “{tag}”", tag=key.removeprefix("tag:"))
    return Markup("{}").format(known.segments.get(key, key))


def _rule(rule: Rule, _: Translator, names: Names, *, inside: bool) -> Markup:
    match rule:
        case All():
            if not rule.all:
                return _("all customers")
            return _joined([_rule(r, _, names, inside=True) for r in rule.all], _(" and "), inside)
        case AnyOf():
            return _joined([_rule(r, _, names, inside=True) for r in rule.any], _(" or "), inside)
        case Not():
            return _("not: {what}", what=_rule(rule.not_, _, names, inside=True))
        case InSegment():
            return _("in the segment “{name}”", name=segment_title(rule.segment, _, names=names))
        case Is():
            return _condition(rule, _, names)


def _joined(parts: Sequence[Markup], word: Markup, inside: bool) -> Markup:
    said = word.join(parts)
    return Markup("({})").format(said) if inside and len(parts) > 1 else said


def _condition(asked: Is, _: Translator, names: Names) -> Markup:
    known = FIELDS.get(asked.field)
    if known is None:
        return Markup("{}").format(asked.field)
    if known.kind == "bool":
        yes, no = w.YES_NO[asked.field]
        said = _(yes if asked.value else no, way=_way(asked, known, _))
    elif asked.field == "bought" and w.is_whether(asked):
        did = asked.op in (">=", ">")
        goods = _goods(asked, _, names)
        said = _("bought {goods}", goods=goods) if did else _("did not buy {goods}", goods=goods)
    elif asked.field in w.LISTS:
        has, has_not = w.LISTS[asked.field]
        value = _several(known, asked.value, _, names)
        said = _(has_not if asked.op in ("!=", "not_in") else has, value=value)
    else:
        what = w.PHRASES[asked.field]
        said = _(
            what,
            how=_how(known, asked, _, names),
            goods=_goods(asked, _, names),
            key=_key(asked, _, names),
        )
    return said + _window(asked, _)


def _way(asked: Is, known: Field, _: Translator) -> Markup:
    """Which consent a question of consents is about."""
    parameter = known.parameter("key")
    labels = dict(parameter.choices) if parameter is not None else {}
    return _(labels.get(asked.key or "", "Telegram"))


def _key(asked: Is, _: Translator, names: Names) -> Markup | str:
    """What the condition's ``key`` is called."""
    key = asked.key or ""
    if asked.field == "stamps":
        card = names.program.stamp_card(key)
        return key if card is None else card.name.said_in(_.language)
    if asked.field in ("messages_received", "messages_clicked"):
        if not key:
            return ""
        called = names.chains.get(key.removeprefix("chain:"), key)
        return _(" of “{chain}”", chain=called)
    return key


def _window(asked: Is, _: Translator) -> Markup:
    if asked.days is None:
        return Markup("")
    if asked.field == "points_expiring":
        return _.plural(" in the next {n} day", " in the next {n} days", asked.days)
    return _.plural(" in the last {n} day", " in the last {n} days", asked.days)


def _goods(asked: Is, _: Translator, names: Names) -> Markup:
    parts = []
    if asked.category is not None:
        parts.append(_("“{category}”", category=asked.category))
    if asked.sku is not None:
        parts.append(_("article {sku}", sku=asked.sku))
    if asked.name is not None:
        parts.append(_("goods with “{words}” in the name", words=asked.name))
    if not parts:
        parts.append(_("anything"))
    if asked.outlet is not None:
        parts.append(_("at {outlet}", outlet=names.outlets.get(asked.outlet, asked.outlet)))
    return Markup(" ").join(parts)


def _how(known: Field, asked: Is, _: Translator, names: Names) -> Markup:
    """The operator with its value: "at least 3", "more than 90 days ago"."""
    op, value = asked.op, asked.value
    if op in w.KNOWN:
        return _(w.KNOWN[op])
    if known.kind == "days":
        said = w.days_until if known.key in w.AHEAD else w.days_ago
        low, high = value if isinstance(value, tuple) else (value, value)
        return said(_, op, int(high), int(low))
    if op == "between" and isinstance(value, tuple):
        low_high = [_one(known, v, _, names) for v in value]
        return _("from {low} to {high}", low=low_high[0], high=low_high[1])
    if known.key == "tier" and op in w.TIER_EDGES:
        return _(w.TIER_EDGES[op], value=_several(known, value, _, names))
    forms_of = w.OF_DATES if known.kind == "date" else w.OF_NUMBERS
    if known.kind in ("text", "choice"):
        forms_of = w.OF_WORDS
    return _(forms_of[op], value=_several(known, value, _, names))


def _several(known: Field, value: Any, _: Translator, names: Names) -> Markup | str:
    if not isinstance(value, tuple):
        return _one(known, value, _, names)
    said = [Markup("{}").format(_one(known, one, _, names)) for one in value]
    if len(said) == 1:
        return said[0]
    return Markup(", ").join(said[:-1]) + _(" or ") + said[-1]


def _one(known: Field, value: Any, _: Translator, names: Names) -> Markup | str:
    """One value as people write it."""
    labels = dict(known.choices)
    if value in labels:
        return _(labels[value])
    if known.kind == "money":
        return _.money(int(value), names.currency)
    if known.kind == "share":
        return _.decimal(int(value), 2) + "\u00a0%"
    if known.kind == "number":
        return _.decimal(int(value), known.places) if known.places else _.number(int(value))
    if known.kind == "date":
        return _.day(date.fromisoformat(str(value)), year=True)
    if known.source == "tiers":
        return _tier(str(value), _, names)
    if known.source == "outlets":
        return names.outlets.get(str(value), str(value))
    if known.source == "sources":
        return names.sources.get(str(value), str(value))
    return _("“{value}”", value=value) if known.kind == "text" else str(value)


def _tier(key: str, _: Translator, names: Names) -> str:
    for tier in names.program.tiers:
        if tier.key == key:
            return tier.title(_.language)
    known = KNOWN_TIERS.get(key)
    return key if known is None else known.said_in(_.language)
