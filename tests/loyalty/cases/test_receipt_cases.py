"""Published cases of sales and returns (S04–S09; Setono, Odoo, ERPNext, Square, Adobe)."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import clock, errors
from loyalty.customers import customer
from loyalty.program import AmountOff, PercentOff, Scope
from loyalty.promotions.model import (
    Conditions,
    ExtraRate,
    FixedPoints,
    Multiplier,
    PointsPerStep,
)
from tests.loyalty.cases.counter import (
    earning,
    entries,
    goods,
    open_lots,
    promote,
    quote,
    voucher,
    whole,
)
from tests.loyalty.cases.published import covers, scenarios, shown
from tests.world import ZONE, World, lines

POINT_PER_UNIT = 10_000
PAID_BY = "points_awarded_discount_code / giftcard / ewallet"


@covers("S04", "refund_prorates_earned_points")
async def test_s04_part_of_what_was_earned_goes(world: World) -> None:
    """Odoo pos_loyalty test_refund_prorates_earned_points: 1 point for 1.00."""
    case = shown()["S04"]["expected"]
    assert scenarios()["refund_prorates_earned_points"].numbers == [100, -50, 50]
    await earning(world, POINT_PER_UNIT)
    who = await world.customer()
    bought = await world.sell(who, lines((2, 50_00), sold_at=world.now))
    assert bought.earned == (await world.balance(who)).available == case["after_order"]
    back = await world.take_back(bought.purchase_id, [(1, 1000)])
    assert back.earned_reversed == case["reversed"]
    assert (await world.balance(who)).available == case["balance"]
    assert await whole(world)


@covers("S05", "refund_prorates_earned_and_spent", "refund_reverses_earned_and_returns_spent")
async def test_s05_spent_points_come_back_in_part(world: World) -> None:
    """Odoo pos_loyalty test_refund_prorates_earned_and_spent. There 150 points are a reward of
    their own price; ours are worth 150.00, so the goods cost 220.00: 150 in points, and 70.00
    in money, which earn the 70 of the case."""
    case = shown()["S05"]["expected"]
    assert scenarios()["refund_prorates_earned_and_spent"].numbers == [120, 35, 75, 160]
    await earning(world, POINT_PER_UNIT)
    who = await world.customer(points=200)
    bought = await world.sell(who, lines((2, 110_00), sold_at=world.now), redeem=150)
    assert bought.earned == 2 * 35
    assert (await world.balance(who)).available == case["after_order"]
    back = await world.take_back(bought.purchase_id, [(1, 1000)])
    assert back.earned_reversed == case["earned_reversed"]
    assert back.spent_returned == case["spent_returned"]
    assert (await world.balance(who)).available == case["balance"]
    other = await world.customer(points=200)
    before, after = scenarios()["refund_reverses_earned_and_returns_spent"].numbers
    bought = await world.sell(other, 220_00, redeem=150)
    assert (await world.balance(other)).available == before
    await world.take_back(bought.purchase_id)
    assert (await world.balance(other)).available == after
    assert await whole(world)


@covers("S06", "limits")
async def test_s06_redemption_limits(world: World) -> None:
    """Setono RedemptionCalculatorTest: minimum 500, at most 50 %. Its points are kopecks, ours
    are worth 1.00: every sum here is a hundred times as large. Another worth of a point (100
    for 5.00) is not offered: one point is always 1.00. Too few points are refused when they
    are to be spent, not rounded to none."""
    case = shown()["S06"]
    triples = [
        tuple(map(int, found)) for found in re.findall(r"\((\d+),(\d+),(\d+)\)", case["input"])
    ]
    assert scenarios()["limits"].expected == "1000;700;5000;0;1000 pts = 5000 minor units"
    for (asked, balance, order), expected in zip(triples, case["expected"][:4], strict=True):
        share = 10_000 if asked == 400 else 5000
        await earning(world, 0, redeem_minimum=500, redeem_share_bp=share)
        who = await world.customer(points=balance)
        receipt = lines((1, order * 100), sold_at=world.now)
        if expected:
            quoted = await quote(world, who, receipt, redeem=asked)
            assert quoted.redeem == expected
            assert (await world.sell(who, receipt, redeem=expected)).redeemed == expected
            continue
        with pytest.raises(errors.RedemptionTooLarge):
            await world.sell(who, receipt, redeem=asked)
    assert await whole(world)


def rules_of_earning() -> dict[str, tuple[list[Any], int, int, str | None]]:
    """(effects, what is sold, what ours earns, where and why ours differs)."""
    once = "each of their rules is floored; ours is floored once per receipt"
    return {
        "1/1.00": ([ExtraRate(extra_bp=10_000)], 19_99, 19, None),
        "+1/2.00": ([ExtraRate(extra_bp=10_000), ExtraRate(extra_bp=5000)], 19_99, 29, once),
        "x2": ([Multiplier(times_bp=20_000)], 19_99, 39, once),
        "x1.5": ([Multiplier(times_bp=15_000)], 19_99, 29, once),
        "per step": ([PointsPerStep(points=10, step=2_00)], 7_00, 30, None),
    }


THEIRS = {"1/1.00": 19, "+1/2.00": 28, "x2": 38, "x1.5": 28, "per step": 30}


@covers("S07", "rules", "rounding")
@pytest.mark.parametrize("name", THEIRS)
async def test_s07_rounding(world: World, name: str) -> None:
    """Setono EarningCalculatorTest and Adobe Commerce's exchange rates: 19.99 at so many rules.

    There is one rounding in ours, down: half up and up are not offered."""
    plain, stacked, (floored, _half_up, _up), stepped = shown()["S07"]["expected"]
    assert (plain, stacked, floored, stepped) == (19, 28, 28, 30)
    assert scenarios()["rules"].expected == "19;28;38;28/29/29;100"
    assert scenarios()["rounding"].numbers == [30]
    effects, amount, ours, why = rules_of_earning()[name]
    await earning(world, POINT_PER_UNIT if name.startswith("x") else 0)
    for effect in effects:
        await promote(world, effect)
    who = await world.customer()
    assert (await world.sell(who, amount)).earned == ours
    assert (ours == THEIRS[name]) is (why is None)


@covers("rules")
async def test_a_rule_that_stands_alone(world: World) -> None:
    """Setono EarningCalculatorTest: a rule of priority 10 that does not stack gives its 100
    and nothing else. Ours the same, as long as the plain rate is a promotion too: what a tier
    earns is never taken away by one."""
    assert scenarios()["rules"].numbers[-1] == 100
    await earning(world, 0)
    await promote(world, ExtraRate(extra_bp=10_000))
    await promote(world, FixedPoints(points=100), priority=10, exclusive=True)
    who = await world.customer()
    assert (await world.sell(who, 19_99)).earned == 100
    await earning(world, POINT_PER_UNIT)
    assert (await world.sell(who, 19_99)).earned == 119


@covers(
    "S08", "points_awarded_discount_code / giftcard / ewallet", "general_discount_specific_domain"
)
async def test_s08_what_is_paid_in_money_earns(world: World) -> None:
    """Odoo sale_loyalty test_loyalty: (a) a code lowers the base, (b) a gift card is money,
    (c) their wallet is money too, while what is paid with our points earns nothing (90),
    (d) a code takes its share off each line, so the food's base is 90 where Odoo keeps 100."""
    coded, gifted, walleted, food = shown()["S08"]["expected"]
    case = scenarios()[PAID_BY]
    assert case.numbers == [coded, gifted, walleted] == [90, 100, 100]
    assert scenarios()["general_discount_specific_domain"].numbers == [135, food]
    await earning(world, POINT_PER_UNIT)
    code = await voucher(world, "promo_code", effect=PercentOff(rate_bp=1000), combines=True)
    card = await voucher(world, "gift_card", effect=None, amount=50_00, active=True)
    who = await world.customer(points=10)
    sold = await world.sell(who, 100_00, vouchers=[code])
    assert (sold.total, sold.earned) == (90_00, coded)
    sold = await world.sell(who, 100_00, vouchers=[card])
    assert (sold.gift_paid, sold.earned) == (50_00, gifted)
    other = await world.customer(points=10)
    assert (await world.sell(other, 100_00, redeem=10)).earned == 90
    await earning(world, 0)
    await promote(
        world, ExtraRate(extra_bp=10_000), when=Conditions(scope=Scope(categories=("c1",)))
    )
    sold = await world.sell(other, goods(world, (1, 100_00), (1, 50_00)), vouchers=[code])
    assert (sold.total, sold.earned) == (135_00, 90)
    assert await whole(world)


