"""What every active chain would send in the days ahead: to whom, in what order, why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.chains.advance import pass_of
from loyalty.chains.candidates import Candidate, candidates
from loyalty.chains.deciding import rank_of
from loyalty.chains.foresight import look_ahead
from loyalty.chains.model import MessageStep
from loyalty.chains.outcome import Decided
from loyalty.chains.store import Chain, all_chains
from loyalty.chains.tables import ACTIVE, chain, enrolment
from loyalty.chains.world import Pass
from loyalty.customers import customer
from loyalty.errors import SegmentInvalid
from loyalty.messaging.policy import Send, Wait
from loyalty.messaging.touches import words_of

LONGEST_DAYS = 31
PAGE = 200
"""Customers looked at together: memory stays flat however many there are."""

MOST = 5_000
"""Passes that are looked at; of more the first to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """One decision ahead: ``decision`` and ``reason`` as in a touch, ``kind`` of the step."""

    at: datetime
    customer_id: int
    name: str | None
    chain: str
    step: str
    kind: str
    decision: str
    reason: str | None
    variant: str | None
    segment: int | None
    version_id: int
    started: bool


@dataclass(slots=True)
class Preview:
    """``rows`` in the order of time; ``totals`` by (chain, step, decision, reason). ``truncated``:
    there are more people than were looked at, the first to come are here."""

    rows: list[Foreseen] = field(default_factory=list)
    totals: Counter[tuple[str, str, str, str | None]] = field(default_factory=Counter)
    people: int = 0
    truncated: bool = False


def preview(
    session: Session,
    *,
    now: datetime,
    time_zone: str,
    days: int = 7,
    limit: int = 500,
    only: str | None = None,
    told: Collection[str] | None = None,
) -> Preview:
    """What chains that are on (or the one called ``only``) decide in the next ``days`` (at most
    31), by the planner's own code with time moved forward. Writes nothing.

    Starts that depend on what people will do (a purchase, a cart) are not foreseen; who is on
    the way already is. At most ``limit`` rows are returned, only those decided as
    ``told`` (``send``, ``wait``, ``skipped``, ``held_out``) if it is given; totals count all.
    """
    until = now + timedelta(days=max(1, min(days, LONGEST_DAYS)))
    found = Preview()
    passes, found.truncated = _passes(session, now=now, until=until, time_zone=time_zone, only=only)
    names = _names(session, {item.customer_id for item in passes})
    found.people = len({item.customer_id for item in passes})
    fresh = {item.id for item in passes if item.id < 0}
    decided: list[Decided] = []
    for page in _pages(passes):
        for one in look_ahead(session, page, now=now, until=until, time_zone=time_zone):
            # Waiting is told by what comes of it, unless it waits beyond the days asked about.
            if isinstance(one.decision, Wait) and one.decision.until < until:
                continue
            decided.append(one)
            word, reason = words_of(one.decision)
            found.totals[(_key(one.item), one.step.id, word, reason)] += 1
    decided.sort(key=lambda one: one.at)
    for one in decided:
        word, reason = words_of(one.decision)
        if told is not None and word not in told:
            continue
        if len(found.rows) == limit:
            break
        found.rows.append(
            Foreseen(
                at=one.at,
                customer_id=one.item.customer_id,
                name=names.get(one.item.customer_id),
                chain=_key(one.item),
                step=one.step.id,
                kind=one.step.kind,
                decision=word,
                reason=reason,
                variant=one.variant,
                segment=one.segment,
                version_id=one.item.version_id,
                started=one.item.id not in fresh,
            )
        )
    return found


def triggers_today(
    session: Session, ends: Mapping[int, datetime], *, now: datetime, time_zone: str
) -> dict[int, list[int]]:
    """Places in the order of triggers of what chains will still say to these customers from
    ``now`` up to the end of their day (``ends``, by customer). What will not be said, because
    they are held out, have had enough or want no offers, is not among it."""
    found: dict[int, list[int]] = {}
    if not ends:
        return found
    until = max(ends.values())
    passes, _ = _passes(session, now=now, until=until, time_zone=time_zone, among=ends)
    for one in look_ahead(session, passes, now=now, until=until, time_zone=time_zone):
        whom, speaks = one.item.customer_id, isinstance(one.step, MessageStep)
        if speaks and isinstance(one.decision, Send) and one.at < ends[whom]:
            place = rank_of(one.item.definition, one.item.source, one.step.id)
            found.setdefault(whom, []).append(place)
    return found


