"""What a sale's screens say beside sum and points: stamps, coupons, promotions, gifts."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from sqlalchemy.orm import Session

from bot.cashier.screens import Buttons, base36
from loyalty import promotions, vouchers
from loyalty.program import (
    GiftItem,
    LocalText,
    Program,
    StampCardRule,
    TierRule,
    TillCategory,
)
from loyalty.promotions import Part
from loyalty.purchases import Discount, PurchaseResult, Quote, draft_lines
from loyalty.purchases.draft_extras import MAX_STAMPS
from loyalty.purchases.drafts import Draft
from loyalty.texts import Translator, bold, dots
from loyalty.vouchers import Voucher

CARDS_SHOWN, COUPONS_SHOWN = 4, 6
_LABEL, _NARROW = 30, 12
ANY = 0
"""In a button: goods of any kind."""
_COFFEE = {"coffee", "кофе"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What the words need beside a quote or a result: cards, and names of promotions."""

    cards: Sequence[StampCardRule]
    tier: TierRule | None
    names: Mapping[int, LocalText]


def extras_of(
    session: Session, rules: Program, told: Quote | PurchaseResult | None, *, tier: str | None
) -> Extras:
    """Gather them for a quote or a result."""
    ids = [item.promotion_version_id for item in told.discounts] if told else []
    ids += [part.version_id for part in told.parts] if told else []
    wanted = {version_id for version_id in ids if version_id is not None}
    known = promotions.by_ids(session, wanted) if wanted else {}
    return Extras(
        cards=rules.stamp_cards[:CARDS_SHOWN],
        tier=rules.tier(tier) if tier is not None else None,
        names=promotions.names_of(known.values()),
    )


def marks(draft: Draft) -> int:
    """A short sign of items, coupons and stamps in a draft: what was shown is confirmed."""
    if not draft.vouchers and not draft.stamps and not draft.lines:
        return 0
    items = [(one.amount, one.category) for one in draft.lines]
    kept = json.dumps([sorted(draft.vouchers), sorted(draft.stamps.items()), items])
    return zlib.crc32(kept.encode())


def icon(rule: StampCardRule) -> str:
    """A sign for a card: a cup where it is about coffee."""
    named = {name.casefold() for name in rule.scope.categories}
    return "☕️" if named & _COFFEE else "🔖"


# --- items -----------------------------------------------------------------------------------


def mark_of(category: str) -> int:
    """How a button names a category: its name may be longer than a button's data holds."""
    return zlib.crc32(category.casefold().encode()) or 1


def item_lines(
    _: Translator, draft: Draft, categories: Sequence[TillCategory], *, currency: str
) -> list[Markup]:
    """What the sum is made of, if it was split; what it is for, if that was said."""
    names = {one.category.casefold(): one.name.said_in(_.language) for one in categories}
    lines = []
    for n, item in enumerate(draft.lines, 1):
        name = names.get((item.category or "").casefold(), item.category) or _("without a kind")
        if len(draft.lines) == 1:
            lines.append(Markup("🏷 {}").format(name))
        else:
            money = _.money(item.amount, currency)
            lines.append(Markup("{}. {} · {}").format(n, money, name))
    return lines


def item_buttons(
    _: Translator, draft: Draft, categories: Sequence[TillCategory]
) -> list[list[tuple[str, str]]]:
    """Kinds of goods for the last item, one more item, one less."""
    if not categories:
        return []
    name, items = base36(draft.id), draft_lines.items_of(draft)
    place = len(items) - 1
    chosen = (items[-1].category or "").casefold()
    buttons = []
    for one in categories:
        # The kind to be, not "the other way round": tapped twice it is still that one.
        on = one.category.casefold() == chosen
        label = ("✓ " if on else "") + one.name.said_in(_.language)[: _LABEL - 2]
        mark = ANY if on else mark_of(one.category)
        buttons.append((label, f"sale:cat:{name}:{base36(place)}:{base36(mark)}"))
    if len(items) < draft_lines.MAX_ITEMS:
        buttons.append((_("➕ Another item"), f"sale:more:{name}:{base36(len(items))}"))
    if len(items) > 1:
        buttons.append((_("➖ Last item"), f"sale:less:{name}:{base36(len(items) - 1)}"))
    wide = max(len(label) for label, _data in buttons) > _NARROW
    step = 2 if wide else 3
    return [buttons[n : n + step] for n in range(0, len(buttons), step)]


# --- what is taken off -----------------------------------------------------------------------


def price_lines(
    _: Translator,
    told: Quote | PurchaseResult,
    extras: Extras,
    *,
    currency: str,
) -> list[Markup]:
    """What promotions and coupons take off, what gift cards pay, gifts to hand over."""
    lines = [_off(_, item, extras, currency) for item in told.discounts]
    for card in told.gift_cards:
        money = _.money(card.amount, currency)
        lines.append(_("💳 Gift card: −{money}", money=money))
    if not told.discounts and told.discount:
        lines.append(_("Discount: −{money}", money=_.money(told.discount, currency)))
    if not told.gift_cards and told.gift_paid:
        lines.append(_("💳 Gift card: −{money}", money=_.money(told.gift_paid, currency)))
    return lines


