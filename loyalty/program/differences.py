"""What changes from one version of the program to another, readable line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from loyalty.program.effects import LocalText, VoucherGift
from loyalty.program.fields import CARD_FIELDS, SECTIONS, TIER_FIELDS, Field, say, say_value
from loyalty.program.rules import Program, StampCardRule, TierRule
from loyalty.program.wording import (
    BUTTONS,
    CAPS_LABEL,
    INTERIM,
    NAME,
    OUTLET_CAP,
    PERKS_LABEL,
    REWARD,
    say_buttons,
    say_caps,
    say_card,
    say_gift,
    say_perks,
    say_segment,
    say_tier,
    value_at,
)
from loyalty.texts import N_, Translator, translator

Sayer = Callable[[Any, Translator, str], str]

_ADDED = {"tiers": N_("New tier"), "stamps": N_("New stamp card")}
_REMOVED = {"tiers": N_("Tier removed"), "stamps": N_("Stamp card removed")}


@dataclass(frozen=True, slots=True)
class Said:
    """A change in words. ``before`` is None for what is new, ``after`` for what goes.

    Plain text: who shows it escapes it.
    """

    subject: str | None
    label: str
    before: str | None
    after: str | None

    @property
    def sentence(self) -> str:
        """ "Silver: earning 7 % → 8 %", "Expiry: 365 days → never expire"."""
        if self.before is None or self.after is None:
            return f"{self.label}: {self.subject} ({self.after or self.before})"
        if self.subject is None:
            return f"{self.label}: {self.before} → {self.after}"
        label = self.label[:1].lower() + self.label[1:]
        return f"{self.subject}: {label} {self.before} → {self.after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference: the setting's path in the rules, and its values before and after.

    ``subject`` names the tier or stamp card it belongs to, in both languages.
    """

    path: str
    section: str
    kind: Literal["changed", "added", "removed"] = "changed"
    subject: LocalText | None = None
    label: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    before: Any
    after: Any
    sayer: Sayer

    def said(self, t: Translator, currency: str, outlets: Mapping[str, str] | None = None) -> Said:
        """In words; ``outlets`` gives outlets' names by id."""
        facts = dict(self.facts)
        if "outlet" in facts:
            facts["outlet"] = (outlets or {}).get(facts["outlet"], facts["outlet"])
        # Unescaped: ``facts`` are put in by hand, since the whole is text and not yet HTML.
        label = str(t(self.label, **{name: "{" + name + "}" for name in facts}))
        return Said(
            self.subject.said_in(t.language) if self.subject else None,
            label.format_map(facts) if facts else label,
            None if self.kind == "added" else self.sayer(self.before, t, currency),
            None if self.kind == "removed" else self.sayer(self.after, t, currency),
        )


def differences(old: Program, new: Program) -> list[Change]:
    """What is different in ``new``, in the order in which people read the program.

    Tiers and stamp cards are the same ones when their keys are.
    """
    found: list[Change] = []
    for section in SECTIONS:
        if section.key == "tiers":
            found += _tiers(old, new)
        elif section.key == "stamps":
            found += _cards(old, new)
        elif section.key == "till_categories" and old.till_categories != new.till_categories:
            found.append(
                Change(
                    path=section.key, section=section.key, label=BUTTONS,
                    before=old, after=new, sayer=lambda value, t, _: say_buttons(value, t),
                )
            )  # fmt: skip
        elif section.key == "caps_by_segment":
            found += _segment_caps(old, new)
        for one in section.fields:
            before, after = value_at(old, one.path), value_at(new, one.path)
            if before != after:
                found.append(
                    Change(
                        path=one.path, section=section.key, label=one.label,
                        before=before, after=after, sayer=_sayer(one),
                    )
                )  # fmt: skip
    return found


def _segment_caps(old: Program, new: Program) -> Iterator[Change]:
    before, after = (
        {one.segment: one.caps for one in rules.caps_by_segment} for rules in (old, new)
    )
    for key in [*after, *(key for key in before if key not in after)]:
        if before.get(key) != after.get(key):
            name = LocalText(
                ru=say_segment(key, translator("ru")), en=say_segment(key, translator("en"))
            )
            yield Change(
                path="caps_by_segment", section="caps_by_segment", subject=name, label=CAPS_LABEL,
                before=before.get(key), after=after.get(key), sayer=say_caps,
            )  # fmt: skip


def tier_name(tier: TierRule) -> LocalText:
    """What a tier is called, in both languages."""
    return LocalText(ru=tier.title("ru"), en=tier.title("en"))


def _sayer(one: Field) -> Sayer:
    return lambda value, t, currency: say(one, value, t, currency)


