"""The wallet: spending order, pending, expiry, holds, freezing, and what is never allowed."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from loyalty import clock, errors, wallet
from loyalty.wallet.tables import account, entry, lot
from tests.world import ZONE, World


async def open_lots(world: World) -> dict[datetime | None, int]:
    query = sa.select(lot.c.expires_at, lot.c.remaining).where(lot.c.remaining > 0)
    rows = await world.db.read(lambda s: s.execute(query).all())
    return {row.expires_at: row.remaining for row in rows}


async def expire(world: World, **options: int) -> wallet.Expired:
    return await world.db.transact(lambda s: wallet.expire_due(s, now=world.now, **options))


async def test_the_earliest_to_expire_is_spent_first_not_the_earliest_earned(
    world: World,
) -> None:
    """S01 (Setono LotReplayerTest)."""
    who = await world.customer()
    late, soon = world.now + timedelta(days=450), world.now + timedelta(days=300)
    await world.grant(who, 100, expires_at=late)
    await world.grant(who, 100, expires_at=soon)
    await world.grant(who, 100)
    await world.sell(who, 1000_00, redeem=100)
    assert {k: v for k, v in (await open_lots(world)).items() if v == 100} == {
        late: 100,
        None: 100,
    }
    await world.sell(who, 1000_00, redeem=150)
    assert (await open_lots(world))[None] == 50


async def test_a_lot_that_expires_now_has_expired_and_is_written_off_once(world: World) -> None:
    """S02 (Setono LoyaltyLedgerExpireTest), with our grace for an unreminded lot."""
    who = await world.customer()
    await world.grant(who, 150, expires_at=world.now + timedelta(days=1))
    await world.sell(who, 500_00, redeem=50, may_redeem=True)
    world.pass_time(days=1)
    assert (await world.balance(who)).available == 22  # what the sale earned; the 100 are over
    assert (await expire(world)).lots == 0  # nobody was reminded: seven days of grace
    world.pass_time(days=7)
    first, second = await expire(world), await expire(world)
    assert (first.points, second.points) == (100, 0)
    kinds = await world.db.read(
        lambda s: (
            s.execute(sa.select(entry.c.amount).where(entry.c.kind == "expiry")).scalars().all()
        )
    )
    assert list(kinds) == [-100]
    assert await world.faults() == []


async def test_a_reminded_lot_expires_on_its_day(world: World) -> None:
    who = await world.customer()
    await world.grant(who, 10, expires_at=world.now + timedelta(days=2))
    await world.db.transact(lambda s: s.execute(sa.update(lot).values(reminded_at=world.now)))
    world.pass_time(days=2)
    assert (await expire(world)).points == 10


async def test_expiry_goes_in_chunks_of_customers(world: World) -> None:
    for _ in range(5):
        await world.grant(await world.customer(), 10, expires_at=world.now + timedelta(days=1))
    world.pass_time(days=9)
    chunks = [await expire(world, customers=2) for _ in range(3)]
    assert [chunk.lots for chunk in chunks] == [2, 2, 1]
    assert [chunk.more for chunk in chunks] == [True, True, False]
    assert await world.faults() == []


async def test_points_last_through_their_last_day_in_the_business_zone(world: World) -> None:
    who = await world.customer()
    await world.sell(who, 1000_00)
    days = await world.db.read(
        lambda s: wallet.expiring(s, customer_id=who, now=world.now, time_zone=ZONE)
    )
    assert [(item.points, item.last_day.isoformat()) for item in days] == [(50, "2027-03-02")]
    (expires_at,) = await open_lots(world)
    assert expires_at == clock.start_of_day(days[0].last_day + timedelta(days=1), ZONE)


async def test_a_hold_sets_points_aside_and_ends_once(world: World) -> None:
    who = await world.customer(points=100)
    until = world.now + timedelta(minutes=2)

    async def place(source: str, points: int) -> wallet.Hold:
        return await world.db.transact(
            lambda s: wallet.place_hold(
                s,
                customer_id=who,
                points=points,
                source_kind="draft",
                source_id=source,
                expires_at=until,
                now=world.now,
            )
        )

    async def void(hold_id: int) -> bool:
        return await world.db.transact(
            lambda s: wallet.void_hold(s, hold_id=hold_id, now=world.now)
        )

    first = await place("a", 60)
    assert (await place("a", 60)).id == first.id
    with pytest.raises(errors.InsufficientPoints):
        await place("b", 41)
    assert (await world.balance(who)).available == 40
    assert sorted(await asyncio.gather(*(void(first.id) for _ in range(5)))) == [
        False,
        False,
        False,
        False,
        True,
    ]
    second = await place("c", 100)
    sold = await world.sell(who, 2000_00, redeem=100, hold_id=second.id)
    assert sold.redeemed == 100
    with pytest.raises(errors.HoldAlreadyResolved):
        await world.sell(who, 2000_00, redeem=100, hold_id=second.id)
    assert await world.faults() == []


async def test_a_hold_whose_time_is_over_gives_the_points_back(world: World) -> None:
    who = await world.customer(points=100)
    await world.db.transact(
        lambda s: wallet.place_hold(
            s,
            customer_id=who,
            points=60,
            source_kind="draft",
            source_id="a",
            expires_at=world.now + timedelta(minutes=2),
            now=world.now,
        )
    )
    due = await world.db.read(lambda s: wallet.next_due(s, now=world.now))
    assert due == world.now + timedelta(minutes=2)
    world.pass_time(minutes=2)
    ended = [
        await world.db.transact(lambda s: wallet.time_out_holds(s, now=world.now)) for _ in range(2)
    ]
    assert ended == [1, 0]
    assert (await world.balance(who)).available == 100
    assert await world.faults() == []


async def test_a_grant_from_one_source_is_given_once(world: World) -> None:
    who = await world.customer()
    given = await asyncio.gather(*(world.grant(who, 100, source_id="welcome") for _ in range(6)))
    assert sum(item is not None for item in given) == 1
    assert (await world.balance(who)).available == 100


async def test_a_frozen_account_earns_and_does_not_spend(world: World) -> None:
    who = await world.customer(points=100)
    until = world.now + timedelta(hours=72)
    await world.db.transact(
        lambda s: wallet.freeze(
            s, customer_id=who, reason="new_telegram", until=until, actor="system", now=world.now
        )
    )
    with pytest.raises(errors.RedemptionFrozen):
        await world.sell(who, 450_00, redeem=1)
    assert (await world.sell(who, 450_00)).earned == 22
    world.pass_time(hours=72)
    assert (await world.sell(who, 450_00, redeem=1)).redeemed == 1


async def test_an_adjustment_has_a_key_and_never_makes_a_debt(world: World) -> None:
    who = await world.customer(points=10)

    async def adjust(points: int, key: str) -> bool:
        return await world.db.transact(
            lambda s: wallet.adjust(
                s,
                customer_id=who,
                points=points,
                reason="Spilt coffee",
                actor="staff:1",
                key=key,
                now=world.now,
            )
        )

    assert [await adjust(5, "a"), await adjust(5, "a"), await adjust(-15, "b")] == [
        True,
        False,
        True,
    ]
    with pytest.raises(errors.PointsInvalid):
        await adjust(-1, "c")
    assert await world.faults() == []


async def test_reconcile_finds_what_was_tampered_with(world: World) -> None:
    who = await world.customer(points=100)
    await world.db.transact(
        lambda s: s.execute(
            sa.update(account).where(account.c.customer_id == who).values(posted=90)
        )
    )
    assert {(fault.rule, fault.customer_id) for fault in await world.faults()} == {
        ("I1", who),
        ("I2", who),
    }
