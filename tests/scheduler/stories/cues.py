"""What happens to people in the stories: what starts a chain, and what ends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, events, feedback, goods, tiers
from loyalty.customers import customer
from loyalty.db import Rows
from loyalty.goods import Product
from loyalty.purchases import Line, Receipt
from loyalty.receipts import purchase
from tests.loyalty.tiers.nights import spend
from tests.scheduler.stage import Stage
from tests.world import ZONE

Cue = Callable[[Stage, int], Awaitable[None]]
"""What happens to one customer."""

CATEGORY = "coffee"
COST = 450_00


async def wait(stage: Stage, who: int) -> None:
    """Nothing happens but time."""
    del stage, who


async def join(stage: Stage, who: int) -> None:
    """They join."""
    await stage.joined(who)


async def join_and_buy(stage: Stage, who: int) -> None:
    """They join and buy something."""
    await stage.joined(who)
    await buy(stage, who)


async def buy(stage: Stage, who: int) -> None:
    """They buy something for a sum."""
    stage.world.now = clock.now()
    await stage.world.sell(who, COST)


def buy_for(amount: int) -> Cue:
    """They buy for so much."""

    async def sale(stage: Stage, who: int) -> None:
        stage.world.now = clock.now()
        await stage.world.sell(who, amount)

    return sale


async def lay_out_goods(stage: Stage) -> None:
    """A cappuccino that goes with a croissant, and lasts a month."""

    def unit(session: Session) -> None:
        now = clock.now()
        for sku, name in (("cap", "Капучино"), ("crs", "Круассан")):
            made = Product(sku=sku, name=name, category=CATEGORY, price=220_00)
            goods.put(session, made, actor="staff:1", now=now)
        goods.set_pairs(session, sku="cap", others=["crs"], actor="staff:1", now=now)
        goods.set_pace(session, category=CATEGORY, days=30, actor="staff:1", now=now)

    await stage.world.db.transact(unit)


async def buy_goods(stage: Stage, who: int) -> None:
    """They buy a cappuccino."""
    stage.world.now = clock.now()
    line = Line(amount=220_00, price=220_00, sku="cap", name="Капучино", category=CATEGORY)
    await stage.world.sell(who, Receipt(sold_at=clock.now(), lines=(line,)))


async def fill_a_stamp_card(stage: Stage, who: int) -> None:
    """They buy four coffees, which fill the card."""
    stage.world.now = clock.now()
    line = Line(amount=800_00, price=200_00, quantity_milli=4000, name="Кофе", category=CATEGORY)
    await stage.world.sell(who, Receipt(sold_at=clock.now(), lines=(line,)))


async def last_purchase(stage: Stage, who: int) -> int:
    """The id of what they bought last."""
    query = sa.select(sa.func.max(purchase.c.id)).where(purchase.c.customer_id == who)
    found: int = await stage.world.db.read(lambda s: s.execute(query).scalar_one())
    return found


async def give_back(stage: Stage, who: int) -> None:
    """They return what they bought."""
    stage.world.now = clock.now()
    await stage.world.take_back(await last_purchase(stage, who))


def buy_and_rate(score: int) -> Cue:
    """They buy something and rate it."""

    async def rated(stage: Stage, who: int) -> None:
        await buy(stage, who)
        bought = await last_purchase(stage, who)
        await stage.world.db.transact(
            lambda s: feedback.rate(
                s, customer_id=who, purchase_id=bought, score=score, now=clock.now()
            )
        )

    return rated


async def points_for_20_days(stage: Stage, who: int) -> None:
    """40 points whose last day is in 20 days."""
    stage.world.now = clock.now()
    day = clock.local_date(clock.now(), ZONE) + timedelta(days=21)
    await stage.world.grant(who, 40, expires_at=clock.start_of_day(day, ZONE))


async def spend_points(stage: Stage, who: int) -> None:
    """They spend them."""
    stage.world.now = clock.now()
    await stage.world.sell(who, 1_000_00, redeem=40)


async def change_birthday(stage: Stage, who: int) -> None:
    """Their birthday turns out to be another."""
    day = clock.local_date(clock.now(), ZONE) - timedelta(days=40)
    await _set(stage, who, birth_day=day.day, birth_month=day.month)


async def change_field(stage: Stage, who: int) -> None:
    """What was to be renewed has been."""
    day = clock.local_date(clock.now(), ZONE) + timedelta(days=365)
    await _set(stage, who, fields={"renewal": day.isoformat()})


async def _set(stage: Stage, who: int, **values: Any) -> None:
    change = sa.update(customer).where(customer.c.id == who).values(**values)
    await stage.world.db.transact(lambda s: s.execute(change) and None)


async def warn_of_level(stage: Stage, who: int) -> None:
    """Their year is almost over, and the program warns them."""
    now = clock.now()
    await _set(stage, who, tier="silver")
    await spend(stage.world, who, clock.local_date(now, ZONE) - timedelta(days=350), 12_000_00)
    await stage.world.db.transact(lambda s: tiers.warn(s, now=now, time_zone=ZONE))


async def _site(stage: Stage, who: int, kind: str, data: Mapping[str, Any]) -> None:
    """An event of the shop's site, as the API writes it down."""
    now = clock.now()

    def unit(session: Session) -> None:
        rows = Rows()
        events.record(
            rows,
            type=kind,
            customer_id=who,
            actor="key:1",
            data={"occurred_at": now.isoformat(), "outlet_id": "1", "data": dict(data)},
            now=now,
        )
        rows.put(session)

    await stage.world.db.transact(unit)


async def fill_a_cart(stage: Stage, who: int) -> None:
    """They put a kettle into the cart of the shop's site."""
    items = [{"sku": "kettle", "name": "Чайник", "quantity": 1}]
    await _site(stage, who, "cart_updated", {"cart_id": f"cart-{who}", "items": items})


async def view_goods(stage: Stage, who: int) -> None:
    """They look at a kettle."""
    await _site(stage, who, "product_viewed", {"sku": "kettle", "name": "Чайник"})


async def order(stage: Stage, who: int) -> None:
    """They order what is in the cart."""
    await _site(stage, who, "order_placed", {"cart_id": f"cart-{who}", "order_id": "1"})
