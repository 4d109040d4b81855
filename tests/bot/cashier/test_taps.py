"""How many taps a sale takes, from the scan to done: the sum, and no more than three."""

from __future__ import annotations

import pytest

from tests.bot import gifts
from tests.bot.cashier.street import Phone, Street

MOST = 3


class Thumb:
    """Counts what a cashier does with one."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.taps = 0
        self.typed = 0

    async def tap(self, label: str) -> None:
        """One tap."""
        self.taps += 1
        await self.phone.tap(label)

    async def send(self, text: str) -> None:
        """One text."""
        self.typed += 1
        await self.phone.send(text)


async def scanned(street: Street, *, points: int = 0) -> tuple[Thumb, int]:
    """A cashier with Ivan's card open; his id."""
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan", points=points)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    return Thumb(anna), ivan


async def is_done(street: Street, thumb: Thumb, *, taps: int, typed: int = 1) -> None:
    """Recorded, with so many taps."""
    assert "Done!" in await thumb.phone.words()
    assert await street.sales() == 1
    assert (thumb.taps, thumb.typed) == (taps, typed)
    assert thumb.taps <= MOST


async def test_a_plain_sale(street: Street):
    thumb, _ = await scanned(street)
    await thumb.send("450")
    await thumb.tap("onfirm")
    await is_done(street, thumb, taps=1)


async def test_a_sale_of_a_kind_of_goods(street: Street):
    thumb, _ = await scanned(street)
    await thumb.send("450")
    await thumb.tap("Coffee")
    await thumb.tap("onfirm")
    await is_done(street, thumb, taps=2)


async def test_spending_all(street: Street):
    thumb, ivan = await scanned(street, points=400)
    await thumb.send("450")
    await thumb.tap("Spend 135")
    await thumb.tap("Confirm")
    await is_done(street, thumb, taps=2)
    assert (await street.balance(ivan)).available == 265


async def test_spending_with_the_customers_tap(street: Street):
    thumb, _ivan = await scanned(street, points=2000)
    phone = await street.phone(701, "Ivan")
    await phone.send("/start")
    await thumb.send("4000")
    await thumb.tap("ask the customer")
    await phone.tap("Yes, spend")
    await is_done(street, thumb, taps=1)


@pytest.mark.parametrize("own", [True, False])
async def test_a_coupon(street: Street, own: bool):
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan")
    code = "SPRING"
    await gifts.coupon(street.db, ivan if own else None, code=code)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    thumb = Thumb(anna)
    await thumb.send("450")
    await thumb.tap("Coupon")
    if own:
        await thumb.tap("Ten percent")
    else:
        await thumb.send(code)
    await thumb.tap("onfirm")
    await is_done(street, thumb, taps=3 if own else 2, typed=1 if own else 2)


async def test_the_same_guest_again(street: Street):
    thumb, _ = await scanned(street)
    await thumb.send("450")
    await thumb.tap("onfirm")
    await thumb.phone.send("/sale")
    thumb.taps = thumb.typed = 0
    await thumb.tap("Ivan again")
    await thumb.send("100")
    await thumb.tap("onfirm")
    assert "Done!" in await thumb.phone.words()
    assert await street.sales() == 2
    assert thumb.taps == 2


async def test_a_new_guest_without_a_card(street: Street):
    anna = await street.cashier(501, "Anna")
    await anna.send("/sale")
    thumb = Thumb(anna)
    await thumb.tap("New guest")
    await thumb.tap("Without a paper card")
    await thumb.send("450")
    await thumb.tap("onfirm")
    assert await street.sales() == 1
    assert thumb.taps == MOST
