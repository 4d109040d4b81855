"""A shop with promotions, vouchers, invitations and oddities, for tests and pictures."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, promotions, stamps, vouchers
from loyalty import program as programs
from loyalty.guards import anomaly
from loyalty.ids import new_id
from loyalty.program.effects import GiftItem, LocalText, PercentOff, PointsGift, Scope
from loyalty.promotions import Conditions, Promotion
from loyalty.promotions.model import Discount, FixedPoints, Goal
from loyalty.receipts import Line, Receipt
from loyalty.referrals import referral
from tests.admin import shop
from tests.world import World

COFFEE = Scope(categories=("Кофе",))
MORNING = Promotion(
    name=LocalText(ru="Утренний кофе", en="Morning coffee"),
    when=Conditions(scope=COFFEE),
    effect=FixedPoints(points=50),
)
TEN = Promotion(
    name=LocalText(ru="Десять процентов", en="Ten percent"),
    when=Conditions(minimum=50_000),
    effect=Discount(rate_bp=1000),
)
GOAL = Promotion(
    name=LocalText(ru="Три визита", en="Three visits"),
    effect=Goal(measure="purchases", target=3, period="week", gift=PointsGift(points=100)),
)


def coffee(world: World, *, cups: int = 2, number: str | None = None) -> Receipt:
    """A receipt of coffee and croissants."""
    return Receipt(
        sold_at=world.now,
        number=number,
        lines=(
            Line(
                name="Капучино", category="Кофе", sku="CAP", amount=cups * 25_000, price=25_000,
                quantity_milli=cups * 1000,
            ),
            Line(
                name="Круассан", category="Выпечка", sku="CRO", amount=21_000, price=21_000,
                quantity_milli=1000,
            ),
        ),
    )  # fmt: skip


async def promotion(world: World, rules: Promotion, *, on: bool = True) -> int:
    """A promotion, switched on unless told otherwise; its id."""

    def unit(session: Session) -> int:
        made = promotions.save(session, None, rules, f"staff:{world.staff_id}", world.now)
        number = made.live.promotion_id
        if on:
            promotions.switch_on(session, number, f"staff:{world.staff_id}", world.now)
        return number

    return await world.db.transact(unit)


async def voucher(world: World, **parts: object) -> vouchers.Issued:
    """A promo code of 10 % unless told otherwise."""
    values: dict[str, object] = {
        "kind": vouchers.PROMO_CODE,
        "name": LocalText(ru="Лето", en="Summer"),
        "effect": PercentOff(rate_bp=1000),
        **parts,
    }
    return await world.db.transact(
        lambda s: vouchers.create(s, created_by=f"staff:{world.staff_id}", now=world.now, **values)
    )


async def brought(world: World, referrer: int, friend: int, status: str, paid: int = 0) -> None:
    """An invitation in this state."""
    bought = await world.sell(friend, paid) if paid else None
    decided = status in ("rewarded", "declined")
    row = {
        "friend_id": friend,
        "referrer_id": referrer,
        "status": status,
        "started_at": world.now - timedelta(days=3),
        "purchase_id": bought.purchase_id if bought else None,
        "due_at": world.now if bought else None,
        "decided_at": world.now if decided else None,
        "decided_by": "system" if decided else None,
    }
    await world.db.transact(lambda s: s.execute(sa.insert(referral).values(**row)))


async def oddity(world: World, kind: str, subject: str, count: int) -> int:
    """A flag of today."""
    number = new_id()
    row = {
        "kind": kind, "subject": subject, "day": world.now.date(), "id": number, "count": count,
        "flagged_at": world.now,
    }  # fmt: skip
    await world.db.transact(lambda s: s.execute(sa.insert(anomaly).values(**row)))
    return number


async def stamped(world: World, customer_id: int, number: int) -> None:
    """Stamps on the coffee card."""

    def unit(session: Session) -> None:
        rule = programs.current(session, now=world.now).program.stamp_cards[0]
        stamps.grant(
            session, rule=rule, customer_id=customer_id, stamps=number, cause_kind="test",
            cause_id=str(new_id()), actor="system", day=world.now.date(), now=world.now,
        )  # fmt: skip

    await world.db.transact(unit)


async def fill(world: World) -> list[int]:
    """Everything at once, as a busy café has it; the customers."""
    ids = await shop.fill(world, people=6, sales=12)
    world.now = clock.now() - timedelta(hours=4)
    await promotion(world, MORNING)
    await promotion(world, TEN)
    await promotion(world, GOAL, on=False)
    for number in range(4):
        await world.sell(ids[number % 2], coffee(world, number=f"77{number}"))
    code = await voucher(
        world, code="SUMMER", total_limit=100, customer_limit=1, minimum=30_000,
        segment="tier:gold",
    )  # fmt: skip
    await world.sell(ids[2], coffee(world, number="790"), vouchers=[code.code])
    gift = GiftItem(scope=COFFEE)
    await voucher(
        world, kind=vouchers.COUPON, name=LocalText(ru="Кофе в подарок", en="Free coffee"),
        effect=gift, customer_id=ids[0], valid_days=30, time_zone="Europe/Moscow",
    )  # fmt: skip
    card = LocalText(ru="Подарочная карта", en="Gift card")
    await voucher(world, kind=vouchers.GIFT_CARD, name=card, effect=None, amount=200_000)
    await stamped(world, ids[0], 6)
    await brought(world, ids[0], ids[1], "rewarded", 60_000)
    await brought(world, ids[0], ids[2], "review", 70_000)
    await brought(world, ids[3], ids[4], "pending", 80_000)
    cashier = f"staff:{world.staff_id}"
    for kind, subject, count in (
        ("card_sales", f"customer:{ids[0]}", 12),
        ("cashier_one_card", f"{cashier}/customer:{ids[1]}", 5),
        ("cashier_returns", cashier, 7),
    ):
        await oddity(world, kind, subject, count)
    return ids
