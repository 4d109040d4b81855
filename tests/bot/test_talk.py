"""Writing to the staff and reading the answer in the chat."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from loyalty import clock, customers, feedback
from loyalty.db import Database
from loyalty.feedback import talk_message
from loyalty.ids import new_id
from tests.bot.phone import Telegram
from tests.bot.test_rating import person
from tests.bot.voices import answers, buys, id_of, lines, opens, step_of

pytestmark = pytest.mark.usefixtures("running")


@pytest.mark.parametrize("russian", [False, True])
async def test_words_and_an_answer(telegram: Telegram, db: Database, russian: bool) -> None:
    ann = await person(telegram, 1, russian=russian)
    me = await id_of(db, 1)
    await opens(ann, "go:talk")
    await ann.reads("Напишите сообщение" if russian else "Type your message")
    await ann.send("A & <i>B</i>?")
    got = await ann.reads("Получили, спасибо" if russian else "We have got it")
    assert "A & <i>B</i>?" in got["text"]
    await ann.send("And C")
    await ann.reads("And C")
    assert await lines(db, me) == ["A & <i>B</i>?", "And C"]
    assert await db.read(feedback.waiting) == 1
    await answers(db, me, "Yes & <no>")
    await opens(ann, "go:talk")
    seen = await ann.reads("Yes & <no>")
    assert ("Мы:" if russian else "Our team:") in seen["text"]
    await ann.tap("menu")
    await ann.with_button("card")


async def test_what_is_no_text_does_not_arrive(telegram: Telegram, db: Database) -> None:
    ann = await person(telegram, 1)
    me = await id_of(db, 1)
    await opens(ann, "go:talk")
    await ann.reads("Type your message")
    await ann.post(sticker="👍")
    await ann.reads("Only typed words reach our team")
    await ann.send("y" * 2001)
    await ann.reads("send it in parts")
    await ann.send("Typed")
    await ann.reads("We have got it")
    assert await lines(db, me) == ["Typed"]


async def test_a_question_about_a_purchase_says_which(telegram: Telegram, db: Database) -> None:
    ann = await person(telegram, 1)
    me = await id_of(db, 1)
    short = await buys(db, me)
    await opens(ann, f"go:talk:{short}")
    await ann.reads("About: ₽450")
    await ann.send("Where are my points?")
    await ann.reads("We have got it")
    (said,) = await lines(db, me)
    head, _newline, words = said.partition("\n")
    assert head.startswith("🧾 ₽450, ")
    assert words == "Where are my points?"
    await ann.send("And thanks")
    await ann.reads("And thanks")
    assert (await lines(db, me))[1] == "And thanks"


async def test_the_twenty_first_message_of_an_hour_waits(telegram: Telegram, db: Database) -> None:
    ann = await person(telegram, 1)
    me, now = await id_of(db, 1), clock.now()
    for number in range(20):
        await db.transact(
            lambda s, n=number: feedback.write(  # type: ignore[misc]
                s, customer_id=me, text=f"No. {n}", key=str(new_id()), now=now
            )
        )
    await opens(ann, "go:talk")
    await ann.reads("No. 19")
    await ann.send("One more")
    await ann.reads("You can write more in")
    assert len(await lines(db, me)) == 20


async def test_words_of_another_day_are_not_taken_for_the_talk(
    telegram: Telegram, db: Database
) -> None:
    ann = await person(telegram, 1)
    me = await id_of(db, 1)
    await opens(ann, "go:talk")
    await ann.reads("Type your message")
    table = customers.telegram_chat
    late = sa.update(table).values(step_data={"purchase": None, "until": 5})
    await db.transact(lambda s: s.execute(late))
    await ann.send("SALE2026")
    await ann.reads("I did not quite get that")
    assert await lines(db, me) == []
    assert await step_of(db, 1) is None


async def test_erased_words_are_gone_from_the_screen(telegram: Telegram, db: Database) -> None:
    ann = await person(telegram, 1)
    await opens(ann, "go:talk")
    await ann.reads("Type your message")
    await ann.send("Forget this")
    await ann.reads("Forget this")
    await db.transact(lambda s: s.execute(sa.delete(talk_message)))
    await opens(ann, "go:talk")
    await ann.reads("Type your message")
    newest = (await ann.from_bot())[-1]
    assert "Forget this" not in newest["text"]
