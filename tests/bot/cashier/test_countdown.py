"""The customer's question counts down on both screens, and ends on both."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

import bot
from bot.cashier.countdown import Countdown, nudge
from loyalty import clock, wallet
from loyalty.purchases import asking, questions
from loyalty.purchases.tables import sale_draft
from loyalty.settings import Settings
from tests.bot.cashier.street import KEYS, TOKEN, ZONE, Json, Phone, Street
from tests.bot.phone import until


async def asked(
    street: Street, *, language: str = "en", points: int = 1000
) -> tuple[Phone, Phone, int]:
    """A cashier who waits for Ivan's yes to 900 points, Ivan, and his id."""
    anna = await street.cashier(501, "Anna", language=language)
    ivan = await street.phone(701, "Ivan", language)
    await ivan.send("/start")
    customer_id = await street.customer(701, "Ivan", points=points, language=language)
    await anna.open(f"c_{(await street.show(customer_id)).token}")
    await anna.send("3000")
    row = [b for r in (await anna.last())["buttons"] for b in r if "sale:ask" in b["callback_data"]]
    await anna.tap(row[0]["text"])
    return anna, ivan, customer_id


async def reads(phone: Phone, part: str) -> Json:
    """Wait until the last message of the bot says so; that message."""

    async def look() -> Json | None:
        message = await phone.last()
        return message if part in (message["text"] or "") else None

    found: Json = await until(look, f"{part!r} in the chat of {phone.id}")
    return found


async def pass_time(street: Street, seconds: float) -> None:
    """The business's clock goes on, and the loop sees it at its next look."""
    clock.set_offset(clock.offset() + timedelta(seconds=seconds))
    nudge(street.bot.ctx, asked=True)


async def open_questions(street: Street) -> int:
    query = sa.select(sa.func.count()).where(sale_draft.c.asked_next_at.is_not(None))
    return await street.db.read(lambda s: s.execute(query).scalar_one())


async def test_both_screens_count_down_and_say_that_time_is_over(street_on_both: Street):
    street = street_on_both
    anna, ivan, customer_id = await asked(street)
    for phone in (anna, ivan):
        assert "Time left: 2:00" in await phone.words()
    question = await ivan.last()
    await pass_time(street, 16)
    mine, theirs = await reads(anna, "Time left: 1:4"), await reads(ivan, "Time left: 1:4")
    assert theirs["message_id"] == question["message_id"], "edited in place"
    assert len(theirs["buttons"][0]) == 2
    assert mine["buttons"]
    await pass_time(street, 80)
    await reads(ivan, "Time left: 0:2")
    await pass_time(street, 30)
    over = await reads(ivan, "Time is over")
    assert over["buttons"] == []
    till = await reads(anna, "Time is over: Ivan has not answered")
    assert "Waiting" not in till["text"]
    assert any("ask the customer" in label for label in await anna.buttons())
    await until(lambda: _none(street), "the question settled")
    assert (await street.balance(customer_id)).held == 0
    yes = question["buttons"][0][0]["callback_data"]
    assert "question is over" in (await ivan.tap_data(question, yes) or "")
    await anna.tap("Don't spend")
    assert await street.sales() == 1
    assert not await street.db.read(wallet.reconcile)


async def test_who_moves_the_clock_finds_both_screens_at_the_new_time(street_on_both: Street):
    """As the time machine does: what became due has been shown once it answers."""
    street = street_on_both
    anna, ivan, customer_id = await asked(street)
    clock.set_offset(clock.offset() + timedelta(seconds=70))
    await street.bot.settled()
    for phone in (anna, ivan):
        assert "Time left: 0:" in await phone.words()
    clock.set_offset(clock.offset() + timedelta(seconds=55))
    await street.bot.settled()
    assert "Time is over" in await ivan.words()
    assert "Time is over: Ivan has not answered" in await anna.words()
    assert (await street.balance(customer_id)).held == 0


async def _none(street: Street) -> bool:
    return await open_questions(street) == 0


async def test_in_russian(street: Street):
    anna, ivan, _ = await asked(street, language="ru")
    assert "Осталось времени: 2:00" in await ivan.words()
    assert "Осталось времени: 2:00" in await anna.words()
    await pass_time(street, 121)
    assert "Время вышло" in (await reads(ivan, "Время вышло"))["text"]
    assert "Время вышло" in (await reads(anna, "Время вышло"))["text"]


