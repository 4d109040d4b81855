"""Erasure from the panel: at a guest's word, told to the guest, called off, by owners only."""

from __future__ import annotations

from html import unescape

import pytest
import sqlalchemy as sa

from loyalty import clock, events, privacy
from loyalty.customers import customer
from loyalty.messaging.tables import outbox
from tests.admin import shop
from tests.admin.shop import Visitor
from tests.world import ZONE, World


async def enter(world: World, visitor: Visitor, role: str = "owner") -> Visitor:
    await shop.hire(world, role, login=role, name=role.capitalize())
    await visitor.sign_in(role)
    return visitor


async def kinds(world: World, who: int) -> list[tuple[str, str]]:
    """What the audit trail says of this customer's erasure: (event, kind of actor)."""
    query = (
        sa.select(events.event.c.type, events.event.c.actor)
        .where(events.event.c.customer_id == who, events.event.c.type.like("privacy.%"))
        .order_by(events.event.c.id)
    )
    rows = await world.db.read(lambda s: s.execute(query).all())
    return [(row.type, row.actor.partition(":")[0]) for row in rows]


async def test_an_owner_asks_at_a_guests_word_and_the_guest_is_told(
    world: World, visitor: Visitor
) -> None:
    who = await world.customer(chat=71, name="Vera", points=40)
    olga = await enter(world, visitor)
    _, page, _ = await olga.get(f"/admin/customers/{who}")
    assert "Erase this guest" in page
    assert "in 3 days" in page
    # A form without the tick does nothing, whatever the browser checks.
    await olga.post(f"/admin/customers/{who}/erase")
    assert await world.db.read(lambda s: privacy.asked(s, customer_id=who)) is None
    for _again in range(2):
        status, page, _ = await olga.post(f"/admin/customers/{who}/erase", asked="yes")
        assert status == 200
    assert "Everything about this guest will be erased on" in unescape(page)
    assert await kinds(world, who) == [("privacy.erasure_asked", "staff")]
    rows = await world.db.read(lambda s: s.execute(sa.select(outbox)).all())
    assert len(rows) == 1, "told once"
    assert "мы сотрём ваши данные" in rows[0].payload["text"]
    assert rows[0].payload["buttons"][0][0]["data"] == "privacy_keep"


async def test_who_waits_is_listed_and_can_be_kept(world: World, visitor: Visitor) -> None:
    who = await world.customer(chat=72, name="Vera")
    own = await world.customer(name="Gleb")
    await world.db.transact(
        lambda s: privacy.ask_erasure(
            s, customer_id=own, actor=f"customer:{own}", time_zone=ZONE, now=clock.now()
        )
    )
    olga = await enter(world, visitor)
    await olga.post(f"/admin/customers/{who}/erase", asked="yes")
    _, page, _ = await olga.get("/admin/customers")
    assert "/admin/erasures" in page
    _, page, _ = await olga.get("/admin/erasures")
    assert "Vera" in page
    assert "Owner asked on" in page
    assert "asked in the bot on" in page
    _, page, _ = await olga.post(f"/admin/customers/{who}/keep", back="list")
    assert "Vera" not in page
    assert "Gleb" in page
    assert [kind for kind, _ in await kinds(world, who)] == [
        "privacy.erasure_asked",
        "privacy.erasure_cancelled",
    ]
    row = await world.db.read(
        lambda s: s.execute(sa.select(customer).where(customer.c.id == who)).one()
    )
    assert (row.name, row.erase_asked_at, row.erase_after) == ("Vera", None, None)
    # Kept twice is kept; a guest who is not there cannot be.
    await olga.post(f"/admin/customers/{who}/keep")
    status, _, _ = await olga.post("/admin/customers/77/keep")
    assert status == 404


@pytest.mark.parametrize("role", ["marketer", "analyst"])
async def test_others_see_it_and_touch_nothing(world: World, visitor: Visitor, role: str) -> None:
    who = await world.customer(name="Vera")
    anna = await enter(world, visitor, role)
    _, page, _ = await anna.get(f"/admin/customers/{who}")
    assert "Erase this guest" not in page
    for path in (f"/admin/customers/{who}/erase", f"/admin/customers/{who}/keep"):
        status, _, _ = await anna.post(path, asked="yes")
        assert status == 403
    status, _, _ = await anna.get("/admin/erasures")
    assert status == 403
    assert await world.db.read(lambda s: privacy.waiting(s)) == []
