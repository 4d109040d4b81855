"""Words that arrive while their writer is being erased are kept nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import customers, feedback, privacy
from loyalty.customers.people import Birthday
from loyalty.errors import CustomerNotFound, DomainError
from loyalty.feedback.tables import rating, talk
from tests.loyalty.privacy.anna import KEYS, MARK, Anna, traces
from tests.world import ZONE, World

Late = Callable[[Session, Anna], Any]


def _erase(anna: Anna) -> Callable[[Session], bool]:
    now = anna.world.now
    return lambda s: privacy.erase(
        s, customer_id=anna.id, keys=KEYS, actor="system", time_zone=ZONE, now=now
    )


def _rated(session: Session, anna: Anna) -> int:
    query = sa.select(rating.c.purchase_id).where(rating.c.customer_id == anna.id)
    return int(session.execute(query.limit(1)).scalar_one())


def _talk(session: Session, anna: Anna) -> int:
    query = sa.select(talk.c.id).where(talk.c.customer_id == anna.id)
    return int(session.execute(query.limit(1)).scalar_one())


LATE: dict[str, Late] = {
    "name": lambda s, a: customers.set_name(s, customer_id=a.id, name=MARK, now=a.world.now),
    "birthday": lambda s, a: customers.set_birthday(
        s, customer_id=a.id, birthday=Birthday(4, 7, 1991), now=a.world.now
    ),
    "zone": lambda s, a: customers.set_time_zone(
        s, customer_id=a.id, zone="Asia/Omsk", now=a.world.now
    ),
    "phone": lambda s, a: customers.change_phone(
        s, keys=KEYS, customer_id=a.id, phone="+79005550002", now=a.world.now
    ),
    "talk": lambda s, a: feedback.write(
        s, customer_id=a.id, text=MARK, key="late", now=a.world.now
    ),
    "rating": lambda s, a: feedback.comment(
        s, customer_id=a.id, purchase_id=_rated(s, a), text=MARK, key="late", now=a.world.now
    ),
    "reopened": lambda s, a: feedback.reopen(
        s, talk_id=_talk(s, a), actor="staff:1", now=a.world.now
    ),
}


@pytest.mark.parametrize("what", LATE)
async def test_whoever_is_erased_stays_nobody(anna: Anna, world: World, what: str) -> None:
    assert await world.db.transact(_erase(anna))
    before = await world.db.read(traces)
    with pytest.raises(CustomerNotFound):
        await world.db.transact(lambda s: LATE[what](s, anna))
    assert await world.db.read(traces) == before
    row = await world.db.read(lambda s: customers.get(s, anna.id))
    assert (row.name, row.phone, row.birth_day, row.time_zone) == (None, None, None, None)


@pytest.mark.parametrize("what", ["name", "talk", "rating"])
async def test_at_the_very_same_moment_too(anna: Anna, world: World, what: str) -> None:
    late = [world.db.transact(lambda s: LATE[what](s, anna)) for _ in range(4)]
    done = await asyncio.gather(
        *late[:2], world.db.transact(_erase(anna)), *late[2:], return_exceptions=True
    )
    assert done[2] is True
    assert not [one for one in done if isinstance(one, Exception) and not _fits(one)]
    assert await world.db.read(traces) == {("outbox", "chat_id")}


def _fits(problem: Exception) -> bool:
    return isinstance(problem, DomainError)
