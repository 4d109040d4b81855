"""Joining, counted and disturbed: three taps, the ways back, what comes twice or in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa

from bot.app import RunningBot
from loyalty import consent, customers
from loyalty.customers import customer
from loyalty.db import Database
from tests.bot.phone import Phone, Telegram, running_bot, until
from tests.bot.taps import tap_raw


@dataclass(frozen=True)
class Words:
    """What a language says on the way in."""

    language: str
    agree: str
    last_step: str
    share: str
    back: str
    greeting: str
    welcome: str
    ads: str
    later: str
    menu: str
    other: dict[str, str] = field(default_factory=dict)


EN = Words(
    language="en",
    agree="Agree and join ✅",
    last_step="One last step",
    share="📱 Share my phone number",
    back="‹ Back",
    greeting="This is your loyalty card",
    welcome="Welcome, Guest",
    ads="May I write to you",
    later="Later",
    menu="You have 100 points",
    other={"typed": "do not type the number", "sticker": "Nice one!", "foreign": "somebody else's"},
)
RU = Words(
    language="ru",
    agree="Принять и вступить ✅",
    last_step="Последний шаг",
    share="📱 Поделиться номером",
    back="‹ Назад",
    greeting="Это ваша карта",
    welcome="Guest",
    ads="Можно ",
    later="Позже",
    menu="100 баллов",
    other={"typed": "Набирать номер не нужно", "sticker": "", "foreign": "чужой номер"},
)


@pytest.fixture(params=[EN, RU], ids=["en", "ru"])
def said(request: pytest.FixtureRequest) -> Words:
    """The words of each language."""
    words: Words = request.param
    return words


async def keys_of(phone: Phone) -> list[str]:
    """Labels of the reply keyboard on the screen."""
    path = f"/users/{phone.id}/screen"
    screen = await phone.telegram.call("GET", path, bot=42)
    rows = (screen["keyboard"] or {"rows": []})["rows"]
    return [key["text"] for row in rows for key in row]


async def to_phone(phone: Phone, said: Words, payload: str = "") -> None:
    """From /start to the question for the number."""
    await phone.send(f"/start {payload}".strip())
    await phone.tap(said.agree)
    await phone.reads(said.last_step)


async def joined_by(db: Database, telegram_id: int) -> Any:
    """The customer in that chat."""
    return await db.read(lambda s: customers.find_by_telegram(s, telegram_id))


async def test_three_taps_after_start(
    running: RunningBot, telegram: Telegram, db: Database, said: Words
) -> None:
    ann = await telegram.person(1, language_code=said.language)
    taps: list[str] = []
    await ann.send("/start")
    await ann.tap(said.agree)
    taps.append("agree")
    await ann.reads(said.last_step)
    assert (await keys_of(ann))[0].startswith("📱")
    assert (await keys_of(ann))[1] == said.back
    await ann.share()
    taps.append("contact")
    await ann.tap("ads_no")
    taps.append("ads")
    await ann.reads(said.menu)
    assert len(taps) == 3, "two taps and the contact"
    assert await keys_of(ann) == [], "the keys have served"
    person = await joined_by(db, 1)
    assert person.language == said.language
    with_buttons = [m for m in await ann.from_bot() if m.get("buttons")]
    assert len(with_buttons) == 1, "one living message"
    assert running.intake.failed == 0


async def test_back_from_the_number_loses_nothing(
    running: RunningBot, telegram: Telegram, db: Database, said: Words
) -> None:
    ann = await telegram.person(1, language_code=said.language)
    await to_phone(ann, said, "s_window")
    await ann.send(said.back)
    await ann.with_button(said.agree)
    assert await keys_of(ann) == []
    await ann.tap("join_lang")
    other = RU if said is EN else EN
    await ann.tap(other.agree)
    await ann.reads(other.last_step)
    await ann.send(said.back)  # the key of the former language is understood as well
    await ann.with_button(other.agree)
    await ann.tap(other.agree)
    await until(lambda: at_the_number(ann), "asked again")
    await ann.share()
    await ann.tap("ads_later")
    person = await joined_by(db, 1)
    assert (person.source, person.language) == ("window", other.language)


async def at_the_number(phone: Phone) -> bool:
    """Whether the keys of that step are on the screen."""
    return len(await keys_of(phone)) == 2


async def test_words_and_stickers_in_between(telegram: Telegram, db: Database, said: Words) -> None:
    ann = await telegram.person(1, language_code=said.language)
    async with running_bot(db, telegram) as running:
        await ann.post(voice=True)
        await ann.with_button(said.agree)
        await ann.send("hello?")
        await until(lambda: running.handled == 2, "an answer")
        await ann.tap(said.agree)
        await ann.reads(said.last_step)
        await ann.send("+7 999 000-00-01")
        await ann.reads(said.other["typed"])
        assert await joined_by(db, 1) is None
        await ann.share({"phone": "+79995550000", "user_id": 77})
        await ann.reads(said.other["foreign"])
        await running.idle()
    async with running_bot(db, telegram) as running:
        await ann.post(sticker=True)
        await ann.reads(said.other["sticker"])
        await ann.send("/start")
        await ann.share()
        await ann.with_button("ads_yes")
        await running.idle()
        before = running.handled
        await ann.post(photo=True)
        await until(lambda: running.handled > before, "asked again")
        await ann.tap("ads_yes")
        await ann.reads(said.menu)
        await running.idle()
        assert running.intake.failed == 0
    person = await joined_by(db, 1)
    assert person.phone == ann.phone
    assert await keys_of(ann) == []
    given = await db.read(lambda s: consent.granted(s, customer_id=person.id))
    assert given["ads:telegram"]


async def test_no_answer_about_offers_is_a_no_and_is_asked_once(
    running: RunningBot, telegram: Telegram, db: Database, said: Words
) -> None:
    ann = await telegram.person(1, language_code=said.language)
    await to_phone(ann, said)
    await ann.share()
    asked = await ann.with_button("ads_yes")
    labels = [b["text"] for row in asked["buttons"] for b in row]
    assert not any("✅" in label for label in labels), "nothing is ticked beforehand"
    await ann.tap(said.later)
    await ann.reads(said.menu)
    person = await joined_by(db, 1)
    given = await db.read(lambda s: consent.standing(s, customer_id=person.id))
    assert "ads:telegram" not in given
    before = running.handled
    await ann.send("/start")
    await until(lambda: running.handled > before, "the menu")
    assert "ads_yes" not in str((await ann.from_bot())[-1]["buttons"])


async def test_a_contact_before_the_agreement_keeps_nothing(
    running: RunningBot, telegram: Telegram, db: Database, said: Words
) -> None:
    ann = await telegram.person(1, language_code=said.language)
    await ann.share()
    await ann.with_button(said.agree)
    count = sa.select(sa.func.count()).select_from(customer)
    assert await db.read(lambda s: s.execute(count).scalar_one()) == 0
    await ann.tap(said.agree)
    await ann.reads(said.last_step)
    await ann.share()
    await ann.share()
    await ann.with_button("ads_no")
    await running.idle()
    await ann.tap("ads_no")
    await ann.reads(said.menu)
    assert await db.read(lambda s: s.execute(count).scalar_one()) == 1
    assert await keys_of(ann) == []
    assert running.intake.failed == 0


async def test_a_double_tap_asks_for_the_number_once(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann = await telegram.person(1)
    await ann.send("/start")
    screen = (await ann.with_button(EN.agree))["message_id"]
    await running.idle()
    text = await db.read(
        lambda s: consent.current_text(s, purpose="personal_data", language="en").version
    )
    await tap_raw(running, ann, f"join_agree:en:{text}", message_id=screen, times=2)
    asked = [m for m in await ann.from_bot() if EN.last_step in (m.get("text") or "")]
    assert len(asked) == 1
    # A forged version of the text agrees to nothing.
    eve = await telegram.person(2)
    await eve.send("/start")
    await eve.with_button(EN.agree)
    await tap_raw(running, eve, "join_agree:en:99")
    await tap_raw(running, eve, "join_agree:xx:1")
    visit = await db.read(lambda s: customers.visit(s, 2))
    assert visit.chat is not None
    assert visit.chat.step != "phone"


async def test_updates_twice_swapped_and_late(
    running: RunningBot, telegram: Telegram, db: Database, said: Words
) -> None:
    await telegram.mischief(seed=4, duplicate=0.6, swap=0.3, delay=0.4)
    ann = await telegram.person(1, language_code=said.language)
    await ann.send("/start s_window")
    await ann.with_button(said.agree)
    await ann.tap(said.agree)
    await until(lambda: at_the_number(ann), "the key")
    await ann.share()
    await ann.tap("ads_yes")
    await ann.reads(said.menu)
    person = await joined_by(db, 1)
    assert person.source == "window"
    assert running.intake.failed == 0
