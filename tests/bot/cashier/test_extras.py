"""Stamps and coupons beside a sale."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import bot
from loyalty import clock, stamps, vouchers
from loyalty.program import LocalText
from loyalty.promotions.model import Discount, FixedPoints
from tests.bot import gifts
from tests.bot.cashier.street import KEYS, TOKEN, Phone, Street


async def at_the_sum(street: Street, total: str = "450", points: int = 0) -> tuple[Phone, int]:
    """A cashier with Ivan's card scanned and a sum typed; his id."""
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan", points=points)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send(total)
    return anna, ivan


async def to_the_return(anna: Phone) -> None:
    """From the sale that was just recorded to its return; right after it the screen says Undo."""
    screen = await anna.last()
    buttons = [button for row in screen["buttons"] for button in row]
    undo = next(b["callback_data"] for b in buttons if b["callback_data"].startswith("undo:ask:"))
    await anna.tap_data(screen, undo.replace("undo:ask:", "ret:view:"))


async def stamps_of(street: Street, customer_id: int) -> stamps.Standing:
    """Where the customer stands on the coffee card."""
    found = await street.db.read(lambda s: stamps.standings(s, customer_id=customer_id))
    return found.get("coffee", stamps.Standing("coffee"))


async def test_stamps_are_counted_in_place(street_on_both: Street):
    street = street_on_both
    anna, ivan = await at_the_sum(street)
    screen = await anna.last()
    await anna.tap("+1 stamp")
    assert await anna.buttons() == [
        "✅ Confirm",
        "Coffee",
        "➕ Another item",
        "−1",
        "☕️ 1",
        "+1",
        "🎟 Coupon",
        "Cancel",
    ]
    assert "Coffee card: 1 stamp" in await anna.words()
    plus = await anna.last()
    # The same tap again, as a nervous thumb or a repeated update: still two.
    await asyncio.gather(*(anna.tap("+1", message=plus) for _ in range(3)))
    assert "Coffee card: 2 stamps" in await anna.words()
    await anna.tap("+1")
    await anna.tap("−1")
    assert (await anna.last())["message_id"] == screen["message_id"], "one message all along"
    await anna.tap("onfirm")
    words = await anna.words()
    assert "Done!" in words
    assert "☕️ +2 stamps ●●○○" in words
    assert (await stamps_of(street, ivan)).stamps == 2
    (receipt,) = await street.told("receipt")
    assert receipt["stamps"] == [
        {"name": {"ru": "Кофейная карта", "en": "Coffee card"}, "stamps": 2, "of": 4}
    ]


async def test_a_full_card_brings_a_gift_and_the_till_says_so(street: Street):
    anna, ivan = await at_the_sum(street)
    await anna.tap("+1 stamp")
    for _ in range(4):
        await anna.tap("+1")
    await anna.tap("onfirm")
    words = await anna.words()
    assert "☕️ +5 stamps ●○○○" in words
    assert "The customer gets: Free coffee" in words
    mine = await street.db.read(lambda s: vouchers.mine(s, customer_id=ivan, now=clock.now()))
    assert [item.name.en for item in mine] == ["Free coffee"]


async def test_a_promo_code_is_typed_and_the_new_total_shown(street_on_both: Street):
    street = street_on_both
    await gifts.coupon(street.db, None, code="SPRING", total_limit=1)
    anna, ivan = await at_the_sum(street, points=200)
    screen = await anna.last()
    await anna.tap("Coupon")
    assert "Type the code" in await anna.words()
    assert (await anna.last())["message_id"] == screen["message_id"]
    words = await anna.send("spring")
    assert "Sum: ₽450" in words
    assert "Ten percent: −₽45" in words
    assert "To pay: ₽405" in words
    assert "Will earn: 20 points" in words
    await anna.tap("Spend 121")
    assert "To pay: ₽284" in await anna.words()
    await anna.tap("Confirm, ₽284")
    words = await anna.words()
    assert "Done!" in words
    assert "Ten percent: −₽45" in words
    assert await street.sales() == 1
    (receipt,) = await street.told("receipt")
    assert (receipt["total"], receipt["discount"]) == (40500, 4500)
    assert (await street.balance(ivan)).available == 79
    # The last use is gone: the next sale hears why.
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("450")
    await anna.tap("Coupon")
    assert "used up" in await anna.send("SPRING")
    await anna.tap("Back")
    assert "Sum: ₽450" in await anna.words()


