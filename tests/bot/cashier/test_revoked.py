"""Whose role has gone does nothing more at the till, from that very moment."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from bot.cashier.screens import base36
from loyalty import clock, staff
from loyalty.errors import DraftClosed, RoleMissing
from loyalty.purchases import drafts, leaving
from loyalty.purchases.tables import sale_draft
from loyalty.receipts import purchase
from tests.bot.cashier.street import Phone, Street
from tests.bot.phone import until

TILL = ["sale", "return", "shift", "help"]


async def dismiss(street: Street, telegram_id: int = 501) -> int:
    """The owner's click in the panel."""
    found = await street.db.read(lambda s: staff.find_by_telegram(s, telegram_id=telegram_id))
    assert found is not None
    now = clock.now()
    await street.db.transact(
        lambda s: leaving.dismiss(s, staff_id=found.id, now=now, actor="system")
    )
    return found.id


async def reads(phone: Phone, part: str) -> None:
    async def look() -> bool:
        return any(part in (m["text"] or "") for m in await phone.chat())

    await until(look, f"{part!r} in the chat of {phone.id}")


async def test_the_menu_goes_without_a_tap_and_comes_back_with_the_role(street_on_both: Street):
    street = street_on_both
    anna = await street.cashier(501, "Anna")
    assert await anna.commands() == TILL
    await dismiss(street)
    await reads(anna, "Your access to the till has ended")
    assert await anna.commands() != TILL
    said = [m["text"] or "" for m in await anna.chat() if m["from"]["is_bot"]]
    assert sum("access to the till" in words for words in said) == 1
    _, payload = await street.invitation("Anna")
    assert "at the till" in await anna.open(payload)
    assert await anna.commands() == TILL


async def test_in_russian(street: Street):
    anna = await street.cashier(501, "Anna", language="ru")
    await dismiss(street)
    await reads(anna, "Ваш доступ к кассе закрыт")


async def test_another_role_takes_the_menu_too(street: Street):
    anna = await street.cashier(501, "Anna")
    query = sa.update(staff.staff).where(staff.staff.c.telegram_id == 501)
    await street.db.transact(lambda s: s.execute(query.values(role="analyst")))
    await reads(anna, "Your access to the till has ended")
    assert await anna.commands() != TILL


async def test_every_button_is_refused_and_what_was_open_is_given_back(street: Street):
    anna = await street.cashier(501, "Anna")
    ivan = await street.phone(701, "Ivan")
    await ivan.send("/start")
    customer_id = await street.customer(701, "Ivan", points=1000)
    await anna.open(f"c_{(await street.show(customer_id)).token}")
    await anna.send("100")
    await anna.tap("Don't spend")
    done = await anna.last()
    sold = await street.db.read(lambda s: s.execute(sa.select(purchase.c.id)).scalar_one())
    await anna.open(f"c_{(await street.show(customer_id)).token}")
    await anna.send("3000")
    await anna.tap("ask the customer")
    question = await ivan.last()
    assert (await street.balance(customer_id)).held == 900
    await dismiss(street)
    assert (await street.balance(customer_id)).held == 0
    await reads(ivan, "taken its question back")
    draft = sa.select(sale_draft.c.id, sale_draft.c.status).order_by(sale_draft.c.id.desc())
    row = await street.db.read(lambda s: s.execute(draft.limit(1)).one())
    assert row.status == "cancelled"
    name, number = base36(row.id), base36(sold)
    for data in (
        f"sale:confirm:{name}:6d:0:6d:0", f"sale:all:{name}:5", f"sale:none:{name}",
        f"sale:ask:{name}:5", f"sale:cancel:{name}", f"undo:ask:{number}", f"undo:do:{number}",
        f"undo:again:{number}", f"ret:view:{number}", f"ret:take:{number}:", "ret:close",
        "till:sale", "till:return", "till:shift", "till:shift:1", "place:choose",
        f"place:at:{number}", "place:home",
    ):  # fmt: skip
        said = await anna.tap_data(done, data)
        assert "for cashiers only" in (said or ""), data
    yes = question["buttons"][0][0]["callback_data"]
    assert "question is over" in (await ivan.tap_data(question, yes) or "")
    assert await street.sales() == 1


async def test_a_confirmation_and_a_dismissal_at_once(street_on_both: Street):
    street = street_on_both
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan", points=0)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("450")
    person = await street.db.read(lambda s: staff.find_by_telegram(s, telegram_id=501))
    draft_id = await street.db.read(lambda s: s.execute(sa.select(sale_draft.c.id)).scalar_one())

    def confirm(session):
        found = staff.find_by_telegram(session, telegram_id=501)
        if found is None:
            raise RoleMissing(needed="cashier")
        return drafts.confirm(session, draft_id=draft_id, staff=found, now=clock.now())

    def revoke(session):
        leaving.dismiss(session, staff_id=person.id, now=clock.now(), actor="system")

    answers = await asyncio.gather(
        street.db.transact(confirm), street.db.transact(revoke), return_exceptions=True
    )
    assert answers[1] is None
    refused = isinstance(answers[0], (DraftClosed, RoleMissing))
    assert await street.sales() == (0 if refused else 1)
    status = sa.select(sale_draft.c.status)
    ended = await street.db.read(lambda s: s.execute(status).scalar_one())
    assert ended == ("cancelled" if refused else "recorded")
