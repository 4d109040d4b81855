"""A sale in the chats of cashiers."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from loyalty import clock
from tests.bot.cashier.street import Street


async def test_450_sold_by_scan_earns_22_pending(street_on_both: Street):
    street = street_on_both
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan Petrov", points=200)
    shown = await street.show(ivan)
    words = await anna.open(f"c_{shown.token}")
    assert "Ivan" in words
    assert "Petrov" not in words
    assert "200 points" in words
    assert "Enter the sum" in words
    words = await anna.send("450")
    assert "Will earn: 22 points" in words
    assert "May spend: up to 135 points (points pay at most 30 % of a purchase)" in words
    assert await anna.buttons() == [
        "Spend 135 points",
        "Spend part…",
        "✅ Don't spend, confirm",
        "Coffee",
        "➕ Another item",
        "☕️ +1 stamp",
        "🎟 Coupon",
        "Cancel",
    ]
    assert await anna.tap("confirm") == "Recorded"
    assert "Done!" in await anna.words()
    assert "Earned: 22 points" in await anna.words()
    balance = await street.balance(ivan)
    assert (balance.available, balance.pending) == (200, 22)
    (receipt,) = await street.told("receipt")
    assert (receipt["total"], receipt["earned"], receipt["pending"]) == (45000, 22, 22)
    # The quote comes under the typed sum and is edited from there on to the receipt.
    (screen,) = [m for m in await anna.chat() if m["from"]["is_bot"]]
    assert "Done!" in screen["text"]


async def test_points_are_spent_in_three_taps(street: Street):
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan", points=200)
    code = (await street.show(ivan)).code
    await anna.send(f"{code[:4]} {code[4:]}")
    await anna.send("1 200 ₽")
    await anna.tap("Spend 200")
    assert "To pay: ₽1,000" in (await anna.words()).replace("RUB", "₽")
    await anna.tap("Confirm")
    balance = await street.balance(ivan)
    assert (balance.available, balance.pending) == (0, 50)


async def test_a_part_of_the_points(street: Street):
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan", points=200)
    code = (await street.show(ivan)).code
    await anna.send(f"{code[:4]}-{code[4:]}")
    await anna.send("450,5")
    await anna.tap("Spend part")
    assert "From 1 to 135" in await anna.words()
    for wrong in ("many", "0", "-5", "1e3", "99999999999"):
        assert "whole number of points" in await anna.send(wrong)
    assert "up to 135 points" in await anna.send("136")
    assert "Points spent: 50" in await anna.send("50")
    await anna.tap("Change points")
    assert "May spend" in await anna.words()
    await anna.tap("Spend part")
    await anna.send("10")
    await anna.tap("Confirm")
    assert (await street.balance(ivan)).available == 190


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("four hundred", "could not read the sum"),
        ("1e9", "could not read the sum"),
        ("-450", "could not read the sum"),
        ("0", "The sum can be from"),
        ("99 999 999 999", "The sum can be from"),
        ("x" * 4096, "could not read the sum"),
        ("<b>450</b>", "could not read the sum"),
    ],
)
async def test_what_is_no_sum_is_asked_for_again(street: Street, typed: str, answer: str):
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan")
    await anna.open(f"c_{(await street.show(ivan)).token}")
    assert answer in await anna.send(typed)
    assert await street.sales() == 0
    assert "Will earn: 22 points" in await anna.send("450"), "the sale still waits"


async def test_a_photo_instead_of_a_sum(street: Street):
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan")
    await anna.open(f"c_{(await street.show(ivan)).token}")
    assert "could not read the sum" in await anna.send_photo()
    assert "Will earn" in await anna.send("450")


async def test_double_taps_make_one_purchase(street_on_both: Street):
    street = street_on_both
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan", points=200)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("450")
    screen = await anna.last()
    answers = await asyncio.gather(*(anna.tap("confirm", message=screen) for _ in range(3)))
    assert sorted(a or "" for a in answers) == [
        "Recorded",
        "This sale is already recorded.",
        "This sale is already recorded.",
    ]
    assert await street.sales() == 1
    assert len(await street.told("receipt")) == 1


async def test_a_repeated_update_makes_one_purchase(street: Street):
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan")
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("450")
    screen = await anna.last()
    await anna.tap("Confirm")
    data = screen["buttons"][0][0]["callback_data"]
    assert await anna.tap_data(screen, data) == "This sale is already recorded."
    assert await street.sales() == 1
    assert "Done!" in await anna.words()


async def test_two_cashiers_one_card_one_purchase(street: Street):
    anna = await street.cashier(501, "Anna")
    boris = await street.cashier(502, "Boris")
    ivan = await street.customer(701, "Ivan")
    token = (await street.show(ivan)).token
    await anna.open(f"c_{token}")
    await anna.send("450")
    words = await boris.open(f"c_{token}")
    assert "This sale was begun by Anna" in words
    assert "Sum: RUB450" in words.replace("₽", "RUB")
    taken = await anna.tap("Confirm")
    assert taken == "Another cashier has scanned this card since and is ringing up the sale."
    assert await boris.tap("Confirm") == "Recorded"
    assert await street.sales() == 1


async def test_a_foreign_sale_and_forged_taps_do_nothing(street: Street):
    anna = await street.cashier(501, "Anna")
    vera = await street.cashier(503, "Vera", outlet="Arbat")
    ivan = await street.customer(701, "Ivan")
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("450")
    data = (await anna.last())["buttons"][0][0]["callback_data"]
    hello = await vera.last()
    for forged in (data, "sale:confirm:zzz", "sale:all::", "sale:part:" + "9" * 40, "sale:what"):
        answer = await vera.tap_data(hello, forged)
        assert answer == "This sale is not yours. Scan the customer's card to start your own."
    assert await street.sales() == 0
    stranger = await street.phone(900, "Sly")
    await stranger.send("/start")
    answer = await stranger.tap_data(await stranger.last(), data)
    assert "This is for cashiers only" in (answer or "")
    assert await street.sales() == 0


async def test_an_expired_card_earns_and_says_why_it_cannot_spend(street: Street):
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan", points=200)
    token = (await street.show(ivan)).token
    clock.set_offset(timedelta(minutes=11))
    words = await anna.open(f"c_{token}")
    assert "This card is out of date" in words
    words = await anna.send("450")
    assert "ask the customer to refresh the card" in words
    assert await anna.buttons() == [
        "✅ Confirm",
        "Coffee",
        "➕ Another item",
        "☕️ +1 stamp",
        "🎟 Coupon",
        "Cancel",
    ]
    await anna.tap("Confirm")
    balance = await street.balance(ivan)
    assert (balance.available, balance.pending) == (200, 22)


async def test_wrong_codes_are_limited(street: Street):
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan")
    right = (await street.show(ivan)).code
    wrong = "12345678" if right != "12345678" else "87654321"
    for _ in range(5):
        assert "There is no such code now" in await anna.send(wrong)
    assert "Too many tries. Please wait" in await anna.send(right)
    clock.set_offset(timedelta(seconds=61))
    assert "Ivan" in await anna.send(right)


async def test_forged_and_unknown_cards(street: Street):
    anna = await street.cashier(501, "Anna")
    for payload in ("c_", "c_AAAA", "c_" + "A" * 39):
        assert "not a card of ours" in await anna.open(payload)
    assert "not a card of ours" in await anna.send("https://t.me/some_bot?start=c_forged")
    assert await street.sales() == 0


async def test_a_cancelled_and_a_forgotten_sale(street: Street):
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan")
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("450")
    screen = await anna.last()
    await anna.tap("Cancel")
    assert "Cancelled" in await anna.words()
    answer = await anna.tap_data(screen, screen["buttons"][0][0]["callback_data"])
    assert answer == "This sale was cancelled. Scan the card again to start anew."
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("450")
    clock.set_offset(timedelta(minutes=31))
    assert "waiting too long" in (await anna.tap("Confirm") or "")
    assert (await anna.last())["buttons"] == []
    assert await street.sales() == 0


async def test_a_sale_in_russian(street: Street):
    anna = await street.cashier(501, "Анна", language="ru")
    assert "Вы на кассе: Tverskaya" in await anna.words()
    ivan = await street.customer(701, "Иван Петров", points=1, language="ru")
    words = await anna.open(f"c_{(await street.show(ivan)).token}")
    assert "👤 Иван · Бронза · 1 балл" in words
    words = await anna.send("450")
    assert "Начислим: 22 балла" in words
    assert await anna.buttons() == [
        "Потратить 1 балл",
        "Потратить часть…",
        "✅ Не тратить, подтвердить",
        "Кофе",
        "➕ Ещё товар",
        "☕️ +1 штамп",
        "🎟 Купон",
        "Отмена",
    ]
    await anna.tap("подтвердить")
    assert "Готово!" in await anna.words()
