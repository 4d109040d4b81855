"""A paper card that a member has claimed: nobody is left standing before its former id."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import birthdays, chains, customers, events, privacy, staff
from loyalty.chains.enrol import enrol_from_events
from loyalty.chains.tables import enrolment as chain_enrolment
from loyalty.customers import Identified
from loyalty.db import Rows
from loyalty.purchases import PurchaseResult, drafts
from loyalty.purchases.drafts import Draft
from loyalty.purchases.tables import sale_draft
from tests.loyalty.test_enrolment import blank, claim, coffee, is_whole, scan
from tests.world import ZONE, World, open_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """A small business, on each database."""
    async with open_world(database_url) as opened:
        yield opened


async def cashier(world: World) -> staff.Staff:
    """Whoever stands at the till."""
    return await world.db.read(lambda s: staff.get(s, world.staff_id))


async def open_draft(world: World, customer_id: int, key: str = "u1") -> Draft:
    """A sale for whom the till has read a moment ago."""
    person = await cashier(world)
    who = Identified(customer_id, True, None, "presence")
    return await world.db.transact(
        lambda s: drafts.open_draft(s, identified=who, staff=person, now=world.now, update_key=key)
    )


async def ring_up(world: World, draft: Draft) -> PurchaseResult:
    """500.00, and done."""
    person = await cashier(world)

    def unit(session: Session) -> PurchaseResult:
        drafts.set_amount(session, draft_id=draft.id, staff=person, amount=50000, now=world.now)
        return drafts.confirm(session, draft_id=draft.id, staff=person, now=world.now)

    return await world.db.transact(unit)


async def claimed(world: World) -> tuple[int, int]:
    """A guest with a purchase, and the member who has claimed their card."""
    token = blank(world)
    guest = (await scan(world, token)).customer_id
    await world.sell(guest, coffee(world, 3), may_redeem=False)
    member = await world.customer(chat=21)
    await claim(world, token, member)
    return guest, member


async def test_a_card_read_before_the_claim_sells_to_the_member(world: World) -> None:
    guest, member = await claimed(world)
    draft = await open_draft(world, guest)
    assert (draft.customer_id, draft.may_redeem) == (member, False)
    done = await ring_up(world, draft)
    assert done.earned > 0
    orders = await world.db.read(lambda s: privacy.held(s, customer_id=member, now=world.now))
    assert orders.purchases == 2
    await is_whole(world)


async def test_a_draft_that_slipped_through_the_claim_goes_on(world: World) -> None:
    guest, member = await claimed(world)
    draft = await open_draft(world, member)
    # As if it had been begun in the very moment in which the card was claimed.
    stale = sa.update(sale_draft).where(sale_draft.c.id == draft.id).values(customer_id=guest)
    await world.db.transact(lambda s: s.execute(stale) and None)
    done = await ring_up(world, draft)
    known = await world.db.read(lambda s: drafts.get(s, draft_id=draft.id))
    assert (known.customer_id, known.purchase_id) == (member, done.purchase_id)
    await is_whole(world)


async def test_no_birthday_and_no_chain_for_a_claimed_card(world: World) -> None:
    guest, member = await claimed(world)
    today = world.now.date()
    born = {"birth_day": today.day, "birth_month": today.month, "status": "active"}
    await world.db.transact(
        lambda s: (
            s.execute(
                sa.update(customers.customer).where(customers.customer.c.id == guest).values(**born)
            )
            and None
        )
    )
    world.pass_time(hours=2)
    given = await world.db.transact(lambda s: birthdays.grant_due(s, now=world.now, time_zone=ZONE))
    assert given.customers == 0

    def unit(session: Session) -> list[int]:
        chains.ensure_shipped(session, now=world.now)
        rows = Rows()
        for who in (guest, member):
            events.record(
                rows, type="customer.joined", customer_id=who, actor="system", data={},
                now=world.now,
            )  # fmt: skip
        rows.put(session)
        enrol_from_events(session, now=world.now)
        query = sa.select(chain_enrolment.c.customer_id).distinct()
        return list(session.execute(query).scalars())

    assert await world.db.transact(unit) == [member]


async def test_the_export_tells_what_the_paper_card_had(world: World) -> None:
    guest, member = await claimed(world)
    document = await world.db.read(lambda s: privacy.export(s, customer_id=member, now=world.now))
    kinds = [(row["kind"], row["because_of"], row["amount"]) for row in document["points"]]
    assert ("accrual", "purchase", 15) in kinds, "what it earned before it was theirs"
    assert kinds.count(("adjustment", "merge", -15)) == 1
    assert kinds.count(("adjustment", "merge", 15)) == 1
    stamps = document["stamps"]
    assert [(row["card"], row["stamps"]) for row in stamps if "stamps" in row] == [("coffee", 3)]
    amounts = [row["amount"] for row in stamps if row.get("kind") in ("earned", "moved", "gift")]
    assert sorted(amounts) == [-3, 3, 3]
    assert len(document["purchases"]) == 1
    assert guest != member


async def test_own_fields_of_the_card_come_along(world: World) -> None:
    token = blank(world)
    guest = (await scan(world, token)).customer_id
    member = await world.customer(chat=21, fields={"size": "M"})
    known = sa.update(customers.customer).where(customers.customer.c.id == guest)
    values = {"renewal": "2027-05-31", "size": "S"}
    await world.db.transact(lambda s: s.execute(known.values(fields=values)) and None)
    await claim(world, token, member)
    theirs = sa.select(customers.customer.c.fields).where(customers.customer.c.id == member)
    assert await world.db.read(lambda s: s.execute(theirs).scalar_one()) == {
        "renewal": "2027-05-31",
        "size": "M",
    }