async def test_own_coupons_are_offered_after_the_card_was_shown(street: Street):
    anna, ivan = await at_the_sum(street)
    coffee = LocalText(ru="Кофе в подарок", en="Free coffee")
    await gifts.coupon(street.db, ivan, name=coffee, effect=gifts.FREE_COFFEE)
    await gifts.coupon(street.db, await street.customer(702, "Olga"))
    await anna.tap("Coupon")
    assert await anna.buttons() == ["🎟 Free coffee", "Back"]
    question = await anna.last()
    await anna.tap("Free coffee")
    assert "Free coffee: give it for free" in await anna.words()
    await anna.tap("No coupon")
    assert "give it for free" not in await anna.words()
    await anna.tap_data(question, question["buttons"][0][0]["callback_data"])
    await anna.tap("onfirm")
    assert "Free coffee" in await anna.words()
    assert not await street.db.read(
        lambda s: vouchers.mine(s, customer_id=ivan, now=clock.now())
    ), "used"


async def test_a_stale_card_offers_no_coupons_by_itself(street: Street):
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan")
    await gifts.coupon(street.db, ivan)
    token = (await street.show(ivan)).token
    clock.set_offset(timedelta(minutes=11))
    await anna.open(f"c_{token}")
    await anna.send("450")
    await anna.tap("Coupon")
    assert await anna.buttons() == ["Back"]


async def test_a_coupon_is_scanned(street: Street):
    made = await gifts.coupon(street.db, None)
    anna = await street.cashier(501, "Anna")
    assert "scan the customer's card first" in await anna.open(f"v_{made.code}")
    ivan = await street.customer(701, "Ivan")
    await anna.open(f"c_{(await street.show(ivan)).token}")
    assert "First the sum" in await anna.open(f"v_{made.code}")
    await anna.send("450")
    assert "To pay: ₽405" in await anna.open(f"v_{made.code}")
    link = f"https://t.me/some_bot?start=v_{made.code}"
    assert "To pay: ₽405" in await anna.send(link), "the same code twice is one"
    await anna.tap("onfirm")
    assert await street.sales() == 1


async def test_five_wrong_codes_a_minute(street: Street):
    await gifts.coupon(street.db, None, code="RIGHT")
    anna, _ivan = await at_the_sum(street)
    await anna.tap("Coupon")
    for n in range(5):
        assert "I do not know this code" in await anna.send(f"WRONG{n}")
    assert "Too many tries. Please wait" in await anna.send("RIGHT")
    clock.set_offset(timedelta(seconds=61))
    assert "To pay: ₽405" in await anna.send("RIGHT")


async def test_eight_digits_while_a_code_is_asked_for(street: Street):
    await gifts.coupon(street.db, None, code="20261122")
    anna, _ivan = await at_the_sum(street)
    olga = await street.customer(702, "Olga")
    await anna.tap("Coupon")
    assert "To pay: ₽405" in await anna.send("2026 1122")
    await anna.tap("One more")
    code = (await street.show(olga)).code
    assert "Olga" in await anna.send(f"{code[:4]} {code[4:]}"), "the next customer's card"


async def test_a_new_sum_the_coupon_does_not_allow(street: Street):
    await gifts.coupon(street.db, None, code="BIG", minimum=400_00)
    anna, _ivan = await at_the_sum(street)
    await anna.tap("Coupon")
    assert "To pay: ₽405" in await anna.send("big")
    words = await anna.send("300")
    assert "To pay" not in words
    said = [m["text"] or "" for m in await anna.chat()]
    assert any("The coupon is out of this sale" in text and "400" in text for text in said)
    await anna.tap("onfirm")
    assert await street.sales() == 1


async def test_a_gift_card_pays(street: Street):
    made = await gifts.gift_card(street.db, 300_00)
    anna, _ivan = await at_the_sum(street)
    await anna.tap("Coupon")
    words = await anna.send(vouchers.grouped(made.code))
    assert "Gift card: −₽300" in words
    assert "To pay: ₽150" in words
    await anna.tap("onfirm")
    assert "To pay: ₽150" in await anna.words()
    await to_the_return(anna)
    assert "Back on the gift card: ₽300" in await anna.words()


async def test_promotions_are_named_and_explained(street: Street):
    await gifts.run(street.db, FixedPoints(points=50), en="Morning coffee", ru="Утренний кофе")
    await gifts.run(street.db, Discount(rate_bp=1000), en="Happy day", ru="Добрый день")
    anna, _ivan = await at_the_sum(street)
    words = await anna.words()
    assert "✨ Happy day: −₽45" in words
    assert "Will earn: 70 points (5 % Bronze + 50 Morning coffee)" in words
    await anna.tap("Confirm, ₽405")
    (receipt,) = await street.told("receipt")
    assert [part["points"] for part in receipt["parts"]] == [20, 50]


