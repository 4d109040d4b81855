"""Facts about people on their way through chains, for many at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.chains import triggers_carts as carts
from loyalty.chains.model import DateTrigger, Definition, ExpiryTrigger, Test
from loyalty.customers import customer
from loyalty.events import event
from loyalty.feedback import rating
from loyalty.receipts import customer_stats, purchase, purchase_line, purchase_return
from loyalty.staff import outlet
from loyalty.wallet.tables import lot

# Written out, not bound, so that both databases see the partial index fits.
_LEFT = lot.c.remaining > sa.literal_column("0")

CART_UPDATED, ORDER_PLACED = carts.UPDATED, carts.ORDERED
"""Events of the shop's site, as the POS API takes them."""

_BIRTHDAY = "birthday"

DayOf = tuple[int, date]
"""A customer and the last day of some of their points."""


@dataclass(slots=True)
class Facts:
    """What chains may ask about a customer. Moments are aware UTC."""

    orders: int = 0
    last_at: datetime | None = None
    ordered_at: datetime | None = None
    # Carts that were emptied since, by their id, and when; carts an order was made of.
    emptied: dict[str, datetime] = field(default_factory=dict)
    ordered_carts: set[str] = field(default_factory=set)
    # Carts with something in them, and when they were last touched.
    filled: dict[str, datetime] = field(default_factory=dict)
    # When each category that is asked about (case folded) was last bought.
    categories: dict[str, datetime] = field(default_factory=dict)
    birth: tuple[int, int] | None = None
    joined_at: datetime | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    phone: bool = False


def facts_of(
    session: Session,
    customer_ids: Collection[int],
    *,
    categories: Collection[str] = (),
    orders_since: datetime | None = None,
) -> dict[int, Facts]:
    """Facts of these customers by id; ``categories``: those whose last purchase is asked;
    ``orders_since``: from when on orders and carts of the site are asked (None: they are not)."""
    ids = sorted(set(customer_ids))
    found = {
        row.id: Facts(
            # Sums without a purchase are of somebody who has only given something back.
            orders=row.orders or 0,
            last_at=row.last_purchase_at if (row.orders or 0) > 0 else None,
            birth=(row.birth_month, row.birth_day) if row.birth_day else None,
            joined_at=row.joined_at,
            fields=row.fields or {},
            phone=row.phone is not None,
        )
        for row in session.execute(
            sa.select(
                customer.c.id,
                customer.c.birth_month,
                customer.c.birth_day,
                customer.c.joined_at,
                customer.c.fields,
                customer.c.phone,
                customer_stats.c.orders,
                customer_stats.c.last_purchase_at,
            )
            .outerjoin_from(customer, customer_stats, customer_stats.c.customer_id == customer.c.id)
            .where(customer.c.id.in_(ids))
        )
    }
    if orders_since is not None:
        _add_orders(session, found, ids, orders_since)
    if categories:
        _add_categories(session, found, ids, categories)
    return found


def _add_orders(session: Session, found: dict[int, Facts], ids: list[int], since: datetime) -> None:
    """Orders placed and carts emptied in the shop's other systems."""
    query = (
        sa.select(event.c.id, event.c.customer_id, event.c.type, event.c.at, event.c.data)
        .where(
            event.c.customer_id.in_(ids),
            event.c.type.in_((ORDER_PLACED, CART_UPDATED)),
            event.c.at >= since,
        )
        .order_by(event.c.id)
    )
    # Told late and out of turn: what counts is when it happened.
    told = sorted((carts.happened_at(row), row.id, row) for row in session.execute(query))
    for at, _, row in told:
        facts = found.get(row.customer_id)
        if facts is None:
            continue
        cart = carts.facts_of(row.data)
        cart_id = str(cart.get(carts.CART) or "")
        if row.type == ORDER_PLACED:
            facts.ordered_at = max(at, facts.ordered_at or at)
            facts.ordered_carts.add(cart_id)
            facts.filled.pop(cart_id, None)
        elif cart.get(carts.ITEMS):
            facts.emptied.pop(cart_id, None)
            if cart_id not in facts.ordered_carts:
                facts.filled[cart_id] = at
        else:
            facts.emptied[cart_id] = at
            facts.filled.pop(cart_id, None)


def _add_categories(
    session: Session, found: dict[int, Facts], ids: list[int], categories: Collection[str]
) -> None:
    lines = purchase_line.c
    query = (
        sa.select(purchase.c.customer_id, lines.category, sa.func.max(purchase.c.sold_at))
        .join(purchase_line, lines.purchase_id == purchase.c.id)
        .where(
            purchase.c.customer_id.in_(ids),
            lines.category.in_(sorted(set(categories))),
            lines.returned_milli < lines.quantity_milli,
        )
        .group_by(purchase.c.customer_id, lines.category)
    )
    for customer_id, category, at in session.execute(query):
        found[customer_id].categories[category] = at


@dataclass(slots=True)
class Ending:
    """Points that end on one day: how many; when the first of them were given, if all of them
    came with a message of their own that names the day (None: at least some did not)."""

    points: int
    told_at: datetime | None


