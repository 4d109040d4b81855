"""What chains do: who is on the way, what left them, what did not and why, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.chains.model import Definition
from loyalty.chains.store import definition_of
from loyalty.chains.tables import ACTIVE, chain, enrolment
from loyalty.customers import customer
from loyalty.ids import new_id
from loyalty.messaging.tables import click, outbox, touch

_MS_BITS = 21
LEAVING = ("queued", "claimed", "sending")
STOPPED = ("skipped", "cancelled", "blocked", "rejected", "dead")
SENT, UNKNOWN, ON_WAY, WAITING = "sent", "unknown", "leaving", "waiting"
HELD_OUT, SKIPPED, DONE = "held_out", "skipped", "done"
OUTCOMES = (SENT, DONE, UNKNOWN, ON_WAY, WAITING, SKIPPED, HELD_OUT)
"""How a decision ended: sent, done (a step without a message), perhaps delivered, on its way out,
waiting for its hour, not sent for a reason, not sent for comparison."""


@dataclass(slots=True)
class Figures:
    """What a chain or a step did, in touches; ``reasons``: why it was skipped, how often."""

    counts: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    clicked: int = 0

    def of(self, outcome: str) -> int:
        """How many ended so."""
        return self.counts.get(outcome, 0)

    @property
    def total(self) -> int:
        """Every decision."""
        return sum(self.counts.values())

    @property
    def top(self) -> list[tuple[str, int]]:
        """Reasons, the most frequent first."""
        return sorted(self.reasons.items(), key=lambda item: (-item[1], item[0]))

    def add(self, outcome: str, reason: str | None, n: int) -> None:
        """Count ``n`` more."""
        self.counts[outcome] = self.counts.get(outcome, 0) + n
        if outcome == SKIPPED:
            why = reason or "other"
            self.reasons[why] = self.reasons.get(why, 0) + n


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """One decision about one customer."""

    id: int
    customer_id: int
    name: str | None
    source: str
    step: str
    # What the step is, in the words of a touch: trigger, gift, tag, webhook or task.
    kind: str
    outcome: str
    reason: str | None
    variant: str | None
    version_id: int | None
    at: datetime
    due_at: datetime
    clicked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OnWay:
    """A customer's way through a chain: at which step, and when it goes on."""

    enrolment_id: int
    key: str
    definition: Definition
    step: int
    due_at: datetime | None
    enrolled_at: datetime
    enabled: bool


def outcome_of(decision: str, state: str | None) -> str:
    """How a decision ended, from the touch's decision and its message's state."""
    if decision == "held_out":
        return HELD_OUT
    if decision == "skipped" or state in STOPPED:
        return SKIPPED
    if decision == "wait":
        return WAITING
    if state is None:
        return DONE
    if state in LEAVING:
        return ON_WAY
    return SENT if state == "sent" else UNKNOWN


def reason_of(decision: str, reason: str | None, state: str | None, why: str | None) -> str | None:
    """Why it did not leave: the policy's word, else the sender's, else how the sending ended."""
    if decision == "send" and state in STOPPED:
        # What Telegram said is for operators; people are told how it ended.
        return why if why and state in ("skipped", "cancelled") else state
    return reason if decision in ("skipped", "wait", "held_out") else None


def on_way(session: Session) -> dict[int, int]:
    """How many are on their way now, by the chain's id."""
    query = (
        sa.select(enrolment.c.chain_id, sa.func.count())
        .where(ACTIVE)
        .group_by(enrolment.c.chain_id)
    )
    return {chain_id: int(n) for chain_id, n in session.execute(query)}


def by_source(session: Session, *, since: datetime, now: datetime) -> dict[str, Figures]:
    """What every chain did since ``since``, by ``chain:KEY``."""
    return _figures(session, touch.c.source, _lately(since, now))


def by_step(session: Session, *, source: str, since: datetime, now: datetime) -> dict[str, Figures]:
    """What one chain did since ``since``, by step."""
    mine = touch.c.source == source
    found = _figures(session, touch.c.step, sa.and_(mine, _lately(since, now)))
    clicks = (
        sa.select(click.c.step, sa.func.count(sa.distinct(click.c.outbox_id)))
        .where(click.c.source == source, click.c.at >= since)
        .group_by(click.c.step)
    )
    for step, n in session.execute(clicks):
        found.setdefault(step, Figures()).clicked = int(n)
    return found


def _lately(since: datetime, now: datetime) -> sa.ColumnElement[bool]:
    # Ids grow with time: older rows of a long history are not even looked at.
    span_ms = int((now - since) / timedelta(milliseconds=1))
    return sa.and_(touch.c.decided_at >= since, touch.c.id >= new_id() - (span_ms << _MS_BITS))