async def test_what_was_not_shown_is_not_charged(street_on_both: Street):
    """A promotion begins, or stamps are added on another screen, before the tap."""
    street = street_on_both
    anna, _ivan = await at_the_sum(street)
    before = await anna.last()
    await gifts.run(street.db, Discount(rate_bp=1000), en="Happy day", ru="Добрый день")
    assert "has changed since" in (await anna.tap("onfirm") or "")
    assert await street.sales() == 0
    assert "To pay: ₽405" in await anna.words(), "the screen is fresh"
    await anna.tap("+1 stamp")
    old = before["buttons"][0][0]["callback_data"]
    assert "has changed since" in (await anna.tap_data(before, old) or "")
    await anna.tap("Confirm, ₽405")
    assert await street.sales() == 1


async def test_a_return_shows_what_happens_to_stamps(street: Street):
    anna, ivan = await at_the_sum(street)
    await anna.tap("+1 stamp")
    await anna.tap("+1")
    await anna.tap("onfirm")
    await to_the_return(anna)
    assert "Stamps taken back: 2" in await anna.words()
    await anna.tap("Return all")
    assert "Stamps taken back: 2" in await anna.words()
    assert (await stamps_of(street, ivan)).stamps == 0
    (told,) = await street.told("returned")
    assert told["stamps"] == 2


async def test_stale_and_forged_taps_are_answered(street: Street):
    anna, _ivan = await at_the_sum(street)
    screen = await anna.last()
    data = [b["callback_data"] for row in screen["buttons"] for b in row]
    assert all(len(item.encode()) <= 64 for item in data)
    stamp = next(item for item in data if item.startswith("sale:st:"))
    draft = stamp.split(":")[2]
    for forged in (
        f"sale:st:{draft}:zz:coffee",
        f"sale:st:{draft}:1:nothing",
        f"sale:st:{draft}",
        f"sale:own:{draft}:1a",
    ):
        assert await anna.tap_data(screen, forged), forged
    await anna.tap("onfirm")
    for late in (stamp, f"sale:code:{draft}", f"sale:drop:{draft}", f"sale:show:{draft}"):
        assert "already recorded" in (await anna.tap_data(screen, late) or "")
    for forged in ("sale:own:1:1", "sale:code:zzzz", "sale:drop:", "sale:show:-5"):
        assert "not yours" in (await anna.tap_data(screen, forged) or ""), forged
    assert await street.sales() == 1


async def test_the_question_for_a_code_outlives_a_restart(street: Street):
    await gifts.coupon(street.db, None, code="SPRING")
    anna, _ivan = await at_the_sum(street)
    await anna.tap("+1 stamp")
    await anna.tap("Coupon")
    ctx = street.bot.ctx
    await street.bot.stop()
    street.bot = await bot.start(
        street.db,
        settings=ctx.settings,
        keys=KEYS,
        token=TOKEN,
        api_url=ctx.bot.session.api.base.partition("/bot{token}")[0],
        poll=True,
    )
    words = await anna.send("SPRING")
    assert "To pay: ₽405" in words
    assert "Coffee card: 1 stamp" in words
    await anna.tap("onfirm")
    assert await street.sales() == 1


async def test_stamps_and_a_coupon_in_russian(street: Street):
    await gifts.coupon(street.db, None, code="ВЕСНА")
    anna = await street.cashier(501, "Анна", language="ru")
    ivan = await street.customer(701, "Иван", language="ru")
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("450")
    assert await anna.buttons() == [
        "✅ Подтвердить",
        "Кофе",
        "➕ Ещё товар",
        "☕️ +1 штамп",
        "🎟 Купон",
        "Отмена",
    ]
    await anna.tap("+1 штамп")
    await anna.tap("+1")
    await anna.tap("Купон")
    words = await anna.send("весна")
    assert "Десять процентов: −45 ₽" in words
    assert "Кофейная карта: 2 штампа" in words
    await anna.tap("405")
    assert "☕️ +2 штампа ●●○○" in await anna.words()


async def test_the_customers_own_tap_sells_with_stamps_and_coupon(street_on_both: Street):
    street = street_on_both
    await gifts.coupon(street.db, None, code="SPRING")
    anna = await street.cashier(501, "Anna")
    ivan = await street.phone(701, "Ivan")
    await ivan.send("/start")
    customer_id = await street.customer(701, "Ivan", points=1000)
    await anna.open(f"c_{(await street.show(customer_id)).token}")
    await anna.send("3000")
    await anna.tap("+1 stamp")
    await anna.tap("Coupon")
    await anna.send("SPRING")
    await anna.tap("ask the customer")
    assert "Sum of the purchase: ₽2,700" in await ivan.words()
    await ivan.tap("Yes")
    words = await anna.words()
    assert "Ten percent: −₽300" in words
    assert "Points spent: 810" in words
    assert "To pay: ₽1,890" in words
    assert "+1 stamp ●○○○" in words
    assert (await stamps_of(street, customer_id)).stamps == 1
