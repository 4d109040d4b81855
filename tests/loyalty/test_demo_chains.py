"""The demo's chains: every one on, with a month behind it, and goods for its words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from loyalty import chains, clock, goods, sources, tasks
from loyalty.chains.preview import preview
from loyalty.chains.shipped import PRESETS
from loyalty.chains.tables import ACTIVE, chain, enrolment
from loyalty.customers import customer, telegram_chat
from loyalty.db import Database
from loyalty.demo import phones
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
    # Only newcomers are on their way, in the welcome, and wait for a moment ahead.
    on_way = sa.select(chain.c.key, enrolment.c.due_at).join(chain).where(ACTIVE)
    for row in await db.read(lambda s: s.execute(on_way).all()):
        assert row.key == "welcome"
        assert row.due_at > NOW
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


async def test_some_hold_a_phone_and_chains_will_write_to_them(db: Database) -> None:
    await fill(db, customer_count=400, visit_count=5_000)
    held = await db.read(phones.phones_of)
    assert 40 <= len(held) <= phones.MOST
    assert [one.telegram_id for one in held] == [
        phones.FIRST_ID + place for place in range(len(held))
    ]
    assert all(one.first_name and one.phone.startswith("+7000") for one in held)
    ahead = await db.read(
        lambda s: preview(s, now=NOW, time_zone="Europe/Moscow", days=14, told=("send",))
    )
    reached = {row.chain for row in ahead.rows}
    assert {"bonus_expiry", "birthday", "win_back", "renewal", "welcome"} <= reached
    assert all(row.name and row.decision == "send" for row in ahead.rows)
    assert len({row.customer_id for row in ahead.rows}) >= 20


async def test_what_was_said_keeps_the_rules(db: Database) -> None:
    """Only those with a phone heard something, after they joined, one message a day."""
    await fill(db)
    said = (
        sa.select(
            touch.c.customer_id, touch.c.decided_at, customer.c.joined_at,
            outbox.c.chat_id, telegram_chat.c.telegram_id,
        )
        .join(outbox, outbox.c.id == touch.c.outbox_id)
        .join(customer, customer.c.id == touch.c.customer_id)
        .outerjoin(telegram_chat, telegram_chat.c.customer_id == touch.c.customer_id)
        .where(touch.c.decision == "send")
        .order_by(touch.c.id)
    )  # fmt: skip
    rows = await db.read(lambda s: s.execute(said).all())
    assert len(rows) > 50
    days = set()
    for row in rows:
        assert row.chat_id == row.telegram_id
        assert row.joined_at.date() <= row.decided_at.date()
        day = (row.customer_id, row.decided_at.astimezone(clock.zone("Europe/Moscow")).date())
        assert day not in days
        days.add(day)
    # The newest decision stands first on a chain's page: ids grow with time.
    assert [row.decided_at for row in rows] == sorted(row.decided_at for row in rows)
    reasons = await db.read(lambda s: set(s.execute(sa.select(touch.c.reason)).scalars()))
    assert {"no_consent", "unreachable", "cap_day"} <= reasons


async def test_there_are_calls_to_make(db: Database) -> None:
    await fill(db, customer_count=400, visit_count=5_000)
    found = await db.read(tasks.counts)
    assert min(found[tasks.OPEN], found[tasks.DONE]) > 0


async def test_where_guests_came_from_has_names(db: Database) -> None:
    await fill(db, language="ru")
    made = {one.key: one.name for one in await db.read(sources.listing)}
    used = sa.select(customer.c.source).where(customer.c.source.is_not(None)).distinct()
    for key in await db.read(lambda s: s.execute(used).scalars().all()):
        assert key in made or key.startswith("referral:")
    assert made["poster"] == "Плакат в витрине"
