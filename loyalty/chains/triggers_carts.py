"""What is known of carts on the shop's site: events may come late and in any order, so a cart is
what its newest event says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.events import event
from loyalty.ids import new_id

UPDATED, ORDERED = "cart_updated", "order_placed"
CART, ITEMS = "cart_id", "items"

_LOOK_BACK_IDS = (60 * 24 * 3600 * 1000) << 21
"""Two months of ids: a cart that nobody has touched for so long is forgotten."""

Cart = tuple[int, str]
"""A customer and the id the site has given their cart."""


@dataclass(frozen=True, slots=True)
class CartState:
    """A cart by its newest event, which happened ``at`` and is the row ``event_id``; whether it
    holds anything, and whether it was ordered, be that told before or after."""

    at: datetime
    event_id: int
    filled: bool
    ordered: bool = False

    @property
    def is_live(self) -> bool:
        """Whether there is something in it that waits to be ordered."""
        return self.filled and not self.ordered


def states(session: Session, carts: Collection[Cart]) -> dict[Cart, CartState]:
    """What the carts are like; of one nobody has told of nothing is said."""
    wanted = set(carts)
    if not wanted:
        return {}
    query = (
        sa.select(event.c.id, event.c.at, event.c.type, event.c.customer_id, event.c.data)
        .where(
            event.c.customer_id.in_(sorted({customer_id for customer_id, _ in wanted})),
            event.c.type.in_((UPDATED, ORDERED)),
            event.c.id > new_id() - _LOOK_BACK_IDS,
        )
        .order_by(event.c.id)
    )
    newest: dict[Cart, CartState] = {}
    ordered: set[Cart] = set()
    # Orders that do not say of which cart: of whatever was in one until then.
    orders: dict[int, datetime] = {}
    for row in session.execute(query):
        facts, at = facts_of(row.data), happened_at(row)
        cart_id = str(facts.get(CART) or "")
        cart = row.customer_id, cart_id
        if row.type == ORDERED:
            if cart_id:
                ordered.add(cart)
            else:
                orders[row.customer_id] = max(at, orders.get(row.customer_id, at))
        elif cart in wanted and (cart not in newest or at >= newest[cart].at):
            newest[cart] = CartState(at, row.id, bool(facts.get(ITEMS)))
    found = {}
    for cart, state in newest.items():
        last_order = orders.get(cart[0])
        gone = cart in ordered or (last_order is not None and last_order >= state.at)
        found[cart] = CartState(state.at, state.event_id, state.filled, gone)
    return found


def facts_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """What an event tells; of other systems' events what they sent, beside what we added."""
    sent = data.get("data")
    if not isinstance(sent, dict):
        return dict(data)
    found = {**data, **sent}
    if CART in data:
        # Ours stands in where theirs could not name a cart.
        found[CART] = data[CART]
    return found


def happened_at(row: Any) -> datetime:
    """When the event in ``row`` happened: other systems may tell us of it late."""
    heard = _aware(row.at)
    told = row.data.get("occurred_at")
    if not isinstance(told, str):
        return heard
    try:
        # A clock that runs ahead does not put anything off.
        return min(_aware(datetime.fromisoformat(told)), heard)
    except ValueError:
        return heard


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
