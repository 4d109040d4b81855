"""What these tests put into a shop: coupons, promo codes, gift cards, promotions."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from loyalty import clock, promotions, vouchers
from loyalty.db import Database
from loyalty.program import GiftItem, LocalText, PercentOff, Scope
from loyalty.promotions import Promotion
from loyalty.vouchers import Issued

TEN_PERCENT = PercentOff(rate_bp=1000)
FREE_COFFEE = GiftItem(scope=Scope(categories=("coffee", "кофе")))


async def coupon(db: Database, customer_id: int | None, **parts: Any) -> Issued:
    """A coupon of 10 % for this customer unless said otherwise."""
    given: dict[str, Any] = {
        "kind": vouchers.COUPON if customer_id is not None else vouchers.PROMO_CODE,
        "name": LocalText(ru="Десять процентов", en="Ten percent"),
        "effect": TEN_PERCENT,
        "customer_id": customer_id,
        **parts,
    }
    return await db.transact(
        lambda s: vouchers.create(s, created_by="staff:1", now=clock.now(), **given)
    )


async def gift_card(db: Database, amount: int) -> Issued:
    """A gift card with so many minor units on it."""
    name = LocalText(ru="Подарочная карта", en="Gift card")
    return await coupon(
        db, None, kind=vouchers.GIFT_CARD, name=name, effect=None, amount=amount, active=True
    )


async def run(db: Database, effect: Any, *, en: str, ru: str, **when: Any) -> None:
    """Switch a promotion on."""
    rules = Promotion(
        name=LocalText(ru=ru, en=en), when=promotions.Conditions(**when), effect=effect
    )

    def unit(session: Session) -> None:
        now = clock.now()
        stored = promotions.save(session, None, rules, "staff:1", now)
        promotions.switch_on(session, stored.live.promotion_id, "staff:1", now)

    await db.transact(unit)
