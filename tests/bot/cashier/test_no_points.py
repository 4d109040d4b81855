"""Points that were there when the screen was made, and are not when the sale is confirmed."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, purchases, wallet
from loyalty.customers import card_use
from loyalty.purchases import Receipt
from loyalty.purchases.tables import sale_draft
from tests.bot.cashier.street import ZONE, Phone, Street


async def about_to_spend(street: Street) -> tuple[Phone, int]:
    """A cashier one tap from a sale of 1000 with 300 of Ivan's 400 points; Ivan's id."""
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan", points=400)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("1000")
    await anna.tap("Spend 300")
    assert "Points spent: 300" in await anna.words()
    return anna, ivan


async def sold_without_points(street: Street, anna: Phone) -> None:
    """The next tap sells, earning only."""
    await anna.tap("onfirm")
    assert "Done!" in await anna.words()
    assert "Points spent" not in await anna.words()
    assert not await street.db.read(wallet.reconcile)


async def test_a_card_used_up_at_a_till_meanwhile(street_on_both: Street):
    street = street_on_both
    anna, ivan = await about_to_spend(street)

    def at_a_till(session: Session) -> None:
        now = clock.now()
        key = session.execute(sa.select(sale_draft.c.card_key)).scalar_one()
        outlet_id = session.execute(sa.select(sale_draft.c.outlet_id)).scalar_one()
        purchases.record(
            session,
            customer_id=ivan,
            receipt=Receipt.of_sum(50000, sold_at=now),
            redeem=50,
            may_redeem=True,
            card_key=key,
            actor="key:1",
            outlet_id=outlet_id,
            staff_id=None,
            source="pos",
            time_zone=ZONE,
            now=now,
        )

    await street.db.transact(at_a_till)
    assert await street.db.read(lambda s: s.execute(sa.select(card_use.c.nonce)).all())
    screen = await anna.last()
    assert "scan a fresh card" in (await anna.tap("onfirm") or "")
    now_there = await anna.last()
    assert now_there["message_id"] == screen["message_id"]
    assert "Points spent" not in now_there["text"]
    assert "This card is out of date" in now_there["text"]
    assert not any("Spend" in label for label in await anna.buttons()), "no way into a dead end"
    await sold_without_points(street, anna)
    assert (await street.balance(ivan)).available == 350
    assert await street.sales() == 2


async def test_a_wallet_frozen_meanwhile(street: Street):
    anna, ivan = await about_to_spend(street)

    def freeze(session: Session) -> None:
        wallet.freeze(
            session, customer_id=ivan, reason="staff", until=None, actor="system", now=clock.now()
        )

    await street.db.transact(freeze)
    await anna.tap("onfirm")
    words = await anna.words()
    assert "cannot be spent" in words
    assert "Points spent: 300" not in words
    assert await street.sales() == 0
    await sold_without_points(street, anna)
    assert (await street.balance(ivan)).posted == 400 + 50


async def test_points_spent_elsewhere_meanwhile(street: Street):
    anna, ivan = await about_to_spend(street)
    now = clock.now()

    def take(session: Session) -> None:
        wallet.adjust(
            session, customer_id=ivan, points=-250, reason="test", actor="system", now=now, key="t"
        )

    await street.db.transact(take)
    await anna.tap("onfirm")
    words = await anna.words()
    assert "Points spent: 300" not in words
    assert "Spend 150 points" in await anna.buttons()
    assert await street.sales() == 0
    await anna.tap("Spend 150")
    await anna.tap("onfirm")
    assert (await street.balance(ivan)).available == 0
    assert await street.sales() == 1
