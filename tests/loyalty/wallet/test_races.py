"""Races over real connections, from two processes' worth of pools: exact sums, bounded retries."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import checkup, errors, purchases, wallet
from loyalty.db import Database
from loyalty.db.engine import ATTEMPTS
from loyalty.ids import new_id
from loyalty.purchases import Receipt
from loyalty.receipts import purchase
from loyalty.wallet.tables import entry, hold
from tests.world import ZONE, World

T = TypeVar("T")


class Processes:
    """Several pools on one database; every unit is counted each time it runs."""

    def __init__(self, pools: list[Database]) -> None:
        self.pools = pools
        self.turn = 0
        self.runs: list[int] = []

    async def transact(self, unit: Callable[[Session], T]) -> T:
        """Run the unit on the next pool."""
        self.turn += 1
        place = len(self.runs)
        self.runs.append(0)

        def counted(session: Session) -> T:
            self.runs[place] += 1
            return unit(session)

        return await self.pools[self.turn % len(self.pools)].transact(counted)

    async def outcomes(self, units: list[Callable[[Session], Any]]) -> Counter[str]:
        """Run all at once; how often each result or refusal came."""
        done = await asyncio.gather(*map(self.transact, units), return_exceptions=True)
        for result in done:
            if isinstance(result, BaseException) and not isinstance(result, errors.DomainError):
                raise result
        names = (type(r).__name__ if isinstance(r, Exception) else "done" for r in done)
        return Counter(names)

    def check_retries(self) -> None:
        """None ran more often than the door allows, nearly all of them once."""
        assert max(self.runs) <= ATTEMPTS
        assert sum(self.runs) <= 1.2 * len(self.runs) + ATTEMPTS


@pytest.fixture
async def processes(world: World) -> AsyncIterator[Processes]:
    """Two processes beside the world's own connections."""
    made = Processes([Database(world.db.url, pool_size=8) for _ in range(2)])
    yield made
    for pool in made.pools:
        await pool.close()


def sale(world: World, who: int, amount: int, redeem: int, **options: Any) -> Any:
    """A unit that sells at ``world.now`` as it is when this is called."""
    now, number = options.pop("now", world.now), options.pop("number", None)

    def unit(session: Session) -> purchases.PurchaseResult:
        arguments = {"outlet_id": world.outlet_id, "staff_id": world.staff_id, **options}
        return purchases.record(
            session,
            customer_id=who,
            receipt=Receipt(
                sold_at=now,
                lines=Receipt.of_sum(amount, sold_at=now).lines,
                number=number,
            ),
            redeem=redeem,
            may_redeem=True,
            actor=f"staff:{world.staff_id}",
            source="pos",
            now=now,
            time_zone=ZONE,
            **arguments,
        )

    return unit


async def check(world: World) -> None:
    found = await world.db.read(checkup.check)
    assert found.faults == ()


async def amounts(world: World, kind: str) -> list[int]:
    query = sa.select(entry.c.amount).where(entry.c.kind == kind)
    return list(await world.db.read(lambda s: s.execute(query).scalars().all()))


@pytest.mark.slow
async def test_eight_hundred_spends_on_five_hundred(world: World, processes: Processes) -> None:
    who = await world.customer(points=500)
    waiting = asyncio.Semaphore(32)
    unit = sale(world, who, 4_00, 1)
    refused = 0

    async def one() -> None:
        nonlocal refused
        async with waiting:
            try:
                await processes.transact(unit)
            except errors.InsufficientPoints:
                refused += 1

    await asyncio.gather(*(one() for _ in range(800)))
    assert refused == 300
    assert await amounts(world, "redemption") == [-1] * 500
    owned = await world.balance(who)
    assert (owned.available, owned.held, owned.debt) == (0, 0, 0)
    processes.check_retries()
    await check(world)


async def test_two_cashiers_and_one_card(world: World, processes: Processes) -> None:
    """The same showing of a card, and the same hundred points, at two tills at once."""
    for round_ in range(10):
        who = await world.customer(points=100)
        shown = f"n:nonce-{round_}"
        units = [sale(world, who, 1000_00, 100, card_key=shown) for _ in range(2)]
        outcome = await processes.outcomes(units)
        assert outcome in (
            {"done": 1, "PresenceRequired": 1},
            {"done": 1, "InsufficientPoints": 1},
        )
    assert await amounts(world, "redemption") == [-100] * 10
    processes.check_retries()
    await check(world)


