"""Taps on buttons of chains' messages: opened as ever, counted once, nobody else's."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bot.app import RunningBot
from loyalty import clock
from loyalty.db import Database
from loyalty.events import event
from loyalty.ids import new_id, short_of
from loyalty.messaging.tables import click, outbox
from tests.bot.phone import Phone, Telegram
from tests.bot.taps import tap_raw
from tests.bot.voices import id_of


async def member(telegram: Telegram, number: int) -> Phone:
    """A customer with the menu before them."""
    phone = await telegram.person(number, first_name="Ann", language_code="en")
    await phone.joins()
    return phone


async def message(db: Database, customer_id: int, chat_id: int) -> int:
    """A chain's message in that chat."""
    outbox_id, now = new_id(), clock.now()
    values: dict[str, Any] = {
        "id": outbox_id,
        "customer_id": customer_id,
        "chat_id": chat_id,
        "message_class": "trigger",
        "key": f"touch:{outbox_id}",
        "payload": {"text": "x"},
        "priority": 1,
        "state": "sent",
        "due_at": now,
        "deadline": now,
        "created_at": now,
        "attempts": 1,
    }
    await db.transact(lambda s: s.execute(sa.insert(outbox).values(**values)))
    return outbox_id


async def counted(db: Database) -> list[tuple[int, int | None, str, str]]:
    """What was counted."""
    c = click.c
    query = sa.select(c.outbox_id, c.customer_id, c.kind, c.target).order_by(c.id)
    return [(r[0], r[1], r[2], r[3]) for r in await db.read(lambda s: s.execute(query).all())]


async def test_a_tap_opens_the_screen_and_is_counted(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann = await member(telegram, 1)
    me = await id_of(db, 1)
    sent = await message(db, me, ann.id)
    await tap_raw(running, ann, f"go:balance~{short_of(sent)}")
    assert await ann.reads("You have")
    assert await counted(db) == [(sent, me, "button", "balance")]
    await tap_raw(running, ann, f"go:offers:x~{short_of(sent)}")
    await tap_raw(running, ann, f"go:offers~{short_of(sent)}")
    assert [row[3] for row in await counted(db)] == ["balance", "offers", "offers"]
    said = sa.select(event.c.data).where(event.c.type == "message.clicked").order_by(event.c.id)
    targets = [data["target"] for data in await db.read(lambda s: s.execute(said).scalars().all())]
    assert targets == ["balance", "offers"]


async def test_the_same_update_handled_twice_is_one_click(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann = await member(telegram, 1)
    sent = await message(db, await id_of(db, 1), ann.id)
    update = {
        "update_id": 2**39,
        "callback_query": {
            "id": "q-twice",
            "from": {"id": ann.id, "is_bot": False, "first_name": "Ann"},
            "chat_instance": "1",
            "message": {
                "message_id": 3,
                "date": 1_790_000_000,
                "text": "…",
                "chat": {"id": ann.id, "type": "private", "first_name": "Ann"},
            },
            "data": f"go:card~{short_of(sent)}",
        },
    }
    # Not by the inbox, which knows an update again: as after a crash in the middle.
    await running.intake.handle(update)
    await running.intake.handle(update)
    assert len(await counted(db)) == 1


async def test_somebody_elses_message_is_not_counted_and_old_buttons_work(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann, bob = await member(telegram, 1), await member(telegram, 2)
    theirs = await message(db, await id_of(db, 2), bob.id)
    for data in (f"go:balance~{short_of(theirs)}", "go:balance~zz", "go:balance~", "go:balance"):
        before = len(await ann.from_bot())
        await tap_raw(running, ann, data)
        assert len(await ann.from_bot()) >= before
        assert await ann.reads("You have")
    assert await counted(db) == []
    strange = await tap_raw(running, ann, f"go:no_such_screen~{short_of(theirs)}")
    assert strange.text is not None
