"""My data: what is held, the texts, the file, erasure with days to think it over; ru and en."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bot.app import RunningBot
from loyalty import clock, consent, customers, privacy, wallet
from loyalty.customers import Customer, customer
from loyalty.db import Database
from loyalty.delivery import Place
from loyalty.messaging.tables import outbox
from scheduler.dispatcher import Dispatcher
from scheduler.limits import LocalLimits
from scheduler.telegram import Telegram as Sender
from scheduler.ticks import Ticks
from tests.bot.phone import KEYS, TOKEN, Phone, Telegram, running_bot, until
from tests.bot.taps import tap_raw
from tests.loyalty.privacy.anna import traces

ZONE = "Europe/Moscow"


@dataclass
class Hands:
    """What the scheduler does, when a test says so."""

    ticks: Ticks
    dispatcher: Dispatcher

    async def work(self) -> None:
        """Erase who is due, let messages leave, and wipe what they leave behind."""
        for _ in range(3):
            await self.ticks.privacy()
            assert await self.dispatcher.until_idle()


@pytest.fixture
async def hands(db: Database, telegram: Telegram) -> AsyncIterator[Hands]:
    """The privacy tick and a dispatcher on the local Telegram."""
    sender = Sender(token=TOKEN, api_url=telegram.url)
    dispatcher = Dispatcher(
        db,
        telegram=sender,
        limits=LocalLimits(per_second=100),
        place=Place(ZONE, "RUB", "ru"),
    )
    dispatcher.start()
    yield Hands(Ticks(db, time_zone=ZONE, keys=KEYS), dispatcher)
    await dispatcher.stop()
    await sender.close()


@pytest.fixture(autouse=True)
async def _today() -> AsyncIterator[None]:
    yield
    clock.set_offset(timedelta())


@pytest.fixture
async def ann(running: RunningBot, telegram: Telegram) -> Phone:
    """A customer with the menu before them."""
    phone = await telegram.person(9_100_001, first_name="Annabella", phone="+79167770011")
    await phone.joins()
    return phone


async def of(db: Database, phone: Phone) -> Customer:
    person = await db.read(lambda s: customers.find_by_telegram(s, phone.id))
    assert person is not None
    return person


async def pending(db: Database, phone: Phone) -> privacy.Asked | None:
    person = await of(db, phone)
    return await db.read(lambda s: privacy.asked(s, customer_id=person.id))


def pass_time(**span: float) -> None:
    clock.set_offset(clock.offset() + timedelta(**span))


def labels(message: dict[str, Any]) -> list[str]:
    return [b["text"] for row in message.get("buttons") or [] for b in row]


async def opened(phone: Phone) -> dict[str, Any]:
    """Send ``/privacy``; the screen it opens, and not one that was there before."""
    last = max((m["message_id"] for m in await phone.messages()), default=0)
    await phone.send("/privacy")

    async def look() -> Any:
        for message in await phone.from_bot():
            if message["message_id"] > last and message.get("buttons"):
                return message
        return None

    found: dict[str, Any] = await until(look, "the screen of /privacy")
    return found


async def test_what_is_held_is_shown_and_each_agreement_ends_in_one_tap(
    ann: Phone, db: Database
) -> None:
    shown = await opened(ann)
    assert "Annabella · +7 ••• 0011" in shown["text"]
    assert "0 purchases · with us since" in shown["text"]
    assert shown["text"].count("given on") == 2
    person = await of(db, ann)

    async def ads() -> bool:
        return (await db.read(lambda s: consent.granted(s, customer_id=person.id)))["ads:telegram"]

    await ann.tap("🔕 Stop offers")
    await ann.reads("taken back on")
    assert not await ads()
    await ann.tap("🎁 Get offers")
    await until(ads, "offers again")
    assert not [b for b in labels(await ann.reads("Your data")) if len(b) > 30]


async def test_the_text_that_was_agreed_to_can_be_read(
    ann: Phone, running: RunningBot, db: Database
) -> None:
    agreed = await db.read(
        lambda s: consent.current_text(s, purpose="personal_data", language="en")
    )
    # A newer text is out since: what counts is the one that was agreed to.
    await db.transact(
        lambda s: s.execute(
            sa.insert(consent.consent_text).values(
                id=1, purpose="personal_data", language="en", version=2, body="Everything is new",
                sha256="0" * 64, published_at=clock.now(),
            )
        )
        and None
    )  # fmt: skip
    await opened(ann)
    await ann.tap("📜 Data: the text")
    shown = await ann.reads("Consent to the processing of personal data")
    assert agreed.body.splitlines()[-1][:40] in shown["text"]
    await ann.tap("‹ Back")
    await ann.reads("Your agreements")
    for forged in ("privacy_text:99", "privacy_text:00001", "privacy_text:", "privacy_ads:x"):
        await tap_raw(running, ann, forged)
        await ann.reads("Your agreements")


async def test_the_file_holds_everything_and_comes_three_times_a_day(
    ann: Phone, db: Database
) -> None:
    for n in range(3):
        await opened(ann)
        await ann.tap("📄 Get my data as a file")

        async def arrived(n: int = n) -> bool:
            return len(await ann.telegram.requests("sendDocument")) == n + 1

        await until(arrived, f"file {n + 1}")
    message = await ann.reads("Everything I hold about you")
    assert message["file"]["name"].startswith("my-data-")
    async with ann.telegram.http.get(f"{ann.telegram.url}{message['file']['url']}") as answer:
        content = json.loads(await answer.read())
    assert content["format"] == "regulars.personal-data/1"
    assert content["profile"]["name"] == "Annabella"
    assert content["profile"]["phone"] == "+79167770011"
    assert [row["amount"] for row in content["points"]] == [100]
    assert {row["purpose"] for row in content["consents"]} == {"personal_data", "ads:telegram"}
    tapped = await ann.tap("📄 Get my data as a file")
    assert "3 times today" in str(tapped)
    assert len(await ann.telegram.requests("sendDocument")) == 3
    pass_time(days=1, minutes=1)
    await ann.tap("📄 Get my data as a file")

    async def fourth() -> bool:
        return len(await ann.telegram.requests("sendDocument")) == 4

    await until(fourth, "tomorrow's file")


async def test_a_file_that_did_not_get_through_is_not_counted(
    running: RunningBot, ann: Phone, db: Database
) -> None:
    for n, kind in enumerate(("5xx", "drop_before", "5xx")):
        fault = {"method": "sendDocument", "chat_id": ann.id, "kind": kind, "times": 1}
        await ann.telegram.call("POST", "/faults", fault)
        await opened(ann)
        await ann.tap("📄 Get my data as a file")
        await running.idle()
        files = [message for message in await ann.from_bot() if "file" in message]
        assert len(files) == n + 1
    assert "3 times today" in str(await ann.tap("📄 Get my data as a file"))


async def ask(phone: Phone, *, russian: bool = False) -> dict[str, Any]:
    """Go all the way to the second tap; the screen before it."""
    await opened(phone)
    await phone.tap("🗑 Стереть мои данные" if russian else "🗑 Erase my data")
    return await phone.reads("Стереть всё о вас?" if russian else "Erase everything about you?")


async def test_asking_says_what_is_lost_and_one_tap_calls_it_off(ann: Phone, db: Database) -> None:
    question = await ask(ann)
    assert "100 points" in question["text"]
    assert await pending(db, ann) is None, "one tap is not enough"
    await ann.tap("Yes, erase everything")
    await ann.reads("Your data will be erased on")
    asked = await pending(db, ann)
    assert asked is not None
    assert asked.after - asked.at == timedelta(days=3)
    # The same tap again, as a nervous finger or a repeated update has it.
    shown = await opened(ann)
    assert "Your data will be erased on" in shown["text"]
    assert "🗑 Erase my data" not in labels(shown)
    assert await pending(db, ann) == asked
    await ann.tap("Keep my card 💛")
    await ann.reads("Your card stays")
    assert await pending(db, ann) is None
    assert (await of(db, ann)).name == "Annabella"


async def test_a_question_that_is_old_or_made_up_is_asked_anew(
    ann: Phone, running: RunningBot, db: Database
) -> None:
    question = await ask(ann)
    data = next(
        b["callback_data"]
        for row in question["buttons"]
        for b in row
        if b["text"] == "Yes, erase everything"
    )
    pass_time(minutes=16)
    for forged in (
        data,
        "privacy_erase_sure",
        "privacy_erase_sure:zzzzzzzzz",
        "privacy_erase_sure:!",
    ):
        await tap_raw(running, ann, forged)
        await ann.reads("Erase everything about you?")
        assert await pending(db, ann) is None
    await ann.tap("Yes, erase everything")
    await ann.reads("Your data will be erased on")
    assert await pending(db, ann) is not None


async def test_no_offers_while_waiting(ann: Phone, db: Database) -> None:
    from loyalty.messaging.people import gather

    person = await of(db, ann)

    async def ads() -> bool | None:
        found = await db.read(lambda s: gather(s, [person.id], now=clock.now(), time_zone=ZONE))
        return found[person.id].ads

    assert await ads()
    await ask(ann)
    await ann.tap("Yes, erase everything")
    await ann.reads("Your data will be erased on")
    assert await ads() is False
    await ann.tap("Keep my card 💛")
    await ann.reads("Your card stays")
    assert await ads()


async def test_erased_in_russian_on_the_day_and_not_before_after_an_outage_and_a_restart(
    db: Database, telegram: Telegram, hands: Hands
) -> None:
    async with running_bot(db, telegram):
        ivan = await telegram.person(
            9_100_002, first_name="Ипполит", phone="+79167770022", language_code="ru"
        )
        await ivan.joins(russian=True)
        question = await ask(ivan, russian=True)
        assert "100 баллов" in question["text"]
        await ivan.tap("Да, стереть всё")
        waiting = await ivan.reads("Ваши данные будут стёрты")
        assert "Оставить карту 💛" in labels(waiting)
        assert not [b for b in labels(waiting) if len(b) > 30]
    person = await of(db, ivan)
    pass_time(days=2, hours=23)
    await hands.work()
    assert await of(db, ivan) == person, "it is not time yet"
    # Everything stood still for three days; the bot starts again and the day is past.
    pass_time(days=3)
    async with running_bot(db, telegram):
        await hands.work()
        goodbye = await ivan.reads("всё о вас стёрто")
        assert "Ипполит" not in goodbye["text"]
        wanted = ("Ипполит", "9167770022", "9100002")
        left = await db.read(lambda s: traces(s, wanted))
        # Numbers of updates that came since are kept for three days, with their chat.
        assert left <= {("inbox", "chat_id")}
        assert await db.read(wallet.reconcile) == []
        status = await db.read(
            lambda s: s.execute(
                sa.select(customer.c.status, customer.c.erase_after).where(
                    customer.c.id == person.id
                )
            ).one()
        )
        assert tuple(status) == ("erased", None)
        # Back again: a new card, and no second welcome.
        await ivan.joins(russian=True, ads=False)
        again = await of(db, ivan)
        assert again.id != person.id
        balance = await db.read(lambda s: wallet.balance(s, customer_id=again.id, now=clock.now()))
        assert balance.available == 0


async def test_who_took_their_agreement_back_can_still_see_export_and_erase(
    ann: Phone, db: Database, hands: Hands
) -> None:
    await opened(ann)
    await ann.tap("Take back my agreement")
    await ann.tap("Yes, stop my card")
    await ann.reads("Your card is stopped")
    await ann.tap("🔒 My data")
    shown = await ann.reads("Your agreements")
    assert {"📄 Get my data as a file", "🗑 Erase my data", "Join again"} <= set(labels(shown))
    await ann.tap("🗑 Erase my data")
    await ann.tap("Yes, erase everything")
    await ann.reads("Your data will be erased on")
    pass_time(days=3, minutes=1)
    await hands.work()
    await ann.reads("everything about you is erased")
    rows = await db.read(lambda s: s.execute(sa.select(outbox)).all())
    assert all(row.chat_id == 0 and row.payload == {} for row in rows)


async def test_a_stranger_has_nothing_to_erase(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    stranger = await telegram.person(9_100_003)
    await opened(stranger)
    await stranger.reads("I keep nothing about you")
    for forged in ("privacy_erase", "privacy_erase_sure:1", "privacy_keep"):
        await tap_raw(running, stranger, forged)
        await stranger.reads("Hi! 👋")
    await tap_raw(running, stranger, "privacy_file")
    await stranger.reads("I keep nothing about you")
    assert await db.read(lambda s: privacy.waiting(s)) == []
