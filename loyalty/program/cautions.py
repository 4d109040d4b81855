"""What an owner should know before publishing; none of it forbids anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from loyalty.program.differences import tier_name
from loyalty.program.effects import LocalText
from loyalty.program.rules import Program, TierRule
from loyalty.texts import N_, Translator

HIGH_RATE_BP = 2500
"""From here on a rate is more likely a slip of the hand than generosity."""

_SAID = {
    "expiry_new_points_only": N_(
        "Points that guests already have keep their date. The new term is for points earned later."
    ),
    "pending_new_points_only": N_(
        "Points that are already on their way arrive on the day they were promised."
    ),
    "tier_removed": N_(
        "{tier} goes away. Its guests count as {lowest} until their next purchase or the monthly "
        "review gives them the tier their purchases reach."
    ),
    "tier_starts_higher": N_(
        "{tier} starts higher. Who has it keeps it until the monthly review, and is warned before."
    ),
    "tier_starts_lower": N_(
        "{tier} starts lower. Guests who already reach it get it with their next purchase or at "
        "the monthly review."
    ),
    "tier_earns_less": N_("{tier} will earn less than before. Tell these guests in advance."),
    "tier_out_of_order": N_("{tier} earns less than the tier below it."),
    "rate_high": N_("{tier} gives back more than a quarter of each receipt. Is that meant?"),
    "card_removed": N_(
        "The card “{card}” goes away. Cards under way stay visible but collect no more stamps; "
        "rewards already given stay good."
    ),
    "card_longer": N_("“{card}” takes more stamps. Cards under way need the new number too."),
    "card_shorter": N_(
        "“{card}” takes fewer stamps. Cards that already have enough are filled with the next "
        "stamp."
    ),
    "referral_off": N_(
        "Friends who have bought already still get their rewards. New ones bring none."
    ),
    "no_quiet_hours": N_("Without quiet hours offers may leave at night."),
}


@dataclass(frozen=True, slots=True)
class Caution:
    """One thing to know. ``guests``: how many it concerns, None when nobody counted."""

    code: str
    names: Mapping[str, LocalText]
    guests: int | None = None

    def said(self, t: Translator) -> str:
        """The caution as a sentence or two, unescaped."""
        # The names go in after the translation: the whole is text and not yet HTML.
        text = str(t(_SAID[self.code], **{name: "{" + name + "}" for name in self.names}))
        text = text.format_map({n: name.said_in(t.language) for n, name in self.names.items()})
        if self.guests:
            concerned = t.plural(
                "This concerns {n} guest.", "This concerns {n} guests.", self.guests
            )
            text = f"{text} {concerned}"
        return text


def cautions(
    old: Program,
    new: Program,
    *,
    by_tier: Mapping[str, int] | None = None,
    by_card: Mapping[str, int] | None = None,
) -> list[Caution]:
    """What to know before ``new`` takes the place of ``old``.

    ``by_tier`` is how many guests stand on each tier, ``by_card`` how many have a card of each
    kind under way, by key.
    """
    return [
        *_points(old, new),
        *_tiers(old, new, by_tier or {}),
        *_cards(old, new, by_card or {}),
        *_rest(old, new),
    ]


def _points(old: Program, new: Program) -> Iterator[Caution]:
    if old.expiry_days != new.expiry_days:
        yield Caution("expiry_new_points_only", {})
    if old.pending_days != new.pending_days:
        yield Caution("pending_new_points_only", {})


def _of_tier(code: str, tier: TierRule, guests: int | None = None) -> Caution:
    return Caution(code, {"tier": tier_name(tier)}, guests)


def _tiers(old: Program, new: Program, guests: Mapping[str, int]) -> Iterator[Caution]:
    after = {tier.key: tier for tier in new.tiers}
    for was in old.tiers:
        now = after.get(was.key)
        many = guests.get(was.key)
        if now is None:
            names = {"tier": tier_name(was), "lowest": tier_name(new.tiers[0])}
            yield Caution("tier_removed", names, many)
            continue
        if now.threshold > was.threshold:
            yield _of_tier("tier_starts_higher", now, many)
        elif now.threshold < was.threshold:
            yield _of_tier("tier_starts_lower", now)
        if now.earn_rate_bp < was.earn_rate_bp:
            yield _of_tier("tier_earns_less", now, many)
    for lower, upper in pairwise(new.tiers):
        if upper.earn_rate_bp < lower.earn_rate_bp:
            yield _of_tier("tier_out_of_order", upper)
    for tier in new.tiers:
        was_rate = next((t.earn_rate_bp for t in old.tiers if t.key == tier.key), 0)
        if tier.earn_rate_bp > max(HIGH_RATE_BP, was_rate):
            yield _of_tier("rate_high", tier)


def _cards(old: Program, new: Program, guests: Mapping[str, int]) -> Iterator[Caution]:
    for was in old.stamp_cards:
        now = new.stamp_card(was.key)
        many = guests.get(was.key)
        if now is None:
            yield Caution("card_removed", {"card": was.name}, many)
        elif now.stamps > was.stamps:
            yield Caution("card_longer", {"card": now.name}, many)
        elif now.stamps < was.stamps:
            yield Caution("card_shorter", {"card": now.name}, many)


def _rest(old: Program, new: Program) -> Iterator[Caution]:
    if old.referral.enabled and not new.referral.enabled:
        yield Caution("referral_off", {})
    if _has_quiet_hours(old) and not _has_quiet_hours(new):
        yield Caution("no_quiet_hours", {})


def _has_quiet_hours(program: Program) -> bool:
    hours: Any = program.quiet_hours
    return bool(hours.start_minute != hours.end_minute)
