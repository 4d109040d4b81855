"""Sales of both sides while their rewards are settled, on real connections: no deadlock that
is felt, nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from loyalty.referrals import referral
from loyalty.wallet.tables import account, entry
from tests.loyalty.referrals.friends import bought, bring, rewards, settle
from tests.world import World

# Who brings whom: ids go up and down along the chain.
ORDER = (3, 0, 5, 1, 6, 2, 4)
PAIRS = len(ORDER) - 1
SALES = 4


async def test_a_storm_of_sales_and_rewards(world: World) -> None:
    """Each is both friend and referrer (a chain of people), so locks are wanted crosswise."""
    people = [await world.customer(points=1000) for _ in range(PAIRS + 1)]
    chain = [people[n] for n in ORDER]
    for referrer, friend in pairwise(chain):
        await bring(world, friend, referrer)
    pairs = await ask(world, sa.select(referral.c.friend_id, referral.c.referrer_id))
    assert len(pairs) == PAIRS
    for pair in pairs:
        await bought(world, pair.friend_id)
    world.now += timedelta(days=14)
    work: list[Awaitable[Any]] = [
        world.sell(who, 700_00, redeem=10) for _ in range(SALES) for who in people
    ]
    work += [settle(world, limit=2) for _ in range(8)]
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    assert [one for one in outcomes if isinstance(one, BaseException)] == []
    while (await settle(world)).total:
        assert await world.faults() == []
    expected = dict.fromkeys(people, 0)
    for pair in pairs:
        expected[pair.friend_id] += 100
        expected[pair.referrer_id] += 100
    for who in people:
        assert sum(await rewards(world, who)) == expected[who]
        spent = sa.select(entry.c.id).where(
            entry.c.customer_id == who, entry.c.kind == "redemption"
        )
        assert len(await ask(world, spent)) == SALES
    assert {row.held for row in await ask(world, sa.select(account.c.held))} == {0}
    assert await world.faults() == []


async def ask(world: World, query: sa.Select[Any]) -> Sequence[Any]:
    """Every row of a query."""
    return await world.db.read(lambda s: s.execute(query).all())
