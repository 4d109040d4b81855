"""Returns and the shift in a cashier's chat."""

from __future__ import annotations

from datetime import timedelta

from loyalty import clock, purchases, staff
from loyalty.purchases import Line, Receipt
from tests.bot.cashier.street import ZONE, Phone, Street


async def sell(street: Street, by: Phone, customer_id: int, total: str, spend: str = "") -> str:
    """A sale through the chat; its number."""
    await by.open(f"c_{(await street.show(customer_id)).token}")
    await by.send(total)
    if spend:
        await by.tap("Spend part")
        await by.send(spend)
    await by.tap("onfirm")
    words = await by.words()
    assert "Done!" in words
    return words.split("№ ")[1].split()[0]


async def test_a_purchase_comes_back_after_a_look_at_what_it_does(street_on_both: Street):
    street = street_on_both
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan Petrov", points=200)
    await sell(street, anna, ivan, "450", "100")
    assert (await street.balance(ivan)).available == 100
    await anna.send("/return")
    label, back = await anna.buttons()
    assert back == "« Back"
    assert "Ivan" in label
    assert "450" in label
    assert "Petrov" not in label
    await anna.tap("Ivan")
    words = await anna.words()
    assert "Points back to the customer: 100" in words
    assert "Points taken back: 17" in words
    assert "Give back: " in words
    assert (await street.balance(ivan)).available == 100, "looking changes nothing"
    screen = await anna.last()
    assert await anna.tap("Return all") == "Returned"
    balance = await street.balance(ivan)
    assert (balance.available, balance.pending, balance.debt) == (200, 0, 0)
    assert len(await street.told("returned")) == 1
    again = await anna.tap_data(screen, screen["buttons"][0][0]["callback_data"])
    assert again == "Everything from this purchase has been returned already."
    assert len(await street.told("returned")) == 1
    await anna.send("/return")
    assert "No sales here today yet" in await anna.words()


async def test_an_older_purchase_is_found_by_its_number(street: Street):
    anna = await street.cashier(501, "Anna")
    vera = await street.cashier(503, "Vera", outlet="Arbat")
    ivan = await street.customer(701, "Ivan")
    number = await sell(street, anna, ivan, "450")
    clock.set_offset(timedelta(days=2))
    assert "No sales here today yet" in await anna.send("/return")
    for wrong in ("000000", "the latte", "№"):
        assert "no sale with this number" in await anna.send(wrong)
    assert f"Return of sale № {number}" in await anna.send(f"№ {number}")
    data = (await anna.last())["buttons"][0][0]["callback_data"]
    await vera.send("/return")
    assert "no sale with this number" in await vera.send(number)
    foreign = await vera.tap_data(await vera.last(), data)
    assert foreign == "I could not find this purchase."
    await anna.tap("Back")
    assert "Nothing was returned" in await anna.words()
    await anna.send("/return")
    await anna.send(number)
    assert await anna.tap("Return all") == "Returned"


async def test_single_lines_come_back(street: Street):
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan")

    def unit(session):
        now = clock.now()
        person = staff.find_by_telegram(session, telegram_id=501)
        lines = (
            Line(amount=30000, price=30000, name="Latte <big>"),
            Line(amount=20000, price=10000, quantity_milli=2000, name="Croissant"),
        )
        return purchases.record(
            session,
            customer_id=ivan,
            receipt=Receipt(sold_at=now, lines=lines, number="A-17"),
            redeem=0,
            may_redeem=False,
            actor="system",
            outlet_id=person.outlet_id,
            staff_id=person.id,
            source="pos",
            now=now,
            time_zone=ZONE,
        )

    await street.db.transact(unit)
    await anna.send("/return")
    await anna.send("A-17")
    labels = await anna.buttons()
    assert labels[0].startswith("▫️ Latte <big> · ")
    await anna.tap("Latte")
    words = await anna.words()
    assert (await anna.buttons())[0].startswith("☑️ Latte")
    assert "300" in words
    assert "Points taken back: 15" in words
    await anna.tap("Return what is ticked")
    balance = await street.balance(ivan)
    assert balance.pending == 10
    await anna.send("/return")
    await anna.tap("Ivan")
    labels = await anna.buttons()
    assert labels[0].startswith("▫️ Croissant · 0/2 · ")
    assert labels[1:] == ["−", "+", "✅ Return all that is left", "Back"]
    await anna.tap("+")
    assert (await anna.buttons())[0].startswith("☑️ Croissant · 1/2 · ")
    assert "Points taken back: 5" in await anna.words()
    await anna.tap("−")
    assert "✅ Return all that is left" in await anna.buttons()
    await anna.tap("+")
    old = await anna.last()
    await anna.tap("Return what is ticked")
    assert (await street.balance(ivan)).pending == 5
    taken = next(b for r in old["buttons"] for b in r if "ret:take" in b["callback_data"])
    await anna.tap_data(old, taken["callback_data"])
    assert (await street.balance(ivan)).pending == 0, "one piece was left, and one piece was asked"
    assert "already" in (await anna.tap_data(old, taken["callback_data"]) or "")


async def test_the_shift_counts_this_cashier_today(street: Street):
    anna = await street.cashier(501, "Anna")
    boris = await street.cashier(502, "Boris")
    ivan = await street.customer(701, "Ivan", points=200)
    await sell(street, anna, ivan, "450", "100")
    await sell(street, anna, ivan, "50")
    await sell(street, boris, ivan, "1000")
    words = await anna.send("/shift")
    assert "Sales: 2, for " in words
    assert "500" in words
    assert "Points: 19 given, 100 spent" in words
    clock.set_offset(timedelta(days=1))
    assert "Sales: 0" in await anna.send("/shift")


async def test_a_receipt_says_what_of_it_covered_a_debt(street_on_both: Street):
    street = street_on_both
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan")
    number = await sell(street, anna, ivan, "2000")
    clock.set_offset(timedelta(hours=25))
    have = (await street.balance(ivan)).available
    await sell(street, anna, ivan, "1000", str(have))
    await anna.send("/return")
    await anna.send(number)
    await anna.tap("Return all")
    owed = (await street.balance(ivan)).debt
    assert owed > 15
    await sell(street, anna, ivan, "300")
    assert "Of these, 15 covered a debt" in await anna.words()
    *_, values = await street.told("receipt")
    assert (values["debt_repaid"], values["debt"]) == (15, owed - 15)
    await sell(street, anna, ivan, "20000")
    assert f"Of these, {owed - 15} covered a debt" in await anna.words()
    *_, values = await street.told("receipt")
    assert (values["debt_repaid"], values["debt"]) == (owed - 15, 0)
    await sell(street, anna, ivan, "300")
    assert "debt" not in await anna.words()
