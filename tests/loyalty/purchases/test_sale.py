"""A sale: what it earns, what may be spent, and that it happens once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from loyalty import errors, purchases
from loyalty.customers import customer
from loyalty.events import event
from loyalty.messaging.tables import outbox
from loyalty.purchases import Line, Receipt
from loyalty.receipts import customer_stats, purchase, purchase_line
from tests.world import World, lines


async def test_a_sale_earns_five_percent_that_can_be_spent_tomorrow(world: World) -> None:
    who = await world.customer(points=100)
    sold = await world.sell(who, 450_00)
    assert (sold.earned, sold.balance, sold.pending) == (22, 100, 22)
    world.pass_time(days=1)
    owned = await world.balance(who)
    assert (owned.available, owned.pending) == (122, 0)
    assert await world.faults() == []


async def test_points_earn_nothing_and_pay_at_most_thirty_percent(world: World) -> None:
    who = await world.customer(points=1000)
    quoted = await world.db.read(
        lambda s: purchases.quote(
            s,
            customer_id=who,
            receipt=Receipt.of_sum(450_00, sold_at=world.now),
            redeem=999,
            may_redeem=True,
            now=world.now,
        )
    )
    assert (quoted.max_redeem, quoted.limit, quoted.to_pay) == (135, "share", 315_00)
    sold = await world.sell(who, 450_00, redeem=135)
    assert (sold.redeemed, sold.to_pay, sold.earned) == (135, 315_00, 15)
    assert sold.balance == 865
    with pytest.raises(errors.RedemptionTooLarge):
        await world.sell(who, 450_00, redeem=136)
    assert await world.faults() == []


async def test_less_than_the_minimum_is_quoted_as_none(world: World) -> None:
    await world.set_program(redeem_minimum=50)
    who = await world.customer(points=1000)
    receipt = Receipt.of_sum(450_00, sold_at=world.now)

    async def spent(redeem: int) -> int:
        quoted = await world.db.read(
            lambda s: purchases.quote(
                s,
                customer_id=who,
                receipt=receipt,
                redeem=redeem,
                may_redeem=True,
                now=world.now,
            )
        )
        return quoted.redeem

    assert [await spent(n) for n in (0, 49, 50, 999)] == [0, 0, 50, 135]


async def test_a_quote_says_why_not_more(world: World) -> None:
    poor = await world.customer()
    anonymous = await world.customer(status="anonymous", points=50)
    receipt = Receipt.of_sum(450_00, sold_at=world.now)

    async def limit(who: int, *, may_redeem: bool = True) -> str | None:
        quoted = await world.db.read(
            lambda s: purchases.quote(
                s, customer_id=who, receipt=receipt, may_redeem=may_redeem, now=world.now
            )
        )
        assert quoted.max_redeem == 0
        return quoted.limit

    assert await limit(poor) == "balance"
    assert await limit(poor, may_redeem=False) == "presence"
    assert await limit(anonymous) == "not_joined"


async def test_lines_marked_so_earn_nothing_and_take_no_points(world: World) -> None:
    who = await world.customer(points=1000)
    receipt = Receipt(
        sold_at=world.now,
        lines=(
            Line(amount=300_00, price=300_00),
            Line(amount=200_00, price=200_00, no_earn=True),
            Line(amount=100_00, price=100_00, no_redeem=True),
        ),
    )
    sold = await world.sell(who, receipt, redeem=150)
    # 30 % of 500 is 150: 90 of them on the first line, 60 on the second.
    assert sold.earned == (300 - 90 + 100) * 5 // 100
    shares = await world.db.read(
        lambda s: (
            s.execute(sa.select(purchase_line.c.points_paid).order_by(purchase_line.c.n))
            .scalars()
            .all()
        )
    )
    assert list(shares) == [90_00, 60_00, 0]


async def test_above_the_tap_limit_the_customer_has_to_confirm(world: World) -> None:
    who = await world.customer(points=2000)
    with pytest.raises(errors.ConfirmationRequired):
        await world.sell(who, 5000_00, redeem=501)
    assert (await world.sell(who, 5000_00, redeem=500)).redeemed == 500


async def test_without_a_fresh_card_points_are_earned_and_not_spent(world: World) -> None:
    who = await world.customer(points=100)
    with pytest.raises(errors.PresenceRequired):
        await world.sell(who, 450_00, redeem=10, may_redeem=False)
    assert (await world.sell(who, 450_00, may_redeem=False)).earned == 22


async def test_a_shown_card_is_good_for_one_redemption(world: World) -> None:
    who = await world.customer(points=100)
    await world.sell(who, 450_00, redeem=10, card_key="n:abc")
    with pytest.raises(errors.PresenceRequired):
        await world.sell(who, 450_00, redeem=10, card_key="n:abc")
    assert (await world.sell(who, 450_00, card_key="n:abc")).earned == 22


async def test_one_draft_makes_one_purchase_however_often_it_is_confirmed(world: World) -> None:
    who = await world.customer(points=100)
    sales = await asyncio.gather(
        *(world.sell(who, 450_00, redeem=10, draft_id=7) for _ in range(8))
    )
    assert len({sale.purchase_id for sale in sales}) == 1
    assert sum(not sale.replayed for sale in sales) == 1
    assert (await world.balance(who)).available == 90
    assert await world.faults() == []


async def test_a_receipt_number_never_earns_twice(world: World) -> None:
    who, other = await world.customer(), await world.customer()
    receipt = lines((1, 450_00), sold_at=world.now, number="42")
    first = await world.sell(who, receipt)
    for buyer in (who, other):
        with pytest.raises(errors.DuplicateReceipt) as refused:
            await world.sell(buyer, receipt)
        assert refused.value.facts["purchase_id"] == first.purchase_id


async def test_the_same_receipt_from_two_tills_at_once_is_one_purchase(world: World) -> None:
    buyers = [await world.customer() for _ in range(8)]
    receipt = lines((1, 450_00), sold_at=world.now, number="42")
    outcomes = await asyncio.gather(
        *(world.sell(who, receipt) for who in buyers), return_exceptions=True
    )
    refused = [o for o in outcomes if isinstance(o, errors.DuplicateReceipt)]
    assert len(refused) == 7
    count = await world.db.read(
        lambda s: s.execute(sa.select(sa.func.count()).select_from(purchase)).scalar_one()
    )
    assert count == 1


async def test_a_sale_writes_its_event_its_rollup_and_the_receipt_message(world: World) -> None:
    who = await world.customer(chat=777)
    first = await world.sell(who, 450_00)
    world.pass_time(hours=1)
    await world.sell(who, 100_00)

    def look(session: object) -> tuple[list[object], ...]:
        assert isinstance(session, sa.orm.Session)
        events = session.execute(
            sa.select(event.c.data).where(event.c.type == "purchase.recorded").order_by(event.c.id)
        ).scalars()
        keys = session.execute(sa.select(outbox.c.key, outbox.c.chat_id).order_by(outbox.c.id))
        stats = session.execute(sa.select(customer_stats)).one()
        home = session.execute(
            sa.select(customer.c.home_outlet_id).where(customer.c.id == who)
        ).scalar_one()
        return list(events), [tuple(row) for row in keys], [*stats], [home]

    events, messages, stats, home = await world.db.read(look)
    assert [data["first"] for data in events] == [True, False]  # type: ignore[index]
    assert messages[0] == (f"receipt:{first.purchase_id}", 777)
    assert stats[1:3] == [2, 550_00]
    assert stats[4] - stats[3] == timedelta(hours=1)  # type: ignore[operator]
    assert home == [world.outlet_id]


async def test_an_anonymous_sale_is_recorded_and_moves_no_points(world: World) -> None:
    sold = await world.sell(None, 450_00)
    assert (sold.customer_id, sold.earned) == (None, 0)
    with pytest.raises(errors.PresenceRequired):
        await world.sell(None, 450_00, redeem=1)


async def test_eight_hundred_one_point_spends_on_five_hundred_give_exactly_five_hundred(
    world: World,
) -> None:
    who = await world.customer(points=500)
    left = asyncio.Semaphore(32)

    async def spend() -> bool:
        async with left:
            try:
                await world.sell(who, 10_00, redeem=1)
            except errors.InsufficientPoints:
                return False
            return True

    outcomes = await asyncio.gather(*(spend() for _ in range(800)))
    assert sum(outcomes) == 500
    assert (await world.balance(who)).available == 0
    assert await world.faults() == []