def _off(_: Translator, item: Discount, extras: Extras, currency: str) -> Markup:
    money = _.money(item.amount, currency)
    if item.voucher is not None:
        name = item.voucher.name.said_in(_.language)
        if not item.amount and isinstance(item.voucher.effect, GiftItem):
            return _("🎁 {name}: give it for free, it is not in the sum", name=name)
        return Markup("🎟 {}: −{}").format(name, money)
    known = extras.names.get(item.promotion_version_id or 0)
    name = known.said_in(_.language) if known else str(_("promotion"))
    return Markup("✨ {}: −{}").format(name, money)


def explained(_: Translator, parts: Sequence[Part], extras: Extras) -> Markup | None:
    """Where the points come from, in brackets; None if from the level's rate alone."""
    if all(part.version_id is None for part in parts):
        return None
    tier = extras.tier.title(_.language) if extras.tier else None
    return Markup("({})").format(promotions.explain(_, parts, extras.names, tier=tier))


# --- stamps ----------------------------------------------------------------------------------


def stamp_lines(_: Translator, quote: Quote, extras: Extras) -> list[Markup]:
    """What the sale will put on stamp cards."""
    lines = []
    for rule in extras.cards:
        n, card = quote.stamps.get(rule.key, 0), rule.name.said_in(_.language)
        if n:
            said = _.plural(
                "{icon} {card}: {n} stamp",
                "{icon} {card}: {n} stamps",
                n,
                icon=icon(rule),
                card=card,
            )
            lines.append(said)
    return lines


def given_lines(
    _: Translator, result: PurchaseResult, extras: Extras, *, rose: bool
) -> list[Markup]:
    """What the sale has given beside points: stamps, gifts, a new level."""
    stand = {standing.card_key: standing for standing in result.standings}
    lines = []
    for rule in extras.cards:
        added, standing = result.stamps.get(rule.key, 0), stand.get(rule.key)
        if not added and standing is None:
            continue
        sign = dots(standing.stamps, rule.stamps) if standing is not None else ""
        said = _.plural("{icon} +{n} stamp {dots}", "{icon} +{n} stamps {dots}", added,
                        icon=icon(rule), dots=sign)  # fmt: skip
        lines.append(Markup(said.strip()))  # noqa: S704 - escaped where it was said
    for item in result.issued:
        name = bold(item.name.said_in(_.language))
        lines.append(_("🎁 The customer gets: {name}", name=name))
    if rose and extras.tier is not None:
        lines.append(_("🏆 New level: {tier}!", tier=bold(extras.tier.title(_.language))))
    return lines


# --- buttons ---------------------------------------------------------------------------------


def buttons(
    _: Translator, draft: Draft, extras: Extras, *, given: Mapping[str, int]
) -> list[list[tuple[str, str]]]:
    """Stamps and coupons, one row while nothing was added; ``given``: the stamps of the sale,
    those for its goods included."""
    name = base36(draft.id)
    first: list[tuple[str, str]] = []
    counted: list[list[tuple[str, str]]] = []
    for rule in extras.cards:
        n, sign = draft.stamps.get(rule.key, 0), icon(rule)
        if not n:
            label = _("{icon} +1 stamp", icon=sign)
            if len(extras.cards) > 1:
                label = Markup("{} +1 {}").format(sign, rule.name.said_in(_.language)[:_LABEL])
            first.append((label, _stamps(name, rule, 1)))
            continue
        shown = f"{sign} {given.get(rule.key, 0)}"
        row = [("−1", _stamps(name, rule, n - 1)), (shown, _stamps(name, rule, n))]
        if n < MAX_STAMPS:
            row.append(("+1", _stamps(name, rule, n + 1)))
        counted.append(row)
    coupon: tuple[str, str] = (
        _("🎟 One more") if draft.vouchers else _("🎟 Coupon"),
        f"sale:code:{name}",
    )
    second = [coupon]
    if draft.vouchers:
        second.append((_("❌ No coupon"), f"sale:drop:{name}"))
    if len(first) + len(second) <= 2:
        return [*counted, [*first, *second]]
    return [*counted, *[[item] for item in first], second]


def _stamps(draft: str, rule: StampCardRule, n: int) -> str:
    # The number to be, not "one more": tapped twice it is still that many.
    return f"sale:st:{draft}:{base36(n)}:{rule.key}"


def coupon_screen(
    _: Translator, who: Sequence[str], draft: Draft, mine: Sequence[Voucher]
) -> tuple[str, Buttons]:
    """The question for a code, with the customer's own coupons to tap."""
    name = base36(draft.id)
    lines = [*who, ""]
    rows = []
    for item in mine[:COUPONS_SHOWN]:
        label = item.name.said_in(_.language)[:_LABEL]
        rows.append([(f"🎟 {label}", f"sale:own:{name}:{base36(item.id)}")])
    if rows:
        lines.append(_("🎟 Choose the customer's coupon, or type another code:"))
    else:
        lines.append(_("🎟 Type the code, or scan the coupon's QR with your camera:"))
    rows.append([(_("Back"), f"sale:show:{name}")])
    return "\n".join(map(str, lines)), rows


def usable(mine: Sequence[Voucher], draft: Draft) -> list[Voucher]:
    """Own coupons that are not in the sale yet."""
    used = {vouchers.normalize(code) for code in draft.vouchers}
    return [item for item in mine if item.code not in used]
