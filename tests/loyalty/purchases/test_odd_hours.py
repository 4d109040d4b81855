"""Sales that reach us late, tills without a cashier, returns of what finds its owner meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from loyalty import errors, purchases
from loyalty.program import Guards
from loyalty.purchases import Line, Receipt
from loyalty.receipts import customer_stats, purchase_return
from tests.loyalty.purchases.test_whole_sale import cards, cups, promote
from tests.world import World

GOAL = {"kind": "goal", "measure": "purchases", "target": 1, "period": "day"}


async def test_a_sale_that_comes_a_day_late_reaches_no_goal_twice(world: World) -> None:
    await promote(world, {**GOAL, "gift": {"kind": "points", "points": 30}})
    who = await world.customer()
    sold_at = world.now
    first = await world.sell(who, cups(1))
    assert first.gift_points == 30
    world.pass_time(days=2)
    late = await world.sell(who, Receipt(sold_at=sold_at, lines=cups(1).lines))
    assert late.gift_points == 0
    assert await world.faults() == []


async def test_the_window_of_a_customer_never_moves_back(world: World) -> None:
    """Vladivostok is a day ahead of Moscow; what was sold a year ago counts in neither."""
    who = await world.customer()
    world.pass_time(hours=8)  # 20:00 in Moscow, 3:00 of the next day in Vladivostok
    await world.sell(who, 100_00, time_zone="Asia/Vladivostok")
    day = world.now.date()
    year_ago = world.now.replace(year=day.year - 1) + timedelta(days=1)
    old = Receipt(sold_at=year_ago, lines=(Line(amount=50_00, price=50_00),))
    await world.sell(who, old)
    query = sa.select(customer_stats.c.window_spent, customer_stats.c.window_from)
    row = await world.db.read(lambda s: s.execute(query).one())
    assert (row.window_spent, row.window_from) == (
        100_00,
        day.replace(year=day.year - 1) + timedelta(days=2),
    )


async def test_stamps_that_a_goal_gave_stay_when_goods_come_back(world: World) -> None:
    await promote(world, {**GOAL, "gift": {"kind": "stamps", "card": "coffee", "stamps": 2}})
    who = await world.customer()
    cake = Line(category="cake", amount=100_00, price=100_00)
    sold = await world.sell(who, cups(1, more=(cake,)))
    assert sold.stamps == {"coffee": 1}
    part = await world.take_back(sold.purchase_id, [(2, 1000)])
    assert part.stamps_taken == {}
    rest = await world.take_back(sold.purchase_id)
    assert rest.stamps_taken == {"coffee": 1}
    assert (await cards(world, who))["coffee"].stamps == 2


async def test_a_cashiers_limit_says_nothing_of_tills_without_a_cashier(world: World) -> None:
    await world.set_program(guards=Guards(cashier_sales_per_hour_limit=1))
    who = await world.customer()
    for _ in range(3):
        await world.sell(who, 100_00, staff_id=None)
    await world.sell(who, 100_00)
    with pytest.raises(errors.VelocityExceeded):
        await world.sell(who, 100_00)


async def test_points_worth_more_than_the_goods_cost_nobody_money(world: World) -> None:
    await world.set_program(redeem_share_bp=10_000)
    who = await world.customer(points=100)
    goods = tuple(Line(amount=99, price=99) for _ in range(10))
    sold = await world.sell(who, Receipt(sold_at=world.now, lines=goods), redeem=2)
    assert sold.to_pay == 790
    backs = [await world.take_back(sold.purchase_id, [(n, 1000)]) for n in range(1, 11)]
    assert sum(one.money_back for one in backs) == 790
    assert sum(one.spent_returned for one in backs) == 2


async def test_a_return_and_an_owner_at_once(world: World) -> None:
    """The return waits for the owner or comes before: never between the two."""
    for _ in range(10):
        who = await world.customer()
        sold = await world.sell(None, cups(2))

        async def attach(who: int = who, purchase_id: int = sold.purchase_id) -> object:
            return await world.db.transact(
                lambda s: purchases.attach(
                    s,
                    purchase_id=purchase_id,
                    customer_id=who,
                    actor="staff:1",
                    now=world.now,
                    within=timedelta(minutes=15),
                )
            )

        found = await asyncio.gather(
            attach(),
            world.take_back(sold.purchase_id, key=f"a{who}"),
            world.take_back(sold.purchase_id, key=f"a{who}"),
            return_exceptions=True,
        )
        assert all(isinstance(one, purchases.ReturnResult) for one in found[1:]), found
        balance = await world.balance(who)
        assert (balance.posted, balance.debt) == (0, 0)
    query = sa.select(sa.func.count()).select_from(purchase_return)
    assert await world.db.read(lambda s: s.execute(query).scalar_one()) == 10
    assert await world.faults() == []
