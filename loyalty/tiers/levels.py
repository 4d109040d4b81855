"""Which tier a spend reaches, and what a sale makes of a customer's: pure sums, no reading."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from loyalty import clock, events
from loyalty.customers import customer
from loyalty.db.rows import Rows
from loyalty.program import Program

UNKNOWN = -1
"""The order of a tier the program has no longer."""


def reached(program: Program, spent: int) -> str:
    """The highest tier that ``spent`` (minor units, net, 12 months) reaches."""
    key = program.tiers[0].key
    for tier in program.tiers:
        if spent < tier.threshold:
            break
        key = tier.key
    return key


def order(program: Program, key: str | None) -> int:
    """The place of a tier, 0 the lowest; ``UNKNOWN`` for none or one that is gone."""
    for place, tier in enumerate(program.tiers):
        if tier.key == key:
            return place
    return UNKNOWN


def window_start(day: date) -> date:
    """The first day of the rolling 12 months that end with ``day``."""
    return clock.add_months(day, -12) + timedelta(days=1)


def after_sale(
    rows: Rows,
    *,
    program: Program,
    customer_id: int,
    tier: str,
    floor: str | None,
    spent_12m: int,
    now: datetime,
    actor: str,
) -> str:
    """The tier after a sale: up at once, never down; ``spent_12m`` includes the sale.

    A rise adds the customer's row and the event ``tier.changed`` to the unit's rows. The
    caller holds the lock on the customer's account.
    """
    place = max(order(program, reached(program, spent_12m)), order(program, floor))
    if place <= order(program, tier):
        return tier
    new = program.tiers[place].key
    change(
        rows,
        customer_id=customer_id,
        old=tier,
        new=new,
        rise=True,
        reason="sale",
        spent=spent_12m,
        now=now,
        actor=actor,
    )
    return new


def change(
    rows: Rows,
    *,
    customer_id: int,
    old: str,
    new: str,
    rise: bool,
    reason: str,
    spent: int,
    now: datetime,
    actor: str,
) -> None:
    """Add a change of tier (up, or down) with its event to the unit's rows; a warning given
    before is over."""
    rows.update(
        customer,
        {
            "id": customer_id,
            "tier": new,
            "tier_since": now,
            "tier_warned_at": None,
            "tier_warned_for": None,
        },
    )
    events.record(
        rows,
        type="tier.changed",
        customer_id=customer_id,
        actor=actor,
        data={"from": old, "to": new, "rise": rise, "reason": reason, "spent": spent},
        now=now,
    )
