"""The history by pages, its filters, and any line of it opened and explained; in two languages."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from bot.app import RunningBot
from loyalty import wallet
from loyalty.db import Database
from loyalty.ids import short_of
from loyalty.purchases import Line
from loyalty.wallet.tables import entry
from tests.bot.phone import Phone, Telegram
from tests.bot.purse import Shop, every_kind, give, id_of
from tests.bot.taps import tap_raw
from tests.bot.test_card import member

LATIN = re.compile(r"[A-Za-z]{3,}")


def labels(message: dict[str, object]) -> list[list[str]]:
    """What the buttons say, row by row."""
    rows = message["buttons"]
    assert isinstance(rows, list)
    return [[button["text"] for button in row] for row in rows]


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_pages_filters_and_back_to_the_same_place(
    running: RunningBot, telegram: Telegram, db: Database, language: str
) -> None:
    ann = await member(telegram, language=language)
    me, russian = await id_of(db), language == "ru"
    for points in range(1, 18):
        await give(db, me, points)
    shop = await Shop.open(db)
    await shop.sell(me, redeem=5)
    await ann.send("/history")
    head = "Ваши баллы" if russian else "Your points"
    older, newer = ("Раньше »", "« Новее") if russian else ("Older »", "« Newer")
    first = await ann.reads(head)
    assert len(re.findall(r"^\d\. ", first["text"], re.MULTILINE)) == 8
    assert labels(first)[:2] == [["1", "2", "3", "4"], ["5", "6", "7", "8"]]
    data = first["buttons"][2][-1]["callback_data"]
    assert first["buttons"][2][-1]["text"] == older
    await ann.tap(data)
    second = await ann.reads("+8 ·")
    assert second["message_id"] == first["message_id"]
    # An entry opens in the same message, and its way back leads to the very page.
    await ann.tap("3")
    await ann.reads("Баллов на карте после" if russian else "Points on the card after")
    await ann.tap("‹ История" if russian else "‹ History")
    assert (await ann.reads(head))["text"] == second["text"]
    await ann.tap(newer)
    assert (await ann.reads("−5"))["text"] == first["text"]
    await ann.tap("− Ушли" if russian else "− Spent")
    spent = await ann.reads("1. −5")
    assert "2." not in spent["text"]
    assert ("• − Ушли" if russian else "• − Spent") in labels(spent)[-2]
    await ann.tap("+ Пришли" if russian else "+ Earned")
    earned = await ann.reads("+17")
    assert "−5" not in earned["text"]


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_every_kind_of_entry_is_explained(
    running: RunningBot, telegram: Telegram, db: Database, language: str
) -> None:
    ann = await member(telegram, language=language)
    await member(telegram, 2)
    me = await id_of(db)
    await every_kind(db, await Shop.open(db), me, await id_of(db, 2))
    entries = await db.read(lambda s: wallet.history(s, customer_id=me, limit=100))
    kinds = {one.kind for one in entries}
    assert len(kinds) == 12, kinds
    await ann.send("/history")
    living = (await ann.reads("1. "))["message_id"]
    for one in entries:
        await tap_raw(running, ann, f"entry:{short_of(one.id)}", message_id=living)
        text = (await ann.from_bot())[-1]["text"]
        assert text.startswith(f"{'+' if one.amount > 0 else '−'}{abs(one.amount)} · "), text
        assert text.count("\n") <= 16, text
        assert "staff talk" not in text
        if language == "ru":
            assert not LATIN.search(text.replace("Main Street", "")), text
    assert running.intake.failed == 0


async def test_a_purchase_in_words(running: RunningBot, telegram: Telegram, db: Database) -> None:
    ann = await member(telegram)
    me, shop = await id_of(db), await Shop.open(db)
    await give(db, me, 100, kind="birthday", days_ago=10)
    sale = await shop.sell(me, redeem=100, days_ago=3)
    await ann.send("/history")
    await ann.reads("For a purchase of ₽750")
    await ann.tap("1")
    text = (await ann.reads("What for"))["text"]
    assert "Main Street" in text
    assert "• Латте <b> ×2 – ₽500" in text
    assert "Total ₽750, 100 of it in points" in text
    assert "What for: 5 % Bronze" in text
    assert "To spend since" in text
    assert "All of them are still here" in text
    assert labels(await ann.reads("What for"))[0] == ["⭐ Rate", "💬 Ask about this"]
    talk = (await ann.reads("What for"))["buttons"][0][1]["callback_data"]
    assert talk == f"talk:{short_of(sale.purchase_id)}"
    await ann.tap("‹ History")
    await ann.tap("2")
    text = (await ann.reads("You paid with points from"))["text"]
    assert "• 100: Birthday gift 🎂" in text


@pytest.mark.parametrize(("language", "kind"), [("ru", "Кофе"), ("en", "Coffee")])
async def test_a_kind_of_goods_is_called_by_its_name(
    running: RunningBot, telegram: Telegram, db: Database, language: str, kind: str
) -> None:
    ann = await member(telegram, language=language)
    me, shop = await id_of(db), await Shop.open(db)
    sale = await shop.sell(me, Line(amount=45000, price=45000, category="coffee"))
    await shop.take_back(sale.purchase_id)
    await ann.send("/history")
    living = (await ann.reads("1. "))["message_id"]
    entries = await db.read(lambda s: wallet.history(s, customer_id=me, limit=10))
    (came,) = (one for one in entries if one.kind == "accrual")
    await tap_raw(running, ann, f"entry:{short_of(came.id)}", message_id=living)
    text = (await ann.from_bot())[-1]["text"]
    assert f"• {kind} – " in text
    # Nothing is left of them: no day from which they could be spent.
    assert ("уже ничего не осталось" if language == "ru" else "None of them are left") in text
    assert ("Можно тратить" if language == "ru" else "To spend") not in text


async def test_what_is_not_ones_own_is_an_old_button(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann, bob = await member(telegram), await member(telegram, 2)
    query = sa.select(entry.c.id).where(entry.c.customer_id == await id_of(db))
    theirs = await db.read(lambda s: s.execute(query).scalar_one())
    foreign = f"entry:{short_of(theirs)}"
    for data in (foreign, f"{foreign}:history:all", "entry:", "entry:!!", "entry:zzzzzzzzzzzzz"):
        said = await tap_raw(running, bob, data)
        assert said.text is not None
        assert "This button is old" in said.text
    assert "Welcome gift" not in str(await bob.from_bot())
    for data in ("history:all:zz", "history:none:zzzzzzzzzzzzzzzzzz", "history:spent:1", "history"):
        await tap_raw(running, bob, data)
    assert running.intake.failed == 0
    await ann.send("/history")
    await ann.reads("Welcome gift")


async def test_a_newcomer_and_two_devices(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann: Phone = await member(telegram)
    await db.transact(lambda s: s.execute(sa.delete(entry)))
    await ann.send("/history")
    empty = await ann.reads("Nothing here yet")
    assert labels(empty) == [["‹ Points", "« Menu"]]
    await tap_raw(running, ann, "history:spent", message_id=empty["message_id"], times=3)
    shown = await ann.reads("not spent any points yet")
    assert shown["message_id"] == empty["message_id"]
    await ann.tap("All")
    await ann.reads("Nothing here yet")
