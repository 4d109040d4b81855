"""A question of the profile ends when another screen takes its place."""

from __future__ import annotations

import pytest

from bot.app import RunningBot
from loyalty.db import Database
from tests.bot.phone import Telegram
from tests.bot.taps import tap_raw
from tests.bot.test_profile import member, who


@pytest.mark.parametrize(
    ("question", "typed"), [("name", "Thanks"), ("birthday", "5 June"), ("number", "Thanks")]
)
@pytest.mark.parametrize("leaving", ["/card", "/start", "/stop", "card"])
async def test_another_screen_ends_a_question(
    running: RunningBot, telegram: Telegram, db: Database, question: str, typed: str, leaving: str
) -> None:
    ann = await member(telegram)
    before = await who(db)
    await ann.tap(question)
    await running.idle()
    if leaving.startswith("/"):
        await ann.send(leaving)
    else:
        await tap_raw(running, ann, leaving)
    await running.idle()
    await ann.send(typed)
    await ann.reads("did not quite get that")
    after = await who(db)
    assert (after.name, after.birth_day) == (before.name, before.birth_day)


async def test_the_key_that_leads_back_works_after_its_question(
    running: RunningBot, telegram: Telegram
) -> None:
    ann = await member(telegram)
    await ann.tap("number")
    await ann.reads("Have you a new number")
    await ann.send("/card")
    await ann.reads("good until")
    await ann.send("‹ Back")
    await ann.reads("the number stays")
    await ann.with_button("card")
    assert (await ann.messages())[-1]["keyboard"] is None