@covers(PAID_BY)
async def test_a_code_that_takes_a_sum_off_lowers_the_base_too(world: World) -> None:
    """As (a) of S08, with a sum instead of a share."""
    await earning(world, POINT_PER_UNIT)
    code = await voucher(world, "promo_code", effect=AmountOff(amount=10_00))
    who = await world.customer()
    assert (await world.sell(who, 100_00, vouchers=[code])).earned == 90


@covers("S09", "test_tier_selection")
async def test_s09_tiers(world: World) -> None:
    """ERPNext test_tier_selection: 0 / 10 000 / 20 000, by what was spent with this receipt."""
    case = shown()["S09"]
    pairs = [tuple(map(int, found)) for found in re.findall(r"\((\d+),(\d+)\)", case["input"])]
    names = scenarios()["test_tier_selection"].expected.split(",")
    assert names == case["expected"]
    for (before, order), expected in zip(pairs, case["expected"], strict=True):
        who = await world.customer()
        if before:
            await world.sell(who, before * 100)
        sold = await world.sell(who, order * 100)
        query = sa.select(customer.c.tier).where(customer.c.id == who)
        kept = await world.db.read(lambda s, q=query: s.execute(q).scalar_one())  # type: ignore[misc]
        assert sold.tier == kept == expected.lower()
    assert await whole(world)


