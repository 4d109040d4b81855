"""What was answered just before the bot fell over is answered the same way once more.

An update stays in the inbox until it has been answered, so one whose effect is kept may be
handled again: it does nothing twice, and the person reads what they would have read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from bot.app import RunningBot
from bot.context import as_found
from loyalty import customers
from loyalty.customers import customer
from loyalty.db import Database
from loyalty.events import event
from tests.bot.phone import Phone, Telegram
from tests.bot.voices import buys, id_of, kept, lines, opens, step_of

Say = Callable[[str], Awaitable[str]]


@pytest.fixture(params=[False, True], ids=["en", "ru"])
async def ann(request: pytest.FixtureRequest, running: RunningBot, telegram: Telegram) -> Phone:
    """A customer with the menu before them, in each language."""
    language = "ru" if request.param else "en"
    phone = await telegram.person(1, first_name="Ann", language_code=language)
    await phone.joins(russian=request.param)
    return phone


@pytest.fixture
def says_twice(running: RunningBot, ann: Phone) -> Say:
    """One typed text, handled twice; what was answered, which must be the same each time."""

    async def say(text: str) -> str:
        return await twice(running, ann, text=text)

    return say


async def twice(running: RunningBot, phone: Phone, **content: Any) -> str:
    """The same update as after a crash between its effect and its answer; the answer."""
    me = (await phone.messages())[0]["from"]
    update: dict[str, Any] = {
        "update_id": 2**40,
        "message": {
            "message_id": 9_000_000,
            "date": 1_790_000_000,
            "chat": {"id": phone.id, "type": "private", "first_name": me["first_name"]},
            "from": me,
            **content,
        },
    }
    await running.idle()
    answers = []
    for _trial in range(2):
        await running.intake.handle(update)
        newest = (await phone.from_bot())[-1]
        answers.append((newest["text"], newest.get("buttons")))
    assert answers[0] == answers[1]
    return str(answers[0][0])


async def told(db: Database) -> list[str]:
    """Which fields of the profile were changed, in order."""
    query = sa.select(event.c.data).where(event.c.type == "customer.profile_changed")
    rows = await db.read(lambda s: s.execute(query.order_by(event.c.id)).scalars().all())
    return [data["field"] for data in rows]


async def test_a_name(ann: Phone, db: Database, says_twice: Say) -> None:
    await opens(ann, "go:name")
    await ann.with_button("profile")
    assert "Anna Maria 💛" in await says_twice("Anna Maria")
    found = await db.read(lambda s: customers.find_by_telegram(s, 1))
    assert found is not None
    assert found.name == "Anna Maria"
    assert await told(db) == ["name"]
    # Another text is no name: nobody has asked for one again.
    await ann.send("Bob")
    await ann.with_button("help")
    assert await step_of(db, 1) is None
    assert await told(db) == ["name"]


async def test_a_birthday(ann: Phone, db: Database, says_twice: Say) -> None:
    await ann.tap("profile")
    await ann.tap("birthday")
    await ann.with_button("birthday_skip")
    answer = await says_twice("05.06.1990")
    assert "5 June 🎂" in answer or "5 июня 🎂" in answer
    found = await db.read(lambda s: customers.find_by_telegram(s, 1))
    assert found is not None
    assert (found.birth_day, found.birth_month, found.birth_year) == (5, 6, 1990)
    assert await told(db) == ["birthday"]
    changed = sa.select(customer.c.birthday_set_at)
    assert await db.read(lambda s: s.execute(changed).scalar_one()) is None


@pytest.mark.parametrize("about", [False, True])
async def test_a_word_to_the_staff(ann: Phone, db: Database, says_twice: Say, about: bool) -> None:
    me = await id_of(db, 1)
    await opens(ann, f"go:talk:{await buys(db, me)}" if about else "go:talk")
    await ann.with_button("menu")
    assert "Do you have oat milk?" in await says_twice("Do you have oat milk?")
    (said,) = await lines(db, me)
    assert said.endswith("Do you have oat milk?")
    assert said.startswith("🧾") == about
    assert await step_of(db, 1) == "talk"


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (2, ("Our team will look into it", "Мы разберёмся")),
        (4, ("glad to read it", "Передадим команде")),
        (5, ("gifts for you both", "Подарки будут обоим")),
    ],
)
async def test_words_to_a_rating(
    ann: Phone, db: Database, says_twice: Say, score: int, words: tuple[str, str]
) -> None:
    me = await id_of(db, 1)
    short = await buys(db, me)
    await opens(ann, f"go:rate:{short}:{score}")
    await ann.with_button(f"rate_skip:{short}:{score}")
    answer = await says_twice("The coffee was cold")
    assert any(part in answer for part in words), answer
    assert await kept(db, me) == [(score, "The coffee was cold")]
    assert await lines(db, me) == (["The coffee was cold"] if score < 4 else [])


@pytest.mark.parametrize("name", ["talk", "rate"])
async def test_words_that_came_too_late_stay_late(
    ann: Phone, db: Database, says_twice: Say, name: str
) -> None:
    me = await id_of(db, 1)
    short = await buys(db, me)
    await opens(ann, "go:talk" if name == "talk" else f"go:rate:{short}:2")
    await ann.with_button("menu" if name == "talk" else f"rate_skip:{short}:2")
    table = customers.telegram_chat
    late = sa.update(table).values(step_data={"purchase": short, "score": 2, "until": 5})
    await db.transact(lambda s: s.execute(late))
    answer = await says_twice("Hello?")
    assert "I did not quite get that" in answer or "не совсем" in answer
    assert await lines(db, me) == []
    assert (await kept(db, me))[:1] in ([], [(2, None)])


async def test_the_way_back_from_a_new_number(ann: Phone, db: Database, says_twice: Say) -> None:
    await opens(ann, "go:number")
    await ann.reads("Telegram")
    # The key's words are known in any language.
    await says_twice("‹ Back")
    stays = [
        message["text"]
        for message in await ann.from_bot()
        if "number stays" in message["text"] or "номер остаётся" in message["text"].lower()
    ]
    assert len(stays) == 2
    assert await step_of(db, 1) is None


async def test_a_new_number(ann: Phone, db: Database, running: RunningBot) -> None:
    await opens(ann, "go:number")
    await ann.reads("Telegram")
    contact = {"phone_number": "+79991112233", "first_name": "Ann", "user_id": 1}
    await twice(running, ann, contact=contact)
    done = [m["text"] for m in await ann.from_bot() if "+7 ••• 2233" in (m.get("text") or "")]
    assert len(done) == 2
    assert done[0] == done[1]
    assert await told(db) == ["phone"]


async def test_the_question_for_the_birthday(ann: Phone, db: Database, running: RunningBot) -> None:
    await buys(db, await id_of(db, 1))
    command = {"type": "bot_command", "offset": 0, "length": 6}
    answer = await twice(running, ann, text="/start", entities=[command])
    assert "05.06.1990" in answer
    assert await step_of(db, 1) == "birthday"
    await running.ctx.living.flush()
    await ann.send("/start")
    await ann.with_button("card")


async def test_a_later_text_finds_the_question_that_stands(
    ann: Phone, db: Database, says_twice: Say
) -> None:
    await opens(ann, "go:name")
    await ann.with_button("profile")
    await says_twice("Anna")
    chat = (await db.read(lambda s: customers.visit(s, 1))).chat
    assert chat is not None
    found, again = as_found(chat, 2**40)
    assert again
    assert found is not None
    assert found.step == "name"
    found, again = as_found(chat, 2**40 + 1)
    assert not again
    assert found is not None
    assert (found.step, found.step_data) == (None, None)
    assert as_found(None, 1) == (None, False)
