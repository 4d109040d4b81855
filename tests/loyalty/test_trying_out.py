"""A marketer sends a chain's message to themselves before any guest reads it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import chains, delivery
from loyalty.chains.tables import chain
from loyalty.errors import ChainInvalid, CustomerNotFound, StaffHasNoChat
from loyalty.events import event
from loyalty.messaging.tables import outbox, touch
from loyalty.staff import staff
from tests.loyalty.chains.walk import definition, message, put_chain, somebody
from tests.world import ZONE, World

CODE = {"ru": "{name|Гость}, ваш код {code}", "en": "{name|Guest}, your code {code}"}
COUPON = {
    "kind": "gift",
    "id": "coupon",
    "voucher": {
        "name": {"ru": "Скидка", "en": "Off"},
        "effect": {"kind": "percent", "rate_bp": 1000},
    },
}


async def send(world: World, **options: Any) -> int:
    given: dict[str, Any] = {"key": "trial", "step_id": "tell", **options}
    return await world.db.transact(
        lambda s: delivery.send_test(
            s, staff_id=world.staff_id, now=world.now, time_zone=ZONE, currency="RUB", **given
        )
    )


async def connect(world: World, telegram_id: int) -> None:
    mine = staff.c.id == world.staff_id
    await world.db.transact(
        lambda s: s.execute(sa.update(staff).where(mine).values(telegram_id=telegram_id))
    )


async def test_one_reads_what_a_guest_would(world: World) -> None:
    await put_chain(world, definition(COUPON, message("tell", texts=CODE)))
    await somebody(world, 501, name="Anna Petrova")
    await connect(world, 900)
    await send(world)
    (row,) = await world.db.read(lambda s: s.execute(sa.select(outbox)).all())
    assert (row.chat_id, row.message_class, row.customer_id) == (900, "service", None)
    assert "Проба" in row.payload["text"]
    assert "Anna" in row.payload["text"]
    assert "{code}" not in row.payload["text"]
    assert await world.db.read(lambda s: s.execute(sa.select(touch)).all()) == []
    tried = sa.select(event).where(event.c.type == "chain.tested")
    (noted,) = await world.db.read(lambda s: s.execute(tried).all())
    assert noted.actor == f"staff:{world.staff_id}"


async def test_without_a_telegram_of_one_s_own_it_says_so(world: World) -> None:
    await put_chain(world, definition(message("tell")))
    await somebody(world)
    with pytest.raises(StaffHasNoChat):
        await send(world)


async def test_before_the_first_guest_there_are_no_numbers_to_show(world: World) -> None:
    await put_chain(world, definition(message("tell")))
    await connect(world, 900)
    with pytest.raises(CustomerNotFound):
        await send(world)


async def test_a_draft_is_tried_once_it_can_be_read(world: World) -> None:
    await put_chain(world, definition(message("tell")))
    await somebody(world)
    await connect(world, 900)
    new = definition(message("tell", texts={"ru": "Новое", "en": "New"}))

    async def keep(document: dict[str, Any]) -> None:
        await world.db.transact(lambda s: s.execute(sa.update(chain).values(draft=document)))

    await keep(new)
    await send(world, draft=True)
    (row,) = await world.db.read(lambda s: s.execute(sa.select(outbox)).all())
    assert row.payload["text"].endswith("Новое")
    await keep({**new, "steps": []})
    with pytest.raises(ChainInvalid):
        await send(world, draft=True)
    assert await world.db.read(lambda s: chains.get(s, key="trial").version) == 1
