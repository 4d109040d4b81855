"""The way into the outbox: once per key."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import messaging
from loyalty.db import Rows
from loyalty.db.engine import is_unique_violation
from loyalty.messaging.tables import outbox
from tests.world import World


async def test_enqueue_once_leaves_the_first_alone(world: World) -> None:
    def unit(session: Session) -> int | None:
        return messaging.enqueue_once(
            session,
            customer_id=None,
            chat_id=1,
            message_class="service",
            key="k",
            payload={"text": "x"},
            now=world.now,
        )

    first = await world.db.transact(unit)
    assert first is not None
    assert await world.db.transact(unit) is None
    query = sa.select(outbox.c.id)
    rows = await world.db.read(lambda s: s.execute(query).all())
    assert [row.id for row in rows] == [first]


async def test_a_second_row_of_a_key_fails_the_unit(world: World) -> None:
    def unit(session: Session) -> int:
        rows = Rows()
        queued = messaging.enqueue(
            rows,
            customer_id=None,
            chat_id=1,
            message_class="service",
            key="receipt:1",
            payload={"template": "receipt", "values": {}},
            now=world.now,
        )
        rows.put(session)
        return queued

    assert await world.db.transact(unit) > 0
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of either driver
        await world.db.transact(unit)
    assert is_unique_violation(caught.value)
