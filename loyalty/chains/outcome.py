"""What moving people comes to: touches, messages, gifts and the like, before any is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from loyalty.chains.model import Step
from loyalty.chains.subjects import DayOf
from loyalty.chains.world import Pass
from loyalty.messaging import touches
from loyalty.messaging.policy import Decision


@dataclass(frozen=True, slots=True)
class Act:
    """Something to be done beside a message: a gift, a tag, a webhook, a task."""

    touch_id: int
    item: Pass
    step: Step


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision about one step, for those who look at the plan instead of writing it."""

    item: Pass
    step: Step
    decision: Decision
    at: datetime
    variant: str | None = None
    segment: int | None = None


@dataclass(slots=True)
class Plan:
    """What is to be written for a batch."""

    new_touches: list[dict[str, Any]] = field(default_factory=list)
    changed_touches: list[dict[str, Any]] = field(default_factory=list)
    # Messages by touch: queued only if the touch was written.
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    acts: list[Act] = field(default_factory=list)
    reminded: set[DayOf] = field(default_factory=set)
    decided: list[Decided] = field(default_factory=list)

    def take(self, other: Plan) -> None:
        """Add what one pass has come to."""
        self.new_touches += other.new_touches
        self.changed_touches += other.changed_touches
        self.messages |= other.messages
        self.acts += other.acts
        self.reminded |= other.reminded
        self.decided += other.decided


def changed(
    touch_id: int, decision: Decision, now: datetime, outbox_id: int | None
) -> dict[str, Any]:
    """A decision as columns of a touch."""
    word, reason = touches.words_of(decision)
    return {
        "id": touch_id,
        "decision": word,
        "reason": reason,
        "due_at": now,
        "decided_at": now,
        "outbox_id": outbox_id,
    }
