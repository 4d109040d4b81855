"""The same guest again, a card shown too late, guests without personal data, paper cards."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import checkup, clock, customers, enrolment, purchases
from loyalty.customers import customer
from loyalty.purchases import Receipt
from loyalty.staff import outlet
from loyalty.tokens import CARD_LIFETIME
from tests.bot.cashier.street import KEYS, ZONE, Phone, Street


def blank() -> str:
    """The payload of a printed card."""
    return f"c_{enrolment.blank(KEYS, now=clock.now())[0]}"


async def guests(street: Street) -> list[tuple[int, str, int | None]]:
    """Everybody: id, status, merged into."""
    query = sa.select(customer.c.id, customer.c.status, customer.c.merged_into)
    rows = await street.db.read(lambda s: s.execute(query.order_by(customer.c.id)).all())
    return [(row.id, row.status, row.merged_into) for row in rows]


async def is_whole(street: Street) -> None:
    """Everything adds up."""
    assert not (await street.db.read(checkup.check)).faults


async def sold_without_card(street: Street, amount: int, *, ago: timedelta = timedelta()) -> int:
    """The till has sold without a card; the sale's id."""

    def unit(session: Session) -> int:
        at = clock.now() - ago
        place = session.execute(sa.select(outlet.c.id)).scalars().first()
        return purchases.record(
            session, customer_id=None, receipt=Receipt.of_sum(amount, sold_at=at), redeem=0,
            may_redeem=False, actor="key:1", outlet_id=place, staff_id=None, source="pos",
            now=at, time_zone=ZONE,
        ).purchase_id  # fmt: skip

    return await street.db.transact(unit)


async def sell(phone: Phone, total: str) -> str:
    """Type the sum and confirm; the words then."""
    await phone.send(total)
    await phone.tap("onfirm")
    return await phone.words()


# --- the same guest --------------------------------------------------------------------------


async def test_the_same_guest_earns_and_cannot_spend(street_on_both: Street):
    street = street_on_both
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan", points=500)
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await sell(anna, "450")
    await anna.send("/sale")
    start = await anna.last()
    await anna.tap("Ivan again")
    words = await anna.words()
    assert "Ivan" in words
    assert "Enter the sum" in words
    await anna.tap_data(start, start["buttons"][0][0]["callback_data"])
    await anna.send("1000")
    assert not any("Spend" in label for label in await anna.buttons())
    await anna.tap("onfirm")
    assert await street.sales() == 2
    assert (await street.balance(ivan)).pending == 22 + 50


async def test_another_tills_guest_is_not_offered(street: Street):
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan")
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await sell(anna, "450")
    await anna.send("/sale")
    offered = await anna.last()
    data = offered["buttons"][0][0]["callback_data"]
    boris = await street.cashier(502, "Boris")
    await boris.send("/sale")
    assert await boris.buttons() == ["🆕 New guest", "« Back"]
    assert "could not find this purchase" in (await boris.tap_data(await boris.last(), data) or "")
    clock.set_offset(timedelta(days=1))
    assert "could not find this purchase" in (await anna.tap_data(offered, data) or "")
    await anna.send("/sale")
    assert await anna.buttons() == ["🆕 New guest", "« Back"]


# --- a card shown too late -------------------------------------------------------------------


async def test_a_late_card_goes_on_the_last_receipt_once(street_on_both: Street):
    street = street_on_both
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan")
    sale = await sold_without_card(street, 45000, ago=timedelta(minutes=5))
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.tap("📎 To №")
    assert "₽450: put it on this card?" in await anna.words()
    question = await anna.last()
    await anna.tap("Yes, put it")
    words = await anna.words()
    assert "is on the card" in words
    assert "Earned: 22 points" in words
    yes = question["buttons"][0][0]["callback_data"]
    await anna.tap_data(question, yes)
    assert (await street.balance(ivan)).pending == 22
    assert await street.sales() == 1
    olga = await street.customer(702, "Olga")
    await anna.open(f"c_{(await street.show(olga)).token}")
    assert await anna.buttons() == ["Cancel"], "it has its guest"
    assert sale
    await is_whole(street)


