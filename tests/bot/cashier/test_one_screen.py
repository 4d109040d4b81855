"""A till is one menu and one screen a sale: what is over does not stay under the thumb."""

from __future__ import annotations

import pytest

from tests.bot.cashier.street import Json, Phone, Street


async def tappable(phone: Phone) -> list[Json]:
    """The bot's messages that have buttons."""
    return [m for m in await phone.chat() if m["from"]["is_bot"] and m["buttons"]]


async def test_menus_take_each_others_place(street_on_both: Street) -> None:
    anna = await street_on_both.cashier(501, "Anna")
    for command in ("/sale", "/return", "/shift", "/help", "/start"):
        await anna.send(command)
        assert len(await tappable(anna)) == 1, command
    ivan = await street_on_both.customer(701, "Ivan", points=0)
    await anna.open(f"c_{(await street_on_both.show(ivan)).token}")
    (sale,) = await tappable(anna)
    assert "Enter the sum" in sale["text"]


async def test_whatever_is_typed_the_sale_has_one_screen(street_on_both: Street) -> None:
    street = street_on_both
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan", points=200)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    for typed in ("abc", "0", "450", "1.200", "600", "-5", "600", "🙂"):
        await anna.send(typed)
        assert len(await tappable(anna)) == 1, typed
    words = await anna.words()
    assert "could not read the sum" in words
    assert "Sum: ₽600" in words, "the sale stands as it was"
    await anna.tap("Spend part…")
    for typed in ("1000", "ten", "10"):
        await anna.send(typed)
        assert len(await tappable(anna)) == 1, typed
    await anna.tap("Coupon")
    await anna.send("NOSUCHCODE")
    (screen,) = await tappable(anna)
    assert "I do not know this code" in screen["text"]
    assert "Type the code" in screen["text"]
    await anna.tap("Back")
    assert await anna.tap("Confirm") == "Recorded"
    assert await street.sales() == 1


async def test_what_cannot_be_read_as_the_next_item_asks_for_it_again(street: Street) -> None:
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan", points=0)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("450")
    await anna.tap("Another item")
    assert "sum of the next item" in await anna.send("abc")
    assert "Sum: ₽570" in await anna.send("120")


async def test_a_finished_sale_stays_with_its_undo_and_each_sale_has_its_own(
    street: Street,
) -> None:
    anna = await street.cashier(501, "Anna")
    ivan, olga = await street.customer(701, "Ivan"), await street.customer(702, "Olga")
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("450")
    await anna.tap("Confirm")
    await anna.tap("New sale")
    await anna.open(f"c_{(await street.show(olga)).token}")
    done, sale = await tappable(anna)
    assert "Done!" in done["text"]
    assert "Olga" in sale["text"]
    await anna.tap("Undo", message=done)
    done, _sale = await tappable(anna)
    assert await anna.tap("Yes, undo", message=done) == "Undone"
    assert "₽300" in await anna.send("300"), "the sale below goes on"


@pytest.mark.parametrize("again", [False, True])
async def test_an_old_screen_of_an_undone_sale_does_not_say_it_stands(
    street: Street, again: bool
) -> None:
    anna = await street.cashier(501, "Anna")
    ivan, olga = await street.customer(701, "Ivan"), await street.customer(702, "Olga")
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("450")
    quote = await anna.last()
    confirm = next(
        b["callback_data"] for row in quote["buttons"] for b in row if "onfirm" in b["text"]
    )
    await anna.tap("Confirm")
    await anna.tap("Undo")
    await anna.tap("Yes, undo")
    if again:
        await anna.open(f"c_{(await street.show(olga)).token}")
    assert await anna.tap_data(quote, confirm) == "This sale was undone already."
    assert not any("Done!" in (m["text"] or "") for m in await anna.chat())
    if again:
        assert "₽300" in await anna.send("300"), "a tap on an old screen ends no other sale"
