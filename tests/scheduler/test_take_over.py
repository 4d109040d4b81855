"""Whole schedulers as processes of their own: one leads, and when it is killed another does."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from loyalty import clock, jobs
from loyalty.db import Database
from loyalty.jobs import Instance
from tests.emulator.client import TOKEN
from tests.scheduler.stage import Stage

ROOT = Path(__file__).resolve().parents[2]
TAKE_OVER_S = 5.0
ANNA = 501

SCHEDULER = """
import asyncio, sys
from datetime import timedelta
import scheduler
from loyalty import clock
from loyalty.db import Database
from loyalty.settings import Settings

async def main():
    url, api_url, token, offset = sys.argv[1:5]
    # The stage's own hour, a noon: a welcome waits for the morning in quiet hours.
    clock.set_offset(timedelta(seconds=float(offset)))
    db = Database(url)
    running = await scheduler.start(db, settings=Settings(database_url=url), token=token,
                                    api_url=api_url)
    print(running.dispatcher.owner, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def _start(stage: Stage, url: str) -> tuple[Process, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SCHEDULER,
        url,
        stage.client.emulator.url,
        TOKEN,
        str(clock.offset().total_seconds()),
        cwd=ROOT,
        stdout=PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT), "SECRET_KEY": "a key that is long enough"},
    )
    if process.stdout is None:
        raise AssertionError("its output is a pipe")
    name = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()
    return process, name


async def _alive(db: Database) -> dict[str, Instance]:
    now = clock.real_now()
    rows = await db.read(lambda session: jobs.instances(session, real_now=now))
    return {one.id: one for one in rows}


async def _leader(db: Database, team: dict[str, Process]) -> str:
    """Who of these leads; waits until one says so."""
    async with asyncio.timeout(30):
        while True:
            rows = await _alive(db)
            for name in team:
                if name in rows and rows[name].leader:
                    return name
            await asyncio.sleep(0.02)


async def _killed(process: Process) -> None:
    process.send_signal(signal.SIGKILL)
    await process.wait()


@pytest.mark.slow
async def test_a_killed_leader_is_replaced_within_seconds(database_url: str, stage: Stage) -> None:
    await stage.running.dispatcher.stop()
    db, took = stage.world.db, []
    team: dict[str, Process] = {}

    async def another() -> None:
        process, name = await _start(stage, database_url)
        team[name] = process

    try:
        await another()
        await another()
        for chat in range(ANNA, ANNA + 3):
            killed = team.pop(await _leader(db, team))
            started = clock.monotonic()
            await _killed(killed)
            await _leader(db, team)
            took.append(clock.monotonic() - started)
            # The next one does the killed one's work.
            anna = await stage.person(chat)
            await stage.joined(anna)
            async with asyncio.timeout(20):
                while not await stage.texts(chat):
                    await asyncio.sleep(0.05)
            assert len(await stage.texts(chat)) == 1
            await another()
    finally:
        for process in team.values():
            await _killed(process)
    print("take-over, s:", [round(one, 2) for one in took])
    assert max(took) <= TAKE_OVER_S
