"""Which message lives when several processes answer one chat; a guarded picture stays guarded."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from bot.app import RunningBot
from bot.living import Living
from loyalty import clock, customers
from loyalty.customers import telegram_chat
from loyalty.db import Database
from tests.bot import gifts
from tests.bot.phone import Telegram, until
from tests.bot.purse import id_of
from tests.bot.test_card import member

CHAT = 9


async def test_a_menu_shown_by_another_process_is_no_old_one(database_url: str) -> None:
    db = Database(database_url)
    try:
        await db.transact(
            lambda s: customers.open_chat(s, telegram_id=CHAT, language="en", now=clock.now())
        )
        here, there = Living(db), Living(db)

        async def written() -> int | None:
            query = sa.select(telegram_chat.c.menu_message_id)
            return await db.read(lambda s: s.execute(query).scalar_one())

        here.note(CHAT, 5, instead_of=None)
        assert here.of(CHAT, None) == 5, "before it is written down"
        await here.flush()
        there.note(CHAT, 7, instead_of=5)
        await there.flush()
        assert here.of(CHAT, await written()) == 7
        assert there.of(CHAT, await written()) == 7
        assert here.of(CHAT, None) == 5, "who was loaded before it was written down"
    finally:
        await db.close()


async def test_the_card_is_guarded_also_after_a_coupons_picture(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann = await member(telegram)
    await gifts.coupon(db, await id_of(db))
    await ann.send("/offers")
    await ann.reads("Ten percent")
    await ann.tap("🎟 Ten percent")
    coupon = await ann.reads("Show this at the till")
    assert not coupon.get("protected")
    await ann.tap("💳 Show my card")
    card = await ann.reads("good until")
    assert card["protected"], "a card that can be forwarded"

    async def alone() -> bool:
        return len([m for m in await ann.from_bot() if m.get("photo")]) == 1

    await until(alone, "the coupon's picture to go")
    await ann.tap("🔄 Refresh")
    await running.idle()
    assert (await ann.reads("good until"))["message_id"] == card["message_id"]


@pytest.mark.parametrize("kind", ["5xx", "400", "drop_after"])
async def test_an_answer_is_given_once_though_the_screen_before_will_not_go(
    running: RunningBot, telegram: Telegram, db: Database, kind: str
) -> None:
    ann = await member(telegram)
    await ann.send("/balance")
    await ann.reads("You have 100 points")
    await telegram.call(
        "POST", "/faults", {"method": "deleteMessage", "chat_id": ann.id, "kind": kind, "times": 1}
    )
    await ann.send("/card")
    await running.idle()
    await ann.reads("good until")
    assert len(await telegram.requests("sendPhoto")) == 1
    live = [message for message in await ann.from_bot() if message["buttons"]]
    assert [message["photo"] is not None for message in live] == [True], "one menu only"
