"""What the demo's tills hand from step to step: the shop they stand in, the sale at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from loyalty.demo.campaigns import Calendar
from loyalty.demo.catalogue import Chain
from loyalty.demo.member import Member
from loyalty.program import Version
from loyalty.purchases import Discount
from loyalty.purchases.basket import Basket


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Where and by which rules the tills sell. ``versions`` of the program begin at midnights."""

    chain: Chain
    currency: str
    time_zone: str
    versions: Sequence[tuple[datetime, Version]]
    calendar: Calendar
    outlets: Sequence[int]
    cashiers: Sequence[Sequence[int]]


@dataclass(slots=True, kw_only=True)
class Sale:
    """A sale to a member while it is rung up."""

    id: int
    member: Member
    at: datetime
    outlet_id: int
    cashier: int
    basket: Basket
    # Minor units after promotions and codes; points spent.
    total: int = 0
    redeem: int = 0
    reward: bool = False
    gifts: Sequence[Discount] = ()

    @property
    def actor(self) -> str:
        """Who rings it up."""
        return f"staff:{self.cashier}"
