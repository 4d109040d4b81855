"""Stars and words in the chat, on the local Telegram, on both databases and in both languages."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from bot.app import RunningBot
from loyalty import feedback
from loyalty.db import Database
from loyalty.feedback import rating
from tests.bot.phone import Phone, Telegram, running_bot, until
from tests.bot.voices import buys, id_of, kept, lines, opens, step_of

pytestmark = pytest.mark.usefixtures("running")


async def person(
    telegram: Telegram, number: int, *, russian: bool = False, name: str = "Ann"
) -> Phone:
    """A customer with the menu before them."""
    language = "ru" if russian else "en"
    phone = await telegram.person(number, first_name=name, language_code=language)
    await phone.joins(russian=russian)
    return phone


@pytest.mark.parametrize("russian", [False, True])
async def test_five_stars_words_and_the_invitation(
    telegram: Telegram, db: Database, russian: bool
) -> None:
    ann = await person(telegram, 1, russian=russian)
    me = await id_of(db, 1)
    short = await buys(db, me)
    await opens(ann, f"go:rate:{short}")
    asked = await ann.reads("Как вам?" if russian else "How was it?")
    assert "450" in asked["text"]
    await ann.tap(f"rate:{short}:5")
    await ann.reads("5 из 5: спасибо!" if russian else "5 of 5: thank you!")
    assert await step_of(db, 1) == "rate_text"
    await ann.send("Wonderful <b>coffee</b>")
    await ann.reads("Подарки будут обоим" if russian else "gifts for you both")
    assert await kept(db, me) == [(5, "Wonderful <b>coffee</b>")]
    assert await step_of(db, 1) is None
    await ann.tap("🤝 Пригласить друга" if russian else "🤝 Invite a friend")
    await ann.reads("Пригласите друга" if russian else "Invite a friend")
    assert await lines(db, me) == []


@pytest.mark.parametrize("russian", [False, True])
async def test_a_low_score_becomes_a_talk(telegram: Telegram, db: Database, russian: bool) -> None:
    ann = await person(telegram, 1, russian=russian)
    me = await id_of(db, 1)
    short = await buys(db, me)
    await opens(ann, f"go:rate:{short}:2")
    await ann.reads("2 из 5: нам очень жаль" if russian else "2 of 5: we are sorry")
    await ann.send("Холодный кофе")
    await ann.reads("Хотите добавить" if russian else "Anything to add")
    assert await kept(db, me) == [(2, "Холодный кофе")]
    assert await lines(db, me) == ["Холодный кофе"]
    assert await db.read(feedback.waiting) == 1
    # The talk has begun: who goes on typing is heard.
    await ann.send("И ждать долго")
    await ann.reads("Получили, спасибо" if russian else "We have got it")
    assert await lines(db, me) == ["Холодный кофе", "И ждать долго"]


async def test_four_stars_and_skipping(telegram: Telegram, db: Database) -> None:
    ann = await person(telegram, 1)
    me = await id_of(db, 1)
    short = await buys(db, me)
    await opens(ann, f"go:rate:{short}:4")
    await ann.reads("What would have made it a 5?")
    await ann.tap("Skip")
    thanks = await ann.reads("see you soon")
    assert "Invite" not in str(thanks["buttons"])
    assert await step_of(db, 1) is None
    await opens(ann, f"go:rate:{short}:1")
    changed = await ann.reads("1 of 5: we are sorry")
    assert "Your score was 4, now it is 1." in changed["text"]
    await ann.tap("Skip")
    await ann.with_button("💬 Write to us")
    assert await kept(db, me) == [(1, None)]


async def test_taps_again_and_taps_of_somebody_else(telegram: Telegram, db: Database) -> None:
    ann, bob = await person(telegram, 1), await person(telegram, 2, name="Bob")
    me, other = await id_of(db, 1), await id_of(db, 2)
    short = await buys(db, me)
    for _ in range(3):
        await opens(ann, f"go:rate:{short}:5")
    await ann.reads("5 of 5")
    forged = [
        f"go:rate:{short}:5",
        f"go:rate:{short}",
        f"go:rate:{short}:9",
        "go:rate:",
        "go:rate:!!:5",
        "go:rate_skip:zz:9",
        f"go:talk:{short}",
        "go:talk:!!",
    ]
    for data in forged:
        await opens(bob, data)
    await bob.send("/help")
    await bob.reads("How it works")
    seen = " ".join(message.get("text") or "" for message in await bob.from_bot())
    assert "450" not in seen
    assert await kept(db, other) == []
    assert await kept(db, me) == [(5, None)]
    count = sa.select(sa.func.count()).select_from(rating)
    assert await db.read(lambda s: s.execute(count).scalar_one()) == 1


async def test_words_that_are_too_long_may_be_shortened(telegram: Telegram, db: Database) -> None:
    ann = await person(telegram, 1)
    me = await id_of(db, 1)
    short = await buys(db, me)
    await opens(ann, f"go:rate:{short}:3")
    await ann.reads("3 of 5")
    await ann.send("x" * 2001)
    await ann.reads("2,001 characters, and 2,000 fit")
    await ann.send("short")
    await ann.reads("look into it")
    assert await lines(db, me) == ["short"]


@pytest.mark.usefixtures("telegram")
async def test_a_restart_between_the_stars_and_the_words(
    telegram: Telegram, db: Database, running: RunningBot
) -> None:
    ann = await person(telegram, 1)
    me = await id_of(db, 1)
    short = await buys(db, me)
    await opens(ann, f"go:rate:{short}:3")
    await ann.reads("3 of 5")
    await running.stop(5)
    await ann.send("Written while you were away")
    async with running_bot(db, telegram):
        await ann.reads("look into it")

        async def said() -> bool:
            return await lines(db, me) == ["Written while you were away"]

        assert await until(said, "the words in the talk")
    assert await kept(db, me) == [(3, "Written while you were away")]
