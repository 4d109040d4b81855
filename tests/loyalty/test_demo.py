"""The made-up coffee chain: by the real rules, the same for the same seed, nobody real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import demo, wallet
from loyalty.consent import consent
from loyalty.customers import customer, telegram_chat
from loyalty.db import Database
from loyalty.demo import anna
from loyalty.receipts import purchase, purchase_line
from loyalty.staff import outlet, staff
from loyalty.wallet.tables import entry, lot
from tests.loyalty.importing.helpers import check

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open, empty database."""
    opened = Database(database_url)
    yield opened
    await opened.close()


async def fill(db: Database, **changes: Any) -> demo.Filled:
    options: dict[str, Any] = {
        "language": "ru",
        "time_zone": "Europe/Moscow",
        "currency": "RUB",
        "now": NOW,
        "customer_count": 150,
        "visit_count": 2_400,
        **changes,
    }
    return await db.transact(lambda s: demo.fill(s, **options))


async def value(db: Database, query: sa.Select[Any]) -> Any:
    return await db.read(lambda s: s.execute(query).scalar_one())


async def test_a_year_by_the_real_rules(db: Database) -> None:
    filled = await fill(db)
    assert (filled.outlets, filled.staff, filled.customers) == (3, 8, 150)
    assert filled.purchases > 1_000
    assert filled.lines > filled.purchases
    assert 0 < filled.returns < filled.purchases / 40
    assert min(filled.points_issued, filled.points_spent, filled.points_expired) > 0
    await check(db)
    late = sa.select(sa.func.count()).where(purchase.c.sold_at > NOW)
    assert await value(db, late) == 0
    dead = sa.select(sa.func.count()).where(lot.c.expires_at <= NOW, lot.c.remaining > 0)
    assert await value(db, dead) == 0
    soon = sa.select(sa.func.count()).where(
        lot.c.remaining > 0, lot.c.expires_at.between(NOW, NOW + timedelta(days=14))
    )
    assert await value(db, soon) > 0
    lines = purchase_line.c
    wrong = (
        sa.select(sa.func.count())
        .select_from(purchase_line)
        .where(lines.amount * 1000 != lines.price * lines.quantity_milli)
    )
    assert await value(db, wrong) == 0


async def test_nobody_of_it_is_real(db: Database) -> None:
    await fill(db)
    # Phones of the local Telegram alone have such short numbers.
    chats = await db.read(lambda s: s.execute(sa.select(telegram_chat.c.telegram_id)).scalars())
    assert all(2001 <= chat < 2100 for chat in chats)
    phones = await db.read(lambda s: s.execute(sa.select(customer.c.phone)).scalars().all())
    # No network gives these out; the first phone of the local Telegram is Anna's.
    assert [phone for phone in phones if not phone.startswith("+7000")] == [anna.PHONE]
    assert len(set(phones)) == 150
    unsaid = sa.select(sa.func.count()).where(
        customer.c.id.not_in(sa.select(consent.c.customer_id).where(consent.c.granted))
    )
    assert await value(db, unsaid) == 0


async def test_points_go_only_while_they_last(db: Database) -> None:
    """Entries come in the order of time, and none is made from a lot that was over by then."""
    await fill(db)

    def unit(session: Session) -> int:
        ends = {row.id: row.expires_at for row in session.execute(sa.select(lot))}
        spent = 0
        for row in session.execute(sa.select(entry).where(entry.c.kind == "redemption")):
            spent += 1
            assert all(ends[lot_id] is None or ends[lot_id] > row.at for lot_id, _ in row.lots)
        ids = session.execute(sa.select(entry.c.at).order_by(entry.c.customer_id, entry.c.id))
        assert ids.first() is not None
        return spent

    assert await db.read(unit) > 10


async def test_the_same_seed_is_the_same_year(sqlite_database: str, postgres_database: str) -> None:
    first, second = Database(sqlite_database), Database(postgres_database)
    try:
        made = [await fill(db) for db in (first, second)]
        assert made[0] == made[1]
        names = [
            await db.read(
                lambda s: s.execute(sa.select(customer.c.name).order_by(customer.c.phone)).all()
            )
            for db in (first, second)
        ]
        assert names[0] == names[1]
    finally:
        await first.close()
        await second.close()


async def test_in_english_for_other_money(db: Database) -> None:
    filled = await fill(db, language="en", currency="EUR", time_zone="Europe/London", seed=7)
    assert filled.chain == "Grain & Steam"
    names = await db.read(lambda s: s.execute(sa.select(outlet.c.name)).scalars().all())
    names += await db.read(lambda s: s.execute(sa.select(staff.c.name)).scalars().all())
    names += await db.read(lambda s: s.execute(sa.select(customer.c.name)).scalars().all())
    names += await db.read(lambda s: s.execute(sa.select(purchase_line.c.name)).scalars().all())
    assert all(name.isascii() for name in names)
    highest = await value(db, sa.select(sa.func.max(purchase_line.c.price)))
    assert highest < 20_00
    assert await db.read(wallet.reconcile) == []
    assert await db.read(wallet.check_rollups) == []


async def test_a_business_with_customers_is_left_alone(db: Database) -> None:
    await fill(db, customer_count=5, visit_count=20)
    count = sa.select(sa.func.count()).select_from(customer)
    with pytest.raises(demo.DatabaseNotEmpty):
        await fill(db)
    assert await value(db, count) == 5
