"""What running promotions mean for one customer: those that concern them, and goals so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, program, promotions, segments
from loyalty.customers import customer
from loyalty.errors import CustomerNotFound
from loyalty.promotions import Conditions, Goal, GoalStanding, Live, Names
from loyalty.promotions.model import Bundle
from loyalty.receipts import customer_stats, last_names
from loyalty.staff import outlet

SOON = timedelta(days=14)
"""A promotion is told of this long before it begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """Promotions that concern a customer, in the order they apply; goals stand apart.

    ``soon``: those whose first day is still ahead, goals too, the nearest first. ``names`` are what
    outlets, stamp cards and goods are called in the asked language.
    """

    promotions: Sequence[Live]
    goals: Sequence[GoalStanding]
    soon: Sequence[Live] = ()
    names: Names


def for_customer(
    session: Session, *, customer_id: int, language: str, time_zone: str, now: datetime
) -> Offers:
    """What runs, or begins soon, for this customer; ``time_zone`` is the business's.

    Raises:
        CustomerNotFound: there is no such customer.
    """
    live = promotions.live_at(session, promotions.current_revision(session))
    if not live:
        return Offers(promotions=(), goals=(), names=Names())
    local = now.astimezone(clock.zone(time_zone))
    today = local.date()
    orders, groups = _groups(session, customer_id, today, now)
    meant = [one for one in live if _concerns(one.rules.when, orders, groups, local)]
    begun = [one for one in meant if promotions.term_of(one.rules.when, local) == "now"]
    soon = [one for one in meant if one not in begun]
    goals = promotions.goals_of(begun)
    return Offers(
        promotions=[one for one in begun if not isinstance(one.rules.effect, Goal)],
        goals=promotions.standings(session, customer_id, goals, day=today),
        soon=sorted(soon, key=lambda one: one.rules.when.starts_on or today),
        names=_names(session, language, now, meant),
    )


def groups_of(
    session: Session, *, customer_id: int, time_zone: str, now: datetime
) -> frozenset[str]:
    """The segments the customer is in now, by key.

    Raises:
        CustomerNotFound: there is no such customer.
    """
    return _groups(session, customer_id, clock.local_date(now, time_zone), now)[1]


def _groups(
    session: Session, customer_id: int, today: date, now: datetime
) -> tuple[int, frozenset[str]]:
    """How often the customer has bought, and the segments they are in."""
    c, s = customer.c, customer_stats.c
    query = (
        sa.select(
            c.tier, c.tags, c.joined_at, c.birth_day, c.birth_month, s.orders, s.last_purchase_at
        )
        .outerjoin(customer_stats, s.customer_id == c.id)
        .where(c.id == customer_id)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise CustomerNotFound()
    orders, rules = row.orders or 0, program.current(session, now=now).program
    return orders, segments.ready_made(
        tier=row.tier,
        top_tier=rules.tiers[-1].key,
        tags=row.tags,
        joined_at=row.joined_at,
        orders=orders,
        last_purchase_at=row.last_purchase_at,
        birth_day=row.birth_day,
        birth_month=row.birth_month,
        today=today,
        leap_day=rules.leap_day,
        now=now,
    )


def _concerns(when: Conditions, orders: int, groups: frozenset[str], local: datetime) -> bool:
    """Whether the customer may ever meet these conditions, today or soon."""
    if promotions.term_of(when, local) == "over":
        return False
    if when.starts_on is not None and when.starts_on > local.date() + SOON:
        return False
    if when.segments and groups.isdisjoint(when.segments):
        return False
    if not groups.isdisjoint(when.not_segments):
        return False
    if when.first_purchase and orders:
        return False
    return not when.birthday_week or segments.BIRTHDAY_WEEK in groups


def _names(session: Session, language: str, now: datetime, told: Iterable[Live]) -> Names:
    places = session.execute(sa.select(outlet.c.id, outlet.c.name))
    cards = program.current(session, now=now).program.stamp_cards
    return Names(
        outlets={str(row.id): row.name for row in places},
        cards={card.key: card.name.said_in(language) for card in cards},
        goods=last_names(session, {sku for one in told for sku in _skus(one)}),
    )


def _skus(one: Live) -> list[str]:
    """Articles that a promotion names."""
    effect = one.rules.effect
    bundled = [item.scope for item in effect.items] if isinstance(effect, Bundle) else []
    return [sku for scope in (one.rules.when.scope, *bundled) for sku in scope.skus]
