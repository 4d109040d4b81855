"""Whether a chain still has a reason to speak, asked once more when its message leaves.

Exits are asked before every step; a message may then wait in the outbox (for the morning, for a
Telegram that is away), and what ends its pass may come true meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import program, segments
from loyalty.chains import subjects
from loyalty.chains.model import (
    Definition,
    Exit,
    GiftStep,
    MessageStep,
    TagStep,
    Wait,
    WaitBefore,
    WaitHour,
)
from loyalty.chains.moving import holds
from loyalty.chains.store import definition_of
from loyalty.chains.tables import chain, enrolment
from loyalty.chains.world import Pass, World, describe_exit, key_of
from loyalty.delivery.settling import halt_chain
from loyalty.errors import SegmentInvalid
from loyalty.messaging.people import Person
from loyalty.messaging.tables import touch
from loyalty.segments import Rule

log = logging.getLogger(__name__)

Fitting = Mapping[str, AbstractSet[int]]
"""Who of a batch fits each rule that its messages depend on, by ``world.key_of``."""

Asked = tuple[Mapping[str, Any], int]
"""A message about to leave: its payload, the customer."""

LEFT_SEGMENT = "left_segment"
_LATE_TESTS = frozenset(
    {"ordered", "bought_since_start", "bought_category", "has_bought", "day_moved"}
)
"""Exits without a rule that are asked here; what became of its purchase is asked before, of its
points when they are put into words."""
_ANY_PROGRAM = program.Program()


def id_of(value: Any) -> int | None:
    """An id from JSON, as a number or as text; None for anything else."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else None


