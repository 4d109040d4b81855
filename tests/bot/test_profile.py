"""The profile, changed by tapping: every field, forged taps, what is noted of a change."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.app import RunningBot
from loyalty import clock, customers, program, purchases
from loyalty.customers import Customer, Preferences
from loyalty.db import Database
from loyalty.events import event
from loyalty.ids import new_id
from loyalty.purchases import Line, Receipt
from loyalty.staff import outlet
from tests.bot.phone import Phone, Telegram, until
from tests.bot.taps import tap_raw


async def who(db: Database, telegram_id: int = 1) -> Customer:
    """The customer in that chat."""
    found = await db.read(lambda s: customers.find_by_telegram(s, telegram_id))
    assert found is not None
    return found


async def prefers(db: Database) -> Preferences:
    """What the first customer prefers."""
    customer_id = (await who(db)).id
    return await db.read(lambda s: customers.preferences(s, customer_id))


async def changes(db: Database) -> list[Any]:
    """What is noted of changes, in order."""
    query = sa.select(event.c.data).where(event.c.type == "customer.profile_changed")
    return list(await db.read(lambda s: s.execute(query.order_by(event.c.id)).scalars().all()))


async def newest(phone: Phone) -> str:
    """The text of the newest message of the bot."""
    message = (await phone.from_bot())[-1]
    return str(message.get("text") or "")


async def member(telegram: Telegram, *, russian: bool = False) -> Phone:
    """Somebody who has joined and opened the profile."""
    ann = await telegram.person(1, first_name="Ann", language_code="ru" if russian else "en")
    await ann.joins(russian=russian, ads=False)
    await ann.tap("profile")
    await ann.with_button("zone")
    return ann


async def test_the_profile_in_russian(running: RunningBot, telegram: Telegram) -> None:
    ann = await member(telegram, russian=True)
    text = await newest(ann)
    for part in ("Имя: Ann", "+7 ••• 0001", "Время: Москва · тихие часы: 21:00–09:00"):
        assert part in text
    labels = [b["text"] for row in (await ann.from_bot())[-1]["buttons"] for b in row]
    assert all(len(label) <= 30 for label in labels)
    assert "« Меню" in labels


async def test_a_name_is_typed(running: RunningBot, telegram: Telegram, db: Database) -> None:
    ann = await member(telegram)
    await ann.tap("name")
    await ann.reads("How shall I call you?")
    await ann.send("12 34")
    await ann.reads("just your name")
    await ann.send("Anna <b>Maria</b>")
    await ann.reads("Nice to meet you, Anna <b>Maria</b>")
    assert (await who(db)).name == "Anna <b>Maria</b>"
    # Leaving the question ends it: what is typed next is no name.
    await ann.tap("profile")
    await ann.tap("name")
    await ann.tap("‹ Back")
    await ann.with_button("zone")
    await ann.send("Bob")
    await ann.reads("did not quite get that")
    assert (await who(db)).name == "Anna <b>Maria</b>"
    assert await changes(db) == [{"field": "name"}]


async def test_a_birthday_by_tapping(running: RunningBot, telegram: Telegram, db: Database) -> None:
    ann = await member(telegram)
    await ann.tap("birthday")
    months = (await ann.with_button("February"))["buttons"]
    assert [len(row) for row in months[:4]] == [3, 3, 3, 3]
    await ann.tap("February")
    days = (await ann.with_button("29"))["buttons"]
    assert [len(row) for row in days[:5]] == [7, 7, 7, 7, 1]
    await ann.tap("29")
    await ann.tap("1990s")
    years = (await ann.with_button("1992"))["buttons"]
    assert [b["text"] for row in years[:-1] for b in row] == ["1992", "1996"], "leap years"
    await ann.tap("1992")
    await ann.reads("I will remember 29 February")
    person = await who(db)
    assert (person.birth_day, person.birth_month, person.birth_year) == (29, 2, 1992)
    assert await changes(db) == [{"field": "birthday"}]


@pytest.mark.parametrize(
    ("typed", "born"),
    [
        ("5 июня", (5, 6, None)),
        ("5 июня 1990 г.", (5, 6, 1990)),
        ("June 5th, 1990", (5, 6, 1990)),
        ("29 фев", (29, 2, None)),
        ("7 Sept 1985", (7, 9, 1985)),
    ],
)
async def test_a_birthday_in_words(
    running: RunningBot,
    telegram: Telegram,
    db: Database,
    typed: str,
    born: tuple[int, int, int | None],
) -> None:
    ann = await member(telegram)
    await ann.tap("birthday")
    await ann.with_button("February")
    for unreadable in ("5 6 June", "June", "31 June"):
        await ann.send(unreadable)
        await ann.reads("could not read the date")
    await ann.send(typed)
    await ann.reads("I will remember")
    person = await who(db)
    assert (person.birth_day, person.birth_month, person.birth_year) == born


async def test_a_changed_birthday_is_confirmed(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann = await member(telegram, russian=True)
    await ann.tap("birthday")
    await ann.tap("Июнь")
    await ann.tap("5")
    await ann.tap("Без года")
    await ann.reads("запомнили: 5 июня")
    await ann.tap("profile")
    await ann.tap("birthday")
    await ann.send("06.07.1991")
    await ann.reads("5 июня → 6 июля")
    assert (await who(db)).birth_day == 5, "not before the tap"
    await ann.tap("Да, изменить")
    await ann.reads("со следующего года")
    person = await who(db)
    assert (person.birth_day, person.birth_month, person.birth_year) == (6, 7, 1991)
    # The same again, by a replayed tap: nothing changes.
    await tap_raw(running, ann, "born_ok:7:6:1991", times=2)
    assert await changes(db) == [{"field": "birthday"}] * 2


@pytest.mark.parametrize(
    "data",
    ["born:13", "born:2:30", "born:2:30:1990", "born:x", "born:1:1:1:1", "born_ok:2:31:0",
     "born:-1", "born_ok", "zone_set:Europe/Nowhere", "zone_set:../etc", "zone_at:99999",
     "zone_at:180:999", "quiet_set:1:2:3", "quiet_set:1440:0", "quiet_set:x", "quiet_own:99",
     "like:abc:1", "like", "like:::"],
)  # fmt: skip
async def test_forged_taps_change_nothing(
    running: RunningBot, telegram: Telegram, db: Database, data: str
) -> None:
    ann = await member(telegram)
    answer = await tap_raw(running, ann, data)
    assert answer.text is not None
    person = await who(db)
    assert (person.birth_day, person.time_zone) == (None, None)
    assert await prefers(db) == Preferences(None, None, ())
    assert await changes(db) == []
    assert running.intake.failed == 0


async def test_the_language_and_the_commands(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann = await member(telegram)
    await ann.tap("🌐 Language")
    await ann.tap("Русский 🇷🇺")
    await ann.reads("100 баллов")
    assert (await who(db)).language == "ru"

    async def in_russian() -> bool:
        screen = await telegram.call("GET", "/users/1/screen", bot=42)
        return "Моя карта" in str(screen["commands"])

    await until(in_russian, "the commands in Russian")
    await tap_raw(running, ann, "speak:xx")
    assert (await who(db)).language == "ru"
    assert await changes(db) == [{"field": "language"}]


async def test_the_time_zone(running: RunningBot, telegram: Telegram, db: Database) -> None:
    ann = await member(telegram, russian=True)
    await ann.tap("zone")
    await ann.with_button("Москва +0")
    answer = await ann.tap("Екатеринбург +2")
    assert "Сохранено" in str(answer)
    await ann.with_button("✅ Екатеринбург +2")
    assert (await who(db)).time_zone == "Asia/Yekaterinburg"
    await ann.tap("Другое место…")
    await ann.reads("Который час")
    kathmandu = f"zone_at:{5 * 60 + 45}"
    await ann.tap(kathmandu)
    await ann.tap("Катманду")
    await ann.with_button("✅ Катманду +2:45")
    assert (await who(db)).time_zone == "Asia/Kathmandu"
    await ann.tap("zone_set:-")
    await ann.with_button("✅ Как обычно: Москва")
    assert (await who(db)).time_zone is None
    assert await changes(db) == [{"field": "time_zone"}] * 3


@pytest.mark.parametrize(
    ("typed", "button", "zone"),
    [
        ("new york", "New York (UTC−", "America/New_York"),
        ("Лондон", "London (UTC+", "Europe/London"),
        ("sao pau", "Sao Paulo (UTC−3)", "America/Sao_Paulo"),
    ],
)
async def test_a_city_can_be_typed(
    running: RunningBot, telegram: Telegram, db: Database, typed: str, button: str, zone: str
) -> None:
    ann = await member(telegram)
    await ann.tap("zone")
    await ann.tap("Another place…")
    await ann.reads("just type your city")
    await ann.send("Nowhereville")
    await ann.reads("I do not know that city")
    await ann.send(typed)
    await ann.reads("Is it this one?")
    await ann.tap(f"zone_set:{zone}")
    shown = await ann.reads("Where are you?")
    labels = [one["text"] for row in shown["buttons"] for one in row]
    assert any(label.startswith(f"✅ {button}") for label in labels), labels
    assert (await who(db)).time_zone == zone
    await ann.send("Paris")
    await ann.reads("I did not quite get that")


async def test_cities_that_many_know_stand_first(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann = await member(telegram)
    await ann.tap("zone")
    await ann.tap("Another place…")
    hours = await ann.reads("What time is it")
    labels = [one["text"] for row in hours["buttons"] for one in row]
    assert len(set(labels)) == len(labels), "no hour stands there twice"
    await ann.tap("zone_at:60")
    places = await ann.reads("nearest of these")
    first = [one["text"] for row in places["buttons"] for one in row]
    assert "Berlin" in first
    assert "Paris" in first
    assert len(first) <= 19


async def test_quiet_hours(running: RunningBot, telegram: Telegram, db: Database) -> None:
    ann = await member(telegram)
    await ann.tap("quiet")
    await ann.with_button("✅ As usual: 21:00–09:00")
    await ann.tap("22:00–08:00")
    await ann.with_button("✅ 22:00–08:00")
    assert (await prefers(db)).quiet_start == 22 * 60
    await ann.tap("No quiet hours")
    await ann.with_button("✅ No quiet hours")
    told = await prefers(db)
    assert told.quiet_start == told.quiet_end == 0
    await ann.tap("My own hours…")
    await ann.tap("23:00")
    await ann.reads("Silent from 23:00")
    await ann.tap("07:00")
    await ann.with_button("✅ 23:00–07:00")
    told = await prefers(db)
    assert (told.quiet_start, told.quiet_end) == (23 * 60, 7 * 60)
    await ann.tap("‹ Back")
    await ann.reads("quiet: 23:00–07:00")
    await tap_raw(running, ann, "quiet_set:p", times=2)
    assert await prefers(db) == Preferences(None, None, ())
    assert await changes(db) == [{"field": "quiet_hours"}] * 4


async def _sold(db: Database, *categories: str) -> None:
    """A sale of one piece of each."""
    lines = [Line(amount=100_00, price=100_00, category=name) for name in categories]

    def unit(session: Session) -> None:
        place, now = new_id(), clock.now()
        session.execute(
            sa.insert(outlet).values(
                id=place, name=f"Shop {place}", time_zone="Europe/Moscow", created_at=now
            )
        )
        purchases.record(
            session,
            customer_id=None,
            receipt=Receipt(sold_at=now, lines=lines),
            redeem=0,
            may_redeem=False,
            actor="key:1",
            outlet_id=place,
            staff_id=None,
            source="pos",
            now=now,
            time_zone="Europe/Moscow",
        )

    await db.transact(unit)


async def test_interests(running: RunningBot, telegram: Telegram, db: Database) -> None:
    long_name = "Очень длинное название категории товаров, с подробностями"
    await _sold(db, "Кофе", "кофе", "Чай", long_name)
    ann = await member(telegram, russian=True)
    await ann.tap("likes")
    labels = [b["text"] for row in (await ann.with_button("▫️ Чай"))["buttons"] for b in row]
    assert sum("офе" in label for label in labels) == 1, "one box for coffee in two languages"
    assert "▫️ Кофе" in labels
    await ann.tap("▫️ Кофе")
    await ann.with_button("✅ Кофе")
    await ann.tap("▫️ Чай")
    await ann.with_button("✅ Чай")
    assert {name.casefold() for name in (await prefers(db)).interests} == {"кофе", "чай"}
    tick = next(
        b["callback_data"]
        for row in (await ann.from_bot())[-1]["buttons"]
        for b in row
        if b["text"] == "✅ Кофе"
    )
    await tap_raw(running, ann, tick, times=2)
    assert (await prefers(db)).interests == ("Чай",)
    await tap_raw(running, ann, "profile")
    assert "Вам нравится: Чай" in await newest(ann)
    assert await changes(db) == [{"field": "interests"}] * 3
    cards = await db.read(lambda s: program.current(s, now=clock.now()).program.stamp_cards)
    assert cards[0].scope.categories == ("coffee", "кофе"), "what makes coffee one box"


async def test_a_new_number(running: RunningBot, telegram: Telegram, db: Database) -> None:
    other = await telegram.person(2, phone="+79990000002")
    await other.joins()
    ann = await member(telegram)
    await ann.tap("number")
    await ann.reads("new number in Telegram")
    await ann.send("+79995556677")
    await ann.reads("only take a number shared")
    await ann.share({"phone": "+79995556677", "user_id": 2})
    await ann.reads("only carries its owner's own number")
    assert (await who(db)).phone == "+79990000001"
    await telegram.call("PUT", "/users/1", {"first_name": "Ann", "phone": "+79990000002"})
    await ann.share()
    await ann.reads("belongs to another card")
    assert (await who(db)).phone == "+79990000001"
    await telegram.call("PUT", "/users/1", {"first_name": "Ann", "phone": "+79995556677"})
    await ann.share()
    await ann.reads("your number is now +7 ••• 6677")
    assert (await who(db)).phone == "+79995556677"
    await ann.share()
    await ann.reads("on your card already")
    screen = await telegram.call("GET", "/users/1/screen", bot=42)
    assert screen["keyboard"] is None
    assert await changes(db) == [{"field": "phone"}]
    assert running.intake.failed == 0
