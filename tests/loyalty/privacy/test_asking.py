"""The days of thinking it over: asked once, called off, and never a day early."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from loyalty import clock, privacy
from loyalty.customers import customer
from loyalty.errors import CustomerNotFound
from loyalty.inbox import inbox
from scheduler.ticks import Ticks
from tests.loyalty.privacy.anna import CHAT, KEYS, Anna
from tests.world import ZONE, World


async def ask(world: World, who: int, *, actor: str | None = None) -> privacy.Asked:
    return await world.db.transact(
        lambda s: privacy.ask_erasure(
            s, customer_id=who, actor=actor or f"customer:{who}", time_zone=ZONE, now=world.now
        )
    )


async def keep(world: World, who: int) -> bool:
    return await world.db.transact(
        lambda s: privacy.keep_card(
            s, customer_id=who, actor=f"customer:{who}", time_zone=ZONE, now=world.now
        )
    )


async def sweep(world: World) -> privacy.Done:
    return await world.db.transact(
        lambda s: privacy.erase_due(s, keys=KEYS, time_zone=ZONE, now=world.now)
    )


async def status(world: World, who: int) -> str:
    query = sa.select(customer.c.status).where(customer.c.id == who)
    return str(await world.db.read(lambda s: s.execute(query).scalar_one()))


async def test_the_first_day_stands_however_often_it_is_asked(world: World) -> None:
    who = await world.customer()
    first = await ask(world, who)
    assert first.after == world.now + timedelta(days=3)
    world.pass_time(days=1)
    assert await ask(world, who) == first
    assert await world.db.read(lambda s: privacy.next_due(s, now=world.now)) == first.after


async def test_it_happens_on_the_day_and_not_before(world: World) -> None:
    who = await world.customer()
    asked = await ask(world, who)
    world.now = asked.after - timedelta(seconds=1)
    assert (await sweep(world)).total == 0
    assert await status(world, who) == "active"
    world.now = asked.after
    assert (await sweep(world)).erased == 1
    assert await status(world, who) == "erased"
    assert (await sweep(world)).total == 0


async def test_a_long_outage_erases_late_and_once(world: World) -> None:
    people = [await world.customer(name=f"N{n}") for n in range(25)]
    for who in people:
        await ask(world, who)
    world.pass_time(days=9)
    done = await sweep(world)
    assert (done.erased, done.more) == (20, True)
    done = await sweep(world)
    assert (done.erased, done.more) == (5, False)
    assert {await status(world, who) for who in people} == {"erased"}


async def test_the_clockwork_knows_the_day_and_keeps_it(world: World) -> None:
    """The time machine stops at it, and one round of everything does it."""
    ticks = Ticks(world.db, time_zone=ZONE, keys=KEYS)
    await ticks.install()
    try:
        world.now = clock.now()
        who = await world.customer()
        asked = await ask(world, who)
        await ticks.everything()
        assert await status(world, who) == "active"
        due = await ticks.next_due()
        assert due is not None
        assert due <= asked.after
        clock.set_offset(timedelta(days=3, seconds=1))
        await ticks.everything()
        assert await status(world, who) == "erased"
    finally:
        clock.set_offset(timedelta())


async def test_called_off_it_does_not_happen(world: World) -> None:
    who = await world.customer(name="Gleb")
    await ask(world, who)
    assert await keep(world, who)
    assert not await keep(world, who)
    world.pass_time(days=9)
    assert (await sweep(world)).total == 0
    assert await status(world, who) == "active"


async def test_no_waiting_where_the_program_says_so(world: World) -> None:
    await world.set_program(erasure_days=0)
    who = await world.customer()
    await ask(world, who)
    assert (await sweep(world)).erased == 1


async def test_the_erased_cannot_ask_or_be_kept(world: World) -> None:
    await world.set_program(erasure_days=0)
    who = await world.customer()
    await ask(world, who)
    await sweep(world)
    for call in (ask, keep):
        with pytest.raises(CustomerNotFound):
            await call(world, who)
    with pytest.raises(CustomerNotFound):
        await keep(world, 1)


async def test_what_they_wrote_last_is_heard_first(anna: Anna, world: World) -> None:
    """ "Keep my card" may wait in the inbox while everything else starts again."""
    await ask(world, anna.id)
    world.pass_time(days=3)
    unheard = {
        "bot_id": 42, "update_id": 77, "chat_id": CHAT, "body": "{}", "state": "new",
        "attempts": 0, "received_at": world.now,
    }  # fmt: skip
    await world.db.transact(lambda s: s.execute(sa.insert(inbox).values(**unheard)) and None)
    done = await sweep(world)
    assert (done.total, done.more) == (0, False)
    # An update nobody can handle does not hold it up for ever.
    world.pass_time(hours=24)
    assert (await sweep(world)).erased == 1


async def test_who_is_due_and_no_key_is_an_error_and_not_a_silence(world: World) -> None:
    who = await world.customer()
    await ask(world, who)
    world.pass_time(days=3)
    with pytest.raises(RuntimeError, match="key"):
        await world.db.transact(
            lambda s: privacy.erase_due(s, keys=None, time_zone=ZONE, now=world.now)
        )
    assert await status(world, who) == "active"
