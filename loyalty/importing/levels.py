"""Tiers that customers bring along, by key or by the name customers know."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from loyalty import program, tiers
from loyalty.texts import LANGUAGES


class Levels:
    """The tiers of the program in force."""

    def __init__(self, session: Session, *, now: datetime) -> None:
        self._program = program.ensure_default(session, now=now).program
        self._keys: dict[str, str] = {}
        for tier in self._program.tiers:
            for name in (tier.key, *(tier.title(language) for language in LANGUAGES)):
                self._keys.setdefault(name.casefold(), tier.key)

    def key(self, text: str) -> str | None:
        """The tier that is meant; None for an unknown one."""
        return self._keys.get(text.casefold())

    def names(self, language: str) -> str:
        """All of them, for a person."""
        return ", ".join(tier.title(language) for tier in self._program.tiers)

    def raise_to(
        self, known: dict[str, Any], text: str, changes: dict[str, Any], *, now: datetime
    ) -> None:
        """Set the tier of who never had one of their own here; a later review may lower it."""
        key = self.key(text)
        current = known.get("tier") or self._program.tiers[0].key
        if known.get("tier_since") is not None or key is None:
            return
        if tiers.order(self._program, key) > tiers.order(self._program, current):
            level = {"tier": key, "tier_since": now}
            known.update(level)
            changes.update(level)
