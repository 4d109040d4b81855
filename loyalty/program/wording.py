"""Rules as people say them: gifts, perks, tiers and cards in one line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from loyalty.program.effects import (
    AmountOff,
    FreeDelivery,
    GiftItem,
    PercentOff,
    Scope,
    VoucherEffect,
    VoucherGift,
)
from loyalty.program.fields import (
    CAPS_FIELDS,
    CARD_FIELDS,
    SECTIONS,
    TIER_FIELDS,
    Field,
    Section,
    percent,
    say,
    say_value,
)
from loyalty.program.rules import Caps, Perk, Program, StampCardRule, TierRule
from loyalty.texts import N_, Translator

PERKS = {
    "free_delivery": N_("free delivery"),
    "early_access": N_("early access"),
    "text": N_("something else"),
}
SEGMENTS: Mapping[str, str] = {
    "newcomers": N_("Newcomers"),
    "active": N_("Active buyers"),
    "at_risk": N_("At risk of leaving"),
    "sleeping": N_("Sleeping buyers"),
    "lost": N_("Lost buyers"),
    "one_time": N_("Bought once"),
    "no_purchases": N_("Have not bought yet"),
    "vip": N_("VIP"),
    "advocates": N_("Fans of the place"),
    "birthday_week": N_("Birthday this week"),
    "birthday_month": N_("Birthday this month"),
    "points_expiring": N_("Points are expiring"),
}
"""Ready-made segments that may have caps of their own, as the room of segments calls them."""

CAPS_LABEL = N_("Messages at most")
NAME, PERKS_LABEL, REWARD = N_("Called"), N_("Perks"), N_("Reward")
BUTTONS = N_("Kinds of goods")
_PAIRS = (("coffee", "кофе"), ("delivery", "доставка"))
"""Goods that the shipped rules name in English and in Russian: each reader gets their own."""
OUTLET_CAP, INTERIM = N_("At most a day at outlet {outlet}"), N_("Prize at stamp {at}")


def value_at(program: Program, path: str) -> Any:
    """The value of a single setting, by its path in ``fields``."""
    found: Any = program
    for name in path.split("."):
        found = getattr(found, name)
    return found


def in_own_words(named: Iterable[str], language: str) -> list[str]:
    """The names of goods, without those that say the same thing in the other language."""
    kept = list(named)
    folded = {name.casefold() for name in kept}
    for pair in _PAIRS:
        if folded.issuperset(pair):
            other = pair[0] if language == "ru" else pair[1]
            kept = [name for name in kept if name.casefold() != other]
    return kept


def say_goods(scope: Scope, t: Translator, names: Mapping[str, str] | None = None) -> str:
    """Which goods a scope means; ``names`` is what articles are called (article in lower case)."""
    known = names or {}
    named = [*scope.categories, *(known.get(sku.casefold(), sku) for sku in scope.skus)]
    return ", ".join(in_own_words(named, t.language)) if named else str(t("all goods"))


def say_effect(
    effect: VoucherEffect,
    t: Translator,
    currency: str,
    names: Mapping[str, str] | None = None,
) -> str:
    """What a voucher does: "1 item free (coffee)", "10 % off, up to 300 ₽".

    ``names`` is what articles are called (article in lower case).
    """
    match effect:
        case PercentOff():
            said = str(t("{percent} off", percent=percent(effect.rate_bp, t.language)))
        case AmountOff():
            said = str(t("{money} off", money=t.money(effect.amount, currency)))
        case GiftItem():
            said = str(t.plural("{n} item free", "{n} items free", effect.quantity))
        case FreeDelivery():
            return str(t("free delivery"))
    if effect.scope.categories or effect.scope.skus:
        said += f" ({say_goods(effect.scope, t, names)})"
    limit = getattr(effect, "up_to", None)
    if limit:
        # Plain text all along: adding a Markup would escape what stands before it.
        said += ", " + str(t("up to {money}", money=t.money(limit, currency)))
    return said


def say_gift(gift: VoucherGift, t: Translator, currency: str) -> str:
    """A reward in one line: name, what it does, how long it lasts."""
    parts = [
        f"{gift.name.said_in(t.language)}: {say_effect(gift.effect, t, currency)}",
        str(t("for {days}", days=say_value("days", gift.valid_days, t, currency))),
    ]
    if gift.minimum:
        parts.append(str(t("on receipts from {money}", money=t.money(gift.minimum, currency))))
    return ", ".join(parts)


def say_perks(perks: tuple[Perk, ...], t: Translator) -> str:
    """What a tier gives beside its rate."""
    if not perks:
        return str(t("no perks"))
    return ", ".join(
        perk.text.said_in(t.language) + (f" [{perk.code}]" if perk.code else "") for perk in perks
    )


def say_tier(tier: TierRule, t: Translator, currency: str) -> str:
    """A tier in one line: "7 %, from 10 000 ₽, no perks"."""
    start = str(t("from {money}", money=t.money(tier.threshold, currency)))
    if not tier.threshold:
        start = str(t("everybody"))
    parts = [percent(tier.earn_rate_bp, t.language), start]
    return ", ".join([*parts, say_perks(tier.perks, t)] if tier.perks else parts)


def say_card(card: StampCardRule, t: Translator, currency: str) -> str:
    """A stamp card in one line."""
    stamps = say_value("stamps", card.stamps, t, currency)
    return f"{stamps} ({say_goods(card.scope, t)}) → {say_gift(card.reward, t, currency)}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the program as it is read; ``subject`` heads lines of one tier or card."""

    label: str
    value: str
    subject: str | None = None


