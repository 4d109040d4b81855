"""A paper card that a member has taken: the panel leads to the member and corrects nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from loyalty import enrolment, wallet
from loyalty.errors import CustomerNotFound
from loyalty.ids import new_id
from tests.admin import shop
from tests.admin.shop import Visitor
from tests.world import ZONE, World


async def merged(world: World) -> tuple[int, int]:
    """A guest's card with 100 points that went to a member: both."""
    guest = await world.customer(status="anonymous", points=100)
    member = await world.customer(name="Anna")
    await world.db.transact(
        lambda s: enrolment.merge(s, from_id=guest, to_id=member, time_zone=ZONE, now=world.now)
    )
    return guest, member


async def test_its_page_is_the_members(world: World, visitor: Visitor) -> None:
    guest, member = await merged(world)
    await shop.hire(world, "owner")
    await visitor.sign_in("owner")
    await visitor.get("/admin")
    status, page, _ = await visitor.get(f"/admin/customers/{guest}")
    assert status == 200
    assert "Anna" in page
    assert f"/admin/customers/{member}/" in page
    assert f"/admin/customers/{guest}/" not in page


async def test_nothing_is_written_to_its_account_by_hand(world: World) -> None:
    guest, member = await merged(world)
    later = world.now + timedelta(days=1)
    how: dict[str, Any] = {"actor": "staff:1", "now": world.now}
    attempts: tuple[Callable[[Session], Any], ...] = (
        lambda s: wallet.request_adjustment(
            s, adjustment_id=new_id(), customer_id=guest, points=5, reason="sorry",
            alone_up_to=100, **how,
        ),
        lambda s: wallet.pause_spending(s, customer_id=guest, reason="odd", until=later, **how),
        lambda s: wallet.release_spending(s, customer_id=guest, **how),
    )  # fmt: skip
    for late in attempts:
        with pytest.raises(CustomerNotFound):
            await world.db.transact(late)
    left = await world.balance(guest)
    assert (left.posted, left.frozen_reason) == (0, wallet.MERGED)
    assert (await world.balance(member)).available == 100
    assert await world.faults() == []