class Gone(Exception):
    """What the message was about is no more; ``reason`` says why it is skipped."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def fitting(
    session: Session, messages: Iterable[Asked], *, now: datetime, time_zone: str
) -> dict[str, set[int]]:
    """Who fits the rules that end the chains of these messages: a statement a rule for all of
    them together, and none at all where no chain ends by a rule."""
    asked: dict[str, tuple[Rule, set[int], set[int]]] = {}
    for payload, customer_id in messages:
        definition = _definition(session, payload)
        if definition is None:
            continue  # no chain's, or refused when it is worded
        for rule in _rules(definition, str(payload["step"])):
            _, ids, versions = asked.setdefault(key_of(rule), (rule, set(), set()))
            ids.add(customer_id)
            versions.add(int(payload["chain_version"]))
    if not asked:
        return {}
    saved = segments.saved(session, now=now)
    found: dict[str, set[int]] = {}
    for key, (rule, ids, versions) in asked.items():
        try:
            found[key] = segments.matching(
                session, rule, now=now, time_zone=time_zone, among=ids, saved=saved
            )
        except SegmentInvalid:
            # Who cannot be asked whether to stop is not written to, and somebody has to look.
            for version_id in sorted(versions):
                key_of_chain = halt_chain(
                    session, version_id=version_id, reason="segment_invalid", now=now
                )
                log.error("chain %s is switched off: an exit cannot be read", key_of_chain)
    return found


def check(
    session: Session,
    item: Pass,
    step_id: str,
    person: Person,
    known: Fitting | None,
    *,
    now: datetime,
    time_zone: str,
) -> None:
    """See that no exit of the pass holds when its message ``step_id`` leaves. ``known``: what
    ``fitting`` has found for the batch; None: it is asked here.

    Raises:
        Gone: one does: a cart that was ordered while its reminder waited for the morning is not
            reminded of. Or one cannot be asked, so that the chain was switched off.
    """
    simple: list[Exit] = [
        one for one in item.definition.exits if isinstance(one, str) and one in _LATE_TESTS
    ]
    by_rule = [*_exits_by_rule(item.definition, step_id)]
    if not simple and not by_rule:
        return
    if known is None:
        payload = {"chain_version": item.version_id, "step": step_id}
        known = fitting(session, [(payload, person.id)], now=now, time_zone=time_zone)
    if any(key_of(rule) not in known for rule in _rules(item.definition, step_id)):
        raise Gone("paused")
    world = _world(session, item, person, simple, known, now=now, time_zone=time_zone)
    for test in item.definition.exits:
        if (test in simple or test in by_rule) and holds(world, item, test):
            raise Gone(describe_exit(test))


def is_overtaken(session: Session, payload: Mapping[str, Any], beside: Iterable[str]) -> bool:
    """Whether one of the steps ``beside`` this message came later, after a wait: of several that
    have waited together, for a Telegram that was away, only the nearest is said. Not what tells of
    a gift: it has been given."""
    definition, step_id = _definition(session, payload), str(payload.get("step"))
    if definition is None or _goes_with_an_act(definition, step_id):
        return False
    own, waits = definition.index_of(step_id), Wait | WaitHour | WaitBefore
    return any(
        any(isinstance(one, waits) for one in definition.steps[own : definition.index_of(other)])
        for other in beside
    )


def _definition(session: Session, payload: Mapping[str, Any]) -> Definition | None:
    try:
        return definition_of(session, int(payload["chain_version"]))
    except LookupError:  # a message of ours has no chain, a broken one a chain that is not there
        return None


def ended_by(session: Session, payload: Mapping[str, Any], reason: str) -> int | None:
    """The pass that ends because its message was skipped for this reason: one of its exits. None
    where the message belongs to no pass, or the reason is another."""
    enrolment_id = id_of(payload.get("enrolment"))
    if enrolment_id is None:
        return None
    exits = definition_of(session, int(payload["chain_version"])).exits
    return enrolment_id if reason in {describe_exit(one) for one in exits} else None


def end(session: Session, reasons: Mapping[int, str], *, now: datetime) -> None:
    """End passes by the exits that were found when their messages were to leave. One that the
    engine holds at this moment is left to it: it asks the same."""
    if not reasons:
        return
    query = (
        sa.select(enrolment, chain.c.key)
        .join(chain, chain.c.id == enrolment.c.chain_id)
        .where(enrolment.c.id.in_(sorted(reasons)), enrolment.c.status != "exited")
        .order_by(enrolment.c.id)
        .with_for_update(of=enrolment, skip_locked=True)
    )
    for row in session.execute(query).all():
        ended = {"status": "exited", "reason": reasons[row.id], "due_at": None}
        session.execute(
            sa.update(enrolment)
            .where(enrolment.c.id == row.id)
            .values(**ended, ended_at=row.ended_at or now)
        )
        # Nor is what waits for its hour said any more.
        session.execute(
            sa.update(touch)
            .where(
                touch.c.customer_id == row.customer_id,
                touch.c.source == f"chain:{row.key}",
                touch.c.occurrence == row.occurrence,
                touch.c.decision == "wait",
            )
            .values(decision="skipped", reason=reasons[row.id], decided_at=now)
        )


def _exits_by_rule(definition: Definition, step_id: str) -> Iterator[Exit]:
    """Exits that are asked of the segments. None of a message that goes with something the chain
    has just done to the customer: that may be what makes the rule hold (points given to whoever
    has none), and who was given a gift is told of it."""
    exits = [one for one in definition.exits if one == LEFT_SEGMENT or not isinstance(one, str)]
    if exits and not _goes_with_an_act(definition, step_id):
        yield from exits


def _rules(definition: Definition, step_id: str) -> Iterator[Rule]:
    for one in _exits_by_rule(definition, step_id):
        if not isinstance(one, str):
            yield one
            continue
        rule: Rule | None = getattr(definition.trigger, "rule", None)
        if rule is not None:
            yield rule


def _goes_with_an_act(definition: Definition, step_id: str) -> bool:
    """Whether a gift or a tag comes at the same moment as this message, before it."""
    for step in reversed(definition.steps[: definition.index_of(step_id)]):
        if isinstance(step, GiftStep | TagStep):
            return True
        if isinstance(step, Wait | WaitHour | WaitBefore | MessageStep):
            return False
    return False


def _world(
    session: Session,
    item: Pass,
    person: Person,
    simple: list[Exit],
    known: Fitting,
    *,
    now: datetime,
    time_zone: str,
) -> World:
    facts, sold = {}, {}
    if simple:
        facts = subjects.facts_of(
            session,
            [person.id],
            categories={item.category} if item.category else (),
            orders_since=item.started_at if "ordered" in simple else None,
        )
        sold = subjects.sold_at(session, [item.purchase_id] if item.purchase_id else [])
    return World(
        now=now,
        time_zone=time_zone,
        program=_ANY_PROGRAM,
        people={person.id: person},
        facts=facts,
        expiring={},
        became={},
        sold=sold,
        known={},
        fitting={key: set(ids) for key, ids in known.items()},
        measured=False,
    )
