"""Many points at once need the customer's own tap."""

from __future__ import annotations

from datetime import timedelta

from loyalty import clock, wallet
from tests.bot.cashier.street import Phone, Street
from tests.bot.phone import until


async def _reads(phone: Phone, part: str) -> bool:
    return part in await phone.words()


async def waiting_till(street: Street) -> tuple[Phone, Phone, int]:
    """A cashier who has asked Ivan for 900 of his 1,000 points, Ivan, and his id."""
    anna = await street.cashier(501, "Anna")
    ivan = await street.phone(701, "Ivan")
    await ivan.send("/start")
    customer_id = await street.customer(701, "Ivan", points=1000)
    await anna.open(f"c_{(await street.show(customer_id)).token}")
    words = await anna.send("3000")
    assert "up to 500 points (more needs the customer's own tap)" in words
    assert "Spend 900 points: ask the customer" in await anna.buttons()
    await anna.tap("ask the customer")
    assert "Waiting for Ivan to confirm 900 points" in await anna.words()
    words = await ivan.words()
    assert "Spend 900 points at Tverskaya?" in words
    assert "3,000" in words
    assert "Time left: 2:00" in words
    return anna, ivan, customer_id


async def test_the_customers_tap_makes_the_sale(street_on_both: Street):
    street = street_on_both
    anna, ivan, customer_id = await waiting_till(street)
    question = await ivan.last()
    assert (await street.balance(customer_id)).held == 900
    await ivan.tap("Yes")
    assert "You have spent 900 points" in await ivan.words()
    assert "Done!" in await anna.words()
    balance = await street.balance(customer_id)
    assert (balance.available, balance.held, balance.pending) == (100, 0, 105)
    await ivan.tap_data(question, question["buttons"][0][0]["callback_data"])
    assert await street.sales() == 1
    assert not await street.db.read(wallet.reconcile)


async def test_a_no_frees_the_points_and_the_sale_goes_on(street: Street):
    anna, ivan, customer_id = await waiting_till(street)
    await ivan.tap("No")
    assert "does not want to spend" in await anna.words()
    assert (await street.balance(customer_id)).held == 0
    await anna.tap("Don't spend")
    assert (await street.balance(customer_id)).pending == 150
    assert await street.sales() == 1


async def test_a_late_tap_and_another_choice_spend_nothing(street: Street):
    anna, ivan, customer_id = await waiting_till(street)
    question = await ivan.last()
    yes = question["buttons"][0][0]["callback_data"]
    sly = await street.phone(702, "Sly")
    await sly.send("/start")
    await street.customer(702, "Sly")
    assert "question is over" in (await sly.tap_data(question, yes) or "")
    clock.set_offset(timedelta(minutes=3))
    assert "question is over" in (await ivan.tap_data(question, yes) or "")
    # Nobody has answered in time: the till is back at the sale by itself.
    await until(lambda: _reads(anna, "Time is over"), "the end on the till's screen")
    assert "May spend: up to 500 points" in await anna.words()
    await anna.tap("Spend 500")
    await anna.tap("Confirm")
    balance = await street.balance(customer_id)
    assert (balance.available, balance.held) == (500, 0)
    assert not await street.db.read(wallet.reconcile)


async def test_a_typed_part_above_the_limit_asks_too(street: Street):
    anna = await street.cashier(501, "Anna")
    ivan = await street.phone(701, "Ivan")
    await ivan.send("/start")
    customer_id = await street.customer(701, "Ivan", points=1000)
    await anna.open(f"c_{(await street.show(customer_id)).token}")
    await anna.send("3000")
    await anna.tap("Spend part")
    assert "From 1 to 900" in await anna.words()
    await anna.send("600")
    assert "Waiting for Ivan" in await anna.words()
    await ivan.tap("Yes")
    assert (await street.balance(customer_id)).available == 400


async def test_who_cannot_be_asked_keeps_the_points_free(street_on_both: Street):
    street = street_on_both
    anna = await street.cashier(501, "Anna")
    ivan = await street.phone(701, "Ivan")
    await ivan.send("/start")
    customer_id = await street.customer(701, "Ivan", points=1000)
    await anna.open(f"c_{(await street.show(customer_id)).token}")
    await anna.send("3000")
    await street.control("POST", "/users/701/block", {})
    await anna.tap("ask the customer")
    words = await anna.words()
    assert "I cannot write to Ivan: please spend fewer points." in words
    assert "May spend: up to 500 points" in words, "the sale goes on at once"
    balance = await street.balance(customer_id)
    assert (balance.available, balance.held) == (1000, 0)
    await anna.tap("Spend 500")
    await anna.tap("Confirm")
    assert (await street.balance(customer_id)).available == 500
    assert await street.sales() == 1
    assert not await street.db.read(wallet.reconcile)
