"""How far a customer is: the tier, its perks, what is missing to the next, and the bar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty import program as programs
from loyalty.customers import customer
from loyalty.errors import CustomerNotFound
from loyalty.program import Perk, TierRule
from loyalty.receipts import customer_day
from loyalty.texts import N_, Translator
from loyalty.tiers.levels import order, window_start

CELLS = 5
_FULL, _EMPTY = "▰", "▱"

# Languages bend the names that come with the program; an owner's own stay as they are.
_TO = {
    "silver": N_("{bar} {sum} to Silver"),
    "gold": N_("{bar} {sum} to Gold"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A customer's tier. Sums in minor units, net spend of the last 12 months.

    ``to_next`` is 0 at the top. ``warned_for`` is the review that lowers the tier unless
    ``to_keep`` more is spent before it; None if nothing threatens.
    """

    tier: TierRule
    spent: int
    next_tier: TierRule | None
    to_next: int
    floor: str | None
    warned_for: date | None
    to_keep: int

    @property
    def perks(self) -> tuple[Perk, ...]:
        """What the tier gives beside its rate."""
        return self.tier.perks


def progress(session: Session, *, customer_id: int, now: datetime, time_zone: str) -> Progress:
    """Where the customer stands at ``now``.

    Raises:
        CustomerNotFound: there is no such customer.
    """
    program = programs.current(session, now=now).program
    today = clock.local_date(now, time_zone)
    spent_from = _spent_from(window_start(today))
    known = session.execute(
        sa.select(
            customer.c.tier,
            customer.c.tier_floor,
            customer.c.tier_warned_for,
            spent_from.label("spent"),
        ).where(customer.c.id == customer_id)
    ).one_or_none()
    if known is None:
        raise CustomerNotFound()
    tier, spent, to_keep = program.tier(known.tier), int(known.spent), 0
    place = max(0, order(program, tier.key))
    above = program.tiers[place + 1 :]
    next_tier = next((rule for rule in above if spent < rule.threshold), None)
    if known.tier_warned_for is not None:
        window = _spent_from(window_start(known.tier_warned_for))
        query = sa.select(window).select_from(customer).where(customer.c.id == customer_id)
        to_keep = max(0, tier.threshold - int(session.execute(query).scalar_one()))
    return Progress(
        tier=tier,
        spent=spent,
        next_tier=next_tier,
        to_next=next_tier.threshold - spent if next_tier else 0,
        floor=known.tier_floor,
        warned_for=known.tier_warned_for if to_keep else None,
        to_keep=to_keep,
    )


def _spent_from(first_day: date) -> sa.ScalarSelect[int]:
    total = sa.func.coalesce(sa.func.sum(customer_day.c.spent), 0)
    return (
        sa.select(sa.cast(total, sa.BigInteger))
        .where(customer_day.c.customer_id == customer.c.id, customer_day.c.day >= first_day)
        .scalar_subquery()
    )


def bar(*, spent: int, threshold: int) -> str:
    """Five cells, full as far as ``spent`` has come; never all of them before the threshold."""
    full = CELLS if spent >= threshold else max(0, spent) * CELLS // max(1, threshold)
    return _FULL * full + _EMPTY * (CELLS - full)


def progress_line(_: Translator, standing: Progress, *, currency: str) -> str:
    """ "▰▰▰▱▱ 1 200 ₽ to Gold" in the translator's language; at the top, that it is the top."""
    rule = standing.next_tier
    if rule is None:
        title = standing.tier.title(_.language)
        return _("{bar} {tier}, the highest level", bar=_FULL * CELLS, tier=title)
    cells = bar(spent=standing.spent, threshold=rule.threshold)
    missing = _.money(standing.to_next, currency)
    if rule.name is None and rule.key in _TO:
        return _(_TO[rule.key], bar=cells, sum=missing)
    return _("{bar} {sum} to “{tier}”", bar=cells, sum=missing, tier=rule.title(_.language))
