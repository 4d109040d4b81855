"""What a change does in a replay: rates, expiry, limits, stamps, tiers, windows, promotions."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, dryrun, tiers
from loyalty.program import Program
from loyalty.promotions import Live, Promotion
from loyalty.receipts import Line, Receipt, purchase
from tests.loyalty.dryrun import shop
from tests.world import ZONE, World

TIERS = [
    {"key": "bronze", "threshold": 0, "earn_rate_bp": 500},
    {"key": "silver", "threshold": 1_000_000, "earn_rate_bp": 700},
    {"key": "gold", "threshold": 2_000_000, "earn_rate_bp": 1000},
]


def _tiers(**changes: dict[str, int]) -> list[dict[str, Any]]:
    return [{**tier, **changes.get(str(tier["key"]), {})} for tier in TIERS]


async def test_twice_the_rate_is_twice_the_points(world: World) -> None:
    chance = random.Random(7)
    await shop.promote(world, shop.PROMOTIONS[3])
    await shop.trade(world, chance)
    double = Program(
        tiers=_tiers(
            bronze={"earn_rate_bp": 1000}, silver={"earn_rate_bp": 1400},
            gold={"earn_rate_bp": 2000},
        ),
        redeem_share_bp=0,
    )  # fmt: skip
    as_now = Program(redeem_share_bp=0)
    new = (await shop.compare(world, double)).seen
    old = (await shop.compare(world, as_now)).seen
    assert any(outcome.earned for _, outcome in old.values())
    for purchase_id, (_, outcome) in old.items():
        # Floored once each: at most one point is lost.
        assert new[purchase_id][1].earned - 2 * outcome.earned in (0, 1)


async def test_limits_of_spending(world: World) -> None:
    who = await world.customer(points=10_000)
    await world.sell(who, 1000_00, redeem=300)  # all that is allowed
    await world.sell(who, 1000_00, redeem=100)
    more = await shop.compare(world, Program(redeem_share_bp=5000))
    assert more.result["baseline"]["spent"] == 400
    assert more.result["candidate"]["spent"] == 500 + 100
    fewer = await shop.compare(world, Program(redeem_share_bp=2000, redeem_minimum=150))
    assert fewer.result["candidate"]["spent"] == 200
    # What is not paid with points earns.
    assert fewer.result["candidate"]["issued"] > fewer.result["baseline"]["issued"]


async def test_expiry_makes_points_run_out(world: World) -> None:
    who = await world.customer()
    await world.sell(who, 1000_00)
    world.pass_time(days=40)
    await world.sell(who, 2000_00)
    found = (await shop.compare(world, Program(expiry_days=30))).result
    assert (found["baseline"]["expired"], found["baseline"]["outstanding"]) == (0, 150)
    assert (found["candidate"]["expired"], found["candidate"]["outstanding"]) == (50, 100)


async def test_rewards_cost_as_much_as_the_cheapest_that_fits(world: World) -> None:
    who = await world.customer()
    for price in (250_00, 200_00, 220_00, 240_00):
        line = Line(amount=price, price=price, sku="cap", category="coffee")
        await world.sell(who, Receipt(sold_at=world.now, lines=(line,)))
    short = Program().model_dump(mode="json")
    short["stamp_cards"][0]["stamps"] = 2
    found = (await shop.compare(world, Program.model_validate(short))).result
    assert [found[side]["rewards"] for side in ("baseline", "candidate")] == [1, 2]
    assert [found[side]["rewards_cost"] for side in ("baseline", "candidate")] == [20_000, 40_000]
    short["stamp_cards"][0]["reward"]["effect"] = {"kind": "percent", "rate_bp": 5000}
    found = (await shop.compare(world, Program.model_validate(short))).result
    assert found["candidate"]["rewards_cost"] == 0
    assert found["candidate"]["rewards_uncounted"] == 2


async def test_who_moves_and_who_gains(world: World) -> None:
    rich, middle, poor = [await world.customer() for _ in range(3)]
    for who, amount in ((rich, 21_000_00), (middle, 8_000_00), (poor, 500_00)):
        await world.sell(who, amount)
        await world.sell(who, amount // 10)
    easier = Program(tiers=_tiers(silver={"threshold": 700_000}, gold={"earn_rate_bp": 900}))
    found = (await shop.compare(world, easier)).result
    assert found["tiers"]["moves"] == [[0, 0, 1], [0, 1, 1], [2, 2, 1]]
    assert found["people"] == {"gain": 1, "lose": 1, "same": 1}
    assert found["winners"] == [[str(middle), 16, 0]]
    assert found["losers"] == [[str(rich), -21, 0]]


async def test_a_window_counts_its_days_only(world: World) -> None:
    chance = random.Random(11)
    for rules in shop.PROMOTIONS[:4]:
        await shop.promote(world, rules)
    await shop.trade(world, chance, sales=50, days=150)
    first = clock.local_date(world.now - timedelta(days=60), ZONE)
    last = clock.local_date(world.now - timedelta(days=20), ZONE)
    found = await shop.compare(world, Program(expiry_days=10), from_day=first, to_day=last)
    sold = await shop.recorded(world)
    inside = {key for key, row in sold.items() if first <= row.business_date <= last}
    assert found.seen.keys() == inside
    assert len(inside) > 3
    for purchase_id, (old, _) in found.seen.items():
        row = sold[purchase_id]
        assert (old.earned, old.spent) == (row.earned, row.redeemed)
    months = [month["month"] for month in found.result["months"]]
    assert months[0] >= first.isoformat()[:7]
    assert months[-1] <= last.isoformat()[:7]
    nothing = await shop.compare(world, from_day=world.now.date() + timedelta(days=1))
    assert nothing.result["purchases"] == 0


async def test_a_return_takes_points_back(world: World) -> None:
    who = await world.customer()
    sale = await world.sell(who, 1000_00)
    await world.sell(who, 400_00)
    await world.take_back(sale.purchase_id)
    found = (await shop.compare(world)).result["baseline"]
    assert (found["issued"], found["returned"], found["outstanding"]) == (70, 50, 20)
    assert found["cost"] == 20_00


async def test_a_promotion_for_everybody_counts_without_a_card(world: World) -> None:
    await world.sell(None, 1000_00)
    await world.sell(await world.customer(), 1000_00)
    rules = Promotion.model_validate(
        {
            "name": shop.NAME,
            "when": {"members_only": False},
            "effect": {"kind": "discount", "rate_bp": 1000},
        }
    )
    found = (await shop.compare(world, live=(Live(1, 1, 1, rules),))).result
    assert (found["purchases"], found["nameless"]) == (1, 1)
    assert found["candidate"]["discounts"] == 200_00
    assert found["candidate"]["issued"] == 45


async def test_tiers_fall_as_the_reviews_let_them(world: World) -> None:
    who = await world.customer()
    await world.sell(who, 25_000_00)
    for _ in range(15):
        world.pass_time(days=30)
        await _night(world)
        await world.sell(who, 100_00)
    sold = await shop.recorded(world)
    assert len({row.earn_rate_bp for row in sold.values()}) == 3
    for purchase_id, (old, _) in (await shop.compare(world)).seen.items():
        assert old.earned == sold[purchase_id].earned


async def _night(world: World) -> None:
    """Reviews of the 30 days until now, day by day."""
    now = world.now
    for back in range(30, -1, -1):
        moment = now - timedelta(days=back)

        def unit(session: Session, at: Any = moment) -> None:
            tiers.review(session, now=at, time_zone=ZONE)
            tiers.warn(session, now=at, time_zone=ZONE)

        await world.db.transact(unit)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_chunks_leave_nobody_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await shop.trade(world, random.Random(5), guests=3, sales=40)
    whole = await shop.compare(world, Program(expiry_days=90))
    monkeypatch.setattr("loyalty.dryrun.reading.CHUNK", 3)
    assert (await shop.compare(world, Program(expiry_days=90))).result == whole.result
    count = sa.select(sa.func.count()).where(purchase.c.customer_id.is_not(None))
    assert whole.result["purchases"] == await world.db.read(lambda s: s.scalar(count))


async def test_rules_survive_their_row(world: World) -> None:
    await shop.promote(world, shop.PROMOTIONS[7])
    rules = await world.db.read(lambda s: dryrun.in_force(s, now=world.now))
    question = dryrun.Question(
        baseline=rules, candidate=rules, from_day=None, to_day=world.now.date(), time_zone=ZONE
    )
    assert dryrun.Question.of_json(question.as_json()) == question


async def test_a_birthday_week_moves_with_the_day_that_stands_for_29_february(
    world: World,
) -> None:
    rules = {"name": shop.NAME, "when": {"birthday_week": True}}
    effect = {"kind": "multiplier", "times_bp": 20_000}
    await shop.promote(world, {**rules, "effect": effect})
    world.pass_time(days=2)  # 4 March: three days after the first, four after 28 February
    who = await world.customer(birth_day=29, birth_month=2)
    assert (await world.sell(who, 1000_00)).earned == 50
    found = (await shop.compare(world, Program(leap_day="mar_1"))).result
    assert (found["baseline"]["issued"], found["candidate"]["issued"]) == (50, 100)