@covers("test_sales_invoice_return")
async def test_half_of_an_invoice_comes_back(world: World) -> None:
    """ERPNext test_loyalty_program: 1 point for 1000; 20 000 sold, 10 000 returned."""
    before, after = scenarios()["test_sales_invoice_return"].numbers
    await earning(world, 10)
    who = await world.customer()
    bought = await world.sell(who, lines((2, 10_000_00), sold_at=world.now))
    assert (await world.balance(who)).available == before == bought.earned
    await world.take_back(bought.purchase_id, [(1, 1000)])
    assert (await world.balance(who)).available == after


@covers("points_earned_single_tier")
async def test_what_points_paid_earns_nothing(world: World) -> None:
    """ERPNext: 10 000 earn 10; those 10 pay a part of the next, which earns int(9990/1000)."""
    case = scenarios()["points_earned_single_tier"]
    assert case.expected == "10; -10; earns int(9990/1000)=9"
    await earning(world, 10)
    who = await world.customer()
    assert (await world.sell(who, 10_000_00)).earned == 10
    second = await world.sell(who, 10_000_00, redeem=10)
    assert (await entries(world, "redemption"), second.earned) == ([-10], 9)


@covers("expiration_duration P12M")
async def test_how_long_points_last(world: World) -> None:
    """Square's policies end with the month: earned 6 July 2020 for P12M, good through 31 July
    2021. Ours count days, 365 by default, through the last of them in the business zone."""
    case = scenarios()["expiration_duration P12M"]
    earned = date.fromisoformat(case.given.removeprefix("earned "))
    theirs = [date.fromisoformat(day) for day in re.findall(r"\d{4}-\d\d-\d\d", case.expected)]
    assert theirs == [date(2021, 7, 31), date(2021, 8, 1)]
    world.now = clock.start_of_day(earned, ZONE) + timedelta(hours=23)
    who = await world.customer()
    await world.sell(who, 100_00)
    [expires_at] = await open_lots(world, who)
    assert clock.last_valid_day(expires_at, ZONE) == earned + timedelta(days=365) < theirs[0]
    assert clock.add_months(earned, 12) == earned + timedelta(days=365)
