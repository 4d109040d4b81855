"""Stamp cards: filling, carrying over, caps, prizes, returns; on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import stamps, vouchers
from loyalty.db import Rows
from loyalty.program import Scope
from loyalty.program.rules import COFFEE_CARD
from loyalty.receipts import Line
from loyalty.stamps import pieces
from tests.loyalty.stamps.helpers import (
    DAY,
    card,
    faults,
    give,
    rewards,
    spend,
    standing,
    take,
)
from tests.world import World


def line(n: int, category: str = "coffee", **parts: Any) -> Line:
    return Line(amount=n * 100, price=100, quantity_milli=n * 1000, category=category, **parts)


def test_paid_pieces_of_the_scope_earn_a_stamp_each() -> None:
    beans = Line(amount=350, price=1000, quantity_milli=350, category="кофе")
    lines = [line(3), line(2, "cake"), beans, line(1, discount=100)]
    assert pieces(COFFEE_CARD, lines) == 4
    assert pieces(COFFEE_CARD, lines, [1, 0, 0, 0]) == 3
    assert pieces(COFFEE_CARD, lines, [3, 0, 1, 0]) == 0
    assert pieces(card(4, scope=Scope(skus=("x",))), [line(2, sku="X"), line(5)]) == 2


async def test_four_paid_coffees_bring_the_fifth_and_the_next_card_opens(world: World) -> None:
    ann = await world.customer()
    first = await give(world, ann, 3)
    assert (first.added, first.rewards) == (3, [])
    full = await give(world, ann, 1)
    assert (full.standing.stamps, full.standing.cards) == (0, 1)
    (reward,) = full.rewards
    assert reward.issue_key == f"stamps:{ann}:coffee:1"
    assert reward.name.ru == "Кофе в подарок"
    assert reward.ends_at is not None
    # Good through the sixtieth day in Moscow.
    assert reward.ends_at.isoformat() == "2026-05-01T21:00:00+00:00"
    mine = await world.db.read(lambda s: vouchers.mine(s, customer_id=ann, now=world.now))
    assert [one.id for one in mine] == [reward.id]
    assert await faults(world) == []


async def test_one_receipt_may_fill_several_cards_and_the_rest_carries_over(world: World) -> None:
    ann = await world.customer()
    await give(world, ann, 3)
    given = await give(world, ann, 7)
    assert (given.added, given.standing.stamps, given.standing.cards) == (7, 2, 2)
    assert [reward.issue_key for reward in given.rewards] == [
        f"stamps:{ann}:coffee:1",
        f"stamps:{ann}:coffee:2",
    ]
    assert await faults(world) == []


async def test_prizes_on_the_way_come_when_their_stamp_is_reached(world: World) -> None:
    ann, rule = await world.customer(), card(5, interim=(2, 4))
    given = await give(world, ann, 8, rule=rule)
    keys = [str(reward.issue_key).removeprefix(f"stamps:{ann}:coffee:") for reward in given.rewards]
    assert keys == ["1:2", "1:4", "1", "2:2"]
    assert (given.standing.stamps, given.standing.cards) == (3, 1)
    assert await faults(world) == []


async def test_the_day_s_cap_is_per_outlet_and_an_outlet_s_own_goes_first(world: World) -> None:
    ann, rule = await world.customer(), card(20, daily_cap=3, outlet_caps={"7": 1})
    assert (await give(world, ann, 2, rule=rule, outlet_id=5)).added == 2
    assert (await give(world, ann, 2, rule=rule, outlet_id=5)).added == 1
    assert (await give(world, ann, 2, rule=rule, outlet_id=5)).added == 0
    assert (await give(world, ann, 2, rule=rule, outlet_id=7)).added == 1
    assert (await give(world, ann, 2, rule=rule, outlet_id=7, gift=4)).added == 4
    tomorrow = DAY + timedelta(days=1)
    assert (await give(world, ann, 5, rule=rule, outlet_id=5, day=tomorrow)).added == 3
    # What was returned does not count: the mistake is rung up again and earns.
    assert (await take(world, ann, 2, rule=rule, outlet_id=5)).taken == 2
    assert (await give(world, ann, 9, rule=rule, outlet_id=5)).added == 2
    assert await faults(world) == []


async def test_a_return_takes_from_the_open_card_first(world: World) -> None:
    ann = await world.customer()
    await give(world, ann, 6)
    back = await take(world, ann, 2)
    assert (back.taken, back.debt, back.rewards_voided) == (2, 0, 0)
    assert (back.standing.stamps, back.standing.cards) == (0, 1)
    assert await rewards(world, ann) == [("coffee:1", "active")]
    assert await faults(world) == []


async def test_an_unused_reward_is_taken_back_and_its_card_reopened(world: World) -> None:
    ann = await world.customer()
    await give(world, ann, 9)
    back = await take(world, ann, 3)
    assert (back.taken, back.debt, back.rewards_voided) == (3, 0, 1)
    assert (back.standing.stamps, back.standing.cards) == (2, 1)
    assert await rewards(world, ann) == [("coffee:1", "active"), ("void", "blocked")]
    again = await give(world, ann, 2)
    assert [one.issue_key for one in again.rewards] == [f"stamps:{ann}:coffee:2"]
    assert await faults(world) == []


async def test_a_used_reward_stays_used_and_leaves_a_debt_that_is_repaid_first(
    world: World,
) -> None:
    ann = await world.customer()
    full = await give(world, ann, 5)
    await spend(world, ann, full.rewards[0].id)
    back = await take(world, ann, 4)
    assert (back.taken, back.debt) == (1, 3)
    assert (await standing(world, ann)).debt == 3
    assert await rewards(world, ann) == [("coffee:1", "redeemed")]
    repaid = await give(world, ann, 4)
    assert (repaid.added, repaid.standing.debt, repaid.standing.stamps) == (4, 0, 1)
    assert await faults(world) == []


async def test_an_older_unused_reward_is_found_behind_a_used_one(world: World) -> None:
    ann = await world.customer()
    full = await give(world, ann, 8)
    await spend(world, ann, full.rewards[1].id)
    back = await take(world, ann, 6)
    # The first card is reopened and emptied; the second was used: two are owed.
    assert (back.taken, back.debt, back.rewards_voided) == (4, 2, 1)
    assert (back.standing.stamps, back.standing.debt, back.standing.cards) == (0, 2, 1)
    again = await give(world, ann, 6)
    assert [one.issue_key for one in again.rewards] == [f"stamps:{ann}:coffee:2"]
    states = dict(await rewards(world, ann))
    assert states == {"void": "blocked", "coffee:1": "redeemed", "coffee:2": "active"}
    assert await faults(world) == []


async def test_prizes_on_the_way_are_taken_back_likewise(world: World) -> None:
    ann, rule = await world.customer(), card(5, interim=(3,))
    given = await give(world, ann, 4, rule=rule)
    assert (await take(world, ann, 2, rule=rule)).rewards_voided == 1
    assert await rewards(world, ann) == [("void", "blocked")]
    given = await give(world, ann, 2, rule=rule)
    await spend(world, ann, given.rewards[0].id)
    back = await take(world, ann, 3, rule=rule)
    # One comes off; the used prize keeps its three stamps, two are owed.
    assert (back.taken, back.debt) == (1, 2)
    assert (back.standing.stamps, back.standing.debt) == (3, 2)
    given = await give(world, ann, 4, rule=rule)
    assert [one.issue_key for one in given.rewards] == [f"stamps:{ann}:coffee:1"]
    assert await faults(world) == []


async def test_a_prize_the_rules_got_later_does_not_stand_in_the_way(world: World) -> None:
    ann = await world.customer()
    await give(world, ann, 4, rule=card(5))
    back = await take(world, ann, 4, rule=card(5, interim=(2,)))
    assert (back.taken, back.debt, back.standing.stamps) == (4, 0, 0)


async def test_a_card_made_shorter_fills_with_the_next_stamp(world: World) -> None:
    ann = await world.customer()
    await give(world, ann, 9, rule=card(10))
    given = await give(world, ann, 1, rule=card(4))
    assert (given.standing.stamps, given.standing.cards, len(given.rewards)) == (2, 2, 2)
    assert await faults(world) == []


async def test_a_gift_of_stamps_comes_once_and_fills_cards_too(world: World) -> None:
    ann = await world.customer()

    def grant(session: Session) -> stamps.Given | None:
        return stamps.grant(
            session,
            rule=card(4, daily_cap=1),
            customer_id=ann,
            stamps=5,
            cause_kind="goal",
            cause_id="g1",
            actor="staff:1",
            day=DAY,
            now=world.now,
        )

    results = await asyncio.gather(*(world.db.transact(grant) for _ in range(4)))
    given = [one for one in results if one is not None]
    assert len(given) == 1
    assert (given[0].added, given[0].standing.stamps, len(given[0].rewards)) == (5, 1, 1)
    entries = await world.db.read(lambda s: stamps.history(s, customer_id=ann))
    assert [(one.kind, one.amount) for one in entries] == [("completed", -4), ("gift", 5)]
    assert await world.db.read(lambda s: stamps.history(s, customer_id=ann, card_key="tea")) == []
    with pytest.raises(ValueError, match="one stamp"):
        await world.db.transact(
            lambda s: stamps.grant(
                s, rule=card(4), customer_id=ann, stamps=0, cause_kind="goal", cause_id="g2",
                actor="staff:1", day=DAY, now=world.now,
            )
        )  # fmt: skip


async def test_nothing_is_taken_for_cards_without_stamps_or_rules(world: World) -> None:
    ann = await world.customer()

    def unit(session: Session) -> Any:
        rows = Rows()
        done = stamps.take_back(
            session, rows, customer_id=ann, card_rules={"coffee": COFFEE_CARD},
            taken={"coffee": 0, "gone": 3}, cause_kind="return", cause_id="1", actor="system",
            day=DAY, now=world.now,
        )  # fmt: skip
        return done, bool(rows)

    assert await world.db.transact(unit) == ({}, False)


async def test_reconcile_finds_a_wrong_card(world: World) -> None:
    ann = await world.customer()
    await give(world, ann, 3)

    def spoil(session: Session) -> None:
        session.execute(sa.update(stamps.stamp_balance).values(stamps=2, debt=1))

    await world.db.transact(spoil)
    found = await faults(world)
    assert [(fault.rule, fault.customer_id) for fault in found] == [("S1", ann), ("S2", ann)]
    assert found[0].detail == "card coffee: stored 2, expected 3"
