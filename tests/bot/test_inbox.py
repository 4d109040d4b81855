"""Durable intake: order, duplicates, updates that cannot be decoded, stops and take-overs."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from aiogram.exceptions import TelegramNetworkError
from aiogram.methods import GetMe

from bot.app import RunningBot
from bot.intake import Intake, Undecodable, chat_of, incoming
from loyalty import clock, inbox
from loyalty.db import Database
from tests.bot.phone import Telegram, running_bot, settings_for

BOT = 42


def text(update_id: int, chat: int, words: str = "hi") -> dict[str, Any]:
    """A message as Telegram sends it."""
    who = {"id": chat, "is_bot": False, "first_name": "G", "language_code": "en"}
    return {
        "update_id": update_id,
        "message": {
            "message_id": update_id,
            "date": 1_790_000_000,
            "chat": {"id": chat, "type": "private", "first_name": "G"},
            "from": who,
            "text": words,
        },
    }


async def nothing(_update: dict[str, Any]) -> None:
    """Handle without a trace."""


async def rows(db: Database) -> dict[int, Any]:
    """The inbox by update."""
    found = await db.read(lambda s: s.execute(sa.select(inbox.inbox)).all())
    return {row.update_id: row for row in found}


async def test_order_in_a_chat_and_duplicates(db: Database) -> None:
    seen: list[tuple[int, int]] = []
    both = asyncio.Event()
    busy: set[int] = set()

    async def handle(update: dict[str, Any]) -> None:
        chat = chat_of(update)
        assert chat not in busy, "two updates of one chat at once"
        busy.add(chat)
        if len(busy) == 2:
            both.set()
        # The first of each chat waits for the other chat: they do run side by side.
        await asyncio.wait_for(both.wait(), 10)
        await asyncio.sleep(0)
        busy.discard(chat)
        seen.append((chat, update["update_id"]))

    intake = Intake(db, BOT, handle, nothing)
    await intake.start()
    updates = [text(n, 1 + n % 2) for n in range(40)]
    await intake.put(updates[:30])
    await intake.put(updates[20:])
    await intake.put(updates)
    await intake.idle()
    await intake.stop(5)
    assert len(seen) == 40
    for chat in (1, 2):
        numbers = [number for owner, number in seen if owner == chat]
        assert numbers == sorted(numbers)
    kept = await rows(db)
    assert {row.state for row in kept.values()} == {"done"}
    assert all(row.body is None for row in kept.values()), "nothing outlives its use"


async def test_failures_do_not_stop_the_rest(db: Database, monkeypatch: Any) -> None:
    monkeypatch.setattr("bot.intake.RETRY_DELAYS_S", (0.0, 0.0))
    tries: list[int] = []
    sorry: list[int] = []

    async def handle(update: dict[str, Any]) -> None:
        tries.append(update["update_id"])
        if update["update_id"] == 2:
            raise RuntimeError("never works, for +79990001122")
        if update["update_id"] == 3:
            raise Undecodable

    async def give_up(update: dict[str, Any]) -> None:
        sorry.append(update["update_id"])

    intake = Intake(db, BOT, handle, give_up)
    await intake.start()
    await intake.put([text(n, 7) for n in range(1, 6)])
    await intake.idle()
    await intake.stop(5)
    kept = await rows(db)
    assert [kept[n].state for n in range(1, 6)] == ["done", "failed", "failed", "done", "done"]
    assert tries == [1, 2, 2, 2, 3, 4, 5]
    assert sorry == [2]
    assert kept[2].error == "RuntimeError"
    assert kept[3].error == "undecodable"
    now = kept[2].handled_at
    assert await db.transact(lambda s: inbox.sweep(s, now=now + timedelta(hours=23))) == 0
    assert await db.transact(lambda s: inbox.sweep(s, now=now + timedelta(hours=25))) == 2


async def test_bad_weather_at_telegram_is_waited_out(db: Database, monkeypatch: Any) -> None:
    monkeypatch.setattr("bot.intake.RETRY_DELAYS_S", (0.0,))
    monkeypatch.setattr("bot.intake.WEATHER_DELAYS_S", (0.0,) * 5)
    tries: list[int] = []

    async def handle(update: dict[str, Any]) -> None:
        tries.append(update["update_id"])
        if update["update_id"] == 1 and len(tries) <= 5:
            raise TelegramNetworkError(GetMe(), "no route")

    intake = Intake(db, BOT, handle, nothing)
    await intake.start()
    await intake.put([text(1, 7), text(2, 7)])
    await intake.idle()
    await intake.stop(5)
    assert tries == [1, 1, 1, 1, 1, 1, 2]
    assert {row.state for row in (await rows(db)).values()} == {"done"}


async def test_a_stop_does_not_wait_for_the_weather(db: Database, monkeypatch: Any) -> None:
    monkeypatch.setattr("bot.intake.WEATHER_DELAYS_S", (600.0,))
    tried = asyncio.Event()

    async def handle(_update: dict[str, Any]) -> None:
        tried.set()
        raise TelegramNetworkError(GetMe(), "no route")

    intake = Intake(db, BOT, handle, nothing)
    await intake.start()
    await intake.put([text(1, 7)])
    await tried.wait()
    async with asyncio.timeout(20):
        await intake.stop(60)
    row = (await rows(db))[1]
    assert (row.state, row.lease_owner, row.attempts) == ("new", None, 0)


async def test_a_stop_leaves_the_rest_for_the_next_start(db: Database) -> None:
    begun = asyncio.Event()

    async def stuck(_update: dict[str, Any]) -> None:
        begun.set()
        await asyncio.Event().wait()

    first = Intake(db, BOT, stuck, nothing)
    await first.start()
    await first.put([text(n, 5) for n in (1, 2, 3)])
    await begun.wait()
    await first.stop(0.05)
    kept = await rows(db)
    assert {row.state for row in kept.values()} == {"new"}
    assert all(row.lease_owner is None and row.attempts == 0 for row in kept.values())

    seen: list[int] = []

    async def handle(update: dict[str, Any]) -> None:
        seen.append(update["update_id"])

    second = Intake(db, BOT, handle, nothing)
    await second.start()
    await second.idle()
    await second.stop(5)
    assert seen == [1, 2, 3]


async def test_a_dead_instances_chats_are_taken_over(db: Database) -> None:
    now = clock.real_now()
    updates = [row for n in (1, 2) if (row := incoming(text(n, 9)))]

    def die(session: Any) -> int:
        inbox.put(session, bot_id=BOT, updates=updates[:1], now=now)
        taken = inbox.claim(session, bot_id=BOT, owner="dead", limit=10, now=now)
        inbox.put(session, bot_id=BOT, updates=updates[1:], now=now)
        return len(taken)

    assert await db.transact(die) == 1
    if db.is_postgres:
        early = await db.transact(
            lambda s: inbox.claim(s, bot_id=BOT, owner="live", limit=10, now=now)
        )
        assert early == [], "the chat is still in the other's hands"
    later = now + inbox.LEASE + timedelta(seconds=1)
    taken = await db.transact(
        lambda s: inbox.claim(s, bot_id=BOT, owner="live", limit=10, now=later)
    )
    assert [row.update_id for row in taken] == [1, 2]
    assert [row.attempts for row in taken] == [2, 1]


async def test_an_update_that_kills_is_given_up(db: Database) -> None:
    row = incoming(text(1, 3))
    assert row is not None

    def often(session: Any) -> None:
        inbox.put(session, bot_id=BOT, updates=[row], now=clock.real_now())
        session.execute(sa.update(inbox.inbox).values(attempts=inbox.ATTEMPTS))

    await db.transact(often)
    handled: list[int] = []

    async def handle(update: dict[str, Any]) -> None:
        handled.append(update["update_id"])

    intake = Intake(db, BOT, handle, nothing)
    await intake.start()
    await intake.idle()
    await intake.stop(5)
    assert handled == []
    assert (await rows(db))[1].error == "too_many_attempts"


async def test_webhook_keeps_before_it_answers(db: Database, telegram: Telegram) -> None:
    settings = settings_for(db.url, webhook_secret="s3cret")
    body = json.dumps(text(900, 31, "/start")).encode()
    await telegram.person(31)
    async with running_bot(db, telegram, settings=settings, poll=False) as running:
        assert await running.accept_webhook(body, None) == 403
        assert await running.accept_webhook(body, "wrong") == 403
        assert await running.accept_webhook(body, "s3crét \udcff") == 403
        assert await rows(db) == {}
        assert await running.accept_webhook(body, "s3cret") == 200
        assert 900 in await rows(db)
        assert await running.accept_webhook(body, "s3cret") == 200
        assert await running.accept_webhook(b"{not json", "s3cret") == 200
        assert await running.accept_webhook(b'{"update_id": "x"}', "s3cret") == 200
        await running.idle()
        assert running.handled == 1


async def test_strange_updates_do_no_harm(running: RunningBot, telegram: Telegram) -> None:
    ann = await telegram.person(32)
    await ann.send("/start")
    await ann.with_button("Agree and join ✅")
    base = 1_000
    await running.intake.put(
        [
            text(base, 32, "/start"),
            {"update_id": base + 1, "message": {"garbage": True}},
            {"update_id": base + 2, "a_kind_from_the_future": {"from": {"id": 32}}},
            {"update_id": base + 3},
            "not even an object",
            {"update_id": -5},
            text(base + 4, 32, "null\u0000 and \ud800 half"),
        ]
    )
    await running.idle()
    assert running.intake.failed == 1
    await ann.reads("I did not quite get that")


def test_which_chat_an_update_belongs_to() -> None:
    assert chat_of(text(1, 5)) == 5
    tap = {"update_id": 1, "callback_query": {"from": {"id": 6}, "message": {"chat": {"id": 7}}}}
    assert chat_of(tap) == 7
    assert chat_of({"update_id": 1, "callback_query": {"from": {"id": 6}}}) == 6
    assert chat_of({"update_id": 1, "poll": {"id": "x"}}) == 0
    assert chat_of({"update_id": 1, "message": {"chat": {"id": "7"}}}) == 0
    assert incoming({"update_id": 2**64}) is None
