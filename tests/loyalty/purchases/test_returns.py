"""Returns: in any order and number, never refused because points were spent."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from loyalty import errors, purchases
from loyalty.program import TierRule
from loyalty.receipts import customer_stats
from loyalty.wallet.tables import lot
from tests.world import World, lines


async def test_half_a_return_takes_half_of_what_was_earned(world: World) -> None:
    """S04 of the published cases (Odoo): 1 point per 1.00; 2 × 50.00; one comes back."""
    await world.set_program(
        tiers=(TierRule(key="bronze", threshold=0, earn_rate_bp=10_000),), pending_days=0
    )
    who = await world.customer()
    sold = await world.sell(who, lines((2, 50_00), sold_at=world.now))
    assert sold.balance == 100
    back = await world.take_back(sold.purchase_id, [(1, 1000)])
    assert (back.earned_reversed, back.balance, back.money_back) == (50, 50, 50_00)


async def test_a_return_gives_spent_points_back_and_takes_earned_ones(world: World) -> None:
    """S05 (Odoo): balance 200; 2 × 50 earns 70 and spends 150; one comes back: 120 → 160.

    Their order may be paid with more points than it costs; ours with all of them at most, so
    the sums are ten times theirs in money and the earning rate a tenth.
    """
    await world.set_program(
        tiers=(TierRule(key="bronze", threshold=0, earn_rate_bp=824),),
        pending_days=0,
        redeem_share_bp=10_000,
    )
    who = await world.customer(points=200)
    sold = await world.sell(who, lines((2, 500_00), sold_at=world.now), redeem=150)
    assert (sold.earned, sold.balance) == (70, 120)
    back = await world.take_back(sold.purchase_id, [(1, 1000)])
    assert (back.earned_reversed, back.spent_returned, back.balance) == (35, 75, 160)
    rest = await world.take_back(sold.purchase_id)
    assert (rest.earned_reversed, rest.spent_returned, rest.balance) == (35, 75, 200)
    assert await world.faults() == []


async def test_points_already_spent_become_a_debt_that_the_next_accrual_repays(
    world: World,
) -> None:
    """S03 (Setono), by our rule: what is returned beyond the balance becomes debt."""
    who = await world.customer()
    sold = await world.sell(who, 3000_00)
    world.pass_time(days=1)
    await world.sell(who, 400_00, redeem=100)
    back = await world.take_back(sold.purchase_id)
    # 150 were earned, 100 of them spent; the 15 earned since are taken too.
    assert (back.earned_reversed, back.balance, back.debt) == (150, 0, 85)
    with pytest.raises(errors.NothingToReturn):
        await world.take_back(sold.purchase_id)
    later = await world.sell(who, 2000_00)
    assert (later.earned, later.debt_repaid, later.pending) == (100, 85, 15)
    assert (await world.balance(who)).debt == 0
    assert await world.faults() == []


async def test_returned_points_keep_their_date_unless_it_is_too_close(world: World) -> None:
    who = await world.customer()
    far, near = world.now + timedelta(days=200), world.now + timedelta(days=3)
    await world.grant(who, 50, expires_at=near)
    await world.grant(who, 50, expires_at=far)
    sold = await world.sell(who, 1000_00, redeem=100)
    world.pass_time(days=1)
    await world.take_back(sold.purchase_id)

    def given_back(session: sa.orm.Session) -> list[tuple[int, object]]:
        query = sa.select(lot.c.remaining, lot.c.expires_at).where(lot.c.kind == "refund")
        return [tuple(row) for row in session.execute(query.order_by(lot.c.expires_at))]

    (n_near, soon), (n_far, late) = await world.db.read(given_back)
    assert (n_near, n_far, late) == (50, 50, far)
    assert isinstance(soon, type(far))
    # Return date + 14 days, to the end of that day in the outlet's zone.
    assert timedelta(days=14) <= soon - world.now < timedelta(days=15)


async def test_a_preview_says_what_the_return_will_do_and_does_nothing(world: World) -> None:
    who = await world.customer(points=200)
    sold = await world.sell(who, 450_00, redeem=100)
    before = await world.balance(who)
    seen = await world.db.read(
        lambda s: purchases.preview_return(s, purchase_id=sold.purchase_id, now=world.now)
    )
    assert await world.balance(who) == before
    done = await world.take_back(sold.purchase_id)
    assert (seen.spent_returned, seen.earned_reversed, seen.money_back, seen.balance) == (
        done.spent_returned,
        done.earned_reversed,
        done.money_back,
        done.balance,
    )
    assert (done.spent_returned, done.earned_reversed, done.money_back) == (100, 17, 350_00)


async def test_the_same_return_twice_is_one_return(world: World) -> None:
    who = await world.customer()
    sold = await world.sell(who, lines((4, 100_00), sold_at=world.now))
    twice = await asyncio.gather(
        *(world.take_back(sold.purchase_id, [(1, 1000)], key="k1") for _ in range(4))
    )
    assert len({back.return_id for back in twice}) == 1
    assert sum(not back.replayed for back in twice) == 1
    spent = await world.db.read(lambda s: s.execute(sa.select(customer_stats.c.spent)).scalar_one())
    assert spent == 300_00


async def test_no_more_comes_back_than_was_bought(world: World) -> None:
    who = await world.customer()
    sold = await world.sell(who, lines((2, 100_00), (1, 50_00), sold_at=world.now))
    await world.take_back(sold.purchase_id, [(1, 1000)])
    with pytest.raises(errors.ReturnExceedsPurchase):
        await world.take_back(sold.purchase_id, [(1, 2000)])
    with pytest.raises(errors.ReceiptInvalid):
        await world.take_back(sold.purchase_id, [(9, 1000)])
    with pytest.raises(errors.PurchaseNotFound):
        await world.take_back(123)
    rest = await world.take_back(sold.purchase_id)
    assert rest.amount == 150_00
    assert await world.faults() == []


async def test_held_points_are_never_taken_by_a_return(world: World) -> None:
    from loyalty import wallet

    who = await world.customer()
    sold = await world.sell(who, 2000_00)
    world.pass_time(days=1)
    await world.db.transact(
        lambda s: wallet.place_hold(
            s,
            customer_id=who,
            points=60,
            source_kind="test",
            source_id="h1",
            expires_at=world.now + timedelta(minutes=2),
            now=world.now,
        )
    )
    back = await world.take_back(sold.purchase_id)
    owned = await world.balance(who)
    assert (back.debt, owned.held, owned.posted) == (60, 60, 60)
    assert await world.faults() == []
