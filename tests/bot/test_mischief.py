"""Updates twice, out of turn and late: the way through the bot ends as it would without."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from bot.app import RunningBot
from loyalty.customers import customer
from loyalty.db import Database
from tests.bot.phone import Telegram, until

PEOPLE = 4


@pytest.mark.parametrize("seed", [1, 2])
async def test_people_join_all_the_same(
    telegram: Telegram, db: Database, running: RunningBot, seed: int
) -> None:
    await telegram.mischief(seed=seed, duplicate=0.6, swap=0.5, delay=0.4)

    async def come(number: int) -> None:
        russian = number % 2 == 0
        guest = await telegram.person(number, language_code="ru" if russian else "en")
        await guest.joins(russian=russian)
        await guest.tap("balance")
        await guest.with_button("history")

    await asyncio.gather(*(come(number) for number in range(1, PEOPLE + 1)))

    async def nothing_waits() -> bool:
        return not (await telegram.mischief_done())["waiting"]

    await until(nothing_waits, "updates still held back")
    await running.idle()
    done = await telegram.mischief_done()
    assert done["duplicated"]
    assert done["delayed"]
    assert running.intake.failed == 0
    query = (
        sa.select(sa.func.count()).select_from(customer).where(customer.c.joined_at.is_not(None))
    )
    assert await db.read(lambda session: session.execute(query).scalar_one()) == PEOPLE


async def test_a_forged_update_changes_nothing(
    telegram: Telegram, db: Database, running: RunningBot
) -> None:
    anna, boris = await telegram.person(1), await telegram.person(2)
    await anna.joins()
    await boris.joins()
    theirs = (await anna.with_button("card"))["message_id"]
    before = await anna.messages()
    chat = {"id": anna.id, "type": "private", "first_name": "A"}
    query = {
        "id": "77",
        "from": {"id": boris.id, "is_bot": False, "first_name": "B"},
        "chat_instance": "1",
        "data": "balance",
        "message": {"message_id": theirs, "date": 1, "chat": chat, "text": "x"},
    }
    number = await telegram.forged(callback_query=query)
    await telegram.forged(update_id=number, callback_query=query)
    await telegram.forged(callback_query={**query, "id": "78", "data": "\x00" * 64})

    async def arrived() -> bool:
        answers = await telegram.requests("answerCallbackQuery")
        return {"77", "78"} <= {row["parameters"]["callback_query_id"] for row in answers}

    await until(arrived, "the forged taps")
    await running.idle()
    assert await anna.messages() == before
    assert running.intake.failed == 0
