"""A customer joins: both languages, resumed, repeated, with somebody else's contact."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.app import RunningBot
from loyalty import clock, consent, customers, events, wallet
from loyalty.customers import customer, telegram_chat
from loyalty.db import Database, Rows
from tests.bot.phone import Phone, Telegram, running_bot, until


async def test_join_in_english(running: RunningBot, telegram: Telegram, db: Database) -> None:
    ann = await telegram.person(1, first_name="Ann")
    await ann.send("/start s_poster-7")
    greeting = await ann.reads("loyalty card")
    assert "100 points" in greeting["text"]
    assert "5 %" in greeting["text"]
    await ann.tap("Full text 📄")
    assert (await ann.reads("processing of personal data"))["message_id"] == greeting["message_id"]
    await ann.tap("Back")
    await ann.reads("100 points")
    answer = await ann.tap("Agree and join ✅")
    assert answer["answer"] is not None
    await ann.reads("One last step")
    await ann.share()
    await ann.reads("Welcome, Ann! 🎉")
    await ann.reads("100 points")
    await ann.tap("Yes, please 🎁")
    await ann.with_button("💳 Show my card")
    await running.idle()

    person = await db.read(lambda s: customers.find_by_telegram(s, 1))
    assert person is not None
    assert (person.name, person.phone, person.source) == ("Ann", ann.phone, "poster-7")
    assert (person.language, person.status) == ("en", "active")
    given = await db.read(lambda s: consent.granted(s, customer_id=person.id))
    assert given["personal_data"]
    assert given["ads:telegram"]
    balance = await db.read(lambda s: wallet.balance(s, customer_id=person.id, now=clock.now()))
    assert balance.available == 100
    types = await db.read(lambda s: s.execute(sa.select(events.event.c.type)).scalars().all())
    assert types.count("customer.joined") == 1


async def test_join_in_russian_without_ads(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    olya = await telegram.person(2, first_name="Оля", language_code="ru")
    await olya.joins(ads=False, russian=True)
    await olya.reads("У вас <b>100 баллов</b>".replace("<b>", "").replace("</b>", ""))
    person = await db.read(lambda s: customers.find_by_telegram(s, 2))
    assert person is not None
    given = await db.read(lambda s: consent.granted(s, customer_id=person.id))
    assert given["personal_data"]
    assert not given["ads:telegram"]


async def test_language_is_changed_in_place(running: RunningBot, telegram: Telegram) -> None:
    bob = await telegram.person(3, language_code="de")
    await bob.send("/start")
    first = await bob.with_button("Agree and join ✅")
    await bob.tap("Русский 🇷🇺")
    second = await bob.with_button("Принять и вступить ✅")
    assert first["message_id"] == second["message_id"]
    assert len(await bob.from_bot()) == 1


async def test_nothing_is_stored_without_consent(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    eve = await telegram.person(4)
    await eve.send("/start")
    await eve.with_button("Agree and join ✅")
    await eve.share()
    await until(lambda: running.handled == 2, "both updates")
    assert await db.read(lambda s: s.execute(sa.select(sa.func.count(customer.c.id))).scalar()) == 0
    chat = (await db.read(lambda s: customers.visit(s, 4))).chat
    assert chat is not None
    assert chat.step_data is None


@pytest.mark.parametrize(
    "contact", [{"phone": "+79995550000"}, {"phone": "+79995550000", "user_id": 77}]
)
async def test_somebody_elses_contact_is_refused(
    running: RunningBot, telegram: Telegram, db: Database, contact: dict[str, object]
) -> None:
    eve = await telegram.person(5)
    await telegram.person(77)
    await eve.send("/start")
    await eve.tap("Agree and join ✅")
    await eve.reads("One last step")
    await eve.share(contact)
    await eve.reads("somebody else's number")
    assert await db.read(lambda s: customers.find_by_telegram(s, 5)) is None
    await eve.share()
    await eve.reads("Welcome, Guest5! 🎉")


async def test_joining_goes_on_after_a_restart(telegram: Telegram, db: Database) -> None:
    dan = await telegram.person(6)
    async with running_bot(db, telegram):
        await dan.send("/start r_ABCDEFGH")
        await dan.tap("Agree and join ✅")
        await dan.reads("One last step")
    async with running_bot(db, telegram):
        await dan.send("are you there?")
        await dan.reads("I did not quite get that")
        await dan.share()
        await dan.reads("Welcome, Guest6! 🎉")
        asked = (await dan.with_button("ads_no"))["message_id"]
    async with running_bot(db, telegram):
        await dan.send("/start")
        await until(lambda: _asked_again(dan, asked), "the question about offers again")
        await dan.tap("ads_no")
        await dan.with_button("card")
    person = await db.read(lambda s: customers.find_by_telegram(s, 6))
    # Nobody has this code, so nobody brought him.
    assert person is not None
    assert person.source is None


async def _asked_again(dan: Phone, before: int) -> bool:
    """Whether the question stands below the message it was in before, and only there."""
    asked = [m for m in await dan.from_bot() if "May I write to you" in (m.get("text") or "")]
    return [m["message_id"] > before for m in asked] == [True]


async def test_a_friends_code_is_remembered(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann, bob = await telegram.person(7), await telegram.person(8)
    await ann.joins()
    await ann.send("/invite")
    code = (await ann.reads("?start=r_"))["text"].split("?start=r_")[1].split()[0]
    await bob.send(f"/start r_{code}")
    await bob.tap("Agree and join ✅")
    await bob.reads("One last step")
    await bob.share()
    await bob.reads("Welcome, Guest8! 🎉")
    person = await db.read(lambda s: customers.find_by_telegram(s, 8))
    assert person is not None
    assert person.source == f"referral:{code}"


@pytest.mark.parametrize("payload", ["c_" + "A" * 39, "k_nothing", "x_what", "r_", "j_forged"])
async def test_forged_payload_is_a_plain_start(
    running: RunningBot, telegram: Telegram, db: Database, payload: str
) -> None:
    eve = await telegram.person(9)
    await eve.send(f"/start {payload}")
    await eve.with_button("Agree and join ✅")
    assert await db.read(lambda s: customers.find_by_telegram(s, 9)) is None
    assert (await db.read(lambda s: customers.visit(s, 9))).staff is None


async def test_known_phone_from_a_new_account(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    old = await telegram.person(10, phone="+79991112233")
    await old.joins()
    before = await db.read(lambda s: customers.find_by_telegram(s, 10))
    new = await telegram.person(11, phone="+79991112233")
    await new.send("/start")
    await new.tap("Agree and join ✅")
    await new.reads("One last step")
    await new.share()
    await new.reads("I found your card")
    after = await db.read(lambda s: customers.find_by_telegram(s, 11))
    assert before is not None
    assert after is not None
    assert after.id == before.id
    assert await db.read(lambda s: customers.find_by_telegram(s, 10)) is None
    balance = await db.read(lambda s: wallet.balance(s, customer_id=after.id, now=clock.now()))
    assert balance.available == 100, "a welcome is given once per number"
    assert balance.frozen_until is not None
    assert 71 < (balance.frozen_until - clock.now()).total_seconds() / 3600 <= 72
    waiting = await db.read(
        lambda s: (
            s.execute(sa.text("SELECT chat_id FROM outbox WHERE key LIKE 'card_moved:%'"))
            .scalars()
            .all()
        )
    )
    assert waiting == [10]
    await old.send("/balance")
    await until(lambda: _greeted_again(old), "a stranger again")


async def _greeted_again(phone: object) -> bool:
    messages = await phone.from_bot()  # type: ignore[attr-defined]
    return "Agree and join" in str(messages[-1].get("buttons"))


async def test_a_known_guest_hears_of_the_card_and_of_the_welcome(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann = await telegram.person(13, first_name="Ann")

    def unit(session: Session) -> None:
        rows = Rows()
        known = customers.create(
            rows, status=customers.ACTIVE, language="en", now=clock.now(), phone=ann.phone
        )
        wallet.open_account(rows, customer_id=known)
        rows.put(session)

    await db.transact(unit)
    await ann.send("/start")
    await ann.tap("Agree and join ✅")
    await ann.reads("One last step")
    await ann.share()
    told = (await ann.reads("I found your card"))["text"]
    assert "Your gift: 100 points" in told


async def test_start_of_a_customer_shows_the_menu_and_clears_blocked(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann = await telegram.person(12)
    await ann.joins()
    await ann.block()

    async def reachable() -> bool:
        query = sa.select(telegram_chat.c.reachable).where(telegram_chat.c.telegram_id == 12)
        return bool(await db.read(lambda s: s.execute(query).scalar_one()))

    async def unreachable() -> bool:
        return not await reachable()

    await until(unreachable, "blocked")
    await ann.unblock()
    await until(reachable, "unblocked")
    await ann.send("/start")
    await ann.reads("You have 100 points")
    assert await reachable()


@pytest.mark.parametrize("russian", [False, True])
async def test_a_question_asked_again_takes_the_place_of_the_former(
    running: RunningBot, telegram: Telegram, russian: bool
) -> None:
    last, thanks = (
        ("Последний шаг", "согласие записано")
        if russian
        else ("One last step", "your agreement is noted")
    )
    olya = await telegram.person(7, first_name="Olya", language_code="ru" if russian else "en")

    async def one(words: str) -> bool:
        said = [message["text"] for message in await olya.from_bot()]
        asked = [text for text in said if last in text]
        return len(asked) == 1 and words in asked[0]

    await olya.send("/start")
    await olya.tap("Принять и вступить ✅" if russian else "Agree and join ✅")
    await olya.reads(last)
    await olya.send("what?")
    await until(lambda: one("не совсем" if russian else "not quite"), "the question with a hint")
    await olya.send("+79161234567")
    await until(lambda: one("Набирать" if russian else "do not type"), "the question, no number")
    await olya.reads(thanks)
    await olya.share()
    await olya.with_button("ads_yes")

    async def gone() -> bool:
        return not [m for m in await olya.from_bot() if last in m["text"]]

    await until(gone, "no question about the number any more")
