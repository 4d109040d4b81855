"""How the bot behaves whatever is asked: one living message, stale and foreign taps, floods."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from bot import conduct
from bot.app import RunningBot
from bot.flood import Flood, Verdict
from loyalty import clock, customers
from loyalty.customers import telegram_chat
from loyalty.db import Database
from tests.bot.phone import Phone, Telegram, running_bot, until
from tests.bot.taps import tap_raw

RU = {"language_code": "ru"}


def screens(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages with buttons that come back to the bot."""
    return [m for m in messages if any(b.get("callback_data") for r in m["buttons"] for b in r)]


async def living_of(db: Database, phone: Phone) -> int | None:
    query = sa.select(telegram_chat.c.menu_message_id).where(
        telegram_chat.c.telegram_id == phone.id
    )
    return await db.read(lambda s: s.execute(query).scalar_one())


async def say(running: RunningBot, phone: Phone, text: str) -> None:
    """Type a text and wait until it has been dealt with altogether."""
    before = running.handled
    await phone.send(text)
    await until(lambda: running.handled > before, f"{text} handled")
    await running.idle()


async def tap(running: RunningBot, phone: Phone, label: str) -> None:
    """Tap a button and wait until it has been dealt with altogether."""
    before = running.handled
    await phone.tap(label)
    await until(lambda: running.handled > before, f"{label} handled")


@pytest.fixture
async def ann(running: RunningBot, telegram: Telegram) -> Phone:
    phone = await telegram.person(1)
    await phone.joins()
    return phone


# --- one living message ----------------------------------------------------------------------


@pytest.mark.parametrize("russian", [False, True])
async def test_taps_and_commands_leave_one_living_message(
    running: RunningBot, telegram: Telegram, db: Database, russian: bool
) -> None:
    ann = await telegram.person(1, **(RU if russian else {}))
    await ann.joins(russian=russian)
    menu = (await ann.with_button("card"))["message_id"]
    for name in ("balance", "menu", "stamps", "menu", "offers", "menu", "profile", "menu"):
        await tap(running, ann, name)
    # All of it happened in the same message.
    assert [m["message_id"] for m in screens(await ann.from_bot())] == [menu]
    for command in ("/balance", "/card", "/stamps", "/profile", "/help", "/card", "/start"):
        await say(running, ann, command)
        shown = screens(await ann.from_bot())
        assert len(shown) == 1, command
        assert shown[0]["message_id"] == (await ann.from_bot())[-1]["message_id"]
    await running.ctx.living.flush()
    assert await living_of(db, ann) == screens(await ann.from_bot())[0]["message_id"]


async def test_the_card_goes_when_it_is_left(ann: Phone, running: RunningBot) -> None:
    await tap(running, ann, "card")
    assert [bool(m.get("photo")) for m in screens(await ann.from_bot())] == [True]
    await tap(running, ann, "menu")
    await ann.with_button("card")
    # The QR is good for ten minutes and nobody else's business: it does not lie about in the chat.
    assert not [m for m in await ann.from_bot() if m.get("photo")]


# --- stale taps ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("russian", "said"), [(False, "The newest is below"), (True, "Новое — ниже")]
)
async def test_a_tap_on_an_old_menu_explains_itself(
    running: RunningBot, telegram: Telegram, russian: bool, said: str
) -> None:
    ann = await telegram.person(1, **(RU if russian else {}))
    await ann.joins(russian=russian)
    old = (await ann.with_button("card"))["message_id"]
    await say(running, ann, "/balance")
    running.ctx.living._replaced.clear()  # long after it was replaced
    answer = await tap_raw(running, ann, "stamps", message_id=old)
    assert said in (answer.text or "")
    shown = screens(await ann.from_bot())
    assert len(shown) == 1
    assert shown[0]["message_id"] > old
    # What only shows something is shown below; what changes something is not done from there.
    assert ("Кофейная карта" if russian else "Coffee card") in shown[0]["text"]
    await tap_raw(running, ann, "privacy_leave_sure", message_id=old)
    visit = await running.ctx.db.read(lambda s: customers.visit(s, ann.id))
    assert visit.consented


