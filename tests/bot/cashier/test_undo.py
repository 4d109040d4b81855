"""A slip of the hand at the till is taken back within a few minutes, as if it had not been."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from loyalty import checkup, clock, purchases, staff
from loyalty.customers import card_use
from loyalty.errors import NothingToReturn, UndoRefused
from loyalty.messaging.tables import outbox
from loyalty.purchases import undoing
from loyalty.receipts import customer_stats, purchase, purchase_return
from tests.bot.cashier.street import Phone, Street


async def sold(street: Street, *, redeem: bool = True, language: str = "en") -> tuple[Phone, int]:
    """A cashier who has just sold for 450 to Ivan, with points if ``redeem``; his id."""
    anna = await street.cashier(501, "Anna", language=language)
    ivan = await street.customer(701, "Ivan", points=200)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("450")
    if redeem:
        await anna.tap("Spend 135" if language == "en" else "Потратить 135")
        await anna.tap("Confirm" if language == "en" else "Подтвердить")
    else:
        await anna.tap("Don't spend")
    return anna, ivan


async def last_purchase(street: Street) -> int:
    query = sa.select(purchase.c.id).order_by(purchase.c.id.desc()).limit(1)
    return await street.db.read(lambda s: s.execute(query).scalar_one())


async def staff_of(street: Street, telegram_id: int) -> staff.Staff:
    found = await street.db.read(lambda s: staff.find_by_telegram(s, telegram_id=telegram_id))
    assert found is not None
    return found


async def undo(street: Street, telegram_id: int, purchase_id: int) -> purchases.ReturnResult:
    person, now = await staff_of(street, telegram_id), clock.now()
    return await street.db.transact(
        lambda s: undoing.undo(s, purchase_id=purchase_id, staff=person, now=now)
    )


async def test_all_is_as_before_and_the_guest_is_rung_up_right(street_on_both: Street):
    street = street_on_both
    anna, ivan = await sold(street)
    assert (await street.balance(ivan)).available == 65
    assert "↩️ Undo (5 min)" in await anna.buttons()
    await anna.tap("Undo")
    words = await anna.words()
    assert "Undo the sale of" in words
    assert "to Ivan?" in words
    question = await anna.last()
    await anna.tap("Back")
    assert "Done!" in await anna.words(), "nothing has happened yet"
    await anna.tap("Undo")
    assert await anna.tap("Yes, undo") == "Undone"
    assert "Undone." in await anna.words()
    yes = question["buttons"][0][0]["callback_data"]
    assert "already" in (await anna.tap_data(question, yes) or ""), "a double tap is harmless"
    balance = await street.balance(ivan)
    assert (balance.available, balance.pending, balance.debt) == (200, 0, 0)
    stats = sa.select(customer_stats.c.orders, customer_stats.c.spent)
    assert await street.db.read(lambda s: s.execute(stats).first()) is None, "never bought"
    rows = sa.select(purchase_return.c.undo)
    assert await street.db.read(lambda s: s.execute(rows).scalars().all()) == [True]
    assert not await street.db.read(lambda s: s.execute(sa.select(card_use)).all())
    # The receipt had not left: it stays here, and nobody is told of what never was.
    states = sa.select(outbox.c.state, outbox.c.key)
    found = await street.db.read(lambda s: s.execute(states).all())
    assert [row.state for row in found if row.key.startswith("receipt:")] == ["cancelled"]
    assert await street.told("undone") == []
    await anna.tap("Same guest again")
    assert "Enter the sum" in await anna.words()
    await anna.send("540")
    await anna.tap("Spend 162")
    await anna.tap("Confirm")
    assert "Done!" in await anna.words()
    assert (await street.balance(ivan)).available == 38
    assert (await street.db.read(checkup.check)).faults == ()


async def test_a_receipt_that_has_left_is_followed_by_one_short_message(street: Street):
    anna, _ = await sold(street)
    await street.db.transact(lambda s: s.execute(sa.update(outbox).values(state="sent")))
    await anna.tap("Undo")
    await anna.tap("Yes, undo")
    assert [values["amount"] for values in await street.told("undone")] == [450_00]
    assert await street.told("returned") == []


async def test_in_russian(street: Street):
    anna, _ = await sold(street, language="ru")
    assert "↩️ Отменить (5 мин)" in await anna.buttons()
    await anna.tap("Отменить (5")
    assert "Отменить продажу на" in await anna.words()
    assert await anna.tap("Да, отменить") == "Отменено"
    assert "Тот же гость" in " ".join(await anna.buttons())


async def test_too_late_it_is_returned_instead(street: Street):
    anna, _ = await sold(street)
    await anna.tap("Undo")
    clock.set_offset(timedelta(minutes=5))
    assert "too late" in (await anna.tap("Yes, undo") or "")
    assert "↩️ Return this" in await anna.buttons()
    assert await street.sales() == 1
    rows = sa.select(sa.func.count()).select_from(purchase_return)
    assert await street.db.read(lambda s: s.execute(rows).scalar_one()) == 0
    await anna.tap("Return this")
    assert "Return of sale" in await anna.words()


async def test_only_who_sold_or_the_owner_undoes_and_only_there(street: Street):
    await sold(street)
    number = await last_purchase(street)
    await street.cashier(502, "Boris")
    await street.cashier(503, "Vera", outlet="Arbat")
    with pytest.raises(UndoRefused) as refused:
        await undo(street, 502, number)
    assert refused.value.facts["reason"] == "not_yours"
    vera = await street.cashier(503, "Vera", outlet="Arbat")
    from bot.cashier.screens import base36

    hello = await vera.last()
    said = await vera.tap_data(hello, f"undo:do:{base36(number)}")
    assert said, "a forged button is answered, and learns nothing"
    assert "Ivan" not in said
    place = (await staff_of(street, 501)).outlet_id

    def hire(session):
        now = clock.now()
        boss = staff.add(
            session, name="Olga", role="owner", outlet_id=place, now=now, actor="system"
        )
        token = staff.invite(session, staff_id=boss.id, now=now)
        staff.accept_bot_invitation(session, token=token, telegram_id=504, now=now)

    await street.db.transact(hire)
    assert not (await undo(street, 504, number)).replayed
    assert (await undo(street, 504, number)).replayed


async def test_an_undoing_and_a_return_never_both_happen(street_on_both: Street):
    street = street_on_both
    _, ivan = await sold(street)
    number, now = await last_purchase(street), clock.now()

    def back(session):
        return purchases.record_return(
            session, purchase_id=number, actor="staff:1", now=now, key="race"
        )

    answers = await asyncio.gather(
        undo(street, 501, number),
        street.db.transact(back),
        undo(street, 501, number),
        return_exceptions=True,
    )
    refused = [a for a in answers if isinstance(a, (UndoRefused, NothingToReturn))]
    fresh = [a for a in answers if isinstance(a, purchases.ReturnResult) and not a.replayed]
    assert len(fresh) == 1, answers
    assert len(refused) >= 1
    assert (await street.balance(ivan)).available == 200
    assert (await street.db.read(checkup.check)).faults == ()


async def test_a_part_that_came_back_is_not_undone_and_a_new_sale_is_not_touched(street: Street):
    anna, ivan = await sold(street)
    first = await last_purchase(street)
    await street.db.transact(
        lambda s: purchases.record_return(
            s,
            purchase_id=first,
            lines=[purchases.ReturnedLine(n=1, quantity_milli=500)],
            actor="staff:1",
            now=clock.now(),
            key="part",
        )
    )
    await anna.tap("Undo")
    assert "Return this" in " ".join(await anna.buttons())
    with pytest.raises(UndoRefused) as refused:
        await undo(street, 501, first)
    assert refused.value.facts["reason"] == "returned"
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("100")
    await anna.tap("Don't spend")
    await undo(street, 501, await last_purchase(street))
    assert (await street.db.read(checkup.check)).faults == ()


async def test_a_level_the_sale_has_brought_goes_with_it(street: Street):
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan", points=0)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("15000")
    await anna.tap("Confirm")
    from loyalty.customers import customer

    tier = sa.select(customer.c.tier)
    assert await street.db.read(lambda s: s.execute(tier).scalar_one()) == "silver"
    await undo(street, 501, await last_purchase(street))
    assert await street.db.read(lambda s: s.execute(tier).scalar_one()) == "bronze"
