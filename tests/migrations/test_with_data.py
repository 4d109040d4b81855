"""A shop that has sold with an earlier schema goes on after the next one, and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import checkup, staff
from loyalty.db import Database, migrate
from loyalty.program import Program, program_version
from loyalty.receipts import customer_day, customer_stats, purchase_return
from tests.world import World, lines, open_world

pytestmark = pytest.mark.slow  # starts processes or builds schemas

# What the first release wrote for a program nobody has changed.
RULES = {
    "tiers": [
        {"key": "bronze", "threshold": 0, "earn_rate_bp": 500},
        {"key": "silver", "threshold": 1000000, "earn_rate_bp": 700},
        {"key": "gold", "threshold": 2000000, "earn_rate_bp": 1000},
    ],
    "pending_days": 1,
    "redeem_share_bp": 3000,
    "redeem_minimum": 1,
    "confirm_above": 500,
    "confirm_seconds": 120,
    "expiry_days": 365,
    "expiry_grace_days": 7,
    "reminder_lead_hours": 24,
    "returned_points_min_days": 14,
    "welcome_points": 100,
    "birthday_points": 200,
    "birthday_days_before": 7,
    "birthday_valid_days": 14,
    "quiet_hours": {"start_minute": 1260, "end_minute": 540},
    "caps": {
        "trigger_per_day": 1,
        "trigger_per_week": 4,
        "mass_per_day": 1,
        "mass_per_week": 2,
        "marketing_per_week": 5,
    },
    "messages_per_second": 25,
    "global_holdout_bp": 500,
    "chain_holdout_bp": 1000,
    "holdout_from_customers": 100,
    "phone_change_freeze_hours": 72,
}


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    return str(request.getfixturevalue("postgres_url"))


def rules_of_then(session: Session) -> None:
    """The first release knew no stamps, referrals or guards."""
    session.execute(sa.update(program_version).values(rules=RULES))


@asynccontextmanager
async def open_again(url: str, before: World) -> AsyncIterator[World]:
    """The same business after a restart."""
    db = Database(url)
    try:
        yield World(db, before.outlet_id, before.staff_id, before.now)
    finally:
        await db.close()


async def test_purchases_of_the_first_schema_are_sold_on_and_returned(empty_url: str) -> None:
    assert Program.model_validate(RULES) == Program()
    migrate(empty_url)
    async with open_world(empty_url) as before:
        who = await before.customer(points=100)
        goods = lines((2, 150_00), (1, 77_77), sold_at=before.now)
        old = await before.sell(who, goods, redeem=50)
        await before.take_back(old.purchase_id, [(1, 1000)])
        before.pass_time(days=3)
        await before.sell(who, 9_700_00)
        await before.sell(None, 10_00)
        await before.db.transact(rules_of_then)
    migrate(empty_url, revision="0001")
    migrate(empty_url)
    async with open_again(empty_url, before) as world:
        days = sa.select(customer_day.c.orders, customer_day.c.spent).order_by(customer_day.c.day)
        found = [tuple(row) for row in await world.db.read(lambda s: s.execute(days).all())]
        assert found == [(1, 227_77), (1, 9_700_00)]
        world.pass_time(days=1)
        sold = await world.sell(who, 100_00)
        # 10 027.77 in the window: the year is counted anew with the first sale.
        assert (sold.earned, sold.tier) == (5, "silver")
        stats = sa.select(customer_stats.c.window_spent)
        assert await world.db.read(lambda s: s.execute(stats).scalar_one()) == 10_027_77
        back = await world.take_back(old.purchase_id)
        assert (back.amount, back.money_back + back.spent_returned * 100) == (227_77, 227_77)
        new = await world.take_back(sold.purchase_id)
        assert (new.money_back, new.earned_reversed) == (100_00, 5)
        assert (await world.db.read(checkup.check)).faults == ()


async def test_the_third_schema_says_where_cashiers_sell_and_loses_nothing(empty_url: str) -> None:
    migrate(empty_url)
    async with open_world(empty_url) as before:
        who = await before.customer(points=100)
        sold = await before.sell(who, lines((2, 150_00), sold_at=before.now), redeem=50)
        await before.take_back(sold.purchase_id, [(1, 1000)])

        def hire(session: Session) -> int:
            return staff.add(
                session, name="Olga", role="owner", outlet_id=None, now=before.now, actor="system"
            ).id

        owner = await before.db.transact(hire)
        counts = await before.db.read(count)
    migrate(empty_url, revision="0002")
    migrate(empty_url)
    async with open_again(empty_url, before) as world:
        assert await world.db.read(count) == counts
        person = await world.db.read(lambda s: staff.get(s, world.staff_id))
        assert person.outlet_id == world.outlet_id
        mine = await world.db.read(lambda s: staff.outlets_of(s, staff_id=world.staff_id))
        assert [place.id for place in mine] == [world.outlet_id]
        assert await world.db.read(lambda s: staff.outlets_of(s, staff_id=owner)) == []
        undone = sa.select(purchase_return.c.undo)
        assert await world.db.read(lambda s: s.execute(undone).scalars().all()) == [False]
        back = await world.take_back(sold.purchase_id)
        assert back.amount == 150_00
        assert (await world.db.read(checkup.check)).faults == ()


def count(session: Session) -> dict[str, int]:
    """Rows of what a shop must not lose."""
    kept = ("customer", "staff", "purchase", "purchase_return", "entry", "lot", "event", "outbox")
    return {
        name: session.execute(sa.text(f"SELECT COUNT(*) FROM {name}")).scalar_one() for name in kept
    }
