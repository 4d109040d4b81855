"""The demo's chains: every one on, with a month behind it, and goods for its words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from loyalty import chains, goods
from loyalty.chains.shipped import PRESETS
from loyalty.chains.tables import ACTIVE, enrolment
from loyalty.customers import customer
from loyalty.db import Database
from loyalty.messaging.tables import click, outbox, touch
from tests.loyalty.test_demo import NOW, fill


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open, empty database."""
    opened = Database(database_url)
    yield opened
    await opened.close()


async def test_every_chain_is_on_and_has_said_something(db: Database) -> None:
    await fill(db, language="en")
    found = {item.key: item for item in await db.read(chains.all_chains)}
    assert set(found) == set(PRESETS)
    assert all(item.enabled and item.enabled_at == NOW for item in found.values())
    sources = sa.select(touch.c.source, touch.c.step, touch.c.decision)
    touches = await db.read(lambda s: s.execute(sources).all())
    assert {row.source for row in touches} == {f"chain:{key}" for key in PRESETS}
    for row in touches:
        assert found[row.source.partition(":")[2]].definition.message(row.step) is not None
    assert {row.decision for row in touches} >= {"send", "skipped"}


async def test_nothing_of_the_past_is_said_again(db: Database) -> None:
    await fill(db)
    states = sa.select(outbox.c.state, sa.func.count()).group_by(outbox.c.state)
    assert set(dict(await db.read(lambda s: s.execute(states).all()))) >= {"sent"}
    mine = sa.select(sa.func.count()).where(
        outbox.c.state != "sent", outbox.c.touch_id.is_not(None)
    )
    assert await db.read(lambda s: s.execute(mine).scalar_one()) == 0
    on_way = sa.select(sa.func.count()).select_from(enrolment).where(ACTIVE)
    assert await db.read(lambda s: s.execute(on_way).scalar_one()) == 0
    late = sa.select(sa.func.count()).where(touch.c.decided_at > NOW)
    assert await db.read(lambda s: s.execute(late).scalar_one()) == 0
    taps = sa.select(sa.func.count()).select_from(click)
    assert await db.read(lambda s: s.execute(taps).scalar_one()) > 0


async def test_goods_have_names_pairs_and_a_pace(db: Database) -> None:
    await fill(db, language="en")
    pair = await db.read(lambda s: goods.goes_with(s, ["cap"]))
    assert pair["cap"].name == "Croissant"
    assert await db.read(goods.paces) == {"Beans to go": 30}
    dates = sa.select(sa.func.count()).where(customer.c.fields.is_not(None))
    assert await db.read(lambda s: s.execute(dates).scalar_one()) > 0
