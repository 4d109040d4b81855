"""What a customer does: the card, points, birthday, privacy, and things nobody expects."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.app import RunningBot
from loyalty import clock, consent, customers, tokens
from loyalty.customers import customer
from loyalty.db import Database
from loyalty.errors import CodeInvalid
from tests.bot.phone import KEYS, Phone, Telegram, until


@pytest.fixture
async def ann(running: RunningBot, telegram: Telegram) -> Phone:
    """A customer with the menu before them."""
    phone = await telegram.person(1, first_name="Ann")
    await phone.joins()
    return phone


async def card_text(phone: Phone, message: dict[str, object]) -> str:
    """What a camera reads in the picture."""
    import io

    import zxingcpp
    from PIL import Image

    async with phone.telegram.http.get(f"{phone.telegram.url}{message['photo']}") as answer:
        picture = Image.open(io.BytesIO(await answer.read()))
    return str(zxingcpp.read_barcodes(picture.convert("L"))[0].text)


async def test_card_can_be_scanned_and_refreshed(ann: Phone, db: Database) -> None:
    await ann.tap("💳 Show my card")
    message = await ann.reads("good until")
    link = await card_text(ann, message)
    assert link.startswith("https://t.me/bot42_bot?start=c_")
    read = tokens.read_card(KEYS, customers.token_of(link))
    assert read.is_fresh(now=clock.now())
    await ann.tap("🔄 Refresh")

    async def fresh() -> str | None:
        again = await ann.reads("good until")
        text = await card_text(ann, again)
        assert again["message_id"] == message["message_id"]
        return text if text != link else None

    newer = await until(fresh, "a fresh QR")
    for text in (link, newer):
        found = await db.read(
            lambda s, t=text: customers.identify_token(s, keys=KEYS, token=t, now=clock.now())
        )
        assert found.may_redeem
    copy = await ann.tap("📋 Copy the code")
    code = copy["copied"]
    found = await db.transact(
        lambda s: customers.identify_code(s, code=code, by="till", now=clock.now())
    )
    assert found is not None
    assert found.may_redeem
    sent = await ann.telegram.requests("sendPhoto")
    assert str(sent[0]["parameters"]["protect_content"]).lower() == "true"


async def test_balance_history_profile_and_commands(ann: Phone) -> None:
    await ann.tap("💰 Points")
    balance = await ann.reads("You have 100 points")
    assert "₽" in balance["text"] or "RUB" in balance["text"]
    assert "Spend by" in balance["text"]
    await ann.tap("🧾 History")
    assert "+100" in (await ann.reads("Your points"))["text"]
    await ann.send("/profile")
    assert "+7 ••• 0001" in (await ann.reads("Your profile"))["text"]
    await ann.send("/language")
    await ann.tap("Русский 🇷🇺")
    await ann.reads("У вас 100 баллов")
    await ann.send("/BALANCE")
    await ann.reads("У вас 100 баллов")


async def test_stop_and_back(ann: Phone, db: Database) -> None:
    person = await db.read(lambda s: customers.find_by_telegram(s, 1))
    assert person is not None

    async def ads() -> bool:
        return (await db.read(lambda s: consent.granted(s, customer_id=person.id)))["ads:telegram"]

    assert await ads()
    await ann.send("/stop")
    await ann.reads("no more offers")
    assert not await ads()
    await ann.tap("Turn offers back on")
    await until(ads, "offers again")


async def test_privacy_shows_and_withdraws(ann: Phone, running: RunningBot, db: Database) -> None:
    person = await db.read(lambda s: customers.find_by_telegram(s, 1))
    assert person is not None
    await ann.send("/privacy")
    shown = await ann.reads("Your agreements")
    assert shown["text"].count("given on") == 2
    before = await db.transact(
        lambda s: customers.show_card(s, keys=KEYS, customer_id=person.id, now=clock.now())
    )
    await ann.tap("Take back my agreement")
    await ann.tap("Yes, stop my card")
    await ann.reads("Your card is stopped")
    given = await db.read(lambda s: consent.granted(s, customer_id=person.id))
    assert not any(given.values())
    with pytest.raises(CodeInvalid):
        await db.read(
            lambda s: customers.identify_token(s, keys=KEYS, token=before.token, now=clock.now())
        )
    await ann.send("/card")
    await ann.tap("Agree and join ✅")
    await ann.reads("Welcome back!")
    assert (await db.read(lambda s: consent.granted(s, customer_id=person.id)))["personal_data"]


async def test_birthday_is_asked_once_and_can_be_told(ann: Phone, db: Database) -> None:
    a_day_ago = clock.now() - timedelta(days=1, minutes=1)
    await db.transact(lambda s: s.execute(sa.update(customer).values(joined_at=a_day_ago)))
    await ann.send("/start")
    await ann.reads("When is your birthday?")
    await ann.send("yesterday")
    await ann.reads("could not read the date")
    await ann.send("05.06.1990")
    await ann.reads("I will remember 5 June")
    person = await db.read(lambda s: customers.find_by_telegram(s, 1))
    assert person is not None
    assert (person.birth_day, person.birth_month, person.birth_year) == (5, 6, 1990)
    await ann.tap("🙂 Profile")
    await ann.tap("🎂 Birthday")
    await ann.send("7.8")
    await ann.reads("counts from next year")
    await ann.tap("Yes, change it")
    await ann.send("/start")
    await ann.reads("You have 100 points")


async def test_what_nobody_expects(ann: Phone, running: RunningBot) -> None:
    await ann.send("ы" * 4096)
    await ann.reads("did not quite get that")
    await ann.send("<b>&lt;/b> _*[`")
    await ann.send("/nosuchcommand")
    await ann.post(photo=True)
    await ann.reads("cannot look at pictures")
    await ann.post(sticker=True)
    await ann.reads("Nice one!")
    await ann.share({"phone": "+79990000000"})
    await running.idle()
    assert running.intake.failed == 0


@pytest.mark.parametrize(
    "data", ["nothing", "history:zzzzzzzzzzzzzzzz", "speak:xx", "join_agree:en:999", "ads_maybe"]
)
async def test_forged_and_old_taps_are_answered(ann: Phone, running: RunningBot, data: str) -> None:
    message = (await ann.from_bot())[-1]
    update = {
        "update_id": 77,
        "callback_query": {
            "id": "12345",
            "from": {"id": 1, "is_bot": False, "first_name": "Ann"},
            "chat_instance": "1",
            "message": {"message_id": message["message_id"], "date": 0, "chat": _chat()},
            "data": data,
        },
    }
    await running.intake.put([update])
    await running.idle()
    assert running.intake.failed == 0
    answers = await ann.telegram.requests("answerCallbackQuery")
    assert "12345" in [row["parameters"]["callback_query_id"] for row in answers]
    assert (await ann.from_bot())[-1]["buttons"]


def _chat() -> dict[str, object]:
    return {"id": 1, "type": "private", "first_name": "Ann"}


def _added(kind: str) -> dict[str, object]:
    person = {"id": 8, "is_bot": False, "first_name": "G", "language_code": "ru"}
    me = {"id": 42, "is_bot": True, "first_name": "B"}
    change = {
        "chat": {"id": -100, "type": kind, "title": "G"},
        "from": person,
        "date": 1_790_000_000,
        "old_chat_member": {"status": "left", "user": me},
        "new_chat_member": {"status": "member", "user": me},
    }
    return {"update_id": 54, "my_chat_member": change}


def _said_in_a_group() -> dict[str, object]:
    message = {
        "message_id": 1,
        "date": 1_790_000_000,
        "chat": {"id": -100, "type": "group", "title": "G"},
        "from": {"id": 8, "is_bot": False, "first_name": "G", "language_code": "ru"},
        "text": "/start",
    }
    return {"update_id": 55, "message": message}


@pytest.mark.parametrize(
    "update", [_said_in_a_group(), _added("group"), _added("supergroup"), _added("channel")]
)
async def test_a_group_or_channel_is_left_politely(
    running: RunningBot, telegram: Telegram, update: dict[str, object]
) -> None:
    await running.intake.put([update])
    await running.idle()
    assert running.intake.failed == 0
    said = [r["parameters"] for r in await telegram.requests("sendMessage")]
    assert [(str(p["chat_id"]), "@" in p["text"]) for p in said] == [("-100", True)]
    assert "только" in said[0]["text"]
    assert await telegram.requests("leaveChat")


@pytest.mark.parametrize(
    "news",
    [
        {"pinned_message": {"message_id": 1, "date": 0, "chat": {"id": 1, "type": "private"}}},
        {"message_auto_delete_timer_changed": {"message_auto_delete_time": 86400}},
        {"write_access_allowed": {"from_request": True}},
    ],
)
async def test_what_telegram_notes_in_a_chat_is_no_message(
    running: RunningBot, telegram: Telegram, news: dict[str, object]
) -> None:
    ann = await telegram.person(1)
    await ann.joins()
    before = len(await ann.from_bot())
    await telegram.forged(
        message={
            "message_id": 2**30,
            "date": 1_790_000_000,
            "chat": {"id": 1, "type": "private", "first_name": "Ann"},
            "from": {"id": 1, "is_bot": False, "first_name": "Ann", "language_code": "en"},
            **news,
        }
    )
    await ann.send("/balance")
    await ann.reads("100 points")
    await running.idle()
    assert len(await ann.from_bot()) == before, "one screen, and no answer to the news"
    assert running.intake.failed == 0


@pytest.mark.parametrize("russian", [False, True])
async def test_ones_own_card_is_no_strangers(
    running: RunningBot, telegram: Telegram, russian: bool
) -> None:
    ann = await telegram.person(31, language_code="ru" if russian else "en")
    bob = await telegram.person(32, language_code="ru" if russian else "en")
    for phone in (ann, bob):
        await phone.joins(russian=russian)
    await ann.send("/card")
    link = await card_text(ann, await ann.reads("Код" if russian else "good until"))
    for phone in (ann, bob):
        await telegram.call("POST", f"/users/{phone.id}/open", {"link": link})
    await ann.reads("Это ваша собственная карта" if russian else "This is your own card")
    await bob.reads("Это чья-то карта" if russian else "This is somebody's loyalty card")
