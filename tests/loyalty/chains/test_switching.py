"""A chain that was halted by the service goes on once somebody switches it on again."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty import chains
from loyalty.chains.tables import chain
from tests.loyalty.chains.walk import definition, message, put_chain
from tests.world import World


async def test_switched_on_again_nothing_is_left_of_the_halt(world: World) -> None:
    await put_chain(world, definition(message("hello")))
    halted = {"enabled": False, "halted_at": world.now, "halted_reason": "rejected"}
    await world.db.transact(lambda s: s.execute(sa.update(chain).values(**halted)))
    await world.db.transact(
        lambda s: chains.set_enabled(s, key="trial", enabled=True, now=world.now)
    )
    row = await world.db.read(lambda s: s.execute(sa.select(chain)).one())
    assert (row.enabled, row.halted_at, row.halted_reason) == (True, None, None)
