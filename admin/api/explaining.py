"""A quote in words: lines to print for the customer, and discounts by name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from admin.api.answers import DiscountOut
from admin.api.fields import money_text
from loyalty import promotions, stamps, tiers
from loyalty.program import Program
from loyalty.promotions import Part
from loyalty.purchases import Discount, Quote
from loyalty.texts import Translator, plain, translator


def discounts_of(
    session: Session, discounts: Sequence[Discount], language: str
) -> list[DiscountOut]:
    """What promotions and vouchers take off, by name."""
    versions = [d.promotion_version_id for d in discounts if d.promotion_version_id is not None]
    names = promotions.names_of(promotions.by_ids(session, versions).values())
    found = []
    for item in discounts:
        name = names.get(item.promotion_version_id or 0)
        if item.voucher is not None:
            name = item.voucher.name
        found.append(
            DiscountOut(
                kind="promotion" if item.voucher is None else item.voucher.kind,
                name=name.said_in(language) if name is not None else None,
                voucher=item.voucher.code if item.voucher is not None else None,
                amount=money_text(item.amount),
            )
        )
    return found


def lines_to_print(
    session: Session,
    quoted: Quote,
    rules: Program,
    *,
    customer_id: int | None,
    language: str,
    currency: str,
    time_zone: str,
    now: datetime,
) -> list[str]:
    """Where the points come from, what is missing to the next tier and to a full stamp card."""
    if customer_id is None:
        return []
    _ = translator(language)
    said: list[str] = []
    if quoted.earn:
        why = _why(session, _, quoted.parts, rules, quoted.tier)
        said.append(_("You earn {points}: {why}", points=_.points(quoted.earn), why=why))
    if quoted.max_redeem:
        said.append(_("You can pay up to {points} here", points=_.points(quoted.max_redeem)))
    standing = tiers.progress(session, customer_id=customer_id, now=now, time_zone=time_zone)
    said.append(tiers.progress_line(_, standing, currency=currency))
    found = stamps.standings(session, customer_id=customer_id)
    for card in rules.stamp_cards:
        have = found[card.key].stamps if card.key in found else 0
        have = (have + quoted.stamps.get(card.key, 0)) % card.stamps
        if have or quoted.stamps.get(card.key):
            said.append(
                _(
                    "{card}: {have} of {needed}",
                    card=card.name.said_in(language),
                    have=have,
                    needed=card.stamps,
                )
            )
    return [plain(line) for line in said]


def _why(
    session: Session, _: Translator, parts: Sequence[Part], rules: Program, tier: str | None
) -> str:
    versions = [part.version_id for part in parts if part.version_id is not None]
    names = promotions.names_of(promotions.by_ids(session, versions).values())
    title = rules.tier(tier).title(_.language) if tier is not None else None
    return promotions.explain(_, parts, names, tier=title)
