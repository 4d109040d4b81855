"""Links that bring nothing any more get a word; a chat whose card has moved is told so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.app import RunningBot
from loyalty import clock
from loyalty.db import Database
from tests.bot.phone import Phone, Telegram, until
from tests.bot.test_arriving import joins_by, sold

RU = {"language_code": "ru"}
UNKNOWN = {False: "I do not know this invitation", True: "Не знаю такого приглашения"}
AGREE = {False: "Agree and join ✅", True: "Принять и вступить ✅"}


@pytest.fixture(autouse=True)
def _clock_goes_back() -> object:
    yield
    clock.set_offset(timedelta())


async def answer(running: RunningBot, phone: Phone, text: str) -> str:
    """What the bot says to this, in its newest message."""
    await running.idle()
    before = running.handled
    await phone.send(text)
    await until(lambda: running.handled > before, f"an answer to {text}")
    await running.idle()
    said: str = (await phone.from_bot())[-1]["text"]
    return said


@pytest.mark.parametrize("russian", [False, True])
async def test_an_invitation_nobody_has(
    running: RunningBot, telegram: Telegram, russian: bool
) -> None:
    eve = await telegram.person(1, **(RU if russian else {}))
    words = await answer(running, eve, "/start r_NKWMATE2")
    assert words.startswith(UNKNOWN[russian])
    assert "\n\n" in words, "and how to join all the same"
    plain = await answer(running, eve, "/start r_NOBODY22")
    assert UNKNOWN[russian] not in plain, "no code of ours looks like this"
    assert running.intake.failed == 0


async def test_a_member_with_a_dead_invitation(running: RunningBot, telegram: Telegram) -> None:
    ann = await telegram.person(1, first_name="Ann")
    await ann.joins()
    assert UNKNOWN[False] in await answer(running, ann, "/start r_NKWMATE2")
    # Whoever guesses learns nothing more after some tries.
    for _ in range(5):
        last = await answer(running, ann, "/start r_NKWMATE3")
    assert UNKNOWN[False] not in last


async def test_a_receipt_that_was_picked_up_and_one_too_old(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    dan, eve = await telegram.person(4), await telegram.person(5)
    _, token = await sold(db)
    assert "receipt" not in await answer(running, eve, f"/start {token}"), "it may still be theirs"
    await joins_by(dan, token)
    assert "are on a card already" in await answer(running, eve, f"/start {token}")
    _, late = await sold(db)
    clock.set_offset(timedelta(hours=73))
    assert "within three days only" in await answer(running, eve, f"/start {late}")
    assert running.intake.failed == 0


@pytest.mark.parametrize("russian", [False, True])
async def test_the_chat_whose_card_has_moved(
    running: RunningBot, telegram: Telegram, russian: bool
) -> None:
    language = RU if russian else {}
    old = await telegram.person(10, phone="+79991112233", **language)
    new = await telegram.person(11, phone="+79991112233", **language)
    for phone in (old, new):
        await phone.send("/start")
        await phone.tap(AGREE[russian])
        await phone.reads("Последний шаг" if russian else "One last step")
        await phone.share()
        await phone.with_button("ads_no")
    moved = "переехала в другой аккаунт" if russian else "has moved to another Telegram account"
    staff = "сразу скажите" if russian else "tell our staff at once"
    for command in ("/balance", "/card"):
        words = await answer(running, old, command)
        assert moved in words
        assert staff in words
    assert moved not in await answer(running, new, "/balance")
    # Whoever goes on from there joins like anybody.
    await old.tap(AGREE[russian])
    await old.reads("Последний шаг" if russian else "One last step")
    assert running.intake.failed == 0