def _single(program: Program, section: Section, t: Translator, currency: str) -> list[Row]:
    return [
        Row(str(t(field.label)), say(field, value_at(program, field.path), t, currency))
        for field in section.fields
    ]


def _tier_rows(program: Program, t: Translator, currency: str) -> list[Row]:
    rows = []
    for tier in program.tiers:
        name = tier.title(t.language)
        rows += [_of(field, tier, name, t, currency) for field in TIER_FIELDS]
        if tier.perks:
            rows.append(Row(str(t(PERKS_LABEL)), say_perks(tier.perks, t), name))
    return rows


def _card_rows(program: Program, t: Translator, currency: str) -> list[Row]:
    rows = []
    for card in program.stamp_cards:
        name = card.name.said_in(t.language)
        shown = [f for f in CARD_FIELDS if f.path != "scope.skus" or card.scope.skus]
        if card.scope.skus and not card.scope.categories:
            shown = [f for f in shown if f.path != "scope.categories"]
        rows += [_of(field, card, name, t, currency) for field in shown]
        rows.append(Row(str(t(REWARD)), say_gift(card.reward, t, currency), name))
        rows += [
            Row(str(t(INTERIM, at=prize.at)), say_gift(prize.gift, t, currency), name)
            for prize in card.interim
        ]
    return rows


def say_buttons(program: Program, t: Translator) -> str:
    """The till's buttons for kinds of goods, in one line."""
    names = [one.name.said_in(t.language) for one in program.till_categories]
    return ", ".join(names) or str(t("those of stamp cards and promotions"))


def say_caps(caps: Caps | None, t: Translator, currency: str) -> str:
    """The caps of one segment in one line; of none, those of everybody."""
    if caps is None:
        return str(t("as everybody"))
    counted = ((field, getattr(caps, field.path)) for field in CAPS_FIELDS)
    return "; ".join(f"{t(one.label)}: {say(one, value, t, currency)}" for one, value in counted)


def say_segment(key: str, t: Translator) -> str:
    """A ready-made segment's name; the shop's own goes by its key."""
    return str(t(SEGMENTS[key])) if key in SEGMENTS else key


def _of(field: Field, part: Any, name: str, t: Translator, currency: str) -> Row:
    value = part
    for step in field.path.split("."):
        value = getattr(value, step)
    if field.unit == "goods":
        value = tuple(in_own_words(value, t.language))
    return Row(str(t(field.label)), say(field, value, t, currency), name)


def describe(program: Program, t: Translator, currency: str) -> list[tuple[str, list[Row]]]:
    """The whole program to read: (heading, lines) by section. Plain text, to be escaped."""
    made = []
    for section in SECTIONS:
        rows = _single(program, section, t, currency)
        if section.key == "tiers":
            rows = _tier_rows(program, t, currency) + rows
        elif section.key == "stamps":
            rows = _card_rows(program, t, currency)
        elif section.key == "till_categories":
            rows = [Row(str(t(BUTTONS)), say_buttons(program, t))]
        elif section.key == "caps_by_segment":
            rows = [
                Row(say_segment(one.segment, t), say_caps(one.caps, t, currency))
                for one in program.caps_by_segment
            ] or [Row(str(t(CAPS_LABEL)), say_caps(None, t, currency))]
        made.append((str(t(section.title)), rows))
    return made
