"""Joining: once per person, a welcome once per phone, a known card found again."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from loyalty import consent, customers, events, joining, wallet
from loyalty.customers import customer
from loyalty.errors import CustomerBlocked
from loyalty.joining import Agreement, Joined
from loyalty.tokens import Keys
from tests.world import ZONE, World

KEYS = Keys("a secret for tests")
PHONE = "+79991234567"


async def join(world: World, telegram_id: int, *, phone: str = PHONE) -> Joined:
    """Join from a chat that has agreed."""
    agreement = Agreement(version=1, language="ru", at=world.now, evidence=f"update:{telegram_id}")

    def unit(session: sa.orm.Session) -> Joined:
        consent.ensure_texts(session, now=world.now)
        customers.open_chat(session, telegram_id=telegram_id, language="ru", now=world.now)
        return joining.join(
            session,
            keys=KEYS,
            telegram_id=telegram_id,
            phone=phone,
            name="Оля",
            agreement=agreement,
            source=None,
            time_zone=ZONE,
            now=world.now,
        )

    return await world.db.transact(unit)


async def test_twice_is_once(world: World) -> None:
    first, second = await join(world, 1), await join(world, 1)
    assert first.customer_id == second.customer_id
    assert (first.welcome, second.welcome) == (100, 0)
    balance = await world.db.read(
        lambda s: wallet.balance(s, customer_id=first.customer_id, now=world.now)
    )
    assert balance.available == 100
    ending = await world.db.read(
        lambda s: wallet.expiring(s, customer_id=first.customer_id, now=world.now, time_zone=ZONE)
    )
    assert [(str(part.last_day), part.points) for part in ending] == [("2027-03-02", 100)]
    types = await world.db.read(lambda s: s.execute(sa.select(events.event.c.type)).scalars().all())
    assert types.count("customer.joined") == 1
    assert await world.db.read(wallet.reconcile) == []


async def test_two_chats_at_once_with_one_phone(world: World) -> None:
    both = await asyncio.gather(join(world, 1), join(world, 2))
    assert both[0].customer_id == both[1].customer_id
    assert sorted(joined.welcome for joined in both) == [0, 100]
    assert sum(joined.moved for joined in both) == 1


async def test_an_imported_card_is_found_by_its_phone(world: World) -> None:
    known = await world.customer(status="anonymous", phone=PHONE, points=40, name="Ольга")
    joined = await join(world, 5)
    assert joined.customer_id == known
    assert not joined.created
    assert not joined.moved
    assert joined.frozen_until is None
    person = await world.db.read(lambda s: customers.get(s, known))
    assert (person.status, person.name) == ("active", "Ольга")
    balance = await world.db.read(lambda s: wallet.balance(s, customer_id=known, now=world.now))
    assert balance.available == 140


async def test_a_moved_card_gives_no_second_welcome(world: World) -> None:
    first = await join(world, 1)
    second = await join(world, 2)
    assert second.moved
    assert second.customer_id == first.customer_id
    assert second.welcome == 0
    back = await join(world, 1)
    assert back.moved
    assert back.customer_id == first.customer_id


async def test_a_welcome_is_once_per_number_even_after_it_was_given_up(world: World) -> None:
    first = await join(world, 1)
    await world.db.transact(
        lambda s: s.execute(
            sa.update(customer)
            .where(customer.c.id == first.customer_id)
            .values(phone=None, status="erased")
        )
    )
    second = await join(world, 2)
    assert second.customer_id != first.customer_id
    assert second.welcome == 0


async def test_a_closed_card_stays_closed(world: World) -> None:
    await world.customer(status="blocked", phone=PHONE)
    with pytest.raises(CustomerBlocked):
        await join(world, 1)
