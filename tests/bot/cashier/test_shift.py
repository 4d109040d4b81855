"""A cashier's shift: what was sold, what came back, what was undone; today and yesterday."""

from __future__ import annotations

from datetime import timedelta

import pytest

from loyalty import clock
from tests.bot.cashier.street import Phone, Street


async def sell(street: Street, phone: Phone, customer_id: int, total: str) -> None:
    await phone.open(f"c_{(await street.show(customer_id)).token}")
    await phone.send(total)
    await phone.tap("Don't spend")


async def test_a_day_adds_up_and_what_was_undone_stands_apart(street_on_both: Street):
    street = street_on_both
    clock.set_offset(_noon())
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan", points=200)
    await sell(street, anna, ivan, "100")
    await sell(street, anna, ivan, "300")
    await sell(street, anna, ivan, "5000")
    await anna.tap("Undo")
    await anna.tap("Yes, undo")
    await anna.send("/return")
    await anna.tap("100")
    await anna.tap("Return all")
    words = await anna.send("/shift")
    assert "Sales: 2, for RUB400.00" in words or "Sales: 2" in words
    assert "Average receipt: " in words
    assert "200" in words.partition("Average receipt")[2].splitlines()[0]
    assert "Points: 20 given, 0 spent" in words
    assert "Returns: 1, for" in words
    assert "Undone: 1, for" in words
    assert "5,000" in words.partition("Undone")[2]
    await anna.tap("Yesterday")
    assert "Sales: 0" in await anna.words()
    await anna.tap("Today")
    assert "Sales: 2" in await anna.words()
    clock.set_offset(clock.offset() + timedelta(days=1))
    assert "Sales: 0" in await anna.send("/shift")
    await anna.tap("Yesterday")
    assert "Sales: 2" in await anna.words()


def _noon() -> timedelta:
    """As far ahead as noon in Moscow is: no sale of the test falls on another day."""
    now = clock.real_now()
    noon = now.replace(hour=9, minute=0)
    return noon - now + (timedelta(days=1) if noon < now else timedelta())


async def test_in_russian(street: Street):
    anna = await street.cashier(501, "Anna", language="ru")
    words = await anna.send("/shift")
    assert "Баллы: начислено 0, списано 0" in words
    assert await anna.buttons() == [
        "« Вчера", "🛍 Новая продажа", "↩️ Возврат", "📊 Моя смена", "❓ Помощь",
    ]  # fmt: skip


@pytest.mark.parametrize("data", ["till:shift:x", "till:shift:1:1:1", "till:shift:"])
async def test_a_forged_day_is_a_day(street: Street, data: str):
    anna = await street.cashier(501, "Anna")
    await anna.send("/shift")
    await anna.tap_data(await anna.last(), data)
    assert "Sales: 0" in await anna.words()
