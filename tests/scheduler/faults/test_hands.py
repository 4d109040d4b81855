"""A slow line, an odd row, a stop in the middle: what becomes of the others."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, events, messaging
from loyalty.chains.tables import chain
from loyalty.db import Rows
from loyalty.delivery import beginning, claiming, wording
from loyalty.ids import new_id
from loyalty.messaging.tables import outbox
from scheduler import dispatcher as module
from tests.scheduler.stage import Stage, dispatcher, send_everything

ANNA, BORIS, VERA = 501, 502, 503


async def test_a_slow_answer_keeps_its_lease(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    short = timedelta(seconds=1.5)
    monkeypatch.setattr(claiming, "LEASE", short)
    monkeypatch.setattr(beginning, "LEASE", short)
    monkeypatch.setattr(module, "KEEP_S", 0.3)
    monkeypatch.setattr(module, "RECOVER_S", 0.2)
    await stage.running.dispatcher.stop()
    await stage.client.meet(ANNA)
    await stage.queue(ANNA)
    await stage.fault("slow", seconds=4)
    pairs = [dispatcher(stage.world, stage.client.emulator.url, total_s=20) for _ in range(2)]
    for hands, _, _ in pairs:
        hands.start()
    async with asyncio.timeout(20):
        while await stage.states() != ["sent"]:
            await asyncio.sleep(0.05)
    for hands, telegram, _ in pairs:
        await hands.stop()
        await telegram.close()
    assert len(await stage.calls()) == 1
    assert len(await stage.texts(ANNA)) == 1


async def test_a_stop_does_not_wait_for_a_line_that_hangs(stage: Stage) -> None:
    await stage.running.dispatcher.stop()
    await stage.client.meet(ANNA)
    await stage.queue(ANNA)
    await stage.fault("hang", seconds=20)
    hands, telegram, _ = dispatcher(stage.world, stage.client.emulator.url, total_s=25)
    hands.start()
    async with asyncio.timeout(10):
        while await stage.states() != ["sending"]:
            await asyncio.sleep(0.02)
    started = clock.monotonic()
    await hands.stop(deadline_s=0.5)
    assert clock.monotonic() - started < 5
    await telegram.close()
    rows = await stage.outbox()
    assert [(row.state, row.reason) for row in rows] == [("unknown", "stopped"), ("queued", None)]
    assert rows[1].key == rows[0].key + ":again"


async def _add(stage: Stage, chat: int, payload: dict[str, Any], **options: Any) -> None:
    given = {"customer_id": None, "message_class": "service", **options}

    def unit(session: Session) -> None:
        rows = Rows()
        messaging.enqueue(
            rows,
            chat_id=chat,
            key=f"test:{new_id()}",
            payload=payload,
            now=clock.now(),
            **given,
        )
        rows.put(session)

    await stage.world.db.transact(unit)


async def _state(stage: Stage, outbox_id: int) -> str:
    query = sa.select(outbox.c.state).where(outbox.c.id == outbox_id)
    return await stage.world.db.read(lambda s: str(s.execute(query).scalar_one()))


async def test_an_odd_row_is_skipped_alone(stage: Stage) -> None:
    await stage.running.dispatcher.stop()
    for chat in (ANNA, BORIS, VERA):
        await stage.client.meet(chat)
    await stage.queue(ANNA)
    await _add(stage, BORIS, {"template": "receipt", "values": 5})
    await stage.queue(VERA)
    await send_everything(stage)
    assert [(row.state, row.reason) for row in await stage.outbox()] == [
        ("sent", None),
        ("skipped", "cannot_be_worded"),
        ("sent", None),
    ]


async def test_a_row_that_spoils_the_transaction_is_skipped_alone(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = wording.with_words

    def spoils(session: Session, payload: Any) -> Any:
        if payload.get("text") == "poison":
            # An integrity error on either database; on PostgreSQL the transaction is lost.
            row = {"id": 1, "key": "x", "enabled": None, "created_at": None}
            session.execute(sa.insert(chain).values(row))
        return original(session, payload)

    monkeypatch.setattr(beginning, "with_words", spoils)
    await stage.running.dispatcher.stop()
    for chat in (ANNA, BORIS, VERA):
        await stage.client.meet(chat)
    await stage.queue(ANNA)
    await stage.queue(BORIS, "poison")
    await stage.queue(VERA)
    await send_everything(stage)
    assert [row.state for row in await stage.outbox()] == ["sent", "skipped", "sent"]


async def test_a_chain_refused_five_times_in_a_row_is_switched_off(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    people = [await stage.person(chat) for chat in range(900, 906)]
    await stage.client.control(
        "POST",
        "/faults",
        {
            "method": "sendMessage",
            "kind": "400",
            "times": 5,
            "description": "Bad Request: can't parse entities: anna petrova",
        },
    )
    for customer_id in people[:5]:
        await stage.joined(customer_id)
    await stage.running.ticks.chains()
    (row, *_) = await stage.outbox()
    assert await stage.running.dispatcher.until_idle()
    assert await stage.states() == ["rejected"] * 5

    def look(session: Session) -> Any:
        of_welcome = sa.select(chain).where(chain.c.key == "welcome")
        kept = sa.select(events.event.c.data).where(events.event.c.type == "chain.halted")
        return session.execute(of_welcome).one(), session.execute(kept).scalars().all()

    halted, told = await stage.world.db.read(look)
    assert (halted.enabled, halted.halted_reason) == (False, "bad_markup")
    assert [(one["chain"], one["reason"]) for one in told] == [("welcome", "bad_markup")]
    assert "chain welcome was switched off" in caplog.text
    assert "petrova" not in caplog.text
    # What was on its way from it does not leave any more.
    await _add(stage, 905, dict(row.payload), customer_id=people[5], message_class="trigger")
    stage.running.wake()
    assert await stage.running.dispatcher.until_idle()
    last = (await stage.outbox())[-1]
    assert (last.state, last.reason) == ("skipped", "paused")


async def test_one_who_gets_it_in_between_keeps_the_chain_on(stage: Stage) -> None:
    people = [await stage.person(chat) for chat in range(900, 907)]
    for chat in (900, 901, 902, 904, 905, 906):
        await stage.client.control(
            "POST",
            "/faults",
            {
                "method": "sendMessage",
                "kind": "400",
                "times": 1,
                "chat_id": chat,
                "description": "Bad Request: can't parse entities",
            },
        )
    for customer_id in people:
        await stage.joined(customer_id)
        await stage.running.ticks.chains()
        stage.running.wake()
        assert await stage.running.dispatcher.until_idle()
    assert (await stage.states()).count("rejected") == 6
    query = sa.select(chain.c.enabled).where(chain.c.key == "welcome")
    assert await stage.world.db.read(lambda s: s.execute(query).scalar_one())


@pytest.mark.slow
async def test_a_receipt_overtakes_what_waits(stage: Stage) -> None:
    """At the full rate, in a batch of its own time: thousands of offers are on their way."""
    await stage.world.set_program(
        global_holdout_bp=0,
        chain_holdout_bp=0,
        caps={
            "trigger_per_day": 1000,
            "trigger_per_week": 1000,
            "mass_per_day": 1000,
            "mass_per_week": 1000,
            "marketing_per_week": 1000,
        },
    )
    await stage.running.dispatcher.stop()
    people = {chat: await stage.person(chat) for chat in range(900, 930)}
    now = clock.now()

    def offers(session: Session) -> None:
        rows = Rows()
        for n in range(3000):
            chat = 900 + n % 30
            messaging.enqueue(
                rows,
                customer_id=people[chat],
                chat_id=chat,
                message_class="mass",
                key=f"offer:{n}",
                payload={"text": "offer"},
                now=now,
            )
        rows.put(session)

    await stage.world.db.transact(offers)
    hands, telegram, _ = dispatcher(stage.world, stage.client.emulator.url, per_second=200)
    hands.start()
    await asyncio.sleep(1)
    waits = []
    for chat in (ANNA, BORIS, VERA):
        await stage.client.meet(chat)
        queued = await stage.queue(chat)
        asked = clock.monotonic()
        hands.wake()
        while await _state(stage, queued) != "sent":
            await asyncio.sleep(0.02)
        waits.append(clock.monotonic() - asked)
    waiting = (await stage.states()).count("queued")
    await hands.stop()
    await telegram.close()
    assert waiting > 500
    assert max(waits) < 2


@pytest.mark.slow
async def test_with_every_line_busy_a_receipt_has_one_of_its_own(stage: Stage) -> None:
    await stage.world.set_program(global_holdout_bp=0, chain_holdout_bp=0)
    await stage.running.dispatcher.stop()
    people = {chat: await stage.person(chat) for chat in range(900, 1020)}
    for chat, customer_id in people.items():
        await _add(stage, chat, {"text": "x"}, customer_id=customer_id, message_class="mass")
    await stage.client.control(
        "POST",
        "/faults",
        {"method": "sendMessage", "kind": "hang", "times": 100, "seconds": 8},
    )
    hands, telegram, _ = dispatcher(stage.world, stage.client.emulator.url, total_s=25)
    hands.start()
    async with asyncio.timeout(10):
        # Ninety lines wait for an answer; the faults of ten calls are left, and are not ours.
        while len(await stage.calls()) < 90 and (await stage.states()).count("sending") < 120:
            await asyncio.sleep(0.05)
    await stage.client.control("DELETE", "/faults")
    await stage.client.meet(ANNA)
    queued = await stage.queue(ANNA)
    asked = clock.monotonic()
    hands.wake()
    async with asyncio.timeout(5):
        while await _state(stage, queued) != "sent":
            await asyncio.sleep(0.02)
    assert clock.monotonic() - asked < 2
    await hands.stop(deadline_s=0.1)
    await telegram.close()