async def test_the_sweep_against_redemptions(world: World, processes: Processes) -> None:
    """Points in their last moment: each is spent or expires, none does both."""
    last = world.now + timedelta(days=1)
    people = [await world.customer() for _ in range(40)]
    for who in people:
        await world.grant(who, 100, expires_at=last)
    spends = [
        sale(world, who, 1000_00, n, now=last - timedelta(seconds=1))
        for who in people
        for n in (30, 30, 50)
    ]
    later = last + timedelta(days=7)

    def sweep(session: Session) -> wallet.Expired:
        return wallet.expire_due(session, now=later, customers=7)

    units = [unit for three in zip(*[iter(spends)] * 3, strict=True) for unit in (*three, sweep)]
    outcome = await processes.outcomes(units)
    assert set(outcome) <= {"done", "InsufficientPoints"}
    while (await processes.transact(sweep)).more:
        pass
    spent, expired = await amounts(world, "redemption"), await amounts(world, "expiry")
    assert sum(spent) + sum(expired) == -100 * len(people)
    assert spent
    processes.check_retries()
    await check(world)


async def test_one_receipt_number_at_two_tills(world: World, processes: Processes) -> None:
    units = []
    people = [await world.customer(points=50) for _ in range(20)]
    for n, who in enumerate(people):
        units += [sale(world, who, 500_00, 10, number=f"R{n}") for _ in range(2)]
        units.append(sale(world, people[n - 1], 500_00, 10, number=f"R{n}"))
    assert await processes.outcomes(units) == {"done": 20, "DuplicateReceipt": 40}
    numbers = await world.db.read(lambda s: s.execute(sa.select(purchase.c.number)).scalars().all())
    assert sorted(numbers) == sorted(f"R{n}" for n in range(20))
    assert await amounts(world, "redemption") == [-10] * 20
    processes.check_retries()
    await check(world)


async def test_a_hold_ends_once(world: World, processes: Processes) -> None:
    """Confirmed by the till, voided by the customer and timed out at one moment."""
    ends = world.now + timedelta(minutes=2)
    people = [await world.customer(points=100) for _ in range(20)]
    units: list[Any] = []
    for who in people:
        placed = await world.db.transact(
            lambda s, w=who: wallet.place_hold(  # type: ignore[misc]
                s,
                customer_id=w,
                points=60,
                source_kind="test",
                source_id=str(new_id()),
                expires_at=ends,
                now=world.now,
            )
        )
        confirm = sale(world, who, 1000_00, 60, hold_id=placed.id)

        def void(session: Session, hold_id: int = placed.id) -> None:
            if not wallet.void_hold(session, hold_id=hold_id, now=ends):
                raise errors.HoldAlreadyResolved(status="before")

        units += [confirm, void, confirm]
    units += [lambda s: wallet.time_out_holds(s, now=ends, limit=5) and None] * 4
    outcome = await processes.outcomes(units)
    assert set(outcome) == {"done", "HoldAlreadyResolved"}
    query = sa.select(hold.c.status, sa.func.count()).group_by(hold.c.status)
    ended = {row[0]: row[1] for row in await world.db.read(lambda s: s.execute(query).all())}
    assert sum(ended.values()) == 20
    assert "open" not in ended
    assert await amounts(world, "redemption") == [-60] * ended.get("posted", 0)
    for who in people:
        assert (await world.balance(who)).held == 0
    processes.check_retries()
    await check(world)


async def test_two_owners_approve_at_once(world: World, processes: Processes) -> None:
    asked = []
    for _ in range(10):
        who, number = await world.customer(), new_id()
        await world.db.transact(
            lambda s, w=who, n=number: wallet.request_adjustment(  # type: ignore[misc]
                s,
                adjustment_id=n,
                customer_id=w,
                points=5000,
                reason="A long story",
                actor="staff:1",
                alone_up_to=1000,
                now=world.now,
            )
        )
        asked.append(number)
    units = [
        lambda s, n=number, by=by: wallet.approve_adjustment(  # type: ignore[misc]
            s, adjustment_id=n, actor=f"staff:{by}", now=world.now
        )
        for number in asked
        for by in (2, 3, 2)
    ]
    outcome = await processes.outcomes(units)
    assert outcome["done"] + outcome["AdjustmentDecided"] == 30
    assert await amounts(world, "adjustment") == [5000] * 10
    processes.check_retries()
    await check(world)