async def test_after_a_quarter_of_an_hour_it_is_too_late(street: Street):
    anna = await street.cashier(501, "Anna")
    ivan = await street.customer(701, "Ivan")
    await sold_without_card(street, 45000, ago=timedelta(minutes=14))
    await anna.open(f"c_{(await street.show(ivan)).token}")
    await anna.tap("📎 To №")
    question = await anna.last()
    clock.set_offset(timedelta(minutes=2))
    said = await anna.tap_data(question, question["buttons"][0][0]["callback_data"])
    assert "too long ago" in (said or "")
    assert (await street.balance(ivan)).pending == 0


# --- guests without personal data ------------------------------------------------------------


async def test_a_paper_card_is_enrolled_by_its_first_scan(street_on_both: Street):
    street = street_on_both
    anna, payload = await street.cashier(501, "Anna"), blank()
    assert "Paper card · 0 points" in await anna.open(payload)
    assert "Earned: 120 points" in await sell(anna, "2400")
    assert "Paper card · 0 points" in await anna.open(payload), "pending yet"
    clock.set_offset(timedelta(days=2))
    assert "Paper card · 120 points" in await anna.open(payload)
    await anna.send("1000")
    assert "once the owner of the card has joined" in await anna.words()
    assert [status for _id, status, _into in await guests(street)] == ["anonymous"]


async def joins(street: Street, phone: Phone, payload: str) -> str:
    """Follow the card's link and go all the way; what was said of the card first."""
    said = await phone.open(payload)
    await phone.tap("Agree and join")
    await phone._act("send", {"contact": "own"})
    return said


async def test_a_stranger_takes_the_paper_card(street_on_both: Street):
    street = street_on_both
    anna, payload = await street.cashier(501, "Anna"), blank()
    await anna.open(payload)
    await sell(anna, "2400")
    masha = await street.phone(801, "Masha")
    said = await joins(street, masha, payload)
    assert "This card already has 120 points. Join, and they are yours!" in said
    ((guest, status, _into),) = await guests(street)
    assert status == "active", "the same customer"
    assert (await street.balance(guest)).pending == 120
    # Scanned by somebody else, it says nothing of its owner; at the till it earns, as before.
    petya = await street.phone(802, "Petya")
    told = await petya.open(payload)
    assert "Masha" not in told
    assert "120" not in told
    words = await anna.open(payload)
    assert "Masha" in words
    assert "A paper card only earns" in words
    await is_whole(street)


async def test_a_member_puts_the_paper_card_on_their_own(street_on_both: Street):
    street = street_on_both
    anna, payload = await street.cashier(501, "Anna"), blank()
    await anna.open(payload)
    await sell(anna, "2400")
    ivan = await street.customer(701, "Ivan", points=10)
    phone = await street.phone(701, "Ivan")
    assert "This is a paper card" in await phone.open(payload)
    question = await phone.last()
    await phone.tap("Yes, it is mine")
    assert "The paper card earns to your card now" in await phone.words()
    assert "120 points" in await phone.words()
    await phone.tap_data(question, question["buttons"][0][0]["callback_data"])
    owned = await street.balance(ivan)
    assert (owned.available, owned.pending) == (10, 120)
    assert [into for _id, _status, into in await guests(street)].count(ivan) == 1
    await anna.open(payload)
    await sell(anna, "1000")
    assert (await street.balance(ivan)).pending == 170
    late = await street.customer(702, "Olga")
    other = await street.phone(702, "Olga")
    await other.tap_data(
        question | {"text": "x"}, question["buttons"][0][0]["callback_data"]
    ) if await other.chat() else await other.send("/start")
    assert (await street.balance(late)).pending == 0
    await is_whole(street)