def _both_texts(value: LocalText, t: Translator, currency: str) -> str:
    del t, currency
    return f"{value.ru} / {value.en}"


def _perks(value: Any, t: Translator, currency: str) -> str:
    del currency
    return say_perks(value, t)


def _cap(value: int | None, t: Translator, currency: str) -> str:
    return str(t("no limit")) if value is None else say_value("stamps", value, t, currency)


def _prize(value: VoucherGift | None, t: Translator, currency: str) -> str:
    return str(t("no prize")) if value is None else say_gift(value, t, currency)


def _tiers(old: Program, new: Program) -> Iterator[Change]:
    before = {tier.key: tier for tier in old.tiers}
    after = {tier.key: tier for tier in new.tiers}
    for n, tier in enumerate(new.tiers):
        path = f"tiers.{n}"
        was = before.get(tier.key)
        if was is None:
            yield _whole("added", path, "tiers", tier_name(tier), None, tier, say_tier)
            continue
        name = tier_name(tier)
        if tier_name(was) != name:
            yield Change(
                path=f"{path}.name", section="tiers", subject=tier_name(was), label=NAME,
                before=tier_name(was), after=name, sayer=_both_texts,
            )  # fmt: skip
        yield from _parts(path, "tiers", name, was, tier, TIER_FIELDS)
        if was.perks != tier.perks:
            yield Change(
                path=f"{path}.perks", section="tiers", subject=name, label=PERKS_LABEL,
                before=was.perks, after=tier.perks, sayer=_perks,
            )  # fmt: skip
    for n, tier in enumerate(old.tiers):
        if tier.key not in after:
            yield _whole("removed", f"tiers.{n}", "tiers", tier_name(tier), tier, None, say_tier)


def _cards(old: Program, new: Program) -> Iterator[Change]:
    before = {card.key: card for card in old.stamp_cards}
    after = {card.key: card for card in new.stamp_cards}
    for n, card in enumerate(new.stamp_cards):
        path = f"stamp_cards.{n}"
        was = before.get(card.key)
        if was is None:
            yield _whole("added", path, "stamps", card.name, None, card, say_card)
        else:
            yield from _card(path, was, card)
    for n, card in enumerate(old.stamp_cards):
        if card.key not in after:
            yield _whole("removed", f"stamp_cards.{n}", "stamps", card.name, card, None, say_card)


def _card(path: str, was: StampCardRule, card: StampCardRule) -> Iterator[Change]:
    if was.name != card.name:
        yield Change(
            path=f"{path}.name", section="stamps", subject=was.name, label=NAME,
            before=was.name, after=card.name, sayer=_both_texts,
        )  # fmt: skip
    yield from _parts(path, "stamps", card.name, was, card, CARD_FIELDS)
    for outlet in sorted({*was.outlet_caps, *card.outlet_caps}):
        caps = was.outlet_caps.get(outlet), card.outlet_caps.get(outlet)
        if caps[0] != caps[1]:
            yield Change(
                path=f"{path}.outlet_caps.{outlet}", section="stamps", subject=card.name,
                label=OUTLET_CAP, facts={"outlet": outlet},
                before=caps[0], after=caps[1], sayer=_cap,
            )  # fmt: skip
    if was.reward != card.reward:
        yield Change(
            path=f"{path}.reward", section="stamps", subject=card.name, label=REWARD,
            before=was.reward, after=card.reward, sayer=say_gift,
        )  # fmt: skip
    old, new = ({p.at: p.gift for p in one.interim} for one in (was, card))
    for at in sorted({*old, *new}):
        if old.get(at) != new.get(at):
            yield Change(
                path=f"{path}.interim", section="stamps", subject=card.name, label=INTERIM,
                facts={"at": at}, before=old.get(at), after=new.get(at), sayer=_prize,
            )  # fmt: skip


def _parts(
    path: str, section: str, name: LocalText, was: Any, now: Any, fields: tuple[Field, ...]
) -> Iterator[Change]:
    for one in fields:
        before, after = was, now
        for step in one.path.split("."):
            before, after = getattr(before, step), getattr(after, step)
        if before != after:
            yield Change(
                path=f"{path}.{one.path}", section=section, subject=name, label=one.label,
                before=before, after=after, sayer=_sayer(one),
            )  # fmt: skip


def _whole(
    kind: Literal["added", "removed"],
    path: str,
    section: str,
    name: LocalText,
    before: Any,
    after: Any,
    sayer: Sayer,
) -> Change:
    labels = _ADDED if kind == "added" else _REMOVED
    return Change(
        path=path, section=section, kind=kind, subject=name, label=labels[section],
        before=before, after=after, sayer=sayer,
    )  # fmt: skip
