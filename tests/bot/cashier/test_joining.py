"""Becoming a cashier, the cashier's own menu, and losing both."""

from __future__ import annotations

from datetime import timedelta

import pytest

from loyalty import clock, staff
from tests.bot.cashier.street import Street

TILL = ["sale", "return", "shift", "help"]


async def test_a_link_makes_a_cashier_with_a_menu_of_their_own(street_on_both: Street):
    street = street_on_both
    anna = await street.phone(501, "Anna")
    _, payload = await street.invitation("Anna")
    words = await anna.open(payload)
    assert "Hello, Anna! You are at the till of Tverskaya." in words
    assert await anna.commands() == TILL
    assert await anna.buttons() == ["🛍 New sale", "↩️ Return", "📊 My shift", "❓ Help"]
    assert "You are at the till" in await anna.open(payload), "tapping it again is harmless"
    stranger = await street.phone(900, "Sly")
    words = await stranger.open(payload)
    said = [m["text"] or "" for m in await stranger.chat() if m["from"]["is_bot"]]
    assert "This invitation no longer works" in said[0]
    assert len(said) == 2, "then it is a plain start"
    assert await stranger.commands() != TILL
    assert "This is for cashiers only" in await stranger.send("/sale")


@pytest.mark.parametrize("spoil", ["late", "forged", "empty"])
async def test_a_bad_link_is_a_plain_start(street: Street, spoil: str):
    _, payload = await street.invitation("Anna")
    if spoil == "late":
        clock.set_offset(timedelta(days=8))
    else:
        payload = {"forged": "j_" + "x" * 40, "empty": "j_"}[spoil]
    stranger = await street.phone(900, "Sly")
    await stranger.open(payload)
    said = [m["text"] or "" for m in await stranger.chat() if m["from"]["is_bot"]]
    # Who was invited is told why it does not work; who made a link up learns nothing.
    told = any("This invitation no longer works" in words for words in said)
    assert (told, len(said)) == ((True, 2) if spoil == "late" else (False, 1))


async def test_who_is_dismissed_loses_everything_at_the_next_tap(street: Street):
    anna = await street.phone(501, "Anna")
    staff_id, payload = await street.invitation("Anna")
    await anna.open(payload)
    ivan = await street.customer(701, "Ivan", points=200)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.send("450")
    now = clock.now()
    await street.db.transact(lambda s: staff.revoke(s, staff_id=staff_id, now=now, actor="system"))
    assert "This is for cashiers only" in (await anna.tap("confirm") or "")
    assert await street.sales() == 0
    assert await anna.commands() != TILL
    assert (await anna.last())["buttons"] == []
    words = await anna.open(f"c_{(await street.show(ivan)).token}")
    assert "Ivan" not in words, "a stranger who scans a card learns nothing"


async def test_everything_is_a_tap_away_and_nothing_is_left_unanswered(street: Street):
    anna = await street.cashier(501, "Anna")
    await anna.tap("New sale")
    assert "New sale" in await anna.words()
    await anna.tap("« Back")
    await anna.tap("Return")
    assert "No sales here today yet" in await anna.words()
    await anna.tap("« Back")
    await anna.tap("My shift")
    assert "Sales: 0" in await anna.words()
    await anna.tap("Help")
    assert "How the till works" in await anna.words()
    assert len(await anna.chat()) == 2, "the link and one menu that changes"
    for command, answer in {
        "/sale": "scan the customer's QR",
        "/return": "No sales here today yet",
        "/shift": "Tverskaya",
        "/help": "How the till works",
        "/start": "You are at the till of Tverskaya",
    }.items():
        assert answer in await anna.send(command)
    for nonsense in ("hello?", "x" * 4096, "450"):
        assert "did not understand" in await anna.send(nonsense)
    assert "did not understand" in await anna.send_photo()


async def test_a_made_up_link_or_command_keeps_a_cashier_at_the_till(street: Street):
    anna = await street.cashier(501, "Anna")
    for payload in ("zzz", "j_" + "x" * 40, "x_abc", "r_"):
        assert "You are at the till of Tverskaya" in await anna.open(payload)
    for nonsense in ("/450", "/nonsense", "/salen", "/SALES now"):
        assert "did not understand" in await anna.send(nonsense)
        assert "🛍 New sale" in await anna.buttons()
    assert "scan the customer's QR" in await anna.send("/Sale")
    ivan = await street.customer(701, "Ivan", points=200)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    words = await anna.send("/450")
    assert "could not read" in words.lower()
    assert "Ivan" in words, "the sale is still there"
    assert "450" in await anna.send("450")
    await anna.tap("confirm")
    assert await street.sales() == 1


async def test_a_sum_out_of_the_blue_is_the_tills_for_who_is_a_customer_too(street: Street):
    anna = await street.cashier(501, "Anna")
    await street.customer(501, "Anna", points=200)
    await anna.send("/menu")
    await anna.tap("Later")
    for typed in ("450", "1 200,50", "300 + 150", "₽450"):
        words = await anna.send(typed)
        assert "did not understand" in words
        assert "scan the customer's QR" in words
        assert "🛍 New sale" in await anna.buttons()
    await anna.send("hello?")
    assert "🛍 New sale" not in await anna.buttons(), "words are the customer's side"


async def test_a_cashier_is_a_customer_too_but_not_at_their_own_till(street: Street):
    anna = await street.cashier(501, "Anna")
    boris = await street.cashier(502, "Boris")
    own = await street.customer(501, "Anna", points=200)
    token = (await street.show(own)).token
    assert "your own card" in (await anna.open(f"c_{token}")).lower()
    words = await boris.open(f"c_{token}")
    assert "Anna" in words
    assert "points" in (await anna.send("/balance")).lower()