def expiring_on(session: Session, days: Iterable[DayOf], *, time_zone: str) -> dict[DayOf, Ending]:
    """Points left whose last valid day it is, by customer and day (business zone)."""
    wanted = set(days)
    if not wanted:
        return {}
    first, last = min(day for _, day in wanted), max(day for _, day in wanted)
    query = (
        sa.select(
            lot.c.customer_id,
            lot.c.expires_at,
            lot.c.kind,
            sa.func.sum(lot.c.remaining),
            sa.func.min(lot.c.earned_at),
        )
        .where(
            lot.c.customer_id.in_(sorted({customer_id for customer_id, _ in wanted})),
            _LEFT,
            lot.c.expires_at > clock.start_of_day(first, time_zone),
            lot.c.expires_at <= clock.start_of_day(last + timedelta(days=1), time_zone),
        )
        .group_by(lot.c.customer_id, lot.c.expires_at, lot.c.kind)
    )
    found: dict[DayOf, Ending] = {}
    for customer_id, expires_at, kind, points, given_at in session.execute(query):
        key = customer_id, clock.last_valid_day(expires_at, time_zone)
        if key not in wanted:
            continue
        told_at = given_at if kind == _BIRTHDAY else None
        ending = found.setdefault(key, Ending(0, told_at))
        ending.points += int(points)
        ending.told_at = min(ending.told_at, told_at) if ending.told_at and told_at else None
    return found


def note_reminded(
    session: Session, days: Iterable[DayOf], *, now: datetime, time_zone: str
) -> None:
    """Note on the lots that a reminder of their last day was attempted, or rightly left out."""
    by_day: dict[date, list[int]] = {}
    for customer_id, day in set(days):
        by_day.setdefault(day, []).append(customer_id)
    for day, customer_ids in sorted(by_day.items()):
        session.execute(
            sa.update(lot)
            .where(
                lot.c.customer_id.in_(sorted(customer_ids)),
                _LEFT,
                lot.c.reminded_at.is_(None),
                lot.c.expires_at > clock.start_of_day(day, time_zone),
                lot.c.expires_at <= clock.start_of_day(day + timedelta(days=1), time_zone),
            )
            .values(reminded_at=now)
        )


def day_of(definition: Definition, occurrence: str) -> date | None:
    """The day a chain is about; None for chains that are about none."""
    if isinstance(definition.trigger, ExpiryTrigger):
        return date.fromisoformat(occurrence)
    return None


def purchase_of(definition: Definition, occurrence: str) -> int | None:
    """The purchase a chain is about; None for chains that are about none."""
    known = definition.is_about_purchase and occurrence.isascii() and occurrence.isdigit()
    return int(occurrence) if known else None


def become_of(session: Session, purchase_ids: Collection[int]) -> dict[int, frozenset[str]]:
    """What holds for these purchases now: ``purchase_returned`` (all of it, or undone at the
    till), ``purchase_rated``. Those of which neither is true are left out."""
    ids = sorted(set(purchase_ids))
    if not ids:
        return {}
    came_back = sa.select(purchase.c.id).where(
        purchase.c.id.in_(ids), purchase.c.total > 0, purchase.c.returned >= purchase.c.total
    )
    undone = sa.select(purchase_return.c.purchase_id).where(
        purchase_return.c.purchase_id.in_(ids), purchase_return.c.undo == sa.true()
    )
    rated = sa.select(rating.c.purchase_id).where(rating.c.purchase_id.in_(ids))
    found: dict[int, set[str]] = {}
    for query, test in (
        (came_back, "purchase_returned"),
        (undone, "purchase_returned"),
        (rated, "purchase_rated"),
    ):
        for id_ in session.execute(query).scalars():
            found.setdefault(id_, set()).add(test)
    return {id_: frozenset(tests) for id_, tests in found.items()}


def sold_at(session: Session, purchase_ids: Collection[int]) -> dict[int, datetime]:
    """When these purchases were made."""
    ids = sorted(set(purchase_ids))
    if not ids:
        return {}
    query = sa.select(purchase.c.id, purchase.c.sold_at).where(purchase.c.id.in_(ids))
    return {row.id: row.sold_at for row in session.execute(query)}


def outlet_of(session: Session, purchase_id: int) -> str | None:
    """Where a purchase was made; None if nobody wrote it down."""
    query = (
        sa.select(outlet.c.name)
        .join(purchase, purchase.c.outlet_id == outlet.c.id)
        .where(purchase.c.id == purchase_id)
    )
    return session.execute(query).scalar_one_or_none()


def holds_of(
    test: Test, facts: Facts, *, started_at: datetime, sold_at: datetime | None = None
) -> bool:
    """Whether a test about orders holds: bought at all, or since ``started_at``; the purchase a
    pass is about, made at ``sold_at``, does not count as another one."""
    if test == "has_bought":
        return facts.orders > 0
    later = facts.last_at is not None and facts.last_at >= started_at
    if test == "bought_since_start":
        # The till's clock may be a little ahead of ours, which says when a pass began.
        return later and (sold_at is None or facts.last_at != sold_at)
    ordered = facts.ordered_at is not None and facts.ordered_at >= started_at
    return later or ordered


def day_stands(definition: Definition, facts: Facts, *, day: date, time_zone: str) -> bool:
    """Whether the day a pass is about is still the customer's: nobody has changed the date."""
    trigger = definition.trigger
    if not isinstance(trigger, DateTrigger):
        return True
    if trigger.field == "birthday":
        if facts.birth is None:
            return False
        return _is_kept_on(day, *facts.birth)
    if trigger.field == "joined":
        if facts.joined_at is None:
            return False
        joined = clock.local_date(facts.joined_at, time_zone)
        return _is_kept_on(day, joined.month, joined.day)
    found = str(facts.fields.get(trigger.field.partition(":")[2], ""))[:10]
    try:
        named = date.fromisoformat(found)
    except ValueError:
        return False
    if trigger.yearly:
        return _is_kept_on(day, named.month, named.day)
    return named == day


def _is_kept_on(day: date, month: int, number: int) -> bool:
    """Whether a yearly day may be kept on ``day``. Both places of 29 February count: whoever is
    on the way when the owner moves it keeps the day they were started for."""
    places = get_args(clock.LeapDay)
    return any(
        clock.birthday_in(day.year, month=month, day=number, leap_day=one) == day for one in places
    )
