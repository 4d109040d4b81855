"""A chain whose message Telegram refuses again and again is switched off by itself."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from loyalty import clock, delivery
from loyalty.db import Database
from loyalty.delivery import Outcome

log = logging.getLogger(__name__)

REJECTIONS = 5
"""Different people in a row, with nobody in between who got it."""


class Halting:
    """Counts refusals of each chain's version as this process sees them."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._refused: dict[int, set[int]] = {}

    async def note(self, outcomes: Sequence[Outcome]) -> None:
        """Take in how calls ended, in their order."""
        for outcome in outcomes:
            version = outcome.outgoing.chain_version
            if version is None:
                continue
            if outcome.kind == "sent":
                self._refused.pop(version, None)
            elif outcome.kind == "rejected":
                people = self._refused.setdefault(version, set())
                people.add(outcome.outgoing.customer_id or 0)
                if len(people) >= REJECTIONS:
                    del self._refused[version]
                    # Telegram's own words may quote the text: neither kept nor logged.
                    await self._halt(version, delivery.code_of(outcome.reason))

    async def _halt(self, version: int, reason: str) -> None:
        try:
            key = await self._db.transact(
                lambda session: delivery.halt_chain(
                    session, version_id=version, reason=reason, now=clock.now()
                )
            )
        except Exception as problem:  # noqa: BLE001 - it will be refused, and tried, again
            log.error("a chain could not be halted: %s", type(problem).__name__)
            return
        if key is not None:
            log.error("chain %s was switched off: Telegram refuses its message (%s)", key, reason)