async def test_a_tap_answered_before_a_crash_is_answered_again(
    ann: Phone, running: RunningBot
) -> None:
    menu = (await ann.with_button("card"))["message_id"]
    await tap(running, ann, "card")
    # The process died after the answer: the next one handles the same tap and remembers nothing.
    await running.ctx.living.flush()
    running.ctx.living._replaced.clear()
    await tap_raw(running, ann, "card", message_id=menu)
    assert [bool(m.get("photo")) for m in screens(await ann.from_bot())] == [True]


async def test_a_double_tap_is_one_tap(ann: Phone, running: RunningBot) -> None:
    menu = (await ann.with_button("card"))["message_id"]
    answer = await tap_raw(running, ann, "card", message_id=menu, times=3)
    # The first one shows the card; the others neither complain nor put the menu over it.
    assert answer.text == ""
    assert [bool(m.get("photo")) for m in screens(await ann.from_bot())] == [True]
    assert len(await ann.telegram.requests("sendPhoto")) == 1


async def test_a_second_device_finds_the_same(ann: Phone, running: RunningBot) -> None:
    # One device has just opened the points, the other still shows the menu's buttons.
    menu = (await ann.with_button("card"))["message_id"]
    await tap(running, ann, "balance")
    await tap_raw(running, ann, "stamps", message_id=menu)
    shown = screens(await ann.from_bot())
    assert [m["message_id"] for m in shown] == [menu]
    assert "Coffee card" in shown[0]["text"]


async def test_a_button_under_a_receipt_leaves_it_alone(ann: Phone, running: RunningBot) -> None:
    told = await running.ctx.bot.send_message(ann.id, "A receipt")
    await tap_raw(running, ann, "go:balance", message_id=told.message_id)
    await running.idle()
    assert [m for m in await ann.from_bot() if m.get("text") == "A receipt"]
    assert "You have" in screens(await ann.from_bot())[-1]["text"]
    assert len(screens(await ann.from_bot())) == 1


async def test_a_deleted_menu_comes_back(ann: Phone, running: RunningBot) -> None:
    menu = (await ann.with_button("card"))["message_id"]
    await running.ctx.bot.delete_message(ann.id, menu)
    await tap_raw(running, ann, "balance", message_id=menu)
    shown = screens(await ann.from_bot())
    assert len(shown) == 1
    assert shown[0]["message_id"] > menu


# --- whose button it is ----------------------------------------------------------------------


@pytest.mark.parametrize("data", ["balance", "go:card", "privacy_leave_sure", "hold:yes:1", "x"])
async def test_a_tap_on_anothers_message_does_nothing(
    running: RunningBot, ann: Phone, telegram: Telegram, data: str
) -> None:
    bob = await telegram.person(2)
    await bob.joins()
    before = await ann.messages(), await bob.messages()
    hers = (await ann.with_button("card"))["message_id"]
    answer = await tap_raw(running, bob, data, message_id=hers, chat_id=ann.id)
    assert answer.text == "This button is not for you 🙂"
    assert answer.alert
    assert (await ann.messages(), await bob.messages()) == before


# --- floods ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("russian", "said"), [(False, "too fast"), (True, "не успеваю")])
async def test_a_flood_is_told_once_and_others_are_served(
    running: RunningBot, telegram: Telegram, russian: bool, said: str
) -> None:
    ann, bob = await telegram.person(1, **(RU if russian else {})), await telegram.person(2)
    await ann.joins(russian=russian)
    await bob.joins()
    await running.idle()
    running.ctx.flood._buckets.clear()
    sent = len(await telegram.requests("sendMessage"))
    now = int(clock.real_now().timestamp())
    await running.intake.put([_text(ann, n, now) for n in range(300)])
    await bob.send("/balance")
    await bob.reads("You have")
    await running.idle()
    answers = (await telegram.requests("sendMessage"))[sent:]
    hers = [a["parameters"]["text"] for a in answers if str(a["parameters"]["chat_id"]) == "1"]
    assert sum(said in text for text in hers) == 1
    # Forty at once, twenty for each second it took, and the warning; far from three hundred.
    assert 41 <= len(hers) <= 141
    # And it passes.
    running.ctx.flood._buckets.clear()
    await ann.send("/stamps")
    await ann.reads("Кофейная карта" if russian else "Coffee card")


