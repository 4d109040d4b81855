"""Says every few seconds that this process is alive and whether it leads."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from loyalty import clock, jobs
from loyalty.db import Database
from scheduler.leader import Leader

log = logging.getLogger(__name__)

BEAT_S = 3.0


class Heart:
    """Writes the row of ``instance`` called ``name``. End with ``stop``."""

    def __init__(self, db: Database, leader: Leader, *, name: str) -> None:
        self.name = name
        self._db = db
        self._leader = leader
        self._started_at = clock.real_now()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to beat."""
        self._task = asyncio.create_task(self._run(), name="heart")

    async def stop(self) -> None:
        """Beat no more and take the row away."""
        if self._task is None:
            return
        await clock.end(self._task)
        self._task = None
        with contextlib.suppress(Exception):
            # Whoever looks sees when it was last alive.
            await self._db.transact(lambda session: jobs.leave(session, id=self.name))

    async def _run(self) -> None:
        while True:
            leads = self._leader.is_leader
            try:
                await self._beat(leads)
            except Exception as problem:  # noqa: BLE001 - the next beat may succeed
                log.error("no sign of life written: %s", type(problem).__name__)
            # At once when it changes, else at the next beat.
            await clock.within(BEAT_S, self._leader.until_changed(leads))

    async def _beat(self, leads: bool) -> None:
        await self._db.transact(
            lambda session: jobs.beat(
                session,
                id=self.name,
                role="scheduler",
                leader=leads,
                started_at=self._started_at,
                real_now=clock.real_now(),
            )
        )
