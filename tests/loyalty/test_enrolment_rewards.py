"""Rewards of stamp cards go over with a paper card, and back with its returns."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import stamps, vouchers
from loyalty.program import FreeDelivery, LocalText
from loyalty.vouchers import voucher
from tests.loyalty.test_enrolment import blank, claim, coffee, is_whole, scan
from tests.world import World

NAME = LocalText(ru="Имя", en="Name")


async def standing(world: World, who: int) -> stamps.Standing:
    """Where somebody stands on the coffee card."""
    found = await world.db.read(lambda s: stamps.standings(s, customer_id=who))
    return found["coffee"]


async def rewards(world: World, who: int) -> int:
    """How many unused coupons they have."""
    return len(await world.db.read(lambda s: vouchers.mine(s, customer_id=who, now=world.now)))


async def short_cards(world: World, interim: tuple[int, ...] = ()) -> None:
    """Three coffees fill a card."""
    prize = {"kind": "voucher", "name": NAME, "effect": FreeDelivery()}
    rule: dict[str, Any] = {
        "key": "coffee",
        "name": NAME,
        "scope": {"categories": ["coffee"]},
        "stamps": 3,
        "reward": prize,
        "interim": [{"at": at, "gift": prize} for at in interim],
    }
    await world.set_program(stamp_cards=(rule,))


@pytest.mark.parametrize("own", [0, 1, 4])
async def test_an_unused_reward_comes_back_with_the_papers_goods(world: World, own: int) -> None:
    await short_cards(world)
    token = blank(world)
    guest, member = (await scan(world, token)).customer_id, await world.customer(chat=21)
    sold = await world.sell(guest, coffee(world, 3), may_redeem=False)
    if own:
        await world.sell(member, coffee(world, own))
    await claim(world, token, member)
    both = await standing(world, member)
    assert (both.stamps, both.cards, both.debt) == (own % 3, own // 3 + 1, 0)
    assert await rewards(world, member) == own // 3 + 1
    await world.take_back(sold.purchase_id)
    after = await standing(world, member)
    assert (after.stamps, after.cards, after.debt) == (own % 3, own // 3, 0)
    assert await rewards(world, member) == own // 3
    await is_whole(world)
    await world.sell(member, coffee(world, 3))
    assert await rewards(world, member) == own // 3 + 1, "and can be earned again"
    await is_whole(world)


async def test_a_used_reward_is_owed(world: World) -> None:
    await short_cards(world)
    token = blank(world)
    guest, member = (await scan(world, token)).customer_id, await world.customer(chat=21)
    sold = await world.sell(guest, coffee(world, 3), may_redeem=False)
    used = sa.update(voucher).values(used=1, status="redeemed")
    await world.db.transact(lambda s: s.execute(used) and None)
    await claim(world, token, member)
    await world.take_back(sold.purchase_id)
    after = await standing(world, member)
    assert (after.stamps, after.cards, after.debt) == (0, 1, 3)
    assert await world.db.read(stamps.reconcile) == []


@pytest.mark.parametrize("own", [0, 2, 5])
async def test_prizes_on_the_way_come_once(world: World, own: int) -> None:
    await short_cards(world, interim=(2,))
    token = blank(world)
    guest, member = (await scan(world, token)).customer_id, await world.customer(chat=21)
    sold = await world.sell(guest, coffee(world, 5), may_redeem=False)
    assert await rewards(world, guest) == 3
    if own:
        await world.sell(member, coffee(world, own))
    mine = await rewards(world, member)
    await claim(world, token, member)
    held = await rewards(world, member)
    assert held >= mine + 3
    await world.take_back(sold.purchase_id)
    after = await standing(world, member)
    assert (after.cards * 3 + after.stamps, after.debt) == (own, 0)
    left = await rewards(world, member)
    await world.sell(member, coffee(world, 5))
    assert await rewards(world, member) - left == held - left, "no more than there were"
    await is_whole(world)
