"""A cashier of two outlets stands at one of them at a time."""

from __future__ import annotations

import sqlalchemy as sa

from loyalty import clock, staff
from loyalty.purchases import leaving
from loyalty.receipts import purchase
from loyalty.staff import outlet
from tests.bot.cashier.street import ZONE, Phone, Street


async def two_outlets(street: Street, *, language: str = "en") -> Phone:
    """Anna, who may sell at Tverskaya, where she stands, and at Arbat."""
    anna = await street.cashier(501, "Anna", language=language)

    def unit(session):
        now = clock.now()
        place = staff.add_outlet(session, name="Arbat", time_zone=ZONE, now=now)
        person = staff.find_by_telegram(session, telegram_id=501)
        staff.add_outlets(
            session, staff_id=person.id, outlet_ids=[place.id], now=now, actor="system"
        )

    await street.db.transact(unit)
    return anna


async def me(street: Street, telegram_id: int = 501) -> staff.Staff:
    found = await street.db.read(lambda s: staff.find_by_telegram(s, telegram_id=telegram_id))
    assert found is not None
    return found


async def test_the_outlet_is_changed_by_two_taps_and_sales_go_there(street_on_both: Street):
    street = street_on_both
    anna = await two_outlets(street)
    await anna.send("/start")
    assert "at the till of Tverskaya" in await anna.words()
    await anna.tap("Change outlet")
    assert await anna.buttons() == ["Arbat", "✅ Tverskaya", "« Back"]
    menu = await anna.last()
    assert await anna.tap("Arbat") == "You are at Arbat now."
    assert "at the till of Arbat" in await anna.words()
    data = menu["buttons"][0][0]["callback_data"]
    assert await anna.tap_data(menu, data) == "You are at Arbat now.", "a double tap is harmless"
    ivan = await street.customer(701, "Ivan", points=0)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("450")
    await anna.tap("Confirm")
    where = sa.select(outlet.c.name).join(purchase, purchase.c.outlet_id == outlet.c.id)
    assert await street.db.read(lambda s: s.execute(where).scalars().all()) == ["Arbat"]
    assert "Arbat" in await anna.send("/shift")
    assert "🏪 Change outlet" in await anna.buttons()
    await anna.send("/help")
    assert "🏪 Change outlet" in await anna.buttons()


async def test_in_russian(street: Street):
    anna = await two_outlets(street, language="ru")
    await anna.send("/start")
    await anna.tap("Сменить точку")
    assert "Где вы сегодня?" in await anna.words()
    assert await anna.tap("Arbat") == "Теперь вы здесь: Arbat."


async def test_an_open_sale_stays_at_its_outlet_and_says_so(street: Street):
    anna = await two_outlets(street)
    hello = await anna.last()
    ivan = await street.customer(701, "Ivan", points=0)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("450")
    sale = await anna.last()
    await anna.send("/start")
    await anna.tap("Change outlet")
    await anna.tap("Arbat")
    said = await anna.tap("Confirm", message=sale)
    assert "begun at Tverskaya" in (said or "")
    assert await street.sales() == 0
    await anna.send("/start")
    await anna.tap("Change outlet")
    await anna.tap("Tverskaya")
    await anna.tap("Confirm", message=sale)
    assert await street.sales() == 1
    assert hello["buttons"]


async def test_a_second_link_adds_the_outlet_and_keeps_the_role(street: Street):
    anna = await street.cashier(501, "Anna")
    first = await me(street)
    _, payload = await street.invitation("Anna at Arbat", "Arbat")
    assert "at the till of Arbat" in await anna.open(payload)
    assert "at the till of Arbat" in await anna.open(payload), "the link again is harmless"
    now_ = await me(street)
    assert (now_.id, now_.role, now_.name) == (first.id, "cashier", "Anna")
    await anna.tap("Change outlet")
    assert await anna.buttons() == ["✅ Arbat", "Tverskaya", "« Back"]


async def test_a_closed_outlet_cannot_be_stood_at(street: Street):
    anna = await two_outlets(street)
    await anna.send("/start")
    await anna.tap("Change outlet")
    menu = await anna.last()
    now = clock.now()
    close = sa.update(outlet).where(outlet.c.name == "Arbat").values(closed_at=now)
    await street.db.transact(lambda s: s.execute(close))
    data = menu["buttons"][0][0]["callback_data"]
    assert "no outlet" in (await anna.tap_data(menu, data) or "").lower()
    assert (await me(street)).outlet_name == "Tverskaya"
    close = sa.update(outlet).where(outlet.c.name == "Tverskaya").values(closed_at=now)
    await street.db.transact(lambda s: s.execute(close))
    ivan = await street.customer(701, "Ivan", points=0)
    words = await anna.open(f"c_{(await street.show(ivan)).token}")
    assert "no outlet" in words
    assert "Ivan" not in words


async def test_an_outlet_taken_away_ends_its_open_sales(street: Street):
    anna = await two_outlets(street)
    ivan = await street.customer(701, "Ivan", points=200)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("450")
    person = await me(street)

    def unit(session):
        arbat = staff.find_outlet(session, name="Arbat")
        leaving.set_outlets(
            session, staff_id=person.id, outlet_ids=[arbat.id], now=clock.now(), actor="system"
        )

    await street.db.transact(unit)
    assert (await me(street)).outlet_name == "Arbat"
    assert await anna.tap("Don't spend")
    assert await street.sales() == 0


async def test_a_forged_outlet_is_refused(street: Street):
    anna = await street.cashier(501, "Anna")
    await street.invitation("Vera", "Arbat")
    place = await street.db.read(lambda s: staff.find_outlet(s, name="Arbat"))
    assert place is not None
    from bot.cashier.screens import base36

    assert await anna.tap_data(await anna.last(), f"place:at:{base36(place.id)}")
    assert (await me(street)).outlet_name == "Tverskaya"
