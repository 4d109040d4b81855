"""Published cases of ledgers (S01–S03; Setono's Sylius plugin), through our own doors."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import errors, wallet
from loyalty.wallet.tables import lot
from tests.loyalty.cases.counter import earning, entries, open_lots, quote, spend, whole
from tests.loyalty.cases.published import covers, instant, scenarios, shown
from tests.world import World, lines

_STEP = re.compile(r"([+-]\d+)(?: exp ([\w-]+))?")


@pytest.fixture
async def who(world: World) -> int:
    """A customer in a program where points pay everything."""
    world.now = instant("2026-01-01")
    await earning(world, 0)
    return await world.customer()


async def play(world: World, who: int, given: str) -> None:
    """Steps like "+100 exp 2027-06-01; -50": points given, points spent."""
    for amount, until in _STEP.findall(given):
        points = int(amount)
        if points > 0:
            dated = re.fullmatch(r"\d{4}-\d\d-\d\d", until)
            expires = instant(until) if dated else None
            if until in ("yesterday", "T"):
                expires = world.now + timedelta(days=1)
            await world.grant(who, points, expires_at=expires)
        else:
            await spend(world, who, -points)
        world.pass_time(seconds=1)


async def expire(world: World) -> int:
    """The expiry job; lots are let go at once since they were reminded of."""
    warned = sa.update(lot).values(reminded_at=world.now - timedelta(days=2))
    await world.db.transact(lambda s: s.execute(warned) and None)
    done = await world.db.transact(lambda s: wallet.expire_due(s, now=world.now))
    return done.points


ORDER = (
    "debits_consume_the_earliest_expiring_lot_first",
    "never_expiring_lots_are_consumed_last",
    "a_debit_spanning_lots_drains_them_in_order",
)


@covers(*ORDER)
@pytest.mark.parametrize("name", ORDER)
async def test_spending_order(world: World, who: int, name: str) -> None:
    """Setono tests/Replay/LotReplayerTest.php."""
    case = scenarios()[name]
    await play(world, who, case.given)
    left = await open_lots(world, who)
    named = re.findall(r"(?:lot )?(\d{4}-\d\d-\d\d|never|expiring)=(\d+)", case.expected)
    dates = {"never": None, "expiring": instant("2027-01-01")}
    for what, points in named:
        assert left[dates[what] if what in dates else instant(what)] == int(points)
    if not named:
        balance, remaining = case.numbers
        assert (await world.balance(who)).available == balance
        day = re.findall(r"\d{4}-\d\d-\d\d", case.expected)[0]
        assert {k: v for k, v in left.items() if v} == {instant(day): remaining}
    assert await whole(world)


@covers("S01")
async def test_s01(world: World, who: int) -> None:
    """Setono LotReplayerTest: earliest expiry first, whichever was earned first."""
    case = shown()["S01"]
    for points, earned, until in case["input"]["credits"]:
        world.now = instant(earned)
        await world.grant(who, points, expires_at=instant(until.removeprefix("exp ")))
    debit, on = case["input"]["debit"]
    world.now = instant(on)
    await spend(world, who, -debit)
    assert (await world.balance(who)).available == case["expected"]["balance"]
    left = [(points, until) for until, points in (await open_lots(world, who)).items() if points]
    assert left == [(points, instant(day)) for points, day in case["expected"]["open_lots"]]
    other = await world.customer()
    await play(world, other, case["also"]["input"])
    assert (await open_lots(world, other))[instant("2027-06-01")] == 100
    assert case["also"]["expected"].startswith("lot 2027-06-01 keeps 100")


@covers("it_sums_points_expiring_at_or_before_a_moment")
async def test_points_expiring_by_a_day(world: World, who: int) -> None:
    """Setono LotReplayerTest. Ours is shown by the last day on which points are good."""
    case = scenarios()["it_sums_points_expiring_at_or_before_a_moment"]
    await play(world, who, case.given)
    found = await world.db.read(
        lambda s: wallet.expiring(s, customer_id=who, now=world.now, time_zone="Europe/Moscow")
    )
    for day, points in re.findall(r"by (\S+): (\d+)", case.expected):
        last = datetime.fromisoformat(day).date()
        assert sum(item.points for item in found if item.last_day < last) == int(points)


@covers("an_expire_transaction_zeroes_exactly_its_lot")
async def test_expiry_takes_its_own_lot(world: World, who: int) -> None:
    """Setono LotReplayerTest."""
    case = scenarios()["an_expire_transaction_zeroes_exactly_its_lot"]
    await play(world, who, case.given.partition("; expire")[0])
    world.now = instant("2027-01-01")
    assert await expire(world) == 100
    assert (await world.balance(who)).posted == case.numbers[0]
    world.pass_time(days=3650)
    assert await expire(world) == 0  # S02: a lot without an end is there ten years on
    assert await whole(world)


EXPIRY: dict[str, tuple[list[int], str | None]] = {
    "partially_consumed_lot": ([-100], None),
    "already_consumed_expired_lot": ([], "an entry of ours is never zero: nothing is written"),
    "idempotent": ([-150], None),
    "expiry_is_exactly_the_reference_moment": ([-150], None),
}


@covers(*EXPIRY)
@pytest.mark.parametrize("name", EXPIRY)
async def test_expiry(world: World, who: int, name: str) -> None:
    """Setono tests/Functional/LoyaltyLedgerExpireTest.php."""
    case = scenarios()[name]
    written, ours = EXPIRY[name]
    await play(world, who, case.given.partition("; expire")[0])
    world.pass_time(days=1)
    assert (await world.balance(who)).available == 0  # expires_at == now has expired
    await expire(world)
    await expire(world)
    assert await entries(world, "expiry") == written
    if ours is None:
        assert case.numbers[-1] == (await world.balance(who)).posted == 0
        assert written[0] in (*case.numbers, -150)
    else:
        assert case.expected == "0-point close row, balance 0"
    assert await whole(world)


@covers("S02")
async def test_s02(world: World, who: int) -> None:
    """Setono LoyaltyLedgerExpireTest, with our grace: unreminded, a lot goes a week later."""
    case = shown()["S02"]
    given, spent = (int(n) for n in re.findall(r"[+-]\d+", case["input"]))
    await world.grant(who, given, expires_at=world.now + timedelta(days=1))
    await spend(world, who, -spent)
    world.pass_time(days=1)

    async def sweep() -> int:
        done = await world.db.transact(lambda s: wallet.expire_due(s, now=world.now))
        return done.points

    assert await sweep() == 0
    with pytest.raises(errors.InsufficientPoints):
        await spend(world, who, 1)
    world.pass_time(days=7)
    assert [await sweep(), await sweep()] == [100, 0]
    assert await entries(world, "expiry") == case["expected"]["expire_rows"]
    assert (await world.balance(who)).posted == case["expected"]["balance"]


@covers("S03", "clamp_to_zero", "allow_negative", "one_clawback_per_earn")
async def test_s03_a_return_after_the_points_were_spent(world: World, who: int) -> None:
    """Setono LoyaltyLedgerClawbackTest has two policies: clamp the balance at 0, or let it go
    below. Ours is neither: what is there is taken (as with clamp), and the rest becomes a debt
    (as much as the other policy goes below zero), which the next accruals repay. The balance
    that is shown never falls below 0."""
    case, texts = shown()["S03"]["expected"], scenarios()
    await earning(world, 10_000)
    bought = await world.sell(who, 150_00)
    await spend(world, who, 100)
    await world.take_back(bought.purchase_id)
    with pytest.raises(errors.NothingToReturn):
        await world.take_back(bought.purchase_id)
    clamped, negative = case["policy clamp"], case["policy allow_negative"]
    assert await entries(world, "clawback") == [clamped["clawback"]]
    owned = await world.balance(who)
    assert (owned.available, owned.debt) == (clamped["balance"], -negative["balance"])
    assert texts["clamp_to_zero"].numbers == [-50, 0]
    assert texts["allow_negative"].numbers == [-150, -owned.debt]
    assert texts["one_clawback_per_earn"].numbers[0] == case["clawback_rows"] == 1
    await world.sell(who, 130_00)
    owned = await world.balance(who)
    assert (owned.available, owned.debt) == (30, 0)
    assert await whole(world)


@covers("clamp/idempotent/rollback")
async def test_redemption_ledger(world: World, who: int) -> None:
    """Setono RedemptionLedgerTest. Too much is refused by ours, not spent in part: the quote
    says how much would go. A rollback is a return: its points come back as a new lot."""
    case = scenarios()["clamp/idempotent/rollback"]
    assert case.numbers == [0, -200, 700, 1, 1000, 1]
    await world.grant(who, 200)
    receipt = lines((1, 500_00), sold_at=world.now)
    assert (await quote(world, who, receipt, redeem=500)).redeem == 200
    with pytest.raises(errors.InsufficientPoints):
        await world.sell(who, receipt, redeem=500)
    other = await world.customer(points=1000)
    once = await world.sell(other, 300_00, redeem=300, draft_id=7)
    again = await world.sell(other, 300_00, redeem=300, draft_id=7)
    assert (again.purchase_id, again.replayed) == (once.purchase_id, True)
    assert (await world.balance(other)).available == 700
    assert await entries(world, "redemption") == [-300]
    done: list[Any] = [await world.take_back(once.purchase_id, key="back") for _ in range(2)]
    assert [result.replayed for result in done] == [False, True]
    assert (await world.balance(other)).available == 1000
    assert await entries(world, "refund") == [300]
    assert await whole(world)


@covers("add/discretionary/redeem")
async def test_manual_points(world: World, who: int) -> None:
    """ERPNext test_loyalty_point_entry: +10 for a sale, +75 by hand with a reason, −10."""
    case = scenarios()["add/discretionary/redeem"]
    await earning(world, 10)
    await world.sell(who, 10_000_00)
    with pytest.raises(errors.ReasonInvalid):
        await by_hand(world, who, 75, " ")
    await by_hand(world, who, 75, "A long wait")
    await spend(world, who, 10)
    assert (await world.balance(who)).available == case.numbers[-1] == 75
    assert await whole(world)


async def by_hand(world: World, who: int, points: int, reason: str) -> None:
    await world.db.transact(
        lambda s: wallet.request_adjustment(
            s,
            adjustment_id=4242,
            customer_id=who,
            points=points,
            reason=reason,
            actor="staff:1",
            alone_up_to=1000,
            now=world.now,
        )
    )
