"""The scheduler as it is started for real: leads, ticks, sends, stops."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

import scheduler
from loyalty import clock, jobs
from loyalty.idempotency import idempotency
from loyalty.settings import Settings
from loyalty.wallet.tables import account
from scheduler.telegram import read_reply
from tests.emulator.client import TOKEN
from tests.scheduler.stage import Stage

ANNA = 501


async def test_started_for_real_it_greets_and_stops_cleanly(
    database_url: str, stage: Stage
) -> None:
    await stage.running.dispatcher.stop()
    settings = Settings(database_url=database_url)
    running = await scheduler.start(
        stage.world.db, settings=settings, token=TOKEN, api_url=stage.client.emulator.url
    )
    anna = await stage.person(ANNA)
    await stage.joined(anna)
    async with asyncio.timeout(15):
        while not await stage.texts(ANNA):
            await asyncio.sleep(0.05)
    due = await running.next_due()
    assert due is not None
    assert abs(due - clock.now() - timedelta(days=2)) < timedelta(minutes=1)
    await running.stop()
    assert await stage.states() == ["sent"]


async def test_limits_are_shared_when_there_is_a_redis(
    redis_url: str, database_url: str, stage: Stage
) -> None:
    await stage.running.dispatcher.stop()
    settings = Settings(database_url=database_url, redis_url=redis_url)
    running = await scheduler.start(
        stage.world.db, settings=settings, token=TOKEN, api_url=stage.client.emulator.url
    )
    await stage.person(ANNA)
    await stage.queue(ANNA)
    running.wake()
    assert await running.dispatcher.until_idle()
    await running.stop()
    assert await stage.texts(ANNA) == ["Привет"]


async def test_the_nightly_check_runs_once_and_freezes_what_is_broken(stage: Stage) -> None:
    anna = await stage.person(ANNA, points=50)
    assert await stage.running.ticks.reconcile() == 0
    await stage.world.db.transact(
        lambda s: (
            s.execute(sa.update(account).where(account.c.customer_id == anna).values(posted=77))
            and None
        )
    )
    assert await stage.running.ticks.reconcile() == 0
    stage.jump(clock.now() + timedelta(days=1))
    assert await stage.running.ticks.reconcile() > 0
    assert (await stage.world.balance(anna)).frozen_reason == "broken"
    await stage.world.db.transact(
        lambda s: (
            s.execute(sa.update(account).where(account.c.customer_id == anna).values(posted=50))
            and None
        )
    )
    stage.jump(clock.now() + timedelta(days=1))
    assert await stage.running.ticks.reconcile() == 0
    assert (await stage.world.balance(anna)).frozen_reason is None
    query = sa.select(jobs.job_run.c.result).order_by(jobs.job_run.c.scheduled_for)
    results = await stage.world.db.read(lambda s: s.execute(query).scalars().all())
    assert [result.split(",")[1:] for result in results] == [
        [" 0 frozen", " 0 released"],
        [" 1 frozen", " 0 released"],
        [" 0 frozen", " 1 released"],
    ]


async def test_old_answers_are_swept(stage: Stage) -> None:
    now = clock.now()
    rows = [
        {
            "client": "staff:1",
            "key": str(hours),
            "fingerprint": "f",
            "answer": {},
            "created_at": now - timedelta(hours=hours),
        }
        for hours in (1, 71, 73)
    ]
    await stage.world.db.transact(lambda s: s.execute(sa.insert(idempotency), rows) and None)
    assert await stage.running.ticks.sweep() == 1
    query = sa.select(idempotency.c.key)
    left = await stage.world.db.read(lambda s: s.execute(query).scalars().all())
    assert sorted(left) == ["1", "71"]


async def test_a_tick_that_fails_stops_no_other(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails() -> int:
        raise RuntimeError("broken")

    running = stage.running
    running.leader.is_leader = True
    await running._tick("broken", fails)
    assert "the tick broken failed" in caplog.text
    anna = await stage.person(ANNA)
    await stage.joined(anna)
    await running._tick("chains", running.ticks.chains)
    assert await running.dispatcher.until_idle()
    assert len(await stage.texts(ANNA)) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, '{"ok":true,"result":{"message_id":7}}', "sent"),
        (200, "<html>", "unknown"),
        (200, '{"ok":true,"result":true}', "unknown"),
        (502, "Bad Gateway", "unknown"),
        (403, '{"ok":false,"description":"Forbidden: bot was blocked by the user"}', "blocked"),
        (403, '{"ok":false,"description":"Forbidden: user is deactivated"}', "blocked"),
        (400, '{"ok":false,"description":"Bad Request: chat not found"}', "blocked"),
        (400, '{"ok":false,"description":"Bad Request: USER_IS_BLOCKED"}', "blocked"),
        (400, '{"ok":false,"description":"Bad Request: message is too long"}', "rejected"),
        (400, "nonsense", "rejected"),
        (401, '{"ok":false,"description":"Unauthorized"}', "unauthorised"),
        (429, '{"ok":false,"description":"x","parameters":{"retry_after":3600}}', "limited"),
        (429, "slow down", "limited"),
    ],
)
def test_answers_are_understood(status: int, body: str, kind: str) -> None:
    assert read_reply(status, body.encode()).kind == kind
    if "3600" in body:
        assert read_reply(status, body.encode()).retry_after == 3600