def _text(phone: Phone, number: int, date: int) -> dict[str, Any]:
    person = {"id": phone.id, "is_bot": False, "first_name": "X"}
    chat = {"id": phone.id, "type": "private", "first_name": "X"}
    message = {"message_id": 9_000 + number, "date": date, "chat": chat, "from": person}
    return {"update_id": 2**41 + number, "message": {**message, "text": "hello?"}}


def test_what_has_gathered_while_the_bot_was_away_is_no_flood() -> None:
    flood = Flood(burst=5, per_second=1.0)
    spread = [{"message": {"date": 1_000 + n}} for n in range(100)]
    assert {flood.look(7, update, now=5_000.0) for update in spread} == {Verdict.HANDLE}


def test_a_burst_then_so_many_a_second() -> None:
    flood = Flood(burst=5, per_second=1.0)
    seen = [flood.look(7, {"callback_query": {}}, now=100.0) for _ in range(8)]
    assert seen == [Verdict.HANDLE] * 5 + [Verdict.WARN, Verdict.DROP, Verdict.DROP]
    assert flood.look(7, {}, now=102.0) is Verdict.HANDLE
    # Told again only after a while, and a clock that goes back gives nothing away.
    assert [flood.look(7, {}, now=103.0) for _ in range(3)][-1] is Verdict.DROP
    assert flood.look(7, {}, now=50.0) is Verdict.DROP
    assert flood.look(8, {}, now=50.0) is Verdict.HANDLE
    assert {flood.look(-1, {}, now=50.0) for _ in range(50)} == {Verdict.HANDLE}


# --- a sign of life --------------------------------------------------------------------------


async def test_a_slow_answer_is_announced(
    ann: Phone, running: RunningBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conduct, "PATIENCE_S", 0.05)
    fault = {"method": "sendMessage", "kind": "slow", "times": 1, "seconds": 0.6}
    await ann.telegram.call("POST", "/faults", fault)
    await ann.send("/balance")
    await until(lambda: _announced(ann.telegram), "typing…")
    await ann.reads("You have")
    await running.idle()
    quick = len(await ann.telegram.requests("sendChatAction"))
    monkeypatch.setattr(conduct, "PATIENCE_S", 30)
    await ann.send("/stamps")
    await ann.reads("Coffee card")
    assert len(await ann.telegram.requests("sendChatAction")) == quick


async def _announced(telegram: Telegram) -> bool:
    return bool(await telegram.requests("sendChatAction"))


async def test_a_tap_is_answered_although_the_edit_is_slow(ann: Phone, running: RunningBot) -> None:
    fault = {"method": "editMessageText", "kind": "slow", "times": 1, "seconds": 2.0}
    await ann.telegram.call("POST", "/faults", fault)
    start = asyncio.get_running_loop().time()
    await ann.tap("balance")
    assert asyncio.get_running_loop().time() - start < 1.0


# --- coming and going ------------------------------------------------------------------------


@pytest.mark.parametrize("russian", [False, True])
async def test_blocked_and_back_finds_everything(
    running: RunningBot, telegram: Telegram, db: Database, russian: bool
) -> None:
    ann = await telegram.person(1, **(RU if russian else {}))
    await ann.joins(russian=russian)
    before = await db.read(lambda s: customers.find_by_telegram(s, 1))
    await ann.block()
    await until(lambda: _reachable(db, ann, False), "noticed that the bot is blocked")
    await ann.unblock()
    await ann.send("/start")
    await until(lambda: _reachable(db, ann, True), "noticed that the bot is welcome again")
    shown = await ann.with_button("card")
    assert ("100 баллов" if russian else "100 points") in shown["text"].replace("\u00a0", " ")
    assert await db.read(lambda s: customers.find_by_telegram(s, 1)) == before


async def _reachable(db: Database, phone: Phone, wanted: bool) -> bool:
    visit = await db.read(lambda s: customers.visit(s, phone.id))
    return visit.chat is not None and visit.chat.reachable == wanted


async def test_old_messages_stay_old_after_a_restart(telegram: Telegram, db: Database) -> None:
    ann = await telegram.person(1)
    async with running_bot(db, telegram) as first:
        await ann.joins()
        old = (await ann.with_button("card"))["message_id"]
        await say(first, ann, "/stamps")
    async with running_bot(db, telegram) as again:
        answer = await tap_raw(again, ann, "offers", message_id=old)
        assert "The newest is below" in (answer.text or "")