def _figures(
    session: Session, by: sa.ColumnElement[Any], where: sa.ColumnElement[bool]
) -> dict[str, Figures]:
    # The reason a sender notes may be a sentence of Telegram's: only its own codes are grouped.
    why = sa.case((outbox.c.state.in_(("skipped", "cancelled")), outbox.c.reason), else_=sa.null())
    groups = (by, touch.c.decision, touch.c.reason, outbox.c.state, why.label("why"))
    query = (
        sa.select(*groups, sa.func.count())
        .select_from(touch)
        .outerjoin(outbox, outbox.c.id == touch.c.outbox_id)
        .where(where)
        .group_by(*groups)
    )
    found: dict[str, Figures] = {}
    for name, decision, reason, state, noted, n in session.execute(query):
        outcome = outcome_of(decision, state)
        told = reason_of(decision, reason, state, noted)
        found.setdefault(name, Figures()).add(outcome, told, int(n))
    return found


def touches(
    session: Session,
    *,
    source: str,
    outcome: str | None = None,
    reason: str | None = None,
    step: str | None = None,
    customer_id: int | None = None,
    before: int | None = None,
    limit: int = 30,
) -> tuple[list[Touched], int | None]:
    """Decisions of a chain, newest first, and where to go on (None at the end)."""
    query = _TOUCHED.where(touch.c.source == source).order_by(touch.c.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(touch.c.id < before)
    if step is not None:
        query = query.where(touch.c.step == step)
    if customer_id is not None:
        query = query.where(touch.c.customer_id == customer_id)
    if outcome in OUTCOMES:
        query = query.where(_ENDED[outcome])
    if reason:
        state = outbox.c.state == reason
        query = query.where(sa.or_(touch.c.reason == reason, outbox.c.reason == reason, state))
    rows = session.execute(query).all()
    shown = rows[:limit]
    tapped = clicked(session, [row.outbox_id for row in shown if row.outbox_id is not None])
    following = shown[-1].id if len(rows) > limit else None
    return [_touched(row, tapped) for row in shown], following


def passes_of(session: Session, *, customer_id: int) -> list[OnWay]:
    """The chains a customer is on, the one that goes on soonest first."""
    query = (
        sa.select(enrolment, chain.c.key, chain.c.enabled)
        .join(chain, chain.c.id == enrolment.c.chain_id)
        .where(enrolment.c.customer_id == customer_id, ACTIVE)
        .order_by(enrolment.c.due_at, enrolment.c.id)
    )
    return [
        OnWay(
            enrolment_id=row.id,
            key=row.key,
            definition=definition_of(session, row.chain_version_id),
            step=row.step,
            due_at=row.due_at,
            enrolled_at=row.enrolled_at,
            enabled=row.enabled,
        )
        for row in session.execute(query).all()
    ]


def clicked(session: Session, outbox_ids: Iterable[int]) -> set[int]:
    """Of these messages those whose link or button was tapped."""
    wanted = sorted(set(outbox_ids))
    query = sa.select(click.c.outbox_id).where(click.c.outbox_id.in_(wanted)).distinct()
    return set(session.execute(query).scalars()) if wanted else set()


def _touched(row: sa.Row[Any], tapped: set[int]) -> Touched:
    return Touched(
        id=row.id,
        customer_id=row.customer_id,
        name=row.name,
        source=row.source,
        step=row.step,
        kind=row.message_class,
        outcome=outcome_of(row.decision, row.state),
        reason=reason_of(row.decision, row.reason, row.state, row.why),
        variant=row.variant,
        version_id=row.version_id,
        at=row.decided_at,
        due_at=row.due_at,
        clicked=row.outbox_id in tapped,
    )


_TOUCHED = (
    sa.select(
        touch, customer.c.name, outbox.c.state, outbox.c.reason.label("why"),
    )
    .join(customer, customer.c.id == touch.c.customer_id)
    .outerjoin(outbox, outbox.c.id == touch.c.outbox_id)
)  # fmt: skip
_SAID = touch.c.decision == "send"
_STATE = outbox.c.state
_ENDED: Mapping[str, sa.ColumnElement[bool]] = {
    HELD_OUT: touch.c.decision == "held_out",
    SKIPPED: sa.or_(touch.c.decision == "skipped", sa.and_(_SAID, _STATE.in_(STOPPED))),
    WAITING: touch.c.decision == "wait",
    DONE: sa.and_(_SAID, _STATE.is_(None)),
    ON_WAY: sa.and_(_SAID, _STATE.in_(LEAVING)),
    SENT: sa.and_(_SAID, _STATE == "sent"),
    UNKNOWN: sa.and_(_SAID, _STATE == "unknown"),
}
