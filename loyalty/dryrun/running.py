"""Has dry runs replayed, one at a time, by a process of their own; the service goes on meanwhile.

A run is a row. Who replays it writes how far it is, and that it lives, twice a second; a row
that says ``running`` but has not said so for ``DEAD_S`` was left by a process that died, and is
begun once more. Calling a run off changes its row; the next beat notices and ends the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.db import Database
from loyalty.dryrun.asking import DONE, FAILED, QUEUED, RUNNING
from loyalty.dryrun.tables import dry_run

log = logging.getLogger(__name__)

BEAT_S = 0.5
DEAD_S = 15.0
ATTEMPTS = 2
SILENT_S = 120.0
"""A process that has not said a word for so long is ended."""

_LOOK_S = 5.0
_LONGEST = 16 * 1024 * 1024
_COMMAND = (sys.executable, "-m", "loyalty.dryrun.child")
_R = dry_run.c


class Runner:
    """Replays what is asked for. ``start`` it once per process, ``close`` it at the end."""

    def __init__(self, db: Database, *, command: Sequence[str] = _COMMAND) -> None:
        self._db = db
        self._command = command
        self._wanted = asyncio.Event()
        self._idle = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # Purchases replayed of the run under way, and to replay.
        self._far = (0, 0)

    def start(self) -> None:
        """Begin to look for runs, those that a dead process left behind too."""
        self._task = asyncio.create_task(self._work(), name="dry runs")

    def wake(self) -> None:
        """There is a new run."""
        self._idle.clear()
        self._wanted.set()

    async def rest(self) -> None:
        """Wait until nothing is left to replay."""
        await self._idle.wait()

    async def close(self) -> None:
        """Stop; a run under way waits for whoever starts next."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):  # that is what was asked for
                await self._task

    async def _work(self) -> None:
        while True:
            self._wanted.clear()
            try:
                while await self._one():
                    pass
            except Exception:
                log.exception("dry runs could not be looked for")
            if not self._wanted.is_set():
                self._idle.set()
            # If nobody calls: look for the dead.
            await clock.within(_LOOK_S, self._wanted.wait())

    async def _one(self) -> bool:
        """Replay the next run; False if there is none."""
        if not await self._db.read(_is_waiting):
            return False
        claimed = await self._db.transact(_claim)
        if claimed is None:
            return False
        run_id, question = claimed
        try:
            await self._replay(run_id, question)
        except asyncio.CancelledError:
            await self._end(run_id, QUEUED)
            raise
        except Exception:
            log.exception("dry run failed", extra={"run": run_id})
            await self._end(run_id, FAILED)
        return True

    async def _end(self, run_id: int, status: str, result: dict[str, Any] | None = None) -> None:
        values: dict[str, Any] = {"status": status, "beat_at": None}
        if status == QUEUED:
            # It is no fault of the run's that the service stops.
            values["attempts"] = _R.attempts - 1
        else:
            values |= {"result": result, "finished_at": clock.now()}
        if status == DONE:
            values |= {"done": self._far[0], "total": self._far[1]}
        change = sa.update(dry_run).where(_R.id == run_id, _R.status == RUNNING).values(values)
        await self._db.transact(lambda session: session.execute(change) and None)

    async def _replay(self, run_id: int, question: dict[str, Any]) -> None:
        """Have it replayed; what comes of it goes into the row."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(),
            limit=_LONGEST,
        )
        try:
            result = await self._listen(process, run_id, question)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                    process.kill()
            code = await process.wait()
        if result == "cancelled":
            return
        if not isinstance(result, dict):
            log.error("a dry run's process ended without an answer", extra={"code": code})
            await self._end(run_id, FAILED)
            return
        await self._end(run_id, DONE, result)

    async def _listen(
        self, process: asyncio.subprocess.Process, run_id: int, question: dict[str, Any]
    ) -> dict[str, Any] | str | None:
        """The answer; None if there is none, "cancelled" if nobody wants it any more."""
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process has no pipes")
        asked = json.dumps({"url": self._db.url, "question": question}, ensure_ascii=False)
        with contextlib.suppress(ConnectionError):  # it died already; its silence tells
            process.stdin.write(asked.encode() + b"\n")
            await process.stdin.drain()
            process.stdin.close()
        heard = told = clock.monotonic()
        self._far = (0, 0)
        reading = asyncio.create_task(process.stdout.readline())
        try:
            while True:
                await asyncio.wait((reading,), timeout=BEAT_S)
                now = clock.monotonic()
                if reading.done():
                    line, heard = reading.result(), now
                    if not line:
                        return None
                    said = json.loads(line)
                    if "result" in said:
                        return dict(said["result"])
                    self._far = (said["done"], said["total"])
                    reading = asyncio.create_task(process.stdout.readline())
                if now - told >= BEAT_S:
                    told = now
                    if not await self._beat(run_id):
                        return "cancelled"
                if now - heard > SILENT_S:
                    return None
        finally:
            reading.cancel()

    async def _beat(self, run_id: int) -> bool:
        """Say that it lives and how far it is; False if it was called off."""
        values = {"beat_at": clock.real_now(), "done": self._far[0], "total": self._far[1]}
        change = sa.update(dry_run).where(_R.id == run_id, _R.status == RUNNING).values(values)

        def unit(session: Session) -> int:
            return int(getattr(session.execute(change), "rowcount", 0))

        return await self._db.transact(unit) == 1


def _environment() -> dict[str, str]:
    """That of the service, and where our packages are if they are not installed."""
    home = str(Path(__file__).resolve().parents[2])
    paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _due() -> sa.ColumnElement[bool]:
    dead = clock.real_now() - timedelta(seconds=DEAD_S)
    return sa.or_(
        _R.status == QUEUED,
        sa.and_(_R.status == RUNNING, sa.or_(_R.beat_at.is_(None), _R.beat_at < dead)),
    )


def _is_waiting(session: Session) -> bool:
    return session.execute(sa.select(_R.id).where(_due()).limit(1)).first() is not None


def _claim(session: Session) -> tuple[int, dict[str, Any]] | None:
    """Take the oldest run that waits, or that was left by the dead; its question."""
    # It takes its process with it, time and again.
    session.execute(
        sa.update(dry_run)
        .where(_due(), _R.attempts >= ATTEMPTS)
        .values(status=FAILED, finished_at=clock.now(), beat_at=None)
    )
    query = (
        sa.select(_R.id, _R.attempts, _R.rules, _R.started_at)
        .where(_due())
        .order_by(_R.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        return None
    session.execute(
        sa.update(dry_run)
        .where(_R.id == row.id)
        .values(
            status=RUNNING,
            attempts=row.attempts + 1,
            started_at=row.started_at or clock.now(),
            beat_at=clock.real_now(),
            done=0,
        )
    )
    return row.id, row.rules["question"]
