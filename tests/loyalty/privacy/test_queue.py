"""Whoever has to wait holds nobody up: the queue of erasures goes past them."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import privacy
from loyalty.customers import customer
from loyalty.inbox import inbox
from loyalty.messaging.tables import outbox
from loyalty.privacy.wiping import FAREWELL
from tests.loyalty.privacy.anna import KEYS
from tests.world import ZONE, World

MANY = 5
"""More than one round looks at."""


async def sweep(world: World) -> privacy.Done:
    return await world.db.transact(
        lambda s: privacy.erase_due(s, keys=KEYS, time_zone=ZONE, now=world.now, limit=MANY - 2)
    )


async def due(world: World, first_chat: int | None, how_many: int) -> list[int]:
    """So many people whose day is today; with a chat or without one."""
    people = [
        await world.customer(chat=None if first_chat is None else first_chat + n)
        for n in range(how_many)
    ]
    mine = sa.update(customer).where(customer.c.id.in_(people))
    days = mine.values(erase_asked_at=world.now, erase_after=world.now)
    await world.db.transact(lambda s: s.execute(days) and None)
    world.pass_time(minutes=1)
    return people


async def erased(world: World) -> set[int]:
    query = sa.select(customer.c.id).where(customer.c.status == "erased")
    return set(await world.db.read(lambda s: s.execute(query).scalars().all()))


async def test_those_whose_last_message_has_not_left_hold_nobody_up(world: World) -> None:
    first = await due(world, 1000, MANY)
    assert [(await sweep(world)).erased for _ in range(2)] == [3, 2]
    later = await due(world, None, 2)
    done = await sweep(world)
    assert (done.erased, done.more) == (2, False)
    assert await erased(world) == {*first, *later}
    assert (await sweep(world)).total == 0, "nothing to do until the messages have settled"
    settled = sa.update(outbox).where(outbox.c.key.like(FAREWELL + "%")).values(state="sent")
    await world.db.transact(lambda s: s.execute(settled) and None)
    assert [(await sweep(world)).finished for _ in range(3)] == [3, 2, 0]
    assert await world.db.read(lambda s: privacy.next_due(s, now=world.now)) is None


async def test_a_last_message_nobody_takes_is_given_up_in_its_time(world: World) -> None:
    await due(world, 1000, 2)
    assert (await sweep(world)).erased == 2
    assert (await sweep(world)).total == 0
    world.pass_time(minutes=61)
    assert (await sweep(world)).finished == 2


async def test_those_who_have_written_last_hold_nobody_up(world: World) -> None:
    first = await due(world, 1000, MANY)

    def write(session: Session) -> None:
        for n in range(MANY):
            session.execute(
                sa.insert(inbox).values(
                    bot_id=42, update_id=70 + n, chat_id=1000 + n, body="{}", state="new",
                    attempts=0, received_at=world.now,
                )
            )  # fmt: skip

    await world.db.transact(write)
    later = await due(world, None, 2)
    done = await sweep(world)
    assert (done.erased, done.more) == (2, False)
    assert await erased(world) == set(later)
    world.now += timedelta(hours=24)
    assert [(await sweep(world)).erased for _ in range(2)] == [3, 2]
    assert await erased(world) == {*first, *later}
