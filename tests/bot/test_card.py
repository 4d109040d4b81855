"""The card: who I am and what I have at a glance, fresh in place, gone when it is left."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.app import RunningBot
from loyalty import clock, wallet
from loyalty.customers import customer
from loyalty.db import Database
from tests.bot.phone import Phone, Telegram, until
from tests.bot.purse import give, id_of
from tests.bot.taps import tap_raw
from tests.bot.test_customer import card_text

WORDS = {
    "en": ("💳 Bronze · 140 points", "good until", "🔄 Refresh", "« Menu"),
    "ru": ("💳 Бронза · 140 баллов", "Код", "🔄 Обновить", "« Меню"),
}


async def member(telegram: Telegram, number: int = 1, language: str = "en") -> Phone:
    """Somebody with the menu before them."""
    phone = await telegram.person(number, first_name="Ann", language_code=language)
    await phone.joins(russian=language == "ru")
    return phone


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_at_a_glance_fresh_in_place_and_gone(
    running: RunningBot, telegram: Telegram, db: Database, language: str
) -> None:
    ann = await member(telegram, language=language)
    await give(db, await id_of(db), 40)
    head, term, refresh, back = WORDS[language]
    await ann.send("/card")
    shown = await ann.reads(head)
    lines = shown["caption"].split("\n")
    assert len(lines) == 2
    assert term in lines[1]
    first = await card_text(ann, shown)
    await ann.tap(refresh)

    async def fresh() -> bool:
        again = await ann.reads(head)
        return again["message_id"] == shown["message_id"] and await card_text(ann, again) != first

    await until(fresh, "a fresh QR in the same message")
    await ann.tap(back)

    async def gone() -> bool:
        return not [m for m in await ann.from_bot() if m.get("photo")]

    await until(gone, "the picture to go")
    sent = await telegram.requests("sendPhoto")
    assert str(sent[0]["parameters"]["protect_content"]).lower() == "true"


async def test_a_card_that_has_run_out_says_so(running: RunningBot, telegram: Telegram) -> None:
    ann = await member(telegram)
    await ann.send("/card")
    shown = await ann.reads("good until")
    assert "Fresh for ten minutes" in (await ann.tap("🔄 Refresh"))["answer"]["text"]
    clock.set_offset(timedelta(minutes=11))
    try:
        assert "had run out" in (await ann.tap("🔄 Refresh"))["answer"]["text"]
    finally:
        clock.set_offset(timedelta())
    assert (await ann.reads("good until"))["message_id"] == shown["message_id"]


async def test_a_forged_refresh_is_only_a_refresh(running: RunningBot, telegram: Telegram) -> None:
    ann = await member(telegram)
    await ann.send("/card")
    await ann.reads("good until")
    for arg in ("", "!!", "zzzzzzzzzzzzz", "1y2p0ij32e8e7", "0"):
        said = await tap_raw(running, ann, f"card_refresh:{arg}")
        assert said.text
        assert ("had run out" if arg == "0" else "Fresh for ten minutes") in said.text
    assert running.intake.failed == 0
    assert len([m for m in await ann.from_bot() if m.get("photo")]) == 1


async def test_a_paused_and_a_closed_card(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann = await member(telegram)
    me, now = await id_of(db), clock.now()
    for until_when, words in ((now + timedelta(days=2), "paused until"), (None, "ask our staff")):

        def unit(session: Session, end: datetime | None = until_when) -> None:
            wallet.freeze(
                session, customer_id=me, reason="new_account", until=end, actor="system", now=now
            )

        await db.transact(unit)
        await ann.send("/card")
        shown = await ann.reads(words)
        assert "new points still come" in shown["caption"]
        assert shown["photo"]
    await db.transact(lambda s: s.execute(sa.update(customer).values(status="blocked")))
    await ann.send("/card")
    await ann.reads("closed for now")
    assert not [m for m in await ann.from_bot() if m.get("photo")]


async def test_two_devices_refresh_one_card(running: RunningBot, telegram: Telegram) -> None:
    ann = await member(telegram)
    await ann.send("/card")
    shown = await ann.reads("good until")
    await asyncio.gather(*(ann.tap("🔄 Refresh") for _device in range(4)))
    await running.idle()
    pictures = [m for m in await ann.from_bot() if m.get("photo")]
    assert [m["message_id"] for m in pictures] == [shown["message_id"]]
    assert running.intake.failed == 0
