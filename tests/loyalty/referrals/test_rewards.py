"""Rewards: after the return window, for both, once; the month's number; staff's decisions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import errors, referrals
from loyalty.db import Rows
from loyalty.messaging.tables import outbox
from loyalty.program import ReferralRule
from loyalty.referrals import referral
from loyalty.wallet.tables import lot
from tests.loyalty.referrals.friends import (
    REAL,
    WINDOW,
    bought,
    bring,
    rewards,
    set_status,
    settle,
    status_of,
    told,
    waits,
)
from tests.world import ZONE, World


async def pair(world: World) -> tuple[int, int]:
    """One who invited, and the friend."""
    anna, boris = await world.customer(chat=501), await world.customer(chat=502)
    await bring(world, boris, anna)
    return anna, boris


async def test_both_get_points_when_the_receipt_has_stood(world: World) -> None:
    anna, boris = await pair(world)
    await bought(world, boris)
    assert await status_of(world, boris) == "pending"
    world.pass_time(days=14, seconds=-1)
    assert (await settle(world)).total == 0
    world.pass_time(seconds=1)
    assert (await settle(world)).rewarded == 1
    assert await rewards(world, anna) == [100]
    assert await rewards(world, boris) == [100]
    assert (await world.balance(anna)).available == 100
    query = sa.select(lot.c.expires_at).where(lot.c.customer_id == anna)
    expires_at = await world.db.read(lambda s: s.execute(query).scalar_one())
    # 2 March + 14 days + 365 days, to the end of that day in Moscow.
    assert expires_at == datetime(2027, 3, 16, 21, tzinfo=UTC)
    assert await told(world, anna) == ["referral.invited", "referral.rewarded"]
    messages = sa.select(outbox.c.chat_id, outbox.c.payload).where(outbox.c.key.like("referral%"))
    rows = await world.db.read(lambda s: s.execute(messages).all())
    said = {row.chat_id: row.payload["values"]["side"] for row in rows}
    assert said == {501: "referrer", 502: "friend"}
    assert await world.faults() == []


async def test_however_often_and_wherever_it_runs(world: World) -> None:
    anna = await world.customer()
    friends = [await world.customer() for _ in range(6)]
    for friend in friends:
        await bring(world, friend, anna)
        await bought(world, friend)
    world.pass_time(days=14)
    done = await asyncio.gather(*(settle(world, limit=4) for _ in range(6)))
    done.append(await settle(world))
    assert sum(one.rewarded for one in done) == 6
    assert (await settle(world)).total == 0
    assert await rewards(world, anna) == [100] * 6
    assert [await rewards(world, friend) for friend in friends] == [[100]] * 6
    assert await world.faults() == []


async def test_only_a_real_receipt_starts_the_wait_and_only_the_first(world: World) -> None:
    _, boris = await pair(world)
    assert not await waits(world, boris, purchase_id=1, paid=REAL - 1)
    assert await status_of(world, boris) == "invited"
    assert await waits(world, boris, purchase_id=2, paid=REAL)
    assert not await waits(world, boris, purchase_id=3, paid=REAL)
    query = sa.select(referral.c.purchase_id, referral.c.due_at)
    row = await world.db.read(lambda s: s.execute(query).one())
    assert (row.purchase_id, row.due_at) == (2, world.now + WINDOW)
    nobody = await world.customer()
    assert not await waits(world, nobody, purchase_id=4, paid=REAL)


async def returned(world: World, purchase_id: int, *, left: int) -> bool:
    def unit(session: Session) -> bool:
        rows = Rows()
        void = referrals.on_return(
            session,
            rows,
            purchase_id=purchase_id,
            left=left,
            rule=ReferralRule(),
            now=world.now,
        )
        rows.put(session)
        return void

    return await world.db.transact(unit)


async def test_a_return_below_the_minimum_voids_the_wait(world: World) -> None:
    anna, boris = await pair(world)
    first = await bought(world, boris, 800_00)
    assert not await returned(world, first, left=REAL)
    assert await returned(world, first, left=REAL - 1)
    assert not await returned(world, first, left=0)
    assert await status_of(world, boris) == "invited"
    world.pass_time(days=14)
    assert (await settle(world)).total == 0
    await bought(world, boris)
    world.pass_time(days=14)
    assert (await settle(world)).rewarded == 1
    assert await told(world, anna) == [
        "referral.invited",
        "referral.void",
        "referral.rewarded",
    ]


async def test_a_reward_once_given_stays(world: World) -> None:
    anna, boris = await pair(world)
    purchase_id = await bought(world, boris)
    world.pass_time(days=14)
    await settle(world)
    assert not await returned(world, purchase_id, left=0)
    assert await rewards(world, anna) == [100]


async def test_the_points_are_those_of_the_purchase_s_rules(world: World) -> None:
    anna, boris = await pair(world)
    await bought(world, boris)
    await world.set_program(referral={"points": 5, "friend_points": 7})
    world.pass_time(days=14)
    await settle(world)
    assert (await rewards(world, anna), await rewards(world, boris)) == ([100], [100])


async def decide(world: World, how: Callable[..., None], friend: int) -> None:
    """Approve or decline, as staff."""
    await world.db.transact(
        lambda s: how(s, friend_id=friend, actor="staff:9", now=world.now, time_zone=ZONE)
    )


async def many_due(world: World, anna: int, count: int) -> list[int]:
    friends = []
    for _ in range(count):
        friend = await world.customer()
        await bring(world, friend, anna)
        await bought(world, friend)
        friends.append(friend)
    world.pass_time(days=14)
    return friends


async def test_beyond_the_month_s_number_staff_decide(world: World) -> None:
    anna = await world.customer()
    friends = await many_due(world, anna, 13)
    done = await settle(world)
    assert (done.rewarded, done.reviewed) == (10, 3)
    waiting = await world.db.read(lambda s: referrals.queue(s, now=world.now, time_zone=ZONE))
    assert [item.rewarded for item in waiting] == [10] * 3
    left = {item.friend_id for item in waiting}
    assert left < set(friends)
    yes, no, _ = sorted(left)
    await decide(world, referrals.approve, yes)
    await decide(world, referrals.decline, no)
    assert await rewards(world, yes) == [100]
    assert await rewards(world, no) == []
    assert len(await rewards(world, anna)) == 11
    assert (await told(world, anna))[-3:] == [
        "referral.approved",
        "referral.rewarded",
        "referral.declined",
    ]
    for friend in (yes, no):
        with pytest.raises(errors.ReferralDecided):
            await decide(world, referrals.approve, friend)
    with pytest.raises(errors.ReferralNotFound):
        await decide(world, referrals.decline, 1)
    assert await world.faults() == []


async def test_two_people_at_once_decide_once(world: World) -> None:
    await world.set_program(referral={"monthly_limit": 0})
    anna = await world.customer()
    (friend,) = await many_due(world, anna, 1)
    await settle(world)
    done = await asyncio.gather(
        *(decide(world, referrals.approve, friend) for _ in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, errors.ReferralDecided) for one in done) == 3
    assert await rewards(world, anna) == [100]


async def test_the_next_month_counts_anew(world: World) -> None:
    await world.set_program(referral={"monthly_limit": 1})
    anna = await world.customer()
    await many_due(world, anna, 2)
    first = world.now.date().replace(day=1)
    assert (await settle(world)).rewarded == 1
    world.now = datetime(2026, 4, 1, 9, tzinfo=UTC)
    await many_due(world, anna, 1)
    assert (await settle(world)).rewarded == 1
    await many_due(world, anna, 1)
    await settle(world)
    waiting = await world.db.read(lambda s: referrals.queue(s, now=world.now, time_zone=ZONE))
    # Whoever waits since an earlier month stands beside the rewards of that month.
    april = first.replace(month=4)
    assert [(one.month, one.rewarded) for one in waiting] == [(first, 1), (april, 1)]


async def test_nobody_is_rewarded_with_somebody_who_is_gone(world: World) -> None:
    anna, boris = await pair(world)
    await bought(world, boris)
    await set_status(world, boris, "blocked")
    world.pass_time(days=14)
    assert (await settle(world)).declined == 1
    assert await rewards(world, anna) == []
    assert await status_of(world, boris) == "declined"


async def test_what_the_customer_sees(world: World) -> None:
    anna, boris = await pair(world)
    vera = await world.customer()
    await bring(world, vera, anna)
    await bought(world, boris)

    async def shown() -> referrals.Overview:
        return await world.db.transact(
            lambda s: referrals.overview(s, customer_id=anna, now=world.now, time_zone=ZONE)
        )

    view = await shown()
    assert (view.invited, view.pending, view.rewarded, view.points) == (1, 1, 0, 0)
    assert {friend.status for friend in view.friends} == {"invited", "pending"}
    assert view.left_this_month == 10
    due = await world.db.read(lambda s: referrals.next_due(s, now=world.now))
    assert due == world.now + timedelta(days=14)
    world.pass_time(days=14)
    await settle(world)
    view = await shown()
    assert (view.pending, view.rewarded, view.points, view.left_this_month) == (0, 1, 100, 9)
