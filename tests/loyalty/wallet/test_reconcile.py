"""The checkup names what was tampered with, and what it found is mended by corrections."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from loyalty import checkup, wallet
from loyalty.db import Rows
from loyalty.ids import new_id
from loyalty.receipts import customer_day, customer_stats, purchase, purchase_line
from loyalty.wallet.state import Cause
from loyalty.wallet.tables import account, debt, entry, hold, lot
from tests.world import World, lines

TAMPERING = {
    "posted": (sa.update(account).values(posted=account.c.posted + 1), {"I1", "I2"}),
    "remaining": (
        sa.update(lot).where(lot.c.remaining > lot.c.held).values(remaining=lot.c.remaining - 1),
        {"I2"},
    ),
    "entry": (
        sa.update(entry).where(entry.c.kind == "gift").values(amount=entry.c.amount + 1),
        {"I1"},
    ),
    "held": (sa.update(account).values(held=account.c.held + 1), {"I3"}),
    "hold": (sa.update(hold).values(amount=hold.c.amount + 1), {"I3"}),
    "hold ended": (sa.update(hold).values(status="voided"), {"I3", "I4"}),
    "debt": (sa.update(account).values(debt=7), {"I3"}),
    "earned": (sa.update(purchase).values(earned=purchase.c.earned + 1), {"I4", "purchase"}),
    "redeemed": (sa.update(purchase).values(redeemed=purchase.c.redeemed + 1), {"I4", "purchase"}),
    "line": (sa.update(purchase_line).values(amount=purchase_line.c.amount + 1), {"purchase"}),
    "returned": (sa.update(purchase).values(returned=purchase.c.returned + 1), {"return"}),
    "pieces": (sa.update(purchase_line).values(returned_milli=500), {"return"}),
    "day": (sa.update(customer_day).values(spent=customer_day.c.spent + 1), {"rollup"}),
    "orders": (sa.update(customer_stats).values(orders=9), {"rollup"}),
}


async def busy(world: World) -> int:
    """A customer with a bit of everything."""
    who = await world.customer(points=200)
    await world.grant(who, 30, expires_at=world.now + timedelta(days=1))
    bought = await world.sell(who, lines((2, 100_00), (1, 50_00), sold_at=world.now), redeem=40)
    await world.take_back(bought.purchase_id, [(1, 1000)])
    await world.db.transact(
        lambda s: wallet.place_hold(
            s,
            customer_id=who,
            points=20,
            source_kind="test",
            source_id="1",
            expires_at=world.now + timedelta(days=99),
            now=world.now,
        )
    )
    return who


async def rules(world: World) -> set[str]:
    found = await world.db.read(checkup.check)
    return {fault.rule for fault in found.faults}


@pytest.mark.parametrize("name", TAMPERING)
async def test_each_tampering_is_named(world: World, name: str) -> None:
    await busy(world)
    assert await rules(world) == set()
    statement, expected = TAMPERING[name]
    await world.db.transact(lambda s: s.execute(statement) and None)
    assert expected <= await rules(world)


@pytest.mark.parametrize("name", ["posted", "remaining", "held", "debt"])
async def test_a_repair_is_a_correction_and_a_later_check_releases(world: World, name: str) -> None:
    who = await busy(world)
    frozen_until = world.now + timedelta(hours=72)
    await world.db.transact(
        lambda s: wallet.freeze(
            s,
            customer_id=who,
            reason="new_telegram",
            until=frozen_until,
            actor="system",
            now=world.now,
        )
    )
    before = await world.db.read(lambda s: s.execute(sa.select(entry.c.id)).scalars().all())
    statement, _ = TAMPERING[name]
    await world.db.transact(lambda s: s.execute(statement) and None)

    async def settle() -> checkup.Settled:
        found = await world.db.read(checkup.check)
        return await world.db.transact(lambda s: checkup.settle(s, found, now=world.now))

    assert await settle() == checkup.Settled(frozen=1, released=0)
    assert await settle() == checkup.Settled(frozen=0, released=0)
    assert (await world.balance(who)).frozen_reason == "broken"
    spendable = (await world.balance(who)).available
    await world.db.transact(
        lambda s: wallet.repair(
            s, customer_id=who, reason="A bad disk", actor="staff:1", now=world.now
        )
    )
    assert await rules(world) == set()
    if name in ("posted", "remaining", "debt"):
        assert (await world.balance(who)).available == spendable
    after = await world.db.read(lambda s: s.execute(sa.select(entry.c.id)).scalars().all())
    assert set(before) <= set(after)
    assert await settle() == checkup.Settled(frozen=0, released=1)
    # The pause for the moved phone has not ended meanwhile.
    owned = await world.balance(who)
    assert (owned.frozen_reason, owned.frozen_until) == ("new_telegram", frozen_until)


async def test_rollups_are_counted_anew(world: World) -> None:
    who = await busy(world)
    for name in ("day", "orders"):
        statement, _ = TAMPERING[name]
        await world.db.transact(lambda s, one=statement: s.execute(one) and None)  # type: ignore[misc]
    assert await rules(world) == {"rollup"}
    await world.db.transact(lambda s: wallet.repair_rollups(s, customer_ids=[who]))
    assert await rules(world) == set()


async def test_points_spent_after_their_time_are_found(world: World) -> None:
    """What no door allows: a redemption from a lot that had expired."""
    who = await world.customer()
    await world.grant(who, 30, expires_at=world.now + timedelta(days=1))

    def wrong(session: sa.orm.Session) -> None:
        rows, locked = Rows(), wallet.lock(session, [who])[who]
        cause = Cause("test", str(new_id()), "system", world.now)
        locked.redeem(rows, points=10, cause=cause)
        locked.finish(rows)
        rows.put(session)
        late = world.now + timedelta(days=2)
        session.execute(sa.update(entry).where(entry.c.kind == "redemption").values(at=late))

    await world.db.transact(wrong)
    assert await rules(world) == {"I6"}
    assert await world.db.read(lambda s: s.execute(sa.select(debt.c.id)).all()) == []