@pytest.mark.parametrize("label", ["Yes", "No"])
async def test_an_answer_stops_it_at_once(street: Street, label: str):
    anna, ivan, _ = await asked(street)
    await ivan.tap(label)
    assert await open_questions(street) == 0
    said = [await ivan.words(), await anna.words()]
    await pass_time(street, 60)
    await Countdown(street.bot.ctx).look()
    assert [await ivan.words(), await anna.words()] == said
    assert (await ivan.last())["buttons"] == []


@pytest.mark.parametrize("label", ["Change points", "Cancel"])
async def test_the_till_takes_its_question_back_on_both_screens(street: Street, label: str):
    anna, ivan, customer_id = await asked(street)
    await anna.tap(label)
    gone = await reads(ivan, "taken its question back")
    assert gone["buttons"] == []
    assert "Time is over" not in await anna.words()
    assert (await street.balance(customer_id)).held == 0


async def test_asked_anew_the_former_question_goes_quiet(street: Street):
    anna, ivan, _ = await asked(street)
    first = await ivan.last()
    await anna.tap("Change points")
    await reads(ivan, "taken its question back")
    await anna.tap("ask the customer")
    second = await reads(ivan, "Time left")
    assert second["message_id"] != first["message_id"]
    await ivan.tap("Yes")
    assert await street.sales() == 1


async def test_a_restart_goes_on_counting(street: Street):
    anna, ivan, customer_id = await asked(street)
    await street.bot.stop()
    settings = Settings(database_url=street.db.url, language="en", time_zone=ZONE)
    me = str((await ivan.last())["message_id"])
    api = street.bot.ctx.bot.session.api.base.partition("/bot")[0]
    street.bot = await bot.start(
        street.db, settings=settings, keys=KEYS, token=TOKEN, api_url=api, poll=True
    )
    await pass_time(street, 20)
    message = await reads(ivan, "Time left: 1:")
    assert str(message["message_id"]) == me
    await pass_time(street, 120)
    await reads(ivan, "Time is over")
    await reads(anna, "Time is over")
    assert (await street.balance(customer_id)).held == 0


async def test_two_instances_show_it_once_and_a_limit_is_not_waited_for(street_on_both: Street):
    street = street_on_both
    anna, ivan, _ = await asked(street)
    now = clock.now() + timedelta(seconds=15)
    found = await street.db.read(lambda s: questions.waiting(s, now=now))
    claims = await asyncio.gather(
        *(street.db.transact(lambda s: questions.claim(s, found[0], now=now)) for _ in range(4))
    )
    assert sorted(claims) == [False, False, False, True]
    fault = {"method": "editMessageText", "kind": "429", "times": 2, "retry_after": 30}
    await street.control("POST", "/faults", fault)
    await pass_time(street, 31)
    began = asyncio.get_running_loop().time()
    await asyncio.gather(Countdown(street.bot.ctx).look(), Countdown(street.bot.ctx).look())
    await ivan.tap("Yes")
    assert asyncio.get_running_loop().time() - began < 10, "nobody waits for a skipped edit"
    assert "You have spent 900 points" in await ivan.words()
    assert "Done!" in await anna.words()


def test_it_is_shown_more_often_towards_the_end() -> None:
    now = clock.real_now()
    assert questions.next_look(now + timedelta(seconds=120), now) == now + timedelta(seconds=15)
    assert questions.next_look(now + timedelta(seconds=30), now) == now + timedelta(seconds=10)
    assert questions.next_look(now + timedelta(seconds=4), now) == now + timedelta(seconds=4)


async def test_a_no_whose_bot_fell_over_reaches_both_screens(street_on_both: Street):
    street = street_on_both
    anna, ivan, customer_id = await asked(street)

    def refused(session: Session) -> None:
        hold = session.execute(sa.select(sale_draft.c.hold_id)).scalar_one()
        asking.refuse(session, hold_id=hold, customer_id=customer_id, now=clock.now())

    await street.db.transact(refused)
    await pass_time(street, 6)
    await reads(ivan, "No points were spent")
    till = await reads(anna, "does not want to spend")
    assert any("ask the customer" in label for label in await anna.buttons())
    assert "Waiting" not in till["text"]
    await until(lambda: _none(street), "the question settled")
