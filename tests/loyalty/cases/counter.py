"""What the cases are played with: programs with plain numbers, exact redemptions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import checkup, promotions, purchases, vouchers
from loyalty.ids import new_id
from loyalty.program import LocalText, TierRule
from loyalty.promotions.model import Promotion
from loyalty.purchases import Line, PurchaseResult, Quote, Receipt
from loyalty.wallet.tables import entry, lot
from tests.world import ZONE, World

NAME = LocalText(ru="Случай", en="Case")
FREELY = {"redeem_share_bp": 10_000, "confirm_above": 1_000_000, "pending_days": 0}
"""Points may pay all of a receipt, and are good at once: most programs do not ask for more."""


async def earning(world: World, rate_bp: int, **rules: Any) -> None:
    """One tier with that rate: 10 000 is a point for every 1.00."""
    tiers = (TierRule(key="bronze", threshold=0, earn_rate_bp=rate_bp),)
    await world.set_program(tiers=tiers, **{**FREELY, **rules})


async def spend(world: World, who: int, points: int) -> PurchaseResult:
    """Spend exactly so many points, on a receipt that costs no money and earns nothing."""
    return await world.sell(who, points * 100, redeem=points)


async def quote(world: World, who: int, receipt: Receipt, **options: Any) -> Quote:
    """What a sale would do."""
    return await world.db.read(
        lambda s: purchases.quote(
            s,
            customer_id=who,
            receipt=receipt,
            may_redeem=True,
            now=world.now,
            outlet_id=world.outlet_id,
            time_zone=ZONE,
            **options,
        )
    )


async def promote(world: World, effect: Any, **rest: Any) -> None:
    """Switch a promotion on."""

    def unit(session: Session) -> None:
        rules = Promotion(name=NAME, effect=effect, **rest)
        stored = promotions.save(session, None, rules, "test", world.now)
        promotions.switch_on(session, stored.live.promotion_id, "test", world.now)

    await world.db.transact(unit)


async def voucher(world: World, kind: str, **parts: Any) -> str:
    """A voucher's code."""
    made = await world.db.transact(
        lambda s: vouchers.create(
            s, kind=kind, name=NAME, created_by="test", now=world.now, **parts
        )
    )
    return made.code


def goods(world: World, *items: tuple[int, int], **options: Any) -> Receipt:
    """A receipt of (quantity, price) lines, each in a category named by its number."""
    return Receipt(
        sold_at=world.now,
        number=str(new_id()),
        lines=tuple(
            Line(
                amount=quantity * price,
                price=price,
                quantity_milli=quantity * 1000,
                category=f"c{n}",
                **options,
            )
            for n, (quantity, price) in enumerate(items, 1)
        ),
    )


async def entries(world: World, kind: str) -> list[int]:
    """Amounts of the entries of that kind, in order."""
    query = sa.select(entry.c.amount).where(entry.c.kind == kind).order_by(entry.c.id)
    return list(await world.db.read(lambda s: s.execute(query).scalars().all()))


async def open_lots(world: World, who: int) -> dict[Any, int]:
    """What is left of each lot, by when it expires."""
    query = sa.select(lot.c.expires_at, lot.c.remaining).where(lot.c.customer_id == who)
    rows = await world.db.read(lambda s: s.execute(query).all())
    return {row.expires_at: row.remaining for row in rows}


async def whole(world: World) -> bool:
    """Whether everything adds up."""
    found = await world.db.read(checkup.check)
    assert found.faults == ()
    return True
