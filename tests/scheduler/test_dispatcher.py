"""What leaves, what does not, and what becomes of a message when the line is bad."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from loyalty import clock, delivery
from loyalty.customers import telegram_chat
from loyalty.messaging.tables import outbox
from tests.scheduler.stage import PLACE, Stage, dispatcher, send_everything

ANNA, BORIS, VERA = 501, 502, 503


async def _until(condition: Callable[[], Awaitable[bool]], *, seconds: float = 10) -> None:
    """Wait for a condition that another task brings about."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def _idle(stage: Stage) -> None:
    assert await stage.running.dispatcher.until_idle(timeout_s=20)


async def test_a_receipt_is_in_the_chat_within_a_second_and_once(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    stage.world.now = clock.now()
    # The first message of a process also reads catalogues and compiles the emulator's schema.
    await stage.world.sell(anna, 10000)
    await _idle(stage)
    await stage.world.sell(anna, 45000)
    started = clock.monotonic()
    stage.running.wake()

    async def arrived() -> bool:
        return len(await stage.texts(ANNA)) == 2

    await _until(arrived)
    assert clock.monotonic() - started < 1
    assert "+22 балла" in (await stage.texts(ANNA))[1]
    await _idle(stage)
    row = (await stage.outbox())[1]
    assert (row.state, row.attempts) == ("sent", 1)
    assert row.message_id == (await stage.client.screen(ANNA))[1]["message_id"]


async def test_429_pauses_everything_and_does_not_count(stage: Stage) -> None:
    for chat in (ANNA, BORIS):
        await stage.person(chat)
    await stage.fault("429", retry_after=1)
    await stage.queue(ANNA)
    await _until_paused(stage)
    paused_at = clock.monotonic()
    await stage.queue(BORIS)
    await _idle(stage)
    assert clock.monotonic() - paused_at > 0.7
    calls = await stage.calls()
    assert len(calls) == 3
    assert [row.state for row in await stage.outbox()] == ["sent", "sent"]
    assert [row.attempts for row in await stage.outbox()] == [1, 1]
    # Nothing was asked of Telegram during the pause.
    assert calls[1]["time"] - calls[0]["time"] >= 0.9


async def _until_paused(stage: Stage) -> None:
    async def refused() -> bool:
        return len(await stage.calls()) == 1 and await stage.states() == ["queued"]

    stage.running.wake()
    await _until(refused)


@pytest.mark.parametrize("kind", ["5xx", "drop_before", "drop_after"])
async def test_an_unknown_service_message_is_said_once_more(stage: Stage, kind: str) -> None:
    await stage.person(ANNA)
    await stage.fault(kind)
    await stage.queue(ANNA)
    await _idle(stage)
    assert await stage.states() == ["unknown", "sent"]
    assert len(await stage.texts(ANNA)) == (2 if kind == "drop_after" else 1)


async def test_the_second_copy_is_the_last(stage: Stage) -> None:
    await stage.person(ANNA)
    await stage.fault("5xx", times=5)
    await stage.queue(ANNA)
    await _idle(stage)
    assert await stage.states() == ["unknown", "unknown"]
    assert len(await stage.calls()) == 2


@pytest.mark.parametrize("kind", ["5xx", "drop_after"])
async def test_unknown_marketing_is_not_said_again(stage: Stage, kind: str) -> None:
    anna = await stage.person(ANNA)
    await stage.fault(kind)
    await stage.joined(anna)
    await stage.advance(hours=1)
    assert await stage.states() == ["unknown"]
    assert len(await stage.calls()) == 1


async def test_a_call_that_hangs_is_unknown_before_its_lease_ends(stage: Stage) -> None:
    await stage.person(ANNA)
    await stage.running.dispatcher.stop()
    await stage.fault("hang", seconds=3)
    await stage.queue(ANNA)
    await send_everything(stage, total_s=0.3)
    assert await stage.states() == ["unknown", "sent"]


async def test_nobody_at_the_other_end_is_tried_again_later(stage: Stage) -> None:
    await stage.person(ANNA)
    await stage.running.dispatcher.stop()
    hands, telegram, _ = dispatcher(stage.world, "http://127.0.0.1:9")
    await stage.queue(ANNA)
    hands.start()

    async def tried() -> bool:
        (row,) = await stage.outbox()
        return bool(row.state == "queued" and row.attempts == 1)

    await _until(tried)
    await hands.stop()
    await telegram.close()
    (row,) = await stage.outbox()
    assert row.due_at > row.created_at
    assert row.left_at is None


async def test_the_fifth_refusal_is_the_last(stage: Stage) -> None:
    await stage.person(ANNA)
    await stage.running.dispatcher.stop()
    queued = await stage.queue(ANNA)
    db, now = stage.world.db, clock.now()
    for attempt in range(1, 6):
        later = now + timedelta(minutes=10 * attempt)
        rows = await db.transact(
            lambda s, at=later: delivery.claim(
                s, owner="x", limit=5, now=at, real_now=clock.real_now()
            )
        )
        assert [row.id for row in rows] == [queued]
        sending = await db.transact(
            lambda s, at=later: delivery.begin(
                s, ids=[queued], owner="x", now=at, real_now=clock.real_now(), place=PLACE
            )
        )
        outcomes = [delivery.Outcome(message, "refused") for message in sending]
        settled = await db.transact(
            lambda s, at=later, o=outcomes: delivery.settle(s, o, owner="x", now=at)
        )
        assert settled.dead == (attempt == 5)
    assert await stage.states() == ["dead"]


async def test_blocked_in_the_middle_of_a_batch(stage: Stage) -> None:
    for chat in (ANNA, BORIS, VERA):
        await stage.person(chat)
    await stage.running.dispatcher.stop()
    for chat in (ANNA, BORIS, VERA):
        await stage.queue(chat)
    await stage.queue(BORIS, due_at=clock.now() + timedelta(hours=1))
    await stage.fault("403", chat_id=BORIS)
    await send_everything(stage)
    assert await stage.states() == ["sent", "blocked", "sent", "cancelled"]
    query = sa.select(telegram_chat.c.telegram_id).where(~telegram_chat.c.reachable)
    closed = await stage.world.db.read(lambda s: s.execute(query).scalars().all())
    assert closed == [BORIS]


async def test_who_has_blocked_the_bot_is_not_written_to(stage: Stage) -> None:
    await stage.person(ANNA)
    await stage.world.db.transact(
        lambda s: delivery.close_chat(s, chat_id=ANNA, customer_id=None, now=clock.now())
    )
    await stage.queue(ANNA)
    await _idle(stage)
    (row,) = await stage.outbox()
    assert (row.state, row.reason) == ("skipped", "unreachable")
    assert await stage.calls() == []


async def test_a_message_that_is_too_late_is_skipped(stage: Stage) -> None:
    await stage.person(ANNA)
    await stage.running.dispatcher.stop()
    await stage.queue(ANNA, deadline=clock.now() + timedelta(hours=1))
    stage.jump(clock.now() + timedelta(hours=2))
    await send_everything(stage)
    (row,) = await stage.outbox()
    assert (row.state, row.reason) == ("skipped", "late")


async def test_a_refused_text_is_rejected_and_the_rest_goes(stage: Stage) -> None:
    for chat in (ANNA, BORIS):
        await stage.person(chat)
    await stage.queue(ANNA, "<b>broken")
    await stage.queue(BORIS)
    await _idle(stage)
    assert await stage.states() == ["rejected", "sent"]


async def test_consent_withdrawn_after_planning_is_seen_before_sending(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    await stage.joined(anna)
    await stage.running.dispatcher.stop()
    await stage.running.ticks.chains()
    assert await stage.states() == ["queued"]
    await stage.agree(anna, granted=False)
    await send_everything(stage)
    (row,) = await stage.outbox()
    assert (row.state, row.reason) == ("skipped", "no_consent")
    (touch,) = await stage.touches(anna)
    assert (touch.decision, touch.reason) == ("skipped", "no_consent")


async def test_two_dispatchers_on_one_queue_send_nothing_twice(stage: Stage) -> None:
    chats = range(700, 760)
    for chat in chats:
        await stage.client.meet(chat)
    await stage.running.dispatcher.stop()
    for chat in chats:
        await stage.queue(chat, f"Привет, {chat}")
    pairs = [dispatcher(stage.world, stage.client.emulator.url) for _ in range(2)]
    for hands, _, _ in pairs:
        hands.start()
    await asyncio.gather(*(hands.until_idle() for hands, _, _ in pairs))
    for hands, telegram, _ in pairs:
        await hands.stop()
        await telegram.close()
    for chat in chats:
        assert await stage.texts(chat) == [f"Привет, {chat}"]
    assert set(await stage.states()) == {"sent"}


async def test_what_a_killed_process_held_is_taken_back(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    await stage.person(BORIS)
    await stage.running.dispatcher.stop()
    await stage.joined(anna)
    await stage.running.ticks.chains()
    service, begun = await stage.queue(ANNA), await stage.queue(BORIS)
    db, real = stage.world.db, clock.real_now() - timedelta(minutes=1)
    rows = await db.transact(
        lambda s: delivery.claim(s, owner="dead", limit=9, now=clock.now(), real_now=real)
    )
    assert len(rows) == 3
    marketing = next(row.id for row in rows if row.id not in (service, begun))
    await db.transact(
        lambda s: delivery.begin(
            s,
            ids=[marketing, begun],
            owner="dead",
            now=clock.now(),
            real_now=real,
            place=PLACE,
        )
    )
    await send_everything(stage)
    states = {row.id: row.state for row in await stage.outbox()}
    assert states.pop(marketing) == "unknown"
    assert states.pop(begun) == "unknown"
    # The claimed one leaves as if nothing had been, the service one that was begun once more.
    assert list(states.values()) == ["sent", "sent"]
    assert len(await stage.texts(ANNA)) == 1
    assert len(await stage.texts(BORIS)) == 1


async def test_a_clean_stop_gives_back_what_it_held(stage: Stage) -> None:
    await stage.person(ANNA)
    await stage.running.dispatcher.stop()
    await stage.queue(ANNA)
    hands, telegram, limits = dispatcher(stage.world, stage.client.emulator.url)
    await limits.pause(60)
    hands.start()
    owner = hands.owner
    await stage.world.db.transact(
        lambda s: delivery.claim(
            s, owner=owner, limit=5, now=clock.now(), real_now=clock.real_now()
        )
    )
    assert await stage.states() == ["claimed"]
    await hands.stop()
    await telegram.close()
    assert await stage.states() == ["queued"]


async def test_one_chat_gets_one_message_a_second_in_order(stage: Stage) -> None:
    await stage.person(ANNA)
    await stage.running.dispatcher.stop()
    for n in range(3):
        await stage.queue(ANNA, f"{n}")
    hands, telegram, _ = dispatcher(stage.world, stage.client.emulator.url, chat_s=0.3)
    hands.start()

    async def all_sent() -> bool:
        return set(await stage.states()) == {"sent"}

    await _until(all_sent)
    await hands.stop()
    await telegram.close()
    assert await stage.texts(ANNA) == ["0", "1", "2"]
    times = [call["time"] for call in await stage.calls()]
    # Permits are 0.3 s apart; on a busy machine a call may set out late, the next in time.
    assert all(after - before >= 0.1 for before, after in pairwise(times))
    assert times[-1] - times[0] >= 0.4


async def test_receipts_leave_before_marketing(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    await stage.person(BORIS)
    await stage.running.dispatcher.stop()
    await stage.joined(anna)
    await stage.running.ticks.chains()
    await stage.queue(BORIS)
    rows = await stage.world.db.transact(
        lambda s: delivery.claim(s, owner="x", limit=1, now=clock.now(), real_now=clock.real_now())
    )
    query = sa.select(outbox.c.message_class).where(outbox.c.id == rows[0].id)
    assert await stage.world.db.read(lambda s: s.execute(query).scalar_one()) == "service"