async def test_a_new_guest_without_paper_gets_a_qr(street_on_both: Street):
    street = street_on_both
    anna = await street.cashier(501, "Anna")
    await anna.send("/sale")
    await anna.tap("New guest")
    question = await anna.last()
    await anna.tap("Without a paper card")
    assert "New guest · 0 points" in await anna.words()
    await anna.tap_data(question, "sale:guest")
    assert len(await guests(street)) == 1, "one message, one guest"
    await anna.send("2400")
    done = await anna.last()
    await anna.tap("onfirm", message=done)
    picture = await anna.last()
    link = picture["caption"].rpartition("start=")[2].split()[0]
    assert link.startswith("c_")
    masha = await street.phone(801, "Masha")
    assert "120 points" in await joins(street, masha, link)
    assert "paper card" not in " ".join(m["text"] or "" for m in await masha.chat()).lower()
    ((guest, status, _into),) = await guests(street)
    assert status == "active"
    assert (await street.balance(guest)).pending == 120
    await is_whole(street)


async def test_the_qr_can_be_shown_again_until_it_is_taken(street: Street):
    anna = await street.cashier(501, "Anna")
    await anna.send("/sale")
    await anna.tap("New guest")
    await anna.tap("Without a paper card")
    await anna.send("2400")
    screen = await anna.last()
    await anna.tap("onfirm", message=screen)
    done = next(m for m in await anna.chat() if m["message_id"] == screen["message_id"])
    await anna.tap("QR for the guest", message=done)
    pictures = [m for m in await anna.chat() if m.get("caption")]
    assert len(pictures) == 2
    await joins(street, await street.phone(801, "Masha"),
                pictures[0]["caption"].rpartition("start=")[2].split()[0])  # fmt: skip
    await anna.tap("QR for the guest", message=done)
    assert "has its owner already" in await anna.words()


async def test_a_late_screen_card_is_no_more_than_a_greeting(street: Street):
    anna = await street.cashier(501, "Anna")
    await anna.send("/sale")
    await anna.tap("New guest")
    await anna.tap("Without a paper card")
    await anna.send("2400")
    await anna.tap("onfirm")
    link = (await anna.last())["caption"].rpartition("start=")[2].split()[0]
    clock.set_offset(timedelta(hours=73))
    masha = await street.phone(801, "Masha")
    assert "120" not in await joins(street, masha, link)
    assert [status for _id, status, _into in await guests(street)] == ["anonymous", "active"]


@pytest.mark.parametrize("language", ["ru", "en"])
async def test_the_words_of_a_new_guest(street: Street, language: str):
    anna = await street.cashier(501, "Anna", language=language)
    await anna.send("/sale")
    ru = language == "ru"
    await anna.tap("Новый гость" if ru else "New guest")
    assert ("чистую бумажную карту" if ru else "blank paper card") in await anna.words()
    await anna.tap("Без бумажной карты" if ru else "Without a paper card")
    assert ("Новый гость · 0 баллов" if ru else "New guest · 0 points") in await anna.words()


async def test_paper_stays_paper(street: Street):
    """A card printed this minute is as old as any: it never spends, nor does its owner by it."""
    anna, payload = await street.cashier(501, "Anna"), blank()
    await anna.open(payload)
    await joins(street, await street.phone(801, "Masha"), payload)
    ((guest, _status, _into),) = await guests(street)
    await anna.open(payload)
    await anna.send("1000")
    assert not any("Spend" in label for label in await anna.buttons())
    assert timedelta(minutes=10) == CARD_LIFETIME
    shown = await street.db.transact(
        lambda s: customers.show_card(s, keys=KEYS, customer_id=guest, now=clock.now())
    )
    await anna.open(f"c_{shown.token}")
    await anna.send("1000")
    assert any("Spend" in label for label in await anna.buttons()), "the welcome gift"