def next_of(
    session: Session, customer_id: int, *, now: datetime, time_zone: str, days: int = 7
) -> dict[int, Decided]:
    """What comes of each way this customer is on, by enrolment: the first step that is done or
    left out, after all waits, caps and quiet hours. Ways that do nothing within ``days`` are not
    among it."""
    until, found = now + timedelta(days=days), dict[int, Decided]()
    passes, _ = _passes(session, now=now, until=until, time_zone=time_zone, among=[customer_id])
    if all(item.id < 0 for item in passes):
        return found
    for one in look_ahead(session, passes, now=now, until=until, time_zone=time_zone):
        if not isinstance(one.decision, Wait) or one.decision.until >= until:
            found.setdefault(one.item.id, one)
    return found


def coming_pass(item: Chain, start: Candidate, number: int) -> Pass:
    """A pass that has not begun yet, with a negative id so that it is never taken for a row."""
    return Pass(
        id=-number - 1,
        customer_id=start.customer_id,
        chain_id=item.id,
        source=f"chain:{item.key}",
        occurrence=start.occurrence,
        version_id=item.version_id,
        definition=item.definition,
        started_at=start.starts_at,
        step=0,
        due_at=start.starts_at,
        arrived_at=start.starts_at,
        day=start.day,
        subject=dict(start.subject or {}),
    )


def _passes(
    session: Session,
    *,
    now: datetime,
    until: datetime,
    time_zone: str,
    only: str | None = None,
    among: Collection[int] | None = None,
) -> tuple[list[Pass], bool]:
    """Who is on the way and who will start, the first to come first; whether some were left.
    ``among``: only of these customers."""
    query = (
        sa.select(enrolment, chain.c.key)
        .join(chain, chain.c.id == enrolment.c.chain_id)
        .where(ACTIVE, enrolment.c.due_at < until, chain.c.enabled == sa.true())
        .order_by(enrolment.c.due_at, enrolment.c.id)
        .limit(MOST + 1)
    )
    if only is not None:
        query = query.where(chain.c.key == only)
    if among is not None:
        query = query.where(enrolment.c.customer_id.in_(sorted(among)))
    passes = [pass_of(session, row, row.key) for row in session.execute(query).all()]
    full = len(passes) > MOST
    for item in all_chains(session):
        if not item.enabled or only not in (None, item.key):
            continue
        try:
            starts = candidates(
                session,
                item,
                from_=now,
                until=until,
                time_zone=time_zone,
                limit=MOST + 1,
                among=among,
            )
        except SegmentInvalid:
            continue  # nobody starts it; the planner says so when it comes to it
        full = full or len(starts) > MOST
        passes += [coming_pass(item, start, len(passes) + n) for n, start in enumerate(starts)]
    passes.sort(key=lambda one: one.due_at)
    return passes[:MOST], full or len(passes) > MOST


def _pages(passes: Sequence[Pass]) -> Iterator[list[Pass]]:
    """Everything about one customer stays together."""
    by_customer: dict[int, list[Pass]] = {}
    for item in passes:
        by_customer.setdefault(item.customer_id, []).append(item)
    people = list(by_customer)
    for first in range(0, len(people), PAGE):
        yield [item for one in people[first : first + PAGE] for item in by_customer[one]]


def _names(session: Session, ids: set[int]) -> dict[int, str | None]:
    found: dict[int, str | None] = {}
    ordered = sorted(ids)
    for first in range(0, len(ordered), 1000):
        query = sa.select(customer.c.id, customer.c.name).where(
            customer.c.id.in_(ordered[first : first + 1000])
        )
        found.update((row.id, row.name) for row in session.execute(query))
    return found


def _key(item: Pass) -> str:
    return item.source.partition(":")[2]
