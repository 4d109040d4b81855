"""A replay by the rules that recorded the sales gives what was recorded, to the point."""

from __future__ import annotations

import random

import pytest
import sqlalchemy as sa

from loyalty.customers import customer
from loyalty.stamps.tables import stamp_balance, stamp_entry
from loyalty.wallet.tables import account, lot
from tests.loyalty.dryrun import shop
from tests.world import World


@pytest.mark.parametrize("seed", range(4))
async def test_the_rules_in_force_give_what_was_recorded(world: World, seed: int) -> None:
    chance = random.Random(seed)
    for rules in chance.sample(shop.PROMOTIONS, 3 + 2 * seed if seed else 0):
        await shop.promote(world, rules)
    await shop.trade(world, chance)
    found = await shop.compare(world)
    sold = await shop.recorded(world)
    assert found.seen.keys() == sold.keys()
    for purchase_id, (old, new) in found.seen.items():
        row = sold[purchase_id]
        assert (old.earned, old.spent) == (row.earned, row.redeemed)
        assert old == new
    await _assert_same_end(world, found.result)
    result = found.result
    assert result["baseline"] == result["candidate"]
    assert result["people"] == {"gain": 0, "lose": 0, "same": result["customers"]}
    assert all(a == b for a, b, _ in result["tiers"]["moves"])


async def _assert_same_end(world: World, result: dict[str, object]) -> None:
    """Balances, stamps and tiers at the end are those of the wallet and the cards."""
    buyers = sa.select(account.c.customer_id).where(
        account.c.customer_id.in_(sa.select(lot.c.customer_id).where(lot.c.kind == "accrual"))
    )
    side = result["baseline"]
    assert isinstance(side, dict)

    def unit(session):  # type: ignore[no-untyped-def]
        posted = sa.select(sa.func.sum(lot.c.remaining)).where(
            lot.c.customer_id.in_(buyers),
            sa.or_(lot.c.expires_at.is_(None), lot.c.expires_at > world.now),
        )
        earned = sa.select(sa.func.coalesce(sa.func.sum(stamp_entry.c.amount), 0)).where(
            stamp_entry.c.kind.in_(("earned", "gift"))
        )
        cards = sa.select(sa.func.coalesce(sa.func.sum(stamp_balance.c.cards), 0))
        tiers = sa.select(customer.c.tier, sa.func.count()).where(customer.c.id.in_(buyers))
        return (
            session.execute(posted).scalar_one(),
            session.execute(earned).scalar_one(),
            session.execute(cards).scalar_one(),
            dict(map(tuple, session.execute(tiers.group_by(customer.c.tier)))),
        )

    posted, stamps, cards, tiers = await world.db.read(unit)
    assert (side["stamps"], side["rewards"]) == (stamps, cards)
    assert side["outstanding"] == posted
    names = ("bronze", "silver", "gold")
    moves = result["tiers"]
    assert isinstance(moves, dict)
    assert {names[a]: number for a, _, number in moves["moves"]} == tiers
