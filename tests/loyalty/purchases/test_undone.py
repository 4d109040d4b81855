"""An undone sale leaves nothing: no gift of a goal, no moment of a purchase, no use of an hour."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import checkup, guards, promotions, purchases, segments, stamps, vouchers
from loyalty.chains import subjects
from loyalty.db import Rows
from loyalty.errors import VelocityExceeded
from loyalty.program import FreeDelivery, LocalText
from loyalty.promotions import Promotion, goal_progress
from loyalty.receipts import customer_stats
from loyalty.vouchers import voucher
from loyalty.wallet.repair import repair_rollups
from tests.world import ZONE, World

NAME = LocalText(ru="Имя", en="Name")
POINTS = {"kind": "points", "points": 70}
COUPON = {"kind": "voucher", "name": NAME, "effect": FreeDelivery()}


async def goal(world: World, gift: dict[str, Any], *, target: int = 2) -> None:
    """So many purchases a week bring the gift; points can be spent at once."""
    await world.set_program(pending_days=0)
    effect = {
        "kind": "goal", "measure": "purchases", "target": target, "period": "week", "gift": gift,
    }  # fmt: skip
    rules = Promotion.model_validate({"name": NAME, "effect": effect})

    def unit(session: Session) -> None:
        draft = promotions.save(session, None, rules, "staff:1", world.now)
        promotions.switch_on(session, draft.live.promotion_id, "staff:1", world.now)

    await world.db.transact(unit)


async def undo(world: World, purchase_id: int) -> purchases.ReturnResult:
    return await world.db.transact(
        lambda s: purchases.record_return(
            s,
            purchase_id=purchase_id,
            actor=f"staff:{world.staff_id}",
            now=world.now,
            key=f"undo:{purchase_id}",
            undo=True,
        )
    )


async def is_reached(world: World, who: int) -> bool:
    query = sa.select(goal_progress.c.reached_at).where(goal_progress.c.customer_id == who)
    return await world.db.read(lambda s: s.execute(query).scalar_one()) is not None


async def is_whole(world: World) -> None:
    assert (await world.db.read(checkup.check)).faults == ()


async def mine(world: World, who: int) -> list[Any]:
    return list(await world.db.read(lambda s: vouchers.mine(s, customer_id=who, now=world.now)))


async def test_points_of_a_goal_go_with_the_sale_that_reached_it(world: World) -> None:
    who = await world.customer()
    await goal(world, POINTS)
    await world.sell(who, 100_00)
    for _ in range(3):
        before = (await world.balance(who)).available
        sold = await world.sell(who, 100_00)
        assert sold.gift_points == 70
        undone = await undo(world, sold.purchase_id)
        assert (undone.balance, undone.debt) == (before, 0)
        again = await undo(world, sold.purchase_id)
        assert (again.replayed, again.balance, again.debt) == (True, before, 0)
        assert not await is_reached(world, who)
        world.pass_time(minutes=1)
    assert (await world.sell(who, 100_00)).gift_points == 70, "one that stands brings it"
    assert (await world.sell(who, 100_00)).gift_points == 0
    assert (await world.balance(who)).available == 70 + 3 * 5
    await is_whole(world)


async def test_the_gift_goes_whichever_sale_is_undone_but_stays_while_the_goal_is_reached(
    world: World,
) -> None:
    who = await world.customer()
    await goal(world, POINTS)
    sold = [await world.sell(who, 100_00) for _ in range(3)]
    assert [one.gift_points for one in sold] == [0, 70, 0]
    await undo(world, sold[1].purchase_id)
    assert await is_reached(world, who), "two are left"
    assert (await world.balance(who)).available == 80
    await undo(world, sold[0].purchase_id)
    assert not await is_reached(world, who)
    assert (await world.balance(who)).available == 5
    await is_whole(world)


async def test_a_return_leaves_the_gift(world: World) -> None:
    who = await world.customer()
    await goal(world, POINTS, target=1)
    sold = await world.sell(who, 100_00)
    await world.take_back(sold.purchase_id)
    assert (await world.balance(who)).available == 70
    assert await is_reached(world, who)
    assert (await world.sell(who, 100_00)).gift_points == 0
    await is_whole(world)


async def test_points_already_spent_are_owed(world: World) -> None:
    who = await world.customer()
    await goal(world, POINTS, target=3)
    # The fourth sale spends nearly all there is, and keeps the goal reached for a while.
    first, second = [await world.sell(who, 100_00) for _ in range(2)]
    third = await world.sell(who, 100_00)
    assert third.gift_points == 70
    await world.db.transact(
        lambda s: purchases.record(
            s,
            customer_id=who,
            receipt=purchases.Receipt.of_sum(400_00, sold_at=world.now),
            redeem=80,
            may_redeem=True,
            actor="system",
            outlet_id=world.outlet_id,
            staff_id=None,
            source="pos",
            now=world.now,
            time_zone=ZONE,
        )
    )
    await undo(world, first.purchase_id)
    assert await is_reached(world, who)
    undone = await undo(world, second.purchase_id)
    assert not await is_reached(world, who)
    owned = await world.balance(who)
    assert undone.debt == owned.debt > 0
    assert owned.available == 0
    await is_whole(world)


async def test_an_unused_coupon_goes_and_comes_again(world: World) -> None:
    who = await world.customer()
    await goal(world, COUPON, target=1)
    sold = await world.sell(who, 100_00)
    assert len(await mine(world, who)) == 1
    await undo(world, sold.purchase_id)
    await undo(world, sold.purchase_id)
    assert await mine(world, who) == []
    assert not await is_reached(world, who)
    await world.sell(who, 100_00)
    assert len(await mine(world, who)) == 1
    await is_whole(world)


async def test_a_used_coupon_stays_used_and_no_second_comes(world: World) -> None:
    who = await world.customer()
    await goal(world, COUPON, target=1)
    sold = await world.sell(who, 100_00)
    used = sa.update(voucher).values(used=1, status="redeemed")
    await world.db.transact(lambda s: s.execute(used) and None)
    await undo(world, sold.purchase_id)
    assert await is_reached(world, who)
    await world.sell(who, 100_00)
    assert await mine(world, who) == []


async def test_stamps_of_a_goal_go_and_the_days_cap_stays_what_it_was(world: World) -> None:
    who = await world.customer()
    await goal(world, {"kind": "stamps", "card": "coffee", "stamps": 2}, target=1)
    sold = await world.sell(who, 100_00)
    standing = await world.db.read(lambda s: stamps.standings(s, customer_id=who))
    assert standing["coffee"].stamps == 2
    await undo(world, sold.purchase_id)
    await undo(world, sold.purchase_id)
    standing = await world.db.read(lambda s: stamps.standings(s, customer_id=who))
    assert (standing["coffee"].stamps, standing["coffee"].debt) == (0, 0)
    today = await world.db.read(
        lambda s: stamps.earned_today(
            s, customer_id=who, outlet_id=world.outlet_id, day=world.now.date()
        )
    )
    assert sum(today.values()) == 0
    assert not await is_reached(world, who)
    await is_whole(world)


async def moments(world: World, who: int) -> tuple[int, datetime, datetime] | None:
    c = customer_stats.c
    query = sa.select(c.orders, c.first_purchase_at, c.last_purchase_at).where(c.customer_id == who)
    row = await world.db.read(lambda s: s.execute(query).one_or_none())
    return tuple(row) if row else None


async def test_the_first_and_the_last_purchase_are_those_that_stand(world: World) -> None:
    who, started = await world.customer(), world.now
    only = await world.sell(who, 100_00)
    await undo(world, only.purchase_id)
    assert await moments(world, who) is None
    facts = (await world.db.read(lambda s: subjects.facts_of(s, [who])))[who]
    assert (facts.orders, facts.last_at) == (0, None), "nobody who has bought since a chain began"
    await is_whole(world)
    world.pass_time(days=40)
    kept = world.now
    await world.sell(who, 100_00)
    assert await moments(world, who) == (1, kept, kept)
    await is_whole(world)
    world.pass_time(days=50)
    slip = await world.sell(who, 100_00)
    await undo(world, slip.purchase_id)
    assert await moments(world, who) == (1, kept, kept)
    assert segments.lifecycle(kept, world.now) == segments.AT_RISK
    await is_whole(world)
    await world.db.transact(lambda s: repair_rollups(s, customer_ids=[who]))
    assert await moments(world, who) == (1, kept, kept), "a recount says the same"
    assert kept > started


async def test_a_recount_of_undone_sales_alone_makes_no_sums(world: World) -> None:
    who = await world.customer()
    sold = await world.sell(who, 100_00)
    await undo(world, sold.purchase_id)
    await world.db.transact(lambda s: repair_rollups(s, customer_ids=[who]))
    assert await moments(world, who) is None
    world.pass_time(days=1)
    await world.sell(who, 100_00)
    assert await moments(world, who) == (1, world.now, world.now)
    await is_whole(world)


async def test_a_wrong_moment_is_found(world: World) -> None:
    who = await world.customer()
    await world.sell(who, 100_00)
    wrong = sa.update(customer_stats).values(last_purchase_at=world.now + timedelta(days=1))
    await world.db.transact(lambda s: s.execute(wrong) and None)
    faults = (await world.db.read(checkup.check)).faults
    assert [fault.rule for fault in faults] == ["rollup"]


async def test_sums_without_a_purchase_are_nobodys_visit(world: World) -> None:
    who = await world.customer()
    row = {
        "customer_id": who, "orders": 0, "spent": -100, "first_purchase_at": world.now,
        "last_purchase_at": world.now, "window_spent": 0, "window_from": None,
    }  # fmt: skip

    def unit(session: Session) -> None:
        rows = Rows()
        rows.insert(customer_stats, row)
        rows.put(session)

    await world.db.transact(unit)
    facts = (await world.db.read(lambda s: subjects.facts_of(s, [who])))[who]
    assert (facts.orders, facts.last_at) == (0, None)


async def test_an_undone_sale_uses_up_nobodys_limit(world: World) -> None:
    who = await world.customer()
    await world.set_program(guards={"cashier_sales_per_hour_limit": 2, "card_sales_limit": 2})
    for _ in range(3):
        sold = await world.sell(who, 100_00)
        await undo(world, sold.purchase_id)
    back = await world.sell(who, 100_00)
    await world.take_back(back.purchase_id)
    await world.sell(who, 100_00)
    with pytest.raises(VelocityExceeded) as refused:
        await world.sell(await world.customer(), 100_00)
    assert refused.value.facts == {"of": "cashier", "limit": 2}, "a return does not free an hour"


async def test_undoing_again_and_again_is_flagged_as_returns_are(world: World) -> None:
    who = await world.customer()
    await world.set_program(guards={"cashier_returns_flag": 3})

    async def found() -> list[tuple[str, int]]:
        await world.db.transact(lambda s: guards.sweep(s, now=world.now, time_zone=ZONE))
        flags = await world.db.read(guards.listing)
        return [(one.subject, one.count) for one in flags if one.kind == "cashier_returns"]

    for n in range(3):
        assert await found() == [], n
        sold = await world.sell(who, 100_00)
        await undo(world, sold.purchase_id)
        await undo(world, sold.purchase_id)
    assert await found() == [(f"staff:{world.staff_id}", 3)]
