"""Shorthands of these tests: making vouchers, and a till that uses one as a sale does."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from loyalty import vouchers
from loyalty.db import Rows
from loyalty.ids import new_id
from loyalty.program import GiftItem, LocalText, PercentOff, Scope
from loyalty.receipts import Line
from loyalty.vouchers import Issued, Voucher
from tests.world import World

NAME = LocalText(ru="Подарок", en="A gift")
TEN_PERCENT = PercentOff(rate_bp=1000)
COFFEE = Scope(categories=("coffee",))
FREE_COFFEE = GiftItem(scope=COFFEE)


async def make(world: World, kind: str = "promo_code", **parts: Any) -> Issued:
    """A voucher made by hand: a promo code of 10 % unless said otherwise."""
    defaults: dict[str, Any] = {"name": NAME, "effect": TEN_PERCENT, "created_by": "staff:1"}
    if kind == "gift_card":
        defaults |= {"effect": None, "active": True}
    given = {"kind": kind, **defaults, **parts}
    return await world.db.transact(lambda s: vouchers.create(s, now=world.now, **given))


async def state(world: World, voucher_id: int) -> Voucher:
    """The voucher as it is now."""
    return await world.db.read(lambda s: vouchers.get(s, voucher_id=voucher_id))


async def spend(
    world: World,
    code: str,
    *,
    amount: int = 10_00,
    customer_id: int | None = None,
    total: int = 100_00,
    segments: frozenset[str] = frozenset(),
) -> int:
    """Read under lock, check, claim and write, as a sale does; the purchase's id."""
    purchase_id = new_id()

    def unit(session: Session) -> int:
        found = vouchers.read(session, [code], lock=True)
        uses = vouchers.uses_by(session, found, customer_id)
        rows = Rows()
        for voucher in found:
            vouchers.check(
                voucher,
                customer_id=customer_id,
                segments=segments,
                uses=uses.get(voucher.id, 0),
                total=total,
                now=world.now,
            )
            vouchers.use(
                rows,
                voucher,
                customer_id=customer_id,
                purchase_id=purchase_id,
                amount=amount,
                actor="staff:1",
                now=world.now,
            )
        rows.put(session)
        return purchase_id

    return await world.db.transact(unit)


async def come_back(
    world: World, purchase_id: int, *, whole: bool = True, gifts: dict[int, int] | None = None
) -> vouchers.RolledBack:
    """A return of the purchase, as far as vouchers are concerned."""

    def unit(session: Session) -> vouchers.RolledBack:
        rows = Rows()
        done = vouchers.roll_back(
            session, rows, purchase_id=purchase_id, whole=whole, gift_amounts=gifts, now=world.now
        )
        rows.put(session)
        return done

    return await world.db.transact(unit)


async def faults(world: World) -> list[Any]:
    """What the sums of vouchers say."""
    return await world.db.read(vouchers.reconcile)


def line(
    price: int, *, pieces: int = 1, category: str | None = None, sku: str | None = None
) -> Line:
    """A line of so many pieces at ``price`` minor units each."""
    return Line(
        amount=price * pieces,
        price=price,
        quantity_milli=pieces * 1000,
        category=category,
        sku=sku,
    )
