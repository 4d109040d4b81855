"""A marketer connects a chat of their own for tests of messages; it becomes no till."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty import clock, staff
from loyalty.staff.tables import staff as people
from tests.bot.cashier.street import Street


async def _marketer(street: Street, *, login: str | None) -> tuple[int, str]:
    def unit(session):
        added = staff.add(
            session, name="Vera", role=staff.MARKETER, outlet_id=None, now=clock.now(),
            actor="system",
        )  # fmt: skip
        person = added.id
        values = {"login": login, "password_hash": "x" if login else None}
        session.execute(sa.update(people).where(people.c.id == person).values(**values))
        return person, staff.invite(session, staff_id=person, now=clock.now())

    person, token = await street.db.transact(unit)
    return person, f"j_{token}"


async def test_who_works_in_the_panel_connects_their_chat(street: Street):
    person, payload = await _marketer(street, login="vera")
    vera = await street.phone(801, "Vera")
    assert "Connected, Vera" in await vera.open(payload)
    found = await street.db.read(lambda s: staff.get(s, person))
    assert found.telegram_id == 801
    assert "This is for cashiers only" in await vera.send("/sale")


async def test_an_invitation_to_the_panel_opens_the_panel_only(street: Street):
    person, payload = await _marketer(street, login=None)
    vera = await street.phone(801, "Vera")
    await vera.open(payload)
    assert (await street.db.read(lambda s: staff.get(s, person))).telegram_id is None


async def test_the_chat_of_a_till_stays_a_till(street: Street):
    person, payload = await _marketer(street, login="vera")
    anna = await street.cashier(501, "Anna")
    await anna.open(payload)
    assert (await street.db.read(lambda s: staff.get(s, person))).telegram_id is None
    at_till = await street.db.read(lambda s: staff.find_by_telegram(s, telegram_id=501))
    assert at_till is not None
    assert at_till.role == staff.CASHIER
